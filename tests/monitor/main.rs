//! The server's HTTP side over real sockets: probes, metrics, the page, and peers that mean it harm.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/proc.rs"]
mod proc;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod browser;
mod fixture;

mod answers;
mod figures;
mod flood;
mod hostile;
mod probes;
mod start;
