//! The waiting jobs of one type, in the order in which they are assigned.
//!
//! First are the suspects, whose workers were lost; then the jobs that came back because no slot was free; then the jobs
//! that were never assigned. Within each of the three, the order is that of arrival. The third are all younger than the second.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;

use crate::dispatch::collections::fifo::Fifo;
use crate::dispatch::job::Job;
use crate::dispatch::micros::Micros;

/// A type's waiting jobs.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct WaitQueue {
    /// Jobs that came back, suspects first.
    returned: BTreeMap<Place, Job>,
    /// Suspects among them.
    suspects: usize,
    fresh: Fifo<Job>,
}

/// The place of a job that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Whether the job is no suspect.
    behind: bool,
    arrival: u64,
}

impl WaitQueue {
    /// Appends a new job, whose arrival number is above all before it.
    pub(in crate::dispatch) fn push(&mut self, job: Job) {
        self.fresh.push(job);
    }

    /// Puts a job back in its place by arrival. The front would be wrong, because requeued jobs overtake each other on
    /// their way.
    pub(in crate::dispatch) fn requeue(&mut self, job: Job) {
        self.suspects += usize::from(job.suspect);
        self.returned.insert(Place { behind: !job.suspect, arrival: job.arrival }, job);
    }

    /// Takes the first suspect.
    pub(in crate::dispatch) fn pop_suspect(&mut self) -> Option<Job> {
        let job = self.returned.first_entry().filter(|entry| !entry.key().behind).map(OccupiedEntry::remove)?;
        self.suspects -= 1;
        Some(job)
    }

    /// Takes the first job that is no suspect.
    pub(in crate::dispatch) fn pop_other(&mut self) -> Option<Job> {
        match self.first_other_returned() {
            Some(place) => self.returned.remove(&place),
            None => self.fresh.pop(),
        }
    }

    pub(in crate::dispatch) fn has_suspect(&self) -> bool {
        self.suspects > 0
    }

    pub(in crate::dispatch) fn has_other(&self) -> bool {
        !self.fresh.is_empty() || self.returned.last_key_value().is_some_and(|(place, _)| place.behind)
    }

    pub(in crate::dispatch) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.fresh.is_empty()
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.returned.len() + self.fresh.len()
    }

    pub(in crate::dispatch) fn suspects(&self) -> usize {
        self.suspects
    }

    /// Returns when the oldest waiting job was accepted.
    pub(in crate::dispatch) fn oldest(&self) -> Option<Micros> {
        let suspect = self.returned.first_key_value().map(|(_, job)| job);
        let other = self.first_other_returned().map(|place| &self.returned[&place]);
        [suspect, other, self.fresh.first()].into_iter().flatten().map(|job| job.accepted).min()
    }

    /// Iterates from first to last.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.returned.values().chain(self.fresh.iter())
    }

    /// Returns all jobs, in order.
    pub(in crate::dispatch) fn into_jobs(self) -> impl Iterator<Item = Job> {
        self.returned.into_values().chain(self.fresh.into_entries())
    }

    fn first_other_returned(&self) -> Option<Place> {
        let others = Place { behind: true, arrival: 0 }..;
        self.returned.range(others).next().map(|(&place, _)| place)
    }
}
