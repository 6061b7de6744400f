//! The server's binary over real sockets, seen from outside: docs/protocol.md and docs/operating.md are all that these
//! tests know of it. [`fixture::net`] runs a test over TCP and over a UNIX socket, and with one, two and four shards.

pub(crate) mod fixture;

mod bytes;
mod corpus_lines;
mod due;
mod durable;
mod limits;
mod log;
mod many_jobs;
mod memory;
mod metrics;
mod options;
mod peers;
mod sessions;
mod shards;
mod silent;
mod sockets;
mod spare;
mod start;
mod stopping;
mod system;
