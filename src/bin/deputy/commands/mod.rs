//! The subcommands. Each has a row in the table, and a function.

pub(crate) mod check;
pub(crate) mod r#do;
pub(crate) mod generate;
pub(crate) mod ping;
pub(crate) mod status;
pub(crate) mod top;
pub(crate) mod web;
pub(crate) mod why;
pub(crate) mod work;
