//! For lines that could come thousands of times a second.

use std::time::{Duration, Instant};

/// Lets one line a second through, and counts the others.
#[derive(Default)]
pub(in crate::server) struct RateLimit {
    last: Option<Instant>,
    suppressed: u64,
}

impl RateLimit {
    /// Whether a line may be said now, and if so, what it has to say of those that were not: `""`, or
    /// ` (12 more like this before)`.
    pub(in crate::server) fn pass(&mut self, now: Instant) -> Option<String> {
        if self.last.is_some_and(|last| now.saturating_duration_since(last) < Duration::from_secs(1)) {
            self.suppressed += 1;
            return None;
        }
        self.last = Some(now);
        Some(match std::mem::take(&mut self.suppressed) {
            0 => String::new(),
            unsaid => format!(" ({unsaid} more like this before)"),
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
