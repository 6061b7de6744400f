//! The jobs of one type that wait, in the order in which they are handed out: those that a worker went away with, by
//! number; then those that came back because no slot was free, by number; then those that were never assigned, which
//! are all younger.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;

use super::fifo::Fifo;
use super::job::Job;

/// A type's waiting jobs.
#[derive(Debug, Default)]
pub(super) struct WaitQueue {
    /// Those that came back, suspects first.
    returned: BTreeMap<Place, Job>,
    fresh: Fifo<Job>,
}

/// The place of a job that came back: those that are no suspects stand behind those that are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    behind: bool,
    arrival: u64,
}

impl WaitQueue {
    /// A job that comes for the first time, with a number above all before it.
    pub(super) fn push(&mut self, job: Job) {
        self.fresh.push(job);
    }

    /// A job that comes again. It goes to its place by number, not just to the front: returns overtake each other.
    pub(super) fn requeue(&mut self, job: Job) {
        self.returned.insert(Place { behind: !job.suspect, arrival: job.arrival }, job);
    }

    /// Takes the first suspect.
    pub(super) fn pop_suspect(&mut self) -> Option<Job> {
        self.returned.first_entry().filter(|entry| !entry.key().behind).map(OccupiedEntry::remove)
    }

    /// Takes the first that is no suspect.
    pub(super) fn pop_other(&mut self) -> Option<Job> {
        match self.first_other_returned() {
            Some(place) => self.returned.remove(&place),
            None => self.fresh.pop(),
        }
    }

    pub(super) fn has_suspect(&self) -> bool {
        self.returned.first_key_value().is_some_and(|(place, _)| !place.behind)
    }

    pub(super) fn has_other(&self) -> bool {
        !self.fresh.is_empty() || self.returned.last_key_value().is_some_and(|(place, _)| place.behind)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.fresh.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.returned.len() + self.fresh.len()
    }

    /// When the oldest waiting job was accepted.
    pub(super) fn oldest_ms(&self) -> Option<u64> {
        let suspect = self.returned.first_key_value().map(|(_, job)| job);
        let other = self.first_other_returned().map(|place| &self.returned[&place]);
        [suspect, other, self.fresh.first()].into_iter().flatten().map(|job| job.accepted_ms).min()
    }

    /// First to last.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.returned.values().chain(self.fresh.iter())
    }

    /// All of them, in order.
    pub(super) fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.returned.into_values().chain(self.fresh.into_entries())
    }

    fn first_other_returned(&self) -> Option<Place> {
        let others = Place { behind: true, arrival: 0 }..;
        self.returned.range(others).next().map(|(&place, _)| place)
    }
}
