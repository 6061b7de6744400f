//! A worker's slots: the jobs it holds, and the slots kept for an answer.

use std::collections::HashMap;

use ahash::RandomState;

use super::bids::Standing;
use super::job::Job;
use super::step::Step;
use crate::protocol::command::JobName;
use crate::protocol::id;

/// What a connection that gave types or `max_jobs` has beside a connection.
#[derive(Debug)]
pub(super) struct Worker {
    /// Its slots.
    pub(super) max_jobs: u32,
    /// Its types and its node in the books of each, by the first.
    pub(super) types: Vec<(u32, u32)>,
    /// Slots kept for answers to Asks.
    pub(super) kept: u32,
    /// What its types' books say of it.
    pub(super) shown: Standing,
    /// Whether it ever gave a type.
    pub(super) counted: bool,
    /// Whether it stands in the gauges as a worker, and as an idle one.
    pub(super) gauged: (bool, bool),
    /// Suspects among the jobs that it holds.
    suspects: u32,
    /// The job that was sent without a number; there is never more than one.
    plain: Option<HeldJob>,
    /// The jobs that were sent with a number, if it gave `max_jobs`. Boxed: most workers are many, and do not.
    by_number: Option<Box<ByNumber>>,
}

type ByNumber = HashMap<u64, HeldJob, RandomState>;

/// A job in a slot.
#[derive(Debug)]
pub(super) struct HeldJob {
    pub(super) job: Job,
    /// The books of its type.
    pub(super) bid: u32,
}

impl Worker {
    pub(super) fn new() -> Self {
        Self {
            max_jobs: 1,
            types: Vec::new(),
            kept: 0,
            shown: Standing::default(),
            counted: false,
            gauged: (false, false),
            suspects: 0,
            plain: None,
            by_number: None,
        }
    }

    /// It gave `max_jobs`: from now on each job that it is sent has a number.
    pub(super) fn set_max_jobs(&mut self, max_jobs: u32, maps: &RandomState) {
        self.max_jobs = max_jobs;
        self.by_number.get_or_insert_with(|| Box::new(HashMap::with_hasher(maps.clone())));
    }

    /// Whether the next job that it is sent has a number.
    pub(super) fn is_numbered(&self) -> bool {
        self.by_number.is_some()
    }

    /// How it stands now. `paused`: it has too much unsent.
    pub(super) fn standing(&self, paused: bool) -> Standing {
        let taken = self.held() + self.kept;
        let free = if paused { 0 } else { self.max_jobs.saturating_sub(taken) };
        Standing { free, tainted: self.suspects > 0 }
    }

    /// Jobs that it holds.
    pub(super) fn held(&self) -> u32 {
        let numbered = self.by_number.as_ref().map_or(0, |jobs| jobs.len());
        u32::from(self.plain.is_some()) + u32::try_from(numbered).expect("a worker has 65,535 slots at most")
    }

    /// Takes a job into a slot, under a number if it is numbered.
    pub(super) fn take(&mut self, number: Option<u64>, held: HeldJob) {
        self.suspects += u32::from(held.job.suspect);
        let before = match (number, &mut self.by_number) {
            (Some(number), Some(jobs)) => jobs.insert(number, held),
            _ => self.plain.replace(held),
        };
        assert!(before.is_none(), "a slot was taken twice");
    }

    /// Frees the slot of the job that is named so, if it holds one.
    pub(super) fn release(&mut self, name: JobName<'_>) -> Option<HeldJob> {
        let held = match name {
            JobName::Number(number) => self.by_number.as_mut()?.remove(&number),
            JobName::Id(id) => self.plain.take_if(|held| id::same(held.job.id(), id)),
        }?;
        self.suspects -= u32::from(held.job.suspect);
        Some(held)
    }

    /// Frees all slots, in the order in which the jobs arrived at their homes.
    pub(super) fn release_all(&mut self) -> Vec<HeldJob> {
        self.suspects = 0;
        let numbered = self.by_number.iter_mut().flat_map(|jobs| jobs.drain());
        let mut jobs: Vec<_> = self.plain.take().into_iter().chain(numbered.map(|(_, held)| held)).collect();
        jobs.sort_unstable_by_key(|held| held.job.number);
        jobs
    }

    /// Brings the gauges up to date with it.
    pub(super) fn gauge(&mut self, step: &mut Step<'_>) {
        let now = (!self.types.is_empty(), !self.types.is_empty() && self.held() == 0);
        let before = std::mem::replace(&mut self.gauged, now);
        step.counts.workers = step.counts.workers + u64::from(now.0) - u64::from(before.0);
        step.counts.workers_idle = step.counts.workers_idle + u64::from(now.1) - u64::from(before.1);
        if now.0 && !std::mem::replace(&mut self.counted, true) {
            step.counts.workers_added += 1;
        }
    }

    /// Where `bid` is among its types, or would be.
    pub(super) fn find_type(&self, bid: u32) -> Result<usize, usize> {
        self.types.binary_search_by_key(&bid, |&(bid, _)| bid)
    }

    /// The jobs that it holds, with their numbers on the wire.
    pub(super) fn jobs(&self) -> impl Iterator<Item = (Option<u64>, &Job)> {
        let plain = self.plain.iter().map(|held| (None, &held.job));
        let numbered = self.by_number.iter().flat_map(|jobs| jobs.iter());
        plain.chain(numbered.map(|(&number, held)| (Some(number), &held.job)))
    }
}
