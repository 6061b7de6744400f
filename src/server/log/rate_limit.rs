//! Limits log lines that could come thousands of times per second.

use std::fmt;
use std::time::{Duration, Instant};

/// Passes one line per second and counts the lines that it suppresses.
#[derive(Default)]
pub(in crate::server) struct RateLimit {
    last: Option<Instant>,
    suppressed: u64,
}

/// How many lines were suppressed before this one. It is appended to the line: nothing, or
/// ` (12 more like this before)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Suppressed(pub(in crate::server) u64);

impl fmt::Display for Suppressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            suppressed => write!(f, " ({suppressed} more like this before)"),
        }
    }
}

impl RateLimit {
    /// Returns `None` if the line must be suppressed. Otherwise returns how many were suppressed since the last one.
    pub(in crate::server) fn pass(&mut self, now: Instant) -> Option<Suppressed> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < Duration::from_secs(1)) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(Suppressed(std::mem::take(&mut self.suppressed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_says_how_many_were_not() {
        let mut rate_limit = RateLimit::default();
        let start = Instant::now();
        let mut at = |ms| rate_limit.pass(start + Duration::from_millis(ms)).map(|suppressed| suppressed.to_string());
        assert_eq!(at(0).as_deref(), Some(""));
        assert_eq!([at(1), at(500), at(999)], [None, None, None]);
        assert_eq!(at(1_000).as_deref(), Some(" (3 more like this before)"));
        assert_eq!(at(1_999), None);
        assert_eq!(at(9_000).as_deref(), Some(" (1 more like this before)"));
        assert_eq!(at(10_000).as_deref(), Some(""));
    }
}
