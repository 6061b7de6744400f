//! Keeps the jobs whose messages NATS has not acknowledged, with the age of the oldest and the sum of their bytes.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::JobMessage;

/// A job whose message NATS has not acknowledged.
#[derive(Debug)]
pub(super) struct Unstored {
    pub(super) message: JobMessage,
    /// When its wait began. Time without NATS does not count.
    pub(super) since: Duration,
    /// The pause after the last refusal.
    pub(super) pause: Duration,
    /// How often it was published or refused. Timers of earlier tries are ignored.
    pub(super) tries: u32,
}

impl Unstored {
    pub(super) fn new(message: JobMessage, now: Duration) -> Self {
        Self { message, since: now, pause: Duration::ZERO, tries: 0 }
    }
}

/// All such jobs.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The serial numbers of the jobs, by the time at which their wait began.
    by_age: BTreeSet<(Duration, u64)>,
    bytes: usize,
}

impl Backlog {
    pub(super) fn add(&mut self, serial: u64, job: &Unstored) {
        self.by_age.insert((job.since, serial));
        self.bytes += job.message.arg.len();
    }

    pub(super) fn remove(&mut self, serial: u64, job: &Unstored) {
        self.by_age.remove(&(job.since, serial));
        self.bytes -= job.message.arg.len();
    }

    /// Returns the serial numbers of the jobs, the oldest first.
    pub(super) fn serials(&self) -> Vec<u64> {
        self.by_age.iter().map(|(_, serial)| *serial).collect()
    }

    /// Returns when the wait of the oldest job began.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.by_age.first().map(|(since, _)| *since)
    }

    /// Returns the bytes of the jobs' args.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
