//! What a test measured, shown to who asks for it with `--nocapture`. Nothing is judged by it.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fmt;
use std::time::Duration;

/// Shows a figure. The harness keeps it to itself unless it is asked, or the test fails.
#[allow(clippy::print_stdout, reason = "the harness keeps it for who asks")]
pub(crate) fn show(figure: fmt::Arguments<'_>) {
    println!("measured: {figure}");
}

/// How a number of durations are spread.
pub(crate) struct Spread(Vec<Duration>);

impl Spread {
    /// Of at least one.
    pub(crate) fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        Self(all)
    }

    /// What `percent` of them do not pass.
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
