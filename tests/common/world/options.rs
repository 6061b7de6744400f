//! What can be chosen of a [`World`](super::World).

/// The settings of a world.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) shards: u16,
    pub(crate) attempts_max: u32,
    pub(crate) run_limit_ms: u64,
    pub(crate) memory_bytes_max: u64,
    pub(crate) unsent_bytes_max: u64,
    pub(crate) stall_ms: u64,
    /// Types with outcomes and histograms of their own, by home.
    pub(crate) figure_types_max: usize,
    /// Rows of types that a turn handles for metrics queries.
    pub(crate) rows_per_turn: u32,
    /// Jobs that a home assigns in a turn beside the first for each message.
    pub(crate) assigns_per_turn: u32,
    /// Types of a worker whose free slots a step looks at.
    pub(crate) types_per_turn: usize,
    /// Types of a worker that record each of its jobs.
    pub(crate) pools_per_job: usize,
    /// Jobs that a turn gives up.
    pub(crate) give_ups_per_turn: usize,
    /// Jobs of lost workers that a turn requeues.
    pub(crate) losses_per_turn: usize,
    /// Members of groups that receive something in a turn.
    pub(crate) members_per_turn: usize,
    /// Whether offers of a pool, and jobs of a type, become one message on their way, as those that leave a shard together do.
    pub(crate) merges: bool,
    /// Whether the cores report each event of a job.
    pub(crate) trace: bool,
    /// Seeds the hashes: the homes of types, and the cores' maps.
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            attempts_max: 3,
            run_limit_ms: 0,
            memory_bytes_max: 1 << 40,
            unsent_bytes_max: 64 << 20,
            stall_ms: 30_000,
            figure_types_max: 4_096,
            rows_per_turn: 1_024,
            assigns_per_turn: 512,
            types_per_turn: 64,
            pools_per_job: 16,
            give_ups_per_turn: 256,
            losses_per_turn: 512,
            members_per_turn: 256,
            merges: false,
            trace: false,
            seed: 1,
        }
    }
}
