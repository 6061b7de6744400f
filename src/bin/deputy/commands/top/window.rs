//! Keeps older copies of the histograms, from which the quantiles of the last 30 to 60 seconds are computed. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use deputy::client::{Histogram, TypeMetrics};

use crate::server::{Quantiles, quantiles};

/// The time between two copies. Two copies are kept.
const STEP: Duration = Duration::from_secs(30);

/// The histograms of each type at a moment: waiting and running.
type Copy = HashMap<String, (Histogram, Histogram)>;

/// The last two copies, the older first.
#[derive(Debug, Default)]
pub(super) struct Window(VecDeque<(Instant, Copy)>);

impl Window {
    /// Forgets all copies, because another server answers.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Keeps a copy of an answer, if the last one is old enough.
    pub(super) fn add(&mut self, at: Instant, types: &[TypeMetrics]) {
        if self.0.back().is_some_and(|(last, _)| at.saturating_duration_since(*last) < STEP) {
            return;
        }
        if self.0.len() == 2 {
            self.0.pop_front();
        }
        self.0.push_back((at, types.iter().map(|row| (row.name.clone(), (row.wait, row.run))).collect()));
    }

    /// Returns the quantiles of the jobs since the older copy.
    pub(super) fn quantiles(&self, row: &TypeMetrics) -> Quantiles {
        let copy = self.0.front().and_then(|(_, copy)| copy.get(&row.name));
        // A type that is missing from a copy had no job at that time.
        let (wait, run) = copy.copied().unwrap_or_default();
        quantiles(&row.wait.since(&wait), &row.run.since(&run))
    }
}

#[cfg(test)]
mod tests {
    use deputy::metrics::BUCKETS;
    use serde_json::json;

    use super::*;
    use crate::server::tests::row;

    /// Returns a type of which this many jobs have waited for up to 0.1 ms, and the others for up to 10 ms.
    fn waited(short: u64, long: u64) -> TypeMetrics {
        let mut counts = [0; BUCKETS];
        (counts[0], counts[6]) = (short, long);
        row("t", json!({ "wait": { "counts": counts } }))
    }

    #[test]
    fn quantiles_forget_what_is_older_than_a_minute() {
        let (mut window, start) = (Window::default(), Instant::now());
        let median = |window: &Window, row: &TypeMetrics| window.quantiles(row)[0].map(|time| time.as_micros());
        window.add(start, &[waited(100, 0)]);
        assert_eq!(median(&window, &waited(100, 0)), None, "no job since then");
        assert_eq!(median(&window, &waited(100, 2)), Some(7_500));
        window.add(start + STEP / 2, &[waited(100, 100)]);
        window.add(start + STEP, &[waited(100, 100)]);
        assert_eq!(median(&window, &waited(102, 100)), Some(7_450), "the first copy still counts");
        window.add(start + 2 * STEP, &[waited(102, 100)]);
        assert_eq!(median(&window, &waited(104, 100)), Some(50));
        window.clear();
        assert_eq!(median(&window, &waited(104, 0)), Some(50), "a new server has counted since its start");
    }
}
