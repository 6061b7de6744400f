//! The clients to copy, docs/clients: each against the real server and against its conformance script, which must find
//! what is wrong with clients that are.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/bridge_peer.rs"]
mod bridge_peer;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod language;

mod drivers;
mod examples;
mod files;
mod real;
mod self_connected;
mod wrong;
