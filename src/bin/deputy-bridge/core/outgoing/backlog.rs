//! The jobs whose messages NATS has not acknowledged: how old the oldest is, and how many bytes they have.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::JobMessage;

/// A job whose message NATS has not acknowledged.
#[derive(Debug)]
pub(super) struct Unstored {
    pub(super) message: JobMessage,
    /// Since when it waits. Time without NATS does not count.
    pub(super) since: Duration,
    /// The pause after the last refusal.
    pub(super) pause: Duration,
    /// How often it was published or refused: an older timer does not count.
    pub(super) tries: u32,
}

impl Unstored {
    pub(super) fn new(message: JobMessage, now: Duration) -> Self {
        Self { message, since: now, pause: Duration::ZERO, tries: 0 }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// The serial numbers of the jobs, by the time since which they wait.
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

    /// Returns since when the oldest job waits.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.by_age.first().map(|(since, _)| *since)
    }

    /// Returns the bytes of the jobs' args.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}
