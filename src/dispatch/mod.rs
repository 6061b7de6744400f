//! Who does which job. Pure: no socket, clock, lock, channel, thread or randomness; all shards together can be run on
//! one thread, in any order of their messages.

pub mod audit;
pub mod job;
pub mod message;

use ahash::RandomState;
use audit::Audit;
use message::{Effects, Input, ShardId};

use crate::metrics::Counts;

/// What a shard's core is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which shard this is, below `shards`.
    pub shard: ShardId,
    /// How many there are; the same for all of them.
    pub shards: u16,
    /// Losses that count until a job is given up; 0: without end.
    pub attempts_max: u32,
    /// The memory budget, in bytes.
    pub memory_bytes_max: u64,
    /// Unsent bytes past which a connection is closed.
    pub unsent_bytes_max: u64,
    /// How long a connection with more than [`crate::limits::UNSENT_PAUSE_BYTES`] unsent may not move; 0: for ever.
    pub stall_ms: u64,
    /// Picks the home of a type; the same for all shards.
    pub homes: RandomState,
    /// Seeds the shard's own maps.
    pub maps: RandomState,
}

/// The core of one shard.
pub struct Dispatch {
    settings: Settings,
}

impl Dispatch {
    /// A core without connections or jobs.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Tells the core one thing, and carries out what it asks for.
    pub fn step(&mut self, input: Input<'_>, effects: &mut dyn Effects) {
        todo!()
    }

    /// When it next wants an [`Input::Turn`], in the milliseconds of that input; `None`: not for the time's sake.
    pub fn next_call_ms(&self) -> Option<u64> {
        todo!()
    }

    /// The shard's figures now.
    pub fn counts(&self) -> &Counts {
        todo!()
    }

    /// Jobs submitted through this shard that are not yet answered. After [`Input::Stop`] it only falls.
    pub fn pending(&self) -> u64 {
        todo!()
    }

    /// The books, for tests. Linear in what the shard holds.
    pub fn audit(&self) -> Audit {
        todo!()
    }
}
