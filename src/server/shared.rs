//! The data that the threads of a server share without a lock. One thread writes each number and the others read it;
//! only `loads` has several writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crossbeam_utils::CachePadded;

use super::accept_policy::AcceptCounters;
use super::pulse::Pulse;
use crate::dispatch::message::{MemoryUse, Micros};
use crate::metrics::{Block, Counts, FaultBlock, Faults, ShardRow, Totals};

/// The shared data of one server.
pub(super) struct Shared {
    pub(super) blocks: Box<[CachePadded<Block>]>,
    pub(super) faults: Box<[CachePadded<FaultBlock>]>,
    pub(super) pulses: Box<[CachePadded<Pulse>]>,
    /// Connections that each shard has or is about to get: the function that hands one over adds, the shard subtracts.
    pub(super) loads: Box<[CachePadded<AtomicUsize>]>,
    pub(super) accepts: Arc<AcceptCounters>,
    pub(super) draining: AtomicBool,
    epoch: Instant,
    up_since_ms: u64,
    bytes_max: u64,
    pub(super) line_bytes_max: usize,
}

impl Shared {
    pub(super) fn new(shards: usize, bytes_max: u64, line_bytes_max: usize) -> Self {
        let up_since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            blocks: (0..shards).map(|_| CachePadded::default()).collect(),
            faults: (0..shards).map(|_| CachePadded::default()).collect(),
            pulses: (0..shards).map(|_| CachePadded::default()).collect(),
            loads: (0..shards).map(|_| CachePadded::default()).collect(),
            accepts: Arc::default(),
            draining: AtomicBool::new(false),
            epoch: Instant::now(),
            up_since_ms: u64::try_from(up_since.as_millis()).unwrap_or(u64::MAX),
            bytes_max,
            line_bytes_max,
        }
    }

    /// Returns the time since the server's start, on the monotonic clock that all shards use.
    pub(super) fn now(&self) -> Micros {
        Micros(u64::try_from(self.epoch.elapsed().as_micros()).expect("half a million years have not passed"))
    }

    /// Returns the memory that all shards except `shard` use.
    pub(super) fn memory_of_others(&self, shard: usize) -> MemoryUse {
        let mut sum = MemoryUse::default();
        for (_, block) in self.blocks.iter().enumerate().filter(|&(other, _)| other != shard) {
            let counts = block.read();
            sum.committed += counts.job_bytes + counts.unsent_bytes;
            sum.partial += counts.partial_bytes;
        }
        sum
    }

    /// Returns the metrics as last published.
    pub(super) fn totals(&self) -> Totals {
        let mut counts = Counts::default();
        for block in &self.blocks {
            counts.add(&block.read());
        }
        let mut faults = Faults::default();
        for block in &self.faults {
            faults.add(&block.read());
        }
        Totals {
            up_since_ms: self.up_since_ms,
            connections: self.accepts.accepted.load(Ordering::Relaxed),
            connections_refused: self.accepts.refused.load(Ordering::Relaxed),
            counts,
            faults,
            bytes_max: self.bytes_max,
            line_bytes_max: self.line_bytes_max as u64,
            uptime_ms: self.now().as_ms(),
            draining: self.draining.load(Ordering::Relaxed),
            threads: self.blocks.len(),
            shard_busy_us: self.pulses.iter().map(|pulse| pulse.busy_us()).sum(),
            shard_longest_turn_us: self.pulses.iter().map(|pulse| pulse.longest_turn_us()).max().unwrap_or_default(),
        }
    }

    /// Returns a row per shard, as last published.
    pub(super) fn shards(&self) -> Vec<ShardRow> {
        let rows = self.blocks.iter().zip(&self.pulses).map(|(block, pulse)| ShardRow {
            counts: block.read(),
            busy_us: pulse.busy_us(),
            longest_turn_us: pulse.longest_turn_us(),
        });
        rows.collect()
    }

    /// Returns for each shard how long its present turn has lasted; zero while the shard sleeps. Needs no answer of the
    /// shards, so it shows a shard that hangs.
    pub(super) fn turns(&self) -> Vec<Duration> {
        self.pulses.iter().map(|pulse| Duration::from_micros(pulse.in_turn_for(|| self.now()).0)).collect()
    }

    /// Returns the shard with the fewest connections.
    pub(super) fn least_loaded(&self) -> usize {
        let load = |&shard: &usize| self.loads[shard].load(Ordering::Relaxed);
        (0..self.loads.len()).min_by_key(load).expect("a server has a shard")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_each_turn_is_known_and_what_shards_were_busy() {
        let shared = Shared::new(3, 1, 1);
        assert_eq!(shared.turns(), [Duration::ZERO; 3], "all sleep");
        shared.pulses[1].begin_turn(Micros(0));
        while shared.now() < Micros(5) {}
        let turns = shared.turns();
        assert!(turns[0].is_zero() && turns[1] >= Duration::from_micros(4) && turns[2].is_zero(), "{turns:?}");
        shared.pulses[1].sleep(shared.now());
        assert_eq!(shared.turns(), [Duration::ZERO; 3]);
        let row = shared.shards()[1];
        assert!(row.busy_us >= 4 && row.longest_turn_us == row.busy_us, "{row:?}");
        let totals = shared.totals();
        assert_eq!((totals.shard_busy_us, totals.shard_longest_turn_us), (row.busy_us, row.busy_us));
    }
}
