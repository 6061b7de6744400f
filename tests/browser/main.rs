//! The dashboard in a real browser, from the real server: what an engineer sees of jobs as they pass, of a server that is
//! killed and returns, of strange names and of a thousand types.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod dashboard;
mod driver;

mod jobs;
mod many;
mod names;
mod picture;
mod polling;
mod returning;
mod several;
