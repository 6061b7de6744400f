//! Connections: [`conn`] for a poller, [`blocking`] for one question and its answer.

pub(crate) mod blocking;
pub(crate) mod conn;
