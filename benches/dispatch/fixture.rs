//! What the workloads have in common.

use deputy::dispatch::message::ShardId;
use deputy::dispatch::{Dispatch, PerTurn, Settings};

/// Jobs of a run.
pub(crate) const JOBS: usize = 20_000;

/// The argument of every job.
pub(crate) const ARG: &str = r#""thirty letters and two quotes !!""#;

/// The effects that no workload has: connections that close or do wrong, and metrics.
macro_rules! no_other_effects {
    () => {
        fn close(&mut self, conn: ConnId, how: Closing) {
            panic!("no connection closes: {conn:?}, {how:?}");
        }

        fn fault(&mut self, conn: ConnId, fault: Fault) {
            panic!("no peer does anything wrong: {conn:?}, {fault:?}");
        }

        fn peer_name(&mut self, conn: ConnId) -> String {
            panic!("no metrics by type are asked for: {conn:?}");
        }

        fn totals(&mut self, _: &Counts) -> Totals {
            panic!("no client asks for the metrics");
        }

        fn shards(&mut self, _: &Counts) -> Vec<ShardRow> {
            panic!("no client asks for the metrics");
        }
    };
}

pub(crate) use no_other_effects;

/// Returns a core of a server with this many shards, with fixed hash seeds.
pub(crate) fn core(shards: u16) -> Dispatch {
    Dispatch::new(Settings {
        shard: ShardId(0),
        shards,
        attempts_max: 3,
        run_limit_ms: 0,
        memory_bytes_max: 1 << 40,
        unsent_bytes_max: 64 << 20,
        stall_ms: 30_000,
        figure_types_max: 4_096,
        per_turn: PerTurn::default(),
        trace: false,
        homes: ahash::RandomState::with_seeds(1, 2, 3, 4),
        maps: ahash::RandomState::with_seeds(5, 6, 7, 8),
    })
}
