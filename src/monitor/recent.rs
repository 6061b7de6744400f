//! Copies of the last seconds, to compare the present one with. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The least difference in age between two copies that are compared.
const LEAST: Duration = Duration::from_secs(2);

/// Copies, the oldest first. They are at least half of [`LEAST`] apart, so there are never more than four.
#[derive(Debug)]
pub(super) struct Recent<T>(VecDeque<(Instant, T)>);

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T: Clone> Recent<T> {
    /// Adds the present copy. Returns the youngest copy that is old enough for a comparison, and its age.
    pub(super) fn add(&mut self, copy: &T, now: Instant) -> Option<(T, Duration)> {
        let age = |at: Instant| now.saturating_duration_since(at);
        while self.0.get(1).is_some_and(|(at, _)| age(*at) >= LEAST) {
            self.0.pop_front();
        }
        let base = self.0.front().filter(|(at, _)| age(*at) >= LEAST).map(|(at, base)| (base.clone(), age(*at)));
        if self.0.back().is_none_or(|(at, _)| age(*at) >= LEAST / 2) {
            self.0.push_back((now, copy.clone()));
        }
        base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_compared_with_the_youngest_that_is_two_seconds_old() {
        let start = Instant::now();
        let mut recent = Recent::default();
        let mut add =
            |ms: u64| recent.add(&ms, start + Duration::from_millis(ms)).map(|(base, age)| (base, age.as_millis()));
        assert_eq!(add(0), None);
        assert_eq!(add(1_999), None);
        assert_eq!(add(2_000), Some((0, 2_000)));
        assert_eq!(add(2_500), Some((0, 2_500)));
        assert_eq!(add(3_999), Some((1_999, 2_000)));
        assert_eq!(add(60_000), Some((3_999, 56_001)));
    }

    #[test]
    fn few_copies_are_kept() {
        let start = Instant::now();
        let mut recent = Recent::default();
        for ms in (0..100_000).step_by(10) {
            recent.add(&ms, start + Duration::from_millis(ms));
            assert!(recent.0.len() <= 4);
        }
    }
}
