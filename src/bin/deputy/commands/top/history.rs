//! What became of a figure over the last answers. Pure.

use std::collections::VecDeque;

/// Points that are kept: as many as a wide graph has columns.
pub(super) const POINTS_MAX: usize = 240;

/// Steps of a column that is one line high.
const STEPS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The last values of a type, or of all: the newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    /// Jobs done a second since the answer before; none of the first.
    pub(super) rate: Option<f64>,
    rates: VecDeque<f64>,
    waiting: VecDeque<u64>,
}

/// What graphs show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Graph {
    #[default]
    Done,
    Waiting,
}

impl Graph {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Done => Self::Waiting,
            Self::Waiting => Self::Done,
        }
    }

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Done => "DONE/S",
            Self::Waiting => "WAITING",
        }
    }
}

impl History {
    /// Adds what an answer tells.
    pub(super) fn add(&mut self, rate: Option<f64>, waiting: u64) {
        self.rate = rate;
        if let Some(rate) = rate {
            push(&mut self.rates, rate);
        }
        push(&mut self.waiting, waiting);
    }

    /// The last values, at most so many; a tenth is as fine as it gets.
    pub(super) fn values(&self, graph: Graph, most: usize) -> Vec<u64> {
        fn last<T>(values: &VecDeque<T>, most: usize) -> impl Iterator<Item = &T> {
            values.iter().skip(values.len().saturating_sub(most))
        }
        match graph {
            Graph::Done => last(&self.rates, most).map(|rate| tenths(*rate)).collect(),
            Graph::Waiting => last(&self.waiting, most).map(|waiting| waiting.saturating_mul(10)).collect(),
        }
    }

    /// A graph one line high, of so many columns, the newest value on the right. It is as high as its largest value; where
    /// nothing happened there is a gap.
    pub(super) fn line(&self, graph: Graph, columns: usize) -> String {
        let values = self.values(graph, columns);
        let max = values.iter().copied().max().unwrap_or(0).max(1);
        let mut line = " ".repeat(columns - values.len());
        line.extend(values.into_iter().map(|value| step(value, max)));
        line
    }
}

fn push<T>(values: &mut VecDeque<T>, value: T) {
    if values.len() == POINTS_MAX {
        values.pop_front();
    }
    values.push_back(value);
}

fn step(value: u64, max: u64) -> char {
    if value == 0 {
        return ' ';
    }
    let highest = STEPS.len() as u128;
    let step = (u128::from(value) * highest).div_ceil(u128::from(max)).clamp(1, highest);
    STEPS[usize::try_from(step).map_or(0, |step| step - 1)]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative; huge ones are cut"
)]
fn tenths(rate: f64) -> u64 {
    (rate * 10.0).round() as u64
}

/// How many a second were done between two counts; none if the count went back, as it does when workers leave.
pub(super) fn rate(before: u64, after: u64, seconds: f64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let done = after.checked_sub(before)? as f64;
    (seconds > 0.0).then(|| done / seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_what_was_done_in_the_time() {
        for (before, after, seconds, expected) in [
            (10, 30, 2.0, Some(10.0)),
            (10, 10, 1.0, Some(0.0)),
            (10, 9, 1.0, None),
            (0, 1, 0.0, None),
            (0, u64::MAX, 1.0, Some(18_446_744_073_709_551_615.0)),
        ] {
            assert_eq!(rate(before, after, seconds), expected);
        }
    }

    #[test]
    fn a_graph_is_as_high_as_its_largest_value_and_ends_on_the_right() {
        let mut history = History::default();
        assert_eq!(history.line(Graph::Done, 3), "   ");
        for (rate, waiting) in [(None, 0), (Some(0.0), 1), (Some(0.1), 4), (Some(40.0), 8), (Some(80.0), 3)] {
            history.add(rate, waiting);
        }
        assert_eq!(history.line(Graph::Done, 6), "   ▁▄█");
        assert_eq!(history.line(Graph::Done, 2), "▄█");
        assert_eq!(history.line(Graph::Waiting, 7), "   ▁▄█▃");
        assert_eq!(history.line(Graph::Waiting, 0), "");
        history.add(Some(f64::MAX), u64::MAX);
        assert_eq!((history.line(Graph::Done, 2), history.line(Graph::Waiting, 1)), ("▁█".into(), "█".into()));
    }

    #[test]
    fn old_values_are_forgotten() {
        let mut history = History::default();
        for value in 0..2 * POINTS_MAX as u64 {
            history.add(Some(1.0), value);
        }
        let values = history.values(Graph::Waiting, usize::MAX);
        assert_eq!((values.len(), values[0]), (POINTS_MAX, 10 * POINTS_MAX as u64));
    }
}
