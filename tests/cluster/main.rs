//! Several machines: nats-servers, deputy-servers with bridges, workers and submitters, all real processes, of which each
//! in turn is killed, stopped, and started again under load. Every job is accounted for, and what each failure costs is
//! printed beside what docs/scale-out.md says.
//!
//! ```text
//! rows -> play -> nats, engine         the engine: one nats-server, or three
//!           |---> node                 a machine: server, bridge, workers
//!           |---> load -> books        submitters, and what they know; the load test checks the answers
//!           \---> worker               worker processes, and their record of what was run
//! ```
//!
//! docs/testing.md has the commands.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[allow(dead_code, reason = "the load test uses another part of it")]
#[path = "../../benches/harness/servers/engine/mod.rs"]
mod engine;
#[allow(dead_code, reason = "the load test uses all of it, the tests a part")]
#[path = "../../benches/harness/figure.rs"]
mod figure;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[allow(dead_code, reason = "the load test uses all of it, the tests a part")]
#[path = "../../benches/harness/traffic/mod.rs"]
mod traffic;
#[path = "../common/wait.rs"]
mod wait;
#[path = "../common/wire.rs"]
mod wire;

mod books;
mod load;
mod nats;
mod node;
mod play;
mod rows;
mod worker;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Not a test: this program started once more, as a worker that is killed and stopped.
#[test]
#[ignore = "the worker process of the tests"]
fn a_worker_process() {
    worker::work();
}

/// The tests of this program take turns: each starts a dozen processes, and prints how long something took.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
