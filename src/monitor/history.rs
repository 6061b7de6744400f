//! Ten minutes of a server's totals, in steps of two seconds. Pure.

use std::collections::VecDeque;

use serde::Serialize;

use crate::client::Metrics;
use crate::limits::{HISTORY_STEPS_MAX, SAMPLE_STEP_MS};

/// The last steps, the oldest first. Where the server did not answer, a step has no figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct History {
    step_ms: u64,
    /// When the last step ended, in milliseconds since 1970.
    end_ms: u64,
    #[serde(flatten)]
    columns: Columns,
    /// The totals at the end of the last step that has figures, and how many steps have passed since.
    #[serde(skip)]
    last: Option<(Counters, u32)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
struct Columns {
    /// Jobs per second.
    done: VecDeque<Option<f64>>,
    failed: VecDeque<Option<f64>>,
    accepted: VecDeque<Option<f64>>,
    /// Jobs.
    waiting: VecDeque<Option<u64>>,
    running: VecDeque<Option<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counters {
    done: u64,
    failed: u64,
    accepted: u64,
}

impl History {
    /// Adds a step that has just ended: the totals, or none if the server did not answer.
    pub(super) fn step(&mut self, end_ms: u64, totals: Option<&Metrics>) {
        self.step_ms = SAMPLE_STEP_MS;
        self.end_ms = end_ms;
        let Some(totals) = totals else {
            if let Some((_, steps)) = &mut self.last {
                *steps = steps.saturating_add(1);
                self.columns.push([None; 3], [None; 2]);
            }
            return;
        };
        let now = Counters { done: totals.jobs_done, failed: totals.jobs_failed, accepted: totals.jobs_added };
        // The first totals only begin the first step.
        if let Some((before, steps)) = self.last.replace((now, 0)) {
            let seconds = f64::from(steps + 1) * STEP_SECONDS;
            let rates = [(now.done, before.done), (now.failed, before.failed), (now.accepted, before.accepted)];
            self.columns.push(
                rates.map(|(now, before)| Some(rate(now.saturating_sub(before), seconds))),
                [Some(totals.jobs_waiting), Some(totals.jobs_running)],
            );
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "two seconds")]
const STEP_SECONDS: f64 = SAMPLE_STEP_MS as f64 / 1_000.0;

/// Returns a number per second, in hundredths.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
pub(super) fn rate(count: u64, seconds: f64) -> f64 {
    (count as f64 / seconds * 100.0).round() / 100.0
}

impl Columns {
    fn push(&mut self, [done, failed, accepted]: [Option<f64>; 3], [waiting, running]: [Option<u64>; 2]) {
        put(&mut self.done, done);
        put(&mut self.failed, failed);
        put(&mut self.accepted, accepted);
        put(&mut self.waiting, waiting);
        put(&mut self.running, running);
    }
}

fn put<T>(column: &mut VecDeque<T>, value: T) {
    if column.len() == HISTORY_STEPS_MAX {
        column.pop_front();
    }
    column.push_back(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn totals(jobs_added: u64, jobs_done: u64, jobs_failed: u64) -> Metrics {
        Metrics { jobs_added, jobs_done, jobs_failed, jobs_waiting: 3, jobs_running: 1, ..Metrics::default() }
    }

    #[test]
    fn rates_are_those_between_two_steps() {
        let mut history = History::default();
        history.step(1_000, Some(&totals(100, 50, 0)));
        history.step(3_000, Some(&totals(110, 51, 1)));
        history.step(5_000, Some(&totals(110, 61, 1)));
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(
            json,
            r#"{"step_ms":2000,"end_ms":5000,"done":[0.5,5.0],"failed":[0.5,0.0],"accepted":[5.0,0.0],"waiting":[3,3],"running":[1,1]}"#
        );
    }

    #[test]
    fn a_step_without_an_answer_is_empty_and_the_next_has_the_mean() {
        let mut history = History::default();
        history.step(0, None);
        history.step(0, Some(&totals(0, 0, 0)));
        history.step(0, None);
        history.step(0, Some(&totals(0, 40, 0)));
        assert_eq!(history.columns.done, [None, Some(10.0)]);
        assert_eq!(history.columns.waiting, [None, Some(3)]);
    }

    #[test]
    fn only_the_last_ten_minutes_are_kept() {
        let mut history = History::default();
        for done in 0..1_000 {
            history.step(0, Some(&totals(0, done * done, 0)));
        }
        assert_eq!(history.columns.done.len(), 300);
        assert_eq!(history.columns.done.back(), Some(&Some(998.5)));
    }
}
