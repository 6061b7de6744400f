//! The model itself: real cores, one per shard, in virtual time.
//!
//! Threads (the shards, and those of the load if it is part of the model) take turns as the server's and the load's do. A turn
//! handles what has arrived, then does one system call after the other. Each operation takes its time on the thread's core.
//! The counts (messages, wakes, turns, lines per read) follow from that and are not assumed.
//!
//! The input of a turn is what had arrived when it began. So its decisions are made at once, and its time passes before
//! the first of its system calls. Each system call is an event of its own, which wakes a peer that sleeps at that moment.

mod events;
mod load;
mod load_turn;
mod peers;
mod shard;
mod shard_io;
mod shard_turn;
mod spent;
mod threads;
mod world;

pub(crate) use spent::{Spent, Work};

use crate::costs::Costs;
use crate::shape::Shape;
use crate::table::ratio;

/// The jobs of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jobs {
    /// Answers before the measured part.
    pub(crate) warm_up: u64,
    /// Answers in the measured part.
    pub(crate) measured: u64,
}

/// The figures of the measured part of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Jobs answered.
    pub(crate) jobs: u64,
    /// The time, in nanoseconds.
    pub(crate) ns: u64,
    /// The time that each shard spent.
    pub(crate) spent: Vec<Spent>,
    /// Messages between shards.
    pub(crate) messages: u64,
    /// Batches in which they were sent.
    pub(crate) batches: u64,
    /// Shards woken for them.
    pub(crate) wakes: u64,
    /// Turns of the shards.
    pub(crate) turns: u64,
}

impl Figures {
    /// Returns a count, or a time in nanoseconds, per job.
    pub(crate) fn per_job(&self, figure: u64) -> f64 {
        ratio(figure, self.jobs)
    }
}

/// Runs the model. Two runs with the same costs, shape and seed are equal.
///
/// # Panics
/// If a job is not answered exactly once, or a core is not empty when all jobs are answered.
pub(crate) fn run(shape: &Shape, costs: &Costs, jobs: Jobs) -> Figures {
    world::World::new(shape, costs).run(jobs)
}
