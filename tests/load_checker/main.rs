//! The load test is only worth something if it detects a wrong answer: its checks, line by line, and what it sends to
//! other projects' servers and reads from them, byte by byte.
//!
//! The load test is a program without a test harness. Its modules that need no socket are tested here.

#![allow(dead_code, reason = "the load test uses all of these modules, the tests a part")]

#[path = "../../benches/harness/figure.rs"]
mod figure;
#[path = "../../benches/harness/limit.rs"]
mod limit;
#[path = "../../benches/harness/traffic/mod.rs"]
mod traffic;

use traffic::{asks, check, clients, pace, tally, workload};

mod given;
mod received;

mod asked;
mod drivers;
mod limits;
mod lines;
mod loads;
mod submitters;
mod tallies;
mod workers;
