//! README, docs/ and docs/examples/ are true: what they show is run, and what they list is compared with the server.
//! And what the crate is made of is what it may be made of.
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/help.rs"]
mod help;
#[path = "../common/scripts/play_sockets.rs"]
mod play_sockets;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/scripts/script.rs"]
mod script;
#[path = "../common/wait.rs"]
mod wait;
#[path = "../common/scripts/wildcard.rs"]
mod wildcard;

mod example;
mod page;
mod phrases;
mod session;

mod faults;
mod hash_tree;
mod language;
mod layers;
mod links;
mod names;
mod netcat;
mod python;
mod rust;
mod sessions;
mod supply;
mod tables;
mod units;
