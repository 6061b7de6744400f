//! The real binary over real sockets, seen from outside: docs/protocol.md and docs/operating.md are all that these
//! tests know of it. A file a behaviour. Whatever is said over a connection is tried over TCP and over a UNIX socket,
//! and with one, two and four shards, by [`script::play`] and [`script::everywhere`].
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/corpus.rs"]
mod corpus;
#[path = "../common/figures.rs"]
mod figures;
#[path = "../common/proc.rs"]
mod proc;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/scale.rs"]
mod scale;
#[path = "../common/wait.rs"]
mod wait;

mod bystanders;
mod crew;
mod doomed;
mod rest;
mod script;

mod backlog;
mod bytes;
mod client_2011;
mod codes;
mod corpus_lines;
mod crowds;
mod deaths;
mod goodbyes;
mod half_lines;
mod homes;
mod ids;
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
mod slots;
mod sockets;
mod start;
mod stderr;
mod stopping;
mod strangers;
mod system;
mod unread;
mod verbose;
mod workers_die;
