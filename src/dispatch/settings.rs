//! The configuration of a shard's core.

use ahash::RandomState;

use super::ids::{ShardId, TypeHash};
use super::job::Job;
use crate::limits::{
    ASSIGNS_PER_TURN, GIVE_UPS_PER_TURN, LOSSES_PER_TURN, MEMBERS_PER_TURN, POOLS_PER_JOB, ROWS_PER_TURN,
    TYPES_PER_TURN,
};

/// The configuration of one shard's core. It does not change.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Which shard this is, below `shards`.
    pub shard: ShardId,
    /// The number of shards.
    pub shards: u16,
    /// The number of attempts after which the server gives up on a job; 0: never.
    pub attempts_max: u32,
    /// How long a worker may hold a job that has no run limit of its own, in milliseconds; 0: for ever.
    pub run_limit_ms: u64,
    /// The memory budget, in bytes.
    pub memory_bytes_max: u64,
    /// Unsent bytes past which a connection is closed.
    pub unsent_bytes_max: u64,
    /// How long no byte may move on a connection with more than [`crate::limits::UNSENT_PAUSE_BYTES`] unsent, in
    /// milliseconds; 0: for ever.
    pub stall_ms: u64,
    /// How many types, of those whose home this shard is, have outcomes and histograms of their own.
    pub figure_types_max: usize,
    /// How much of what may be long is done in one turn.
    pub per_turn: PerTurn,
    /// Whether to report each job's events by [`Effects::trace`](super::message::Effects::trace).
    pub trace: bool,
    /// Hashes the names of types; the same for all shards.
    pub homes: RandomState,
    /// Seeds the shard's own maps.
    pub maps: RandomState,
}

/// The limits of work per turn, or per job. The rest follows later.
#[derive(Clone, Copy, Debug)]
pub struct PerTurn {
    /// Rows of types that are found, or added up, for metrics queries.
    pub rows: u32,
    /// Jobs that a home assigns, besides the first for each message.
    pub assigns: u32,
    /// Pools that are offered in one step, if workers of many types come or become free.
    pub types: usize,
    /// Pools that record each job that their worker takes. If more track it, the job's own pool records most of them.
    pub pools: usize,
    /// Jobs that are given up for `cancel` lines and ended connections, besides the first for each line.
    pub give_ups: usize,
    /// Jobs of lost workers that are requeued, or end.
    pub losses: usize,
    /// Members of groups that receive an answer or progress, besides one for each answer and each `do` with a key.
    pub members: usize,
}

impl Default for PerTurn {
    /// The values of [`crate::limits`]. Tests take smaller ones.
    fn default() -> Self {
        Self {
            rows: ROWS_PER_TURN,
            assigns: ASSIGNS_PER_TURN,
            types: TYPES_PER_TURN,
            pools: POOLS_PER_JOB,
            give_ups: GIVE_UPS_PER_TURN,
            losses: LOSSES_PER_TURN,
            members: MEMBERS_PER_TURN,
        }
    }
}

impl Settings {
    /// Hashes a type's name.
    pub(super) fn hash(&self, type_name: &str) -> TypeHash {
        TypeHash::of(&self.homes, type_name)
    }

    /// Hashes the type of a job. The hash names the queue in which it waits.
    pub(super) fn hash_of(&self, job: &Job) -> TypeHash {
        let hash = self.hash(job.type_name());
        if job.is_durable() { hash.durable() } else { hash }
    }
}

/// Returns the home of a type: the shard that keeps its queue.
pub fn home_of(homes: &RandomState, shards: u16, type_name: &str) -> ShardId {
    TypeHash::of(homes, type_name).home(shards)
}
