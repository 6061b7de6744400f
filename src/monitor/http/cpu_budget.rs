//! Limits the processor time of the HTTP thread, so that a flood of requests costs jobs little.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::limits::{HTTP_CPU_BURST_MS, HTTP_CPU_PERCENT};

/// Processor time that the thread may still use before it must pause. It grows with time, up to a burst. Times are in
/// nanoseconds.
#[derive(Debug)]
pub(super) struct CpuBudget {
    left: i64,
    used: i64,
    at: Instant,
}

/// The most that is left.
const BURST: i64 = HTTP_CPU_BURST_MS * 1_000_000;

impl CpuBudget {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: BURST, used: thread_time(), at: now }
    }

    /// Called when a turn of the thread has ended. Returns how long the thread must pause.
    pub(super) fn turn_ended(&mut self, now: Instant) -> Duration {
        self.spend(thread_time(), now)
    }

    /// As [`turn_ended`](Self::turn_ended), where the thread has used this much in all.
    fn spend(&mut self, used: i64, now: Instant) -> Duration {
        let passed = i64::try_from(now.saturating_duration_since(self.at).as_nanos()).unwrap_or(i64::MAX);
        let earned = passed / 100 * HTTP_CPU_PERCENT;
        self.left = self.left.saturating_add(earned).min(BURST) - (used - self.used);
        (self.used, self.at) = (used, now);
        Duration::from_nanos(u64::try_from(-self.left).unwrap_or(0) / HTTP_CPU_PERCENT.unsigned_abs() * 100)
    }
}

/// Returns the processor time that this thread has used.
fn thread_time() -> i64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: i64 = 1_000_000;

    #[test]
    fn a_burst_is_free_and_what_follows_waits_until_it_is_earned() {
        let start = Instant::now();
        let mut budget = CpuBudget { left: BURST, used: 0, at: start };
        assert_eq!(budget.spend(BURST, start), Duration::ZERO);
        let pause = budget.spend(BURST + MS, start);
        assert_eq!(pause, Duration::from_millis(100 / HTTP_CPU_PERCENT.unsigned_abs()));
        assert_eq!(budget.spend(BURST + MS, start + pause), Duration::ZERO);
    }

    #[test]
    fn over_a_long_time_the_share_holds() {
        let start = Instant::now();
        let mut budget = CpuBudget { left: BURST, used: 0, at: start };
        let (mut now, mut used) = (start, 0);
        for _ in 0..100_000 {
            used += MS / 2;
            now += Duration::from_nanos(500_000) + budget.spend(used, now);
        }
        let passed = i64::try_from((now - start).as_nanos()).unwrap();
        assert!((used - BURST) * 100 <= passed * HTTP_CPU_PERCENT, "{used} of {passed}");
    }

    #[test]
    fn what_is_left_does_not_grow_past_the_burst() {
        let start = Instant::now();
        let mut budget = CpuBudget { left: 0, used: 0, at: start };
        budget.spend(0, start + Duration::from_secs(86_400));
        assert_eq!(budget.left, BURST);
    }
}
