//! The library for clients and workers: against the real server, one that is killed and comes back, and one that the test
//! plays line by line.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/bridge_peer.rs"]
mod bridge_peer;
#[path = "../common/client.rs"]
mod client;
#[path = "../common/corpus.rs"]
mod corpus;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod alone;
mod fake;
mod fixture;

mod broken;
mod cancels;
mod codes;
mod completions;
mod crowds;
mod durable;
mod held;
mod job_life;
mod liveness;
mod lost;
mod metrics;
mod network;
mod options;
mod process_wide;
mod progress;
mod submit;
mod threads;
mod values;
mod workers;
