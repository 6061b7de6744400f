//! How a run goes in time: what the options ask for ([`Timing`]), and the moments that follow from it ([`Schedule`]).

use std::time::{Duration, Instant};

use crate::harness::system::calls::CALLS;
use crate::harness::traffic::workload::nanoseconds;

/// How long answers may take once no more jobs are submitted.
const DRAIN: Duration = Duration::from_secs(10);

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// The time before anything is measured.
    pub(crate) warm_up: Duration,
    /// The measured time.
    pub(crate) measured: Duration,
    /// An answer that takes longer is wrong.
    pub(crate) late: Duration,
    /// Measures this many jobs instead, however long they take.
    pub(crate) jobs: Option<u64>,
    /// Threads of the load.
    pub(crate) load_threads: usize,
    /// Jobs per second that are submitted, however fast the answers arrive; `None`: closed loop.
    pub(crate) rate_per_s: Option<f64>,
    /// Whether the right answer to one job is to be called wrong: shows that answers are checked.
    pub(crate) expect_wrong: bool,
    /// Whether to count system calls, after everything else.
    pub(crate) count_calls: bool,
}

/// When a run does what, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// The start.
    pub(crate) start: Instant,
    /// Answers are measured from here on,
    pub(crate) measure_ns: u64,
    /// until here.
    pub(crate) end_ns: u64,
    /// No job is submitted from here on.
    pub(crate) stop_ns: u64,
    /// A job without an answer at this moment is missing.
    pub(crate) give_up_ns: u64,
    /// An answer that takes longer is wrong.
    pub(crate) late_ns: u64,
}

impl Schedule {
    /// Returns a schedule that has not begun. It is replaced when all peers are connected.
    pub(crate) fn unset() -> Self {
        Self { start: Instant::now(), measure_ns: 0, end_ns: 0, stop_ns: 0, give_up_ns: 0, late_ns: 0 }
    }

    /// Returns the schedule of a run that starts now.
    pub(crate) fn of(timing: &Timing) -> Self {
        let late_ns = nanoseconds(timing.late);
        if timing.jobs.is_some() {
            return Self { end_ns: u64::MAX, stop_ns: u64::MAX, give_up_ns: u64::MAX, late_ns, ..Self::unset() };
        }
        let measured_until = timing.warm_up + timing.measured;
        let stop = measured_until + if timing.count_calls { CALLS * 2 } else { Duration::ZERO };
        Self {
            start: Instant::now(),
            measure_ns: nanoseconds(timing.warm_up),
            end_ns: nanoseconds(measured_until),
            stop_ns: nanoseconds(stop),
            give_up_ns: nanoseconds(stop + DRAIN),
            late_ns,
        }
    }

    /// Returns the time since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        nanoseconds(self.start.elapsed())
    }

    /// Returns when a job that started at this moment and has no answer is missing: its answer would be late by far.
    pub(crate) fn missing_ns(&self, start_ns: u64) -> u64 {
        self.give_up_ns.min(start_ns.saturating_add(self.late_ns).saturating_add(nanoseconds(DRAIN)))
    }

    /// Whether what happens at this moment is measured.
    pub(crate) fn measures(&self, now_ns: u64) -> bool {
        (self.measure_ns..self.end_ns).contains(&now_ns)
    }
}
