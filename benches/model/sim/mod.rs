//! The model itself: real cores, one a shard, under virtual time.
//!
//! Threads (shards, and those of a load where there is one) take turns as the server's and the load's do: look what has
//! come, obey it, then one system call after the other. Each operation takes its time on the thread's core. What is
//! counted (messages, wakes, turns, lines a read) follows from that; none of it is assumed.
//!
//! A turn's input is what was there when it began, so its decisions are made at once, and its time passes before the
//! first of its system calls. Each of these is an event of its own: who sleeps at that moment is roused by it.

mod desk;
mod events;
mod load;
mod peers;
mod shard;
mod spent;
mod threads;
mod world;

pub(crate) use spent::{Spent, Work};

use crate::costs::Costs;
use crate::shape::Shape;

/// How many jobs a run has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jobs {
    /// Answers before anything is measured.
    pub(crate) warm_up: u64,
    /// Answers while it is.
    pub(crate) measured: u64,
}

/// What came of a run, in its measured part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Jobs answered.
    pub(crate) jobs: u64,
    /// In this time.
    pub(crate) ns: u64,
    /// What each shard spent.
    pub(crate) spent: Vec<Spent>,
    /// Messages between shards.
    pub(crate) messages: u64,
    /// Shards woken for them.
    pub(crate) wakes: u64,
    /// Turns of the shards.
    pub(crate) turns: u64,
}

/// Runs the model. The same for the same costs and shape, seed included.
///
/// # Panics
/// If a job is not answered exactly once, or something is left in a core when all are answered.
pub(crate) fn run(shape: &Shape, costs: &Costs, jobs: Jobs) -> Figures {
    world::World::new(shape, costs).run(jobs)
}
