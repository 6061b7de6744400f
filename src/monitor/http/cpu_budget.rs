//! Limits the processor time of the HTTP thread, so that a flood of requests costs jobs little.
//!
//! Answers with figures, which are large and take milliseconds, have a budget of their own; all other work has another.
//! So probes are answered at once even while a flood of other requests waits.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Processor time that a kind of work may still take. It grows with time, up to a burst; work may overdraw it once. Times are
/// in nanoseconds.
#[derive(Debug)]
pub(super) struct CpuBudget {
    /// The share of one core, in thousandths.
    permille: i64,
    /// The most processor time that may be left.
    burst: i64,
    left: i64,
    at: Instant,
}

impl CpuBudget {
    /// The work may take `permille` thousandths of one core over time, and `burst_ms` milliseconds of processor time at
    /// once after a rest. `permille` is positive.
    pub(super) fn new(permille: i64, burst_ms: i64, now: Instant) -> Self {
        let burst = burst_ms * 1_000_000;
        Self { permille, burst, left: burst, at: now }
    }

    /// Called after work that took `nanos` of processor time.
    pub(super) fn spend(&mut self, nanos: i64, now: Instant) {
        let passed = i64::try_from(now.saturating_duration_since(self.at).as_nanos()).unwrap_or(i64::MAX);
        let earned = passed / 1_000 * self.permille;
        self.left = self.left.saturating_add(earned).min(self.burst).saturating_sub(nanos);
        self.at = now;
    }

    /// Returns how long work of this kind must wait.
    pub(super) fn wait(&mut self, now: Instant) -> Duration {
        self.spend(0, now);
        let overdrawn = u64::try_from(self.left.saturating_neg()).unwrap_or(0);
        Duration::from_nanos(overdrawn / self.permille.unsigned_abs() * 1_000)
    }
}

/// Returns the processor time that this thread has used.
pub(super) fn thread_time() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;
    const PERMILLE: i64 = 20;
    const BURST: i64 = 100 * MS;

    #[test]
    fn a_burst_is_free_and_what_follows_waits_until_it_is_earned() {
        let start = Instant::now();
        let mut budget = CpuBudget::new(PERMILLE, 100, start);
        budget.spend(BURST, start);
        assert_eq!(budget.wait(start), Duration::ZERO);
        budget.spend(MS, start);
        let wait = budget.wait(start);
        let expected = Duration::from_millis(50);
        assert!(wait.abs_diff(expected) < Duration::from_micros(1), "{wait:?}");
        assert_eq!(budget.wait(start + wait), Duration::ZERO);
    }

    #[test]
    fn over_a_long_time_the_share_holds() {
        let start = Instant::now();
        let mut budget = CpuBudget::new(PERMILLE, 100, start);
        let (mut now, mut used) = (start, 0);
        for _ in 0..100_000 {
            used += MS / 2;
            now += Duration::from_micros(500);
            budget.spend(MS / 2, now);
            now += budget.wait(now);
        }
        let passed = i64::try_from((now - start).as_nanos()).unwrap();
        assert!((used - BURST) * 1_000 <= passed * PERMILLE, "{used} of {passed}");
    }

    #[test]
    fn what_is_left_does_not_grow_past_the_burst() {
        let start = Instant::now();
        let mut budget = CpuBudget::new(PERMILLE, 100, start);
        budget.spend(BURST, start);
        budget.spend(0, start + Duration::from_secs(86_400));
        assert_eq!(budget.left, BURST);
    }

    #[test]
    fn work_takes_processor_time() {
        let before = thread_time();
        let mut sum = 0_u64;
        while thread_time() == before {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(thread_time() > before);
    }
}
