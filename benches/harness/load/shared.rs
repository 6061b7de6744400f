//! What the load threads of a run share, and what each of them measures.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::harness::system::machine::thread_cpu_time;
use crate::harness::traffic::tally::Tally;

/// What the load threads of a run share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Threads whose submitters are not done; other threads' workers may hold their jobs.
    pub(crate) unfinished: AtomicUsize,
    /// Whether a thread has failed.
    pub(crate) failed: AtomicBool,
    /// Whether the workers must go on although all submitters are done, until the server's books are at rest.
    pub(crate) unsettled: AtomicBool,
    /// Answers so far.
    pub(crate) answered: AtomicU64,
    /// Jobs that workers have received.
    pub(crate) executed: AtomicU64,
}

/// What a thread measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From the intended start to the answer.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late jobs with an intended start were sent.
    pub(crate) lag_ns: Histogram<u64>,
    /// How the jobs ended, and what its workers received.
    pub(crate) tally: Tally,
    /// The processor time of the thread within the measured time.
    pub(crate) busy: Duration,
    /// When its submitters received their last answer.
    pub(crate) finished_ns: u64,
    /// When its workers received their last job.
    pub(crate) executed_ns: u64,
}

/// The processor time of the calling thread when the measured time began and when it ended.
#[derive(Debug, Default)]
pub(super) struct Meter {
    began: Option<Duration>,
    ended: Option<Duration>,
}

impl Meter {
    /// Takes the time if the measured time has begun or ended since the last call.
    pub(super) fn sample(&mut self, now_ns: u64, measure_ns: u64, end_ns: u64) {
        if now_ns >= measure_ns && self.began.is_none() {
            self.began = Some(thread_cpu_time());
        }
        if now_ns >= end_ns && self.ended.is_none() {
            self.ended = Some(thread_cpu_time());
        }
    }

    /// Takes the time at the end of a run that does not end at a moment that was known before.
    pub(super) fn end(&mut self) {
        self.ended.get_or_insert_with(thread_cpu_time);
    }

    /// Returns the processor time within the measured time.
    pub(super) fn busy(&self) -> Duration {
        self.ended.zip(self.began).map_or(Duration::ZERO, |(ended, began)| ended.saturating_sub(began))
    }
}
