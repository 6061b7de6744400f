//! The server's binary over real sockets, seen from outside: docs/protocol.md and docs/operating.md are all that these
//! tests know of it. [`fixture::net`] runs a test over TCP and over a UNIX socket, and with one, two and four shards.

pub(crate) mod fixture;

mod answer_then_fin;
mod bytes;
mod clients;
mod corpus_lines;
mod due;
mod durable;
mod limits;
mod log;
mod many_jobs;
mod memory;
mod metrics;
mod options;
mod sessions;
mod shards;
mod silent;
mod sockets;
mod spare;
mod start;
mod stopping;
mod strangers;
mod system;
mod unread;
mod workers_die;
