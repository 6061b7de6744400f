//! The command `deputy` as a process, against a real server: what it prints, how it ends, and what signals and closed
//! pipes do to it. A file a subcommand, and one for what is made from the table of all.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/bridge_peer.rs"]
mod bridge_peer;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/help.rs"]
mod help;
#[path = "../guide/page.rs"]
mod page;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod fake;
mod kit;
mod tmux;

mod check;
mod r#do;
mod limits;
mod lines;
mod pages;
mod ping;
mod readme;
mod status;
mod top;
mod usage;
mod web;
mod why;
mod work;
