//! Ends the test program if a core does not come back from a step.
//!
//! What a core says to itself never leaves it, and a list may be linked in a ring: such a circle is seen by no bound on
//! messages, and a test of it would spin instead of fail. So each thread that steps cores counts its steps, and one thread
//! looks whether a step has ended since it last looked.

use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Looks, a second apart, that may find a core in the same step. Steps take microseconds, the longest in any test less
/// than a second; on a machine that is stopped no thread looks.
const LOOKS_MAX: u32 = 20;

/// What one thread does with its cores.
pub(super) struct Beat {
    test: String,
    /// Odd while a core is at work.
    steps: AtomicU64,
    /// Of the world that was built last.
    seed: AtomicU64,
}

static BEATS: Mutex<Vec<&'static Beat>> = Mutex::new(Vec::new());

thread_local! {
    static BEAT: &'static Beat = Beat::register();
}

/// This thread's.
pub(super) fn beat() -> &'static Beat {
    BEAT.with(|beat| *beat)
}

impl Beat {
    /// Of a thread that is new here. It is never freed: threads that run tests are few.
    fn register() -> &'static Self {
        let test = std::thread::current().name().unwrap_or("a thread").to_owned();
        let beat: &Self = Box::leak(Box::new(Self { test, steps: AtomicU64::new(0), seed: AtomicU64::new(0) }));
        let mut beats = BEATS.lock().expect("no panic under this lock");
        if beats.is_empty() {
            std::thread::spawn(look_for_ever);
        }
        beats.push(beat);
        beat
    }

    /// A world begins.
    pub(super) fn begin(&self, seed: u64) {
        self.seed.store(seed, Ordering::Relaxed);
    }

    /// Does `work`, which must come to an end.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        self.steps.fetch_or(1, Ordering::Relaxed);
        let _end = End(self); // Also of work that panics.
        work()
    }
}

/// At its end a core is at work no more.
struct End<'a>(&'a Beat);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.steps.fetch_add(1, Ordering::Relaxed);
    }
}

fn look_for_ever() {
    let mut seen: Vec<(u64, u32)> = Vec::new();
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let beats = BEATS.lock().expect("no panic under this lock");
        seen.resize(beats.len(), (0, 0));
        for (beat, (last, looks)) in beats.iter().zip(&mut seen) {
            let steps = beat.steps.load(Ordering::Relaxed);
            *looks = if steps % 2 == 1 && steps == *last { *looks + 1 } else { 0 };
            *last = steps;
            if *looks == LOOKS_MAX {
                give_up(beat);
            }
        }
    }
}

/// A panic of this thread would fail no test. Not by a macro: what those print is kept for a test that never ends.
fn give_up(beat: &Beat) -> ! {
    let (test, seed) = (&beat.test, beat.seed.load(Ordering::Relaxed));
    let text = format!("\n{test}: a core goes in a circle within one step (seed {seed})\n");
    let _ = std::io::stderr().write_all(text.as_bytes()); // stderr may have no reader; the exit code tells too.
    std::process::exit(101)
}
