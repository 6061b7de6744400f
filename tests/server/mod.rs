//! The real binary over real sockets, seen from outside: docs/protocol.md and docs/operating.md are all that these
//! tests know of it. A file a behaviour. Whatever is said over a connection is tried over TCP and over a UNIX socket,
//! and with one, two and four shards, by [`net::play`] and [`net::everywhere`].

mod bystanders;
mod crew;
mod doomed;
mod leak_check;
pub(crate) mod net;

mod backlog;
mod bytes;
mod client_2011;
mod corpus_lines;
mod crowds;
mod deaths;
mod goodbyes;
mod half_lines;
mod homes;
mod limits;
mod memory;
mod metrics;
mod netcat;
mod options;
mod pipelined;
mod poison;
mod sessions;
mod shards;
mod silent;
mod sockets;
mod start;
mod stderr;
mod stopping;
mod strangers;
mod system;
mod unread;
mod verbose;
mod workers_die;
