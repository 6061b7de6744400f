//! A worker's slots: the jobs it holds, and the slots kept for an answer.

use std::collections::HashMap;

use ahash::RandomState;

use super::ctx::Ctx;
use super::job::Job;
use super::message::ConnId;
use super::pools::{Capacity, Pools};
use crate::protocol::command::JobRef;
use crate::protocol::id;

/// Types that a worker's list of those that follow it has room for even if they do not.
const TRACKED_CAPACITY_MIN: usize = 16;

/// What a connection that gave types or `max_jobs` has beside a connection.
#[derive(Debug)]
pub(super) struct Worker {
    /// Its slots.
    pub(super) max_jobs: u32,
    /// Its types and its node in the books of each, by the first.
    pub(super) types: Vec<(u32, u32)>,
    /// Slots kept for answers to Asks.
    pub(super) reserved: u32,
    /// Those of its types whose books follow how it stands, each with its node. The others have it as [`Worker::full`].
    tracked: Vec<(u32, u32)>,
    /// What the books that follow it say of it.
    pub(super) recorded: Capacity,
    /// Whether it ever gave a type.
    pub(super) counted: bool,
    /// Whether it stands in the gauges as a worker, and as an idle one.
    pub(super) gauged: (bool, bool),
    /// Suspects among the jobs that it holds.
    suspects: u32,
    /// The job that was sent without a number; there is never more than one.
    plain: Option<HeldJob>,
    /// The jobs that were sent with a number, if it gave `max_jobs`. Boxed: most workers are many, and do not.
    by_lease: Option<Box<ByLease>>,
}

type ByLease = HashMap<u64, HeldJob, RandomState>;

