//! Limits log lines that could come thousands of times per second.

use std::time::{Duration, Instant};

/// Passes one line per second and counts the lines that it suppresses.
#[derive(Default)]
pub(in crate::server) struct RateLimit {
    last: Option<Instant>,
    suppressed: u64,
}

impl RateLimit {
    /// Returns `None` if the line must be suppressed. Otherwise returns what to append to it: nothing, or
    /// ` (12 more like this before)` if lines were suppressed since the last one.
    pub(in crate::server) fn pass(&mut self, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < Duration::from_secs(1)) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(match std::mem::take(&mut self.suppressed) {
            0 => String::new(),
            suppressed => format!(" ({suppressed} more like this before)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second_says_how_many_were_not() {
        let mut rate_limit = RateLimit::default();
        let start = Instant::now();
        let mut at = |ms| rate_limit.pass(start + Duration::from_millis(ms));
        assert_eq!(at(0).as_deref(), Some(""));
        assert_eq!([at(1), at(500), at(999)], [None, None, None]);
        assert_eq!(at(1_000).as_deref(), Some(" (3 more like this before)"));
        assert_eq!(at(1_999), None);
        assert_eq!(at(9_000).as_deref(), Some(" (1 more like this before)"));
        assert_eq!(at(10_000).as_deref(), Some(""));
    }
}
