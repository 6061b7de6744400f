//! Clocks, cores and alternation of two threads, for the measurements.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};

/// Returns the processor time of the calling thread, in nanoseconds.
pub(super) fn cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).expect("processor time is positive")
}

/// Returns what reading that clock costs: the time between two readings.
pub(super) fn cpu_clock_ns() -> u64 {
    median((0..1_000).map(|_| {
        let before = cpu_ns();
        cpu_ns() - before
    }))
}

/// Returns the wall time that `work` takes, in nanoseconds.
pub(super) fn wall_ns(work: impl FnOnce()) -> u64 {
    let start = Instant::now();
    work();
    u64::try_from(start.elapsed().as_nanos()).expect("measurements are short")
}

/// Returns the median, which is right even if nearly half of the figures were disturbed.
pub(super) fn median(figures: impl IntoIterator<Item = u64>) -> u64 {
    let mut figures: Vec<u64> = figures.into_iter().collect();
    figures.sort_unstable();
    figures[figures.len() / 2]
}

/// Returns the fixed cost and the cost per step, from the time of a few steps and that of many.
pub(super) fn parts(few: (u64, u64), many: (u64, u64)) -> (u64, u64) {
    let each = many.1.saturating_sub(few.1) / (many.0 - few.0);
    (few.1.saturating_sub(each * few.0), each)
}

/// Keeps the calling thread on the nth core that it may use, so that two threads do not share one.
#[cfg(target_os = "linux")]
pub(super) fn pin(nth: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(allowed) = sched_getaffinity(None) else { return };
    if let Some(core) = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).nth(nth) {
        let mut only = CpuSet::new();
        only.set(core);
        // If it fails, the measurement is only less steady.
        let _ = sched_setaffinity(None, &only);
    }
}

/// Other systems do not offer this.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin(_nth: usize) {}

/// Lets two threads alternate without a system call: both wait for a number.
#[derive(Debug, Default)]
pub(super) struct Turns(AtomicU64);

impl Turns {
    /// Waits for this turn.
    pub(super) fn wait(&self, turn: u64) {
        let mut looks = 0_u32;
        while self.0.load(Ordering::Acquire) < turn {
            std::hint::spin_loop();
            looks += 1;
            if looks.is_multiple_of(1 << 16) {
                std::thread::yield_now(); // The other thread may need this core.
            }
        }
    }

    /// Begins this turn.
    pub(super) fn begin(&self, turn: u64) {
        self.0.store(turn, Ordering::Release);
    }
}

/// Runs two closures on different cores; returns their results.
pub(super) fn on_two_cores<A: Send, B: Send>(
    first: impl FnOnce() -> A + Send,
    second: impl FnOnce() -> B + Send,
) -> (A, B) {
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            pin(1);
            second()
        });
        let first = scope.spawn(|| {
            pin(0);
            first()
        });
        let joined = "a measurement does not fail";
        (first.join().expect(joined), second.join().expect(joined))
    })
}
