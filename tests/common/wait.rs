//! Waiting for a fact that can be observed. The deadline only keeps a failing test from hanging: it is long, so that a
//! slow machine passes, and nothing is concluded from how long something took.

use std::thread;
use std::time::{Duration, Instant};

/// How long one step of a test may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Calls `probe` until it returns a value.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(2));
    }
}
