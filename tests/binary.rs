//! The server's binary over real sockets: what it does for its clients ([`server`]), and in a system that fails it
//! ([`system`]).
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "common/client.rs"]
mod client;
#[path = "common/corpus.rs"]
mod corpus;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/proc.rs"]
mod proc;
#[path = "common/process.rs"]
mod process;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/scale.rs"]
mod scale;
#[path = "common/wait.rs"]
mod wait;

mod server;
#[cfg(target_os = "linux")]
mod system;
