//! The jobs of one type that wait, in the order in which they are handed out: those that a worker went away with, by
//! number; then those that came back because no slot was free, by number; then those that were never assigned, which
//! are all younger.

use std::collections::{BTreeMap, VecDeque};

use super::job::Job;

/// A type's waiting jobs.
#[derive(Debug, Default)]
pub(super) struct Line {
    suspects: BTreeMap<u64, Job>,
    returned: BTreeMap<u64, Job>,
    fresh: VecDeque<Job>,
}

impl Line {
    /// A job that comes for the first time, with a number above all before it.
    pub(super) fn push(&mut self, job: Job) {
        self.fresh.push_back(job);
    }

    /// A job that comes again. It goes to its place by number, not just to the front: returns overtake each other.
    pub(super) fn put_back(&mut self, job: Job) {
        let place = if job.suspect { &mut self.suspects } else { &mut self.returned };
        place.insert(job.number, job);
    }

    /// Takes the first suspect.
    pub(super) fn pop_suspect(&mut self) -> Option<Job> {
        self.suspects.pop_first().map(|(_, job)| job)
    }

    /// Takes the first that is no suspect.
    pub(super) fn pop_other(&mut self) -> Option<Job> {
        self.returned.pop_first().map(|(_, job)| job).or_else(|| self.fresh.pop_front())
    }

    pub(super) fn has_suspect(&self) -> bool {
        !self.suspects.is_empty()
    }

    pub(super) fn has_other(&self) -> bool {
        !(self.returned.is_empty() && self.fresh.is_empty())
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.has_suspect() && !self.has_other()
    }

    pub(super) fn len(&self) -> usize {
        self.suspects.len() + self.returned.len() + self.fresh.len()
    }

    /// When the oldest waiting job was accepted.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        let firsts = [self.suspects.values().next(), self.returned.values().next(), self.fresh.front()];
        firsts.into_iter().flatten().map(|job| job.accepted_ms).min()
    }

    /// First to last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.suspects.values().chain(self.returned.values()).chain(&self.fresh)
    }

    /// All of them, in order.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.suspects.into_values().chain(self.returned.into_values()).chain(self.fresh)
    }
}
