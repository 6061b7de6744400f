//! The state of a worker: its types, its slots, and the capacity that its pools have recorded.

use super::capacity::{Capacity, Place};
use super::pools::Pools;
use super::slots::Slots;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, Membership, PoolId};
use crate::flag::newly_set;

/// Room that a worker's list of tracking pools keeps.
const TRACKED_CAPACITY_MIN: usize = 16;

/// The state of a connection that gave types or `max_jobs`.
#[derive(Debug)]
pub(in crate::dispatch) struct Worker {
    /// How many jobs it takes at once.
    pub(in crate::dispatch) max_jobs: u32,
    pub(in crate::dispatch) slots: Slots,
    /// Its types, by pool.
    types: Vec<Membership>,
    /// Its places in the pools that track it. The others assume that it is idle, see [`Worker::idle`].
    tracked: Vec<Membership>,
    /// The capacity that was recorded last. If many pools track it, some of them have recorded more free slots.
    recorded: Capacity,
    /// The free slots when all pools that track it recorded them. None of these pools has recorded more.
    free_for_all: u32,
    /// Whether each job that it is sent carries its reference.
    pub(in crate::dispatch) wants_ref: bool,
    /// Whether it has ever given a type.
    counted: bool,
    gauged: Gauged,
}

/// The gauges in which a worker is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Gauged {
    worker: bool,
    idle: bool,
}

impl Worker {
    pub(in crate::dispatch) fn new() -> Self {
        Self {
            max_jobs: 1,
            slots: Slots::default(),
            types: Vec::new(),
            tracked: Vec::new(),
            recorded: Capacity::default(),
            free_for_all: 0,
            wants_ref: false,
            counted: false,
            gauged: Gauged::default(),
        }
    }

    /// Returns its capacity now. A paused worker has too many unsent bytes, so none of its slots counts as free.
    pub(in crate::dispatch) fn capacity(&self, paused: bool) -> Capacity {
        let free = if paused { 0 } else { self.max_jobs.saturating_sub(self.slots.taken()) };
        Capacity { free, holds_suspect: self.slots.hold_suspect() }
    }

    /// Returns how many of its slots no job has taken. Of these, some may be reserved for Pulls.
    pub(in crate::dispatch) fn unfilled(&self, paused: bool) -> u32 {
        if paused { 0 } else { self.max_jobs.saturating_sub(self.slots.filled()) }
    }

    /// Returns its capacity when it is idle.
    fn idle(&self) -> Capacity {
        Capacity { free: self.max_jobs, holds_suspect: false }
    }

    /// Returns its types, by pool.
    pub(in crate::dispatch) fn types(&self) -> &[Membership] {
        &self.types
    }

    /// Returns its places in the pools that track it.
    pub(in crate::dispatch) fn tracked(&self) -> &[Membership] {
        &self.tracked
    }

    /// Returns the capacity that was recorded last. No pool has recorded less.
    pub(in crate::dispatch) fn recorded(&self) -> Capacity {
        self.recorded
    }

    /// Updates the pools that track it.
    pub(in crate::dispatch) fn record(&mut self, now: Capacity, place: Place, pools: &mut Pools) {
        let before = std::mem::replace(&mut self.recorded, now);
        if before != now || (place == Place::Back && now.free > 0) {
            self.free_for_all = now.free;
            for &member in &self.tracked {
                pools.record(member, now, place);
            }
        }
    }

    /// Updates only the pool of a job that it took, if many pools track it. The others then overstate its free slots,
    /// at most twofold, and do not err about whether it has one. Returns whether this was possible.
    #[inline(never)]
    pub(in crate::dispatch) fn record_at(&mut self, pool: PoolId, now: Capacity, pools: &mut Pools) -> bool {
        let possible = now.list() == self.recorded.list() && now.free > self.free_for_all / 2;
        if possible && let Ok(at) = self.find_type(pool) {
            self.recorded = now;
            pools.record(self.types[at], now, Place::Back);
        }
        possible
    }

    /// Reserves memory for types that it is about to give. Exact, because most workers give their types once.
    pub(in crate::dispatch) fn reserve_types(&mut self, new: usize) {
        if self.types.is_empty() {
            self.types.reserve_exact(new);
        }
    }

    /// Adds a type, whose pool tracks it for now.
    pub(in crate::dispatch) fn join(&mut self, pool: PoolId, id: ConnId, pools: &mut Pools) {
        let at = self.find_type(pool).expect_err("it is new to this worker");
        let member = pools.join(pool, id, self.recorded);
        self.types.insert(at, member);
        self.tracked.push(member);
    }

    /// Removes a type. Returns its place in the pool.
    pub(in crate::dispatch) fn leave(&mut self, pool: PoolId) -> Option<Membership> {
        let at = self.find_type(pool).ok()?;
        self.tracked.retain(|other| other.pool != pool);
        Some(self.types.remove(at))
    }

    /// Removes all types. Returns its places in their pools.
    pub(in crate::dispatch) fn leave_all(&mut self) -> Vec<Membership> {
        std::mem::take(&mut self.types)
    }

    /// Makes a pool track it.
    pub(in crate::dispatch) fn track(&mut self, member: Membership, pools: &mut Pools) {
        if !pools.is_tracked(member.node) {
            pools.record(member, self.recorded, Place::Kept);
            pools.set_tracked(member.node, true);
            self.tracked.push(member);
        }
    }

    /// Makes this pool the only one that tracks it, if it is idle, so that all its pools agree.
    pub(in crate::dispatch) fn track_only(&mut self, pool: PoolId, pools: &mut Pools) {
        if self.tracked.len() > 1 && self.recorded == self.idle() {
            self.tracked.retain(|member| {
                pools.set_tracked(member.node, member.pool == pool);
                member.pool == pool
            });
            self.tracked.shrink_to(TRACKED_CAPACITY_MIN);
        }
    }

    /// Sets how many jobs it takes at once. From now on each job is sent with a lease.
    ///
    /// All its pools track it first, because this also changes its capacity when idle.
    pub(in crate::dispatch) fn set_max_jobs(&mut self, max_jobs: u32, pools: &mut Pools) {
        self.slots.use_leases();
        if max_jobs != self.max_jobs {
            for at in 0..self.types.len() {
                self.track(self.types[at], pools);
            }
            self.max_jobs = max_jobs;
        }
    }

    /// Updates the gauges.
    pub(in crate::dispatch) fn gauge(&mut self, ctx: &mut Ctx<'_>) {
        let worker = !self.types.is_empty();
        let now = Gauged { worker, idle: worker && self.slots.filled() == 0 };
        if now == self.gauged {
            return;
        }
        let before = std::mem::replace(&mut self.gauged, now);
        ctx.counts.workers = ctx.counts.workers + u64::from(now.worker) - u64::from(before.worker);
        ctx.counts.workers_idle = ctx.counts.workers_idle + u64::from(now.idle) - u64::from(before.idle);
        if now.worker && newly_set(&mut self.counted) {
            ctx.counts.workers_added += 1;
        }
    }

    /// Returns whether it takes this type.
    pub(in crate::dispatch) fn takes(&self, pool: PoolId) -> bool {
        self.find_type(pool).is_ok()
    }

    fn find_type(&self, pool: PoolId) -> Result<usize, usize> {
        self.types.binary_search_by_key(&pool, |member| member.pool)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 160 bytes are a size class of the binary's allocator, and the next one has 192.
    #[test]
    fn a_worker_takes_160_bytes_at_most_beside_its_connection() {
        assert!(size_of::<Worker>() <= 160, "it takes {}", size_of::<Worker>());
    }
}