/// A job in a slot.
#[derive(Debug)]
pub(super) struct HeldJob {
    pub(super) job: Job,
    /// The books of its type.
    pub(super) pool: u32,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            max_jobs: 1,
            types: Vec::new(),
            reserved: 0,
            tracked: Vec::new(),
            recorded: Capacity::default(),
            counted: false,
            gauged: (false, false),
            suspects: 0,
            plain: None,
            by_lease: None,
        }
    }

    /// Whether the next job that it is sent has a number.
    pub(super) fn uses_leases(&self) -> bool {
        self.by_lease.is_some()
    }

    /// How it stands now. `paused`: it has too much unsent.
    pub(super) fn capacity(&self, paused: bool) -> Capacity {
        let taken = self.held() + self.reserved;
        let free = if paused { 0 } else { self.max_jobs.saturating_sub(taken) };
        Capacity { free, holds_suspect: self.suspects > 0 }
    }

    /// How it stands when it is wholly free.
    fn full(&self) -> Capacity {
        Capacity { free: self.max_jobs, holds_suspect: false }
    }

    /// The types whose books follow how it stands, each with its node.
    pub(super) fn tracked(&self) -> &[(u32, u32)] {
        &self.tracked
    }

    /// What the books of a type say of it.
    pub(super) fn recorded_at(&self, node: u32, pools: &Pools) -> Capacity {
        if pools.is_tracked(node) { self.recorded } else { self.full() }
    }

    /// Brings the books that follow it up to date. `to_back`: it came, took or ended a job.
    pub(super) fn record(&mut self, now: Capacity, to_back: bool, pools: &mut Pools) {
        let shown = std::mem::replace(&mut self.recorded, now);
        if shown != now || (to_back && now.free > 0) {
            for &(pool, node) in &self.tracked {
                pools.record(pool, node, shown, now, to_back);
            }
        }
    }

    /// Takes a type more, whose books follow it for now.
    pub(super) fn join(&mut self, pool: u32, id: ConnId, pools: &mut Pools) {
        let at = self.find_type(pool).expect_err("it is new to this worker");
        let entry = (pool, pools.join(pool, id, self.recorded));
        self.types.insert(at, entry);
        self.tracked.push(entry);
    }

    /// The books of a type follow it from now on.
    pub(super) fn track(&mut self, (pool, node): (u32, u32), pools: &mut Pools) {
        if !pools.is_tracked(node) {
            pools.record(pool, node, self.full(), self.recorded, false);
            pools.set_tracked(node, true);
            self.tracked.push((pool, node));
        }
    }

    /// If it is wholly free, so that all its types' books agree: those of this type alone follow it from now on.
    pub(super) fn track_only(&mut self, pool: u32, pools: &mut Pools) {
        if self.tracked.len() > 1 && self.recorded == self.full() {
            self.tracked.retain(|&(other, node)| {
                pools.set_tracked(node, other == pool);
                other == pool
            });
            self.tracked.shrink_to(TRACKED_CAPACITY_MIN);
        }
    }

    /// It gave `max_jobs`: it has so many slots from now on, and each job that it is sent has a number. As that changes what
    /// books say that do not follow it, all do first.
    pub(super) fn set_max_jobs(&mut self, max_jobs: u32, maps: &RandomState, pools: &mut Pools) {
        self.by_lease.get_or_insert_with(|| Box::new(HashMap::with_hasher(maps.clone())));
        if max_jobs != self.max_jobs {
            for at in 0..self.types.len() {
                self.track(self.types[at], pools);
            }
            self.max_jobs = max_jobs;
        }
    }

    /// Takes a type no more. Returns its node, and what its books say.
    pub(super) fn leave(&mut self, pool: u32, pools: &Pools) -> Option<(u32, Capacity)> {
        let at = self.find_type(pool).ok()?;
        let (_, node) = self.types.remove(at);
        self.tracked.retain(|&(other, _)| other != pool);
        Some((node, self.recorded_at(node, pools)))
    }

    /// Jobs that it holds.
    pub(super) fn held(&self) -> u32 {
        let numbered = self.by_lease.as_ref().map_or(0, |jobs| jobs.len());
        u32::from(self.plain.is_some()) + u32::try_from(numbered).expect("a worker has 65,535 slots at most")
    }

    /// Takes a job into a slot, under a number if it is numbered.
    pub(super) fn take(&mut self, number: Option<u64>, held: HeldJob) {
        self.suspects += u32::from(held.job.suspect);
        let before = match (number, &mut self.by_lease) {
            (Some(number), Some(jobs)) => jobs.insert(number, held),
            _ => self.plain.replace(held),
        };
        assert!(before.is_none(), "a slot was taken twice");
    }

    /// Frees the slot of the job that is named so, if it holds one.
    pub(super) fn release(&mut self, name: JobRef<'_>) -> Option<HeldJob> {
        let held = match name {
            JobRef::Lease(number) => self.by_lease.as_mut()?.remove(&number),
            JobRef::Id(id) => self.plain.take_if(|held| id::same(held.job.id(), id)),
        }?;
        self.suspects -= u32::from(held.job.suspect);
        Some(held)
    }

    /// Frees all slots, in the order in which the jobs arrived at their homes.
    pub(super) fn release_all(&mut self) -> Vec<HeldJob> {
        self.suspects = 0;
        let numbered = self.by_lease.iter_mut().flat_map(|jobs| jobs.drain());
        let mut jobs: Vec<_> = self.plain.take().into_iter().chain(numbered.map(|(_, held)| held)).collect();
        jobs.sort_unstable_by_key(|held| held.job.arrival);
        jobs
    }

    /// Brings the gauges up to date with it.
    pub(super) fn gauge(&mut self, ctx: &mut Ctx<'_>) {
        let now = (!self.types.is_empty(), !self.types.is_empty() && self.held() == 0);
        let before = std::mem::replace(&mut self.gauged, now);
        ctx.counts.workers = ctx.counts.workers + u64::from(now.0) - u64::from(before.0);
        ctx.counts.workers_idle = ctx.counts.workers_idle + u64::from(now.1) - u64::from(before.1);
        if now.0 && !std::mem::replace(&mut self.counted, true) {
            ctx.counts.workers_added += 1;
        }
    }

    /// Where `bid` is among its types, or would be.
    pub(super) fn find_type(&self, pool: u32) -> Result<usize, usize> {
        self.types.binary_search_by_key(&pool, |&(pool, _)| pool)
    }

    /// The jobs that it holds, with their numbers on the wire.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (Option<u64>, &Job)> {
        let plain = self.plain.iter().map(|held| (None, &held.job));
        let numbered = self.by_lease.iter().flat_map(|jobs| jobs.iter());
        plain.chain(numbered.map(|(&number, held)| (Some(number), &held.job)))
    }
}
