//! Ends the test program if a core does not return from a step.
//!
//! A core may loop without a message, for instance over a list that is linked in a ring. No limit on messages notices that,
//! and a test would spin instead of fail. So each thread that steps cores counts its steps, and one thread checks every
//! second whether a step has ended.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many checks, a second apart, may find a core in the same step. Steps take microseconds, the longest in any test less
/// than a second; on a machine that is suspended, no checks run.
const LOOKS_MAX: u32 = 20;

/// The steps of one thread.
pub(super) struct Watchdog {
    test: String,
    /// Odd while a core runs a step.
    steps: AtomicU64,
    /// The seed of the world that was built last.
    seed: AtomicU64,
}

static WATCHDOGS: Mutex<Vec<&'static Watchdog>> = Mutex::new(Vec::new());

thread_local! {
    static WATCHDOG: &'static Watchdog = Watchdog::register();
}

/// Returns the watchdog of this thread.
pub(super) fn watchdog() -> &'static Watchdog {
    WATCHDOG.with(|watchdog| *watchdog)
}

impl Watchdog {
    /// Registers a new thread. The entry is never freed, because few threads run tests.
    fn register() -> &'static Self {
        let test = std::thread::current().name().unwrap_or("a thread").to_owned();
        let watchdog: &Self = Box::leak(Box::new(Self { test, steps: AtomicU64::new(0), seed: AtomicU64::new(0) }));
        let mut watchdogs = WATCHDOGS.lock().expect("no panic under this lock");
        if watchdogs.is_empty() {
            std::thread::spawn(look_for_ever);
        }
        watchdogs.push(watchdog);
        watchdog
    }

    /// Called when a world begins.
    pub(super) fn begin(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
    }

    /// Runs `work`, which must end.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.steps.fetch_or(1, Ordering::Relaxed);
        let _end = End(self); // Also of work that panics.
        work()
    }
}

/// Marks the end of a step when it is dropped.
struct End<'a>(&'a Watchdog);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
    }
}

fn look_for_ever() {
    let mut seen: Vec<(u64, u32)> = Vec::new();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let watchdogs = WATCHDOGS.lock().expect("no panic under this lock");
        seen.resize(watchdogs.len(), (0, 0));
        for (watchdog, (last, looks)) in watchdogs.iter().zip(&mut seen) {
            let steps = watchdog.steps.load(Ordering::Relaxed);
            *looks = if steps % 2 == 1 && steps == *last { *looks + 1 } else { 0 };
            *last = steps;
            if *looks == LOOKS_MAX {
                give_up(watchdog);
            }
        }
    }
}

/// Ends the process, because a panic of this thread would fail no test. Writes without a macro, because the harness keeps
/// what macros print until the test ends.
fn give_up(watchdog: &Watchdog) -> ! {
    let (test, seed) = (&watchdog.test, watchdog.seed.load(Ordering::Relaxed));
    let text = format!("\n{test}: a core goes in a circle within one step (seed {seed})\n");
    let _ = std::io::stderr().write_all(text.as_bytes()); // If stderr is closed, the exit code still says it.
    std::process::exit(101)
}
