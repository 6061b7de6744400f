//! README, docs/ and docs/examples/ are true: what they show is run, and what they list is compared with the server.
//! And what the crate is made of is what it may be made of.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/help.rs"]
mod help;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/wait.rs"]
mod wait;

mod example;
mod page;
mod pattern;
mod phrases;
mod script;

mod faults;
mod hash_tree;
mod language;
mod layers;
mod links;
mod netcat;
mod python;
mod rust;
mod sessions;
mod supply;
mod tables;
