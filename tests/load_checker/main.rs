//! The load test is only worth something if it sees a wrong answer: its checks, line by line.
//!
//! The benchmark is a program without a test harness, so those of its modules that need no socket are tested from here.

#![allow(dead_code, reason = "the programs use all of these modules, the tests a part")]

#[path = "../../benches/harness/check.rs"]
mod check;
#[path = "../../benches/harness/clients.rs"]
mod clients;
#[path = "../../benches/harness/dialect/mod.rs"]
mod dialect;
#[path = "../../benches/harness/figure.rs"]
mod figure;
#[path = "../../benches/harness/pace.rs"]
mod pace;
#[path = "../../benches/harness/workload.rs"]
mod workload;

mod given;
mod heard;

mod answers;
mod jobs;
mod lines;
mod loads;
