//! The figures of a type: how its jobs ended, how long they waited, and how long workers had them.

use serde::Deserialize;

use super::Histogram;

/// How the jobs of a type ended, each counted once, and workers lost with them. A job that several `do` lines share by its
/// key is one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Outcomes {
    /// Jobs that a worker answered with a result.
    pub done: u64,
    /// Jobs that a worker answered with an error.
    pub failed: u64,
    /// Jobs that ended because too many of their workers were lost.
    pub gave_up: u64,
    /// Jobs that ended because the server stopped.
    pub shutdown: u64,
    /// Jobs that ended because their submitter cancelled them, or left.
    pub cancelled: u64,
    /// Jobs that ended at their deadline.
    pub expired: u64,
    /// Jobs that ended at their run limit.
    pub timed_out: u64,
    /// Jobs that ended because they needed a worker and there was none.
    pub no_worker: u64,
    /// Durable jobs that ended because no worker did the durable jobs of the type.
    pub no_bridge: u64,
    /// Workers lost while they held a job of the type.
    pub workers_lost: u64,
}

impl Outcomes {
    /// Returns all members: names on the wire, and values. The last is no job's end.
    pub fn members(&self) -> [(&'static str, u64); 10] {
        [
            ("done", self.done),
            ("failed", self.failed),
            ("gave_up", self.gave_up),
            ("shutdown", self.shutdown),
            ("cancelled", self.cancelled),
            ("expired", self.expired),
            ("timed_out", self.timed_out),
            ("no_worker", self.no_worker),
            ("no_bridge", self.no_bridge),
            ("workers_lost", self.workers_lost),
        ]
    }

    /// Returns how many jobs have ended, in any way.
    pub fn jobs(&self) -> u64 {
        self.members().iter().take(9).fold(0, |sum, (_, n)| sum.saturating_add(*n))
    }

    /// Adds the outcomes that another shard or type has.
    pub fn add(&mut self, other: &Self) {
        self.done = self.done.saturating_add(other.done);
        self.failed = self.failed.saturating_add(other.failed);
        self.gave_up = self.gave_up.saturating_add(other.gave_up);
        self.shutdown = self.shutdown.saturating_add(other.shutdown);
        self.cancelled = self.cancelled.saturating_add(other.cancelled);
        self.expired = self.expired.saturating_add(other.expired);
        self.timed_out = self.timed_out.saturating_add(other.timed_out);
        self.no_worker = self.no_worker.saturating_add(other.no_worker);
        self.no_bridge = self.no_bridge.saturating_add(other.no_bridge);
        self.workers_lost = self.workers_lost.saturating_add(other.workers_lost);
    }
}

/// The figures of a type since the start of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// How its jobs ended.
    pub outcomes: Outcomes,
    /// How long jobs waited: from when they were accepted, or from the end of their delay, until they were first sent
    /// to a worker.
    pub wait: Histogram,
    /// How long workers had jobs that they answered: from when they were sent to that worker.
    pub run: Histogram,
}

impl Figures {
    /// Adds the figures that another shard or type has.
    pub fn add(&mut self, other: &Self) {
        self.outcomes.add(&other.outcomes);
        self.wait.add(&other.wait);
        self.run.add(&other.run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_is_added_up_by_itself() {
        let one = Outcomes {
            done: 1,
            failed: 2,
            gave_up: 3,
            shutdown: 4,
            cancelled: 5,
            expired: 6,
            timed_out: 7,
            no_worker: 8,
            no_bridge: 9,
            workers_lost: 10,
        };
        let mut sum = Outcomes { done: 100, ..Outcomes::default() };
        sum.add(&one);
        sum.add(&one);
        let expected = [102, 4, 6, 8, 10, 12, 14, 16, 18, 20];
        assert_eq!(sum.members().map(|(_, n)| n), expected);
        assert_eq!(one.jobs(), 45, "a worker is no job");
    }
}
