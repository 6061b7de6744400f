//! What a test measured, shown with `--nocapture`. No test depends on it.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fmt;
use std::time::Duration;

/// Prints a figure. The harness shows it with `--nocapture`, or if the test fails.
#[allow(clippy::print_stdout, reason = "the harness captures it")]
pub(crate) fn show(figure: fmt::Arguments<'_>) {
    println!("measured: {figure}");
}

/// Durations in order, for quantiles.
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    /// Sorts at least one duration.
    pub(crate) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// Returns the duration that `percent` of them do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent).div_ceil(100).max(1) - 1]
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, all] = [50, 99, 100].map(|percent| self.percentile(percent));
        write!(f, "median {half:.2?}, p99 {most:.2?}, longest {all:.2?} of {}", self.0.len())
    }
}
