//! Why jobs of a type wait, from what the server tells. Pure.
//!
//! No job waits beside a free worker of its type for longer than a moment (docs/protocol.md). So where jobs wait and somebody
//! does their type, its workers are taken: by jobs of this type, by jobs of others, or because they do not read.

use deputy::client::{Metrics, TypeMetrics};

use crate::commands::health::is_memory_full;
use crate::format::{age, count, counted};
use crate::out::one_line;

/// How long a job may lie beside an idle worker before that is strange: a busy machine's moment.
const MOMENT_MS: u64 = 1_000;

/// Why jobs of a type wait, or that they do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The server is stopping, and hands out nothing more.
    Stopping,
    /// No job waits.
    Nothing,
    /// Nobody does it.
    NoWorker,
    /// Each of its workers holds a job of it, as far as can be told.
    Busy,
    /// Some of its workers hold none of its jobs, but no worker of the server is idle.
    BusyWithOthers,
    /// Some of its workers hold none of its jobs, and whether they hold others cannot be told.
    SeemBusy,
    /// At least so many of its workers are idle, and have been for a moment only.
    AboutToStart,
    /// At least so many of its workers are idle, and take nothing.
    Stalled { idle: u64 },
}

impl Cause {
    pub(super) fn of(row: &TypeMetrics, metrics: &Metrics) -> Self {
        // Of all workers so many hold a job. If that are fewer than do the type, the rest of those is idle.
        let holding = metrics.workers.saturating_sub(metrics.workers_idle);
        let idle = row.workers.saturating_sub(holding);
        match row {
            _ if metrics.draining => Self::Stopping,
            row if row.waiting == 0 => Self::Nothing,
            row if row.workers == 0 => Self::NoWorker,
            row if idle > 0 && row.oldest_ms < MOMENT_MS => Self::AboutToStart,
            _ if idle > 0 => Self::Stalled { idle },
            row if row.running >= row.workers => Self::Busy,
            _ if metrics.workers_idle == 0 => Self::BusyWithOthers,
            _ => Self::SeemBusy,
        }
    }

    /// Whether names that are like this one may be what was meant: it has neither workers nor running jobs.
    pub(super) fn may_be_misspelt(self, row: &TypeMetrics) -> bool {
        matches!(self, Self::Nothing | Self::NoWorker) && row.workers == 0 && row.running == 0
    }

    /// Says it, with names that may have been meant.
    pub(super) fn explain(self, row: &TypeMetrics, metrics: &Metrics, near: &[&str]) -> String {
        let name = quoted(&row.name);
        let reason = match self {
            Self::Stopping => {
                format!(
                    "No job of type {name} is started: the server is stopping, and answers what waits with shutdown"
                )
            }
            Self::Nothing => format!("No job of type {name} waits{}", without_waiting(row)),
            _ => waiting(row, &name) + &self.reason(row),
        };
        let full = is_memory_full(metrics) && self != Self::Stopping;
        let full = if full { "; the server's memory budget is used up, so that new ones are refused" } else { "" };
        reason + full + &suggestion(near)
    }

    /// Goes on from how many jobs wait.
    fn reason(self, row: &TypeMetrics) -> String {
        let some = if row.running == 0 { "" } else { ", some of them" };
        match (self, row.workers) {
            (Self::NoWorker, _) => ", because no worker does that type".to_owned(),
            (Self::Busy, 1) => format!(", because its only worker is busy: it holds {}", counted(row.running, "job")),
            (Self::Busy, workers) => {
                format!(", because all its {} workers are busy: they hold {}", count(workers), count(row.running))
            }
            (Self::BusyWithOthers, 1) => ", because its only worker is busy with jobs of other types".to_owned(),
            (Self::BusyWithOthers, workers) => {
                format!(", because all its {} workers are busy{some} with jobs of other types", count(workers))
            }
            (Self::SeemBusy, 1) => ": its only worker seems to be busy with jobs of other types".to_owned(),
            (Self::SeemBusy, workers) => {
                format!(": its {} workers seem to be busy{some} with jobs of other types", count(workers))
            }
            (Self::Stalled { .. }, 1) => {
                ", though its only worker is idle: it seems not to read what it is sent".to_owned()
            }
            (Self::Stalled { idle }, workers) => format!(
                ", though of its {} workers at least {} {} idle: they seem not to read what they are sent",
                count(workers),
                count(idle),
                if idle == 1 { "is" } else { "are" }
            ),
            (Self::Stopping | Self::Nothing | Self::AboutToStart, _) => ": a worker is about to take it".to_owned(),
        }
    }
}

/// How many wait, and for how long.
fn waiting(row: &TypeMetrics, name: &str) -> String {
    let oldest = age(row.oldest_ms);
    match row.waiting {
        1 => format!("1 job of type {name} has waited for {oldest}"),
        more => format!("{} jobs of type {name} wait, the oldest for {oldest}", count(more)),
    }
}

/// What there is where nothing waits.
fn without_waiting(row: &TypeMetrics) -> String {
    match (row.running, row.workers) {
        (0, 0) => ", and no worker does that type".to_owned(),
        (0, 1) => "; 1 worker does that type".to_owned(),
        (0, workers) => format!("; {} workers do that type", count(workers)),
        (1, _) => "; 1 is running".to_owned(),
        (running, _) => format!("; {} are running", count(running)),
    }
}

/// The end of the sentence: a question, if there are such names.
fn suggestion(near: &[&str]) -> String {
    let names: Vec<String> = near.iter().map(|name| quoted(name)).collect();
    match names.split_last() {
        None => ".".to_owned(),
        Some((last, [])) => format!("; did you mean {last}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", one_line(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::commands::health::tests::{metrics, row};

    /// Of a row (waiting, running, workers, the age of the oldest) and the server's workers and how many of them are idle.
    fn said(jobs: [u64; 4], [workers, workers_idle]: [u64; 2]) -> String {
        let [waiting, running, doing, oldest_ms] = jobs;
        let row =
            row("resize", json!({ "waiting": waiting, "running": running, "workers": doing, "oldest_ms": oldest_ms }));
        let metrics = metrics(json!({ "workers": workers, "workers_idle": workers_idle }));
        Cause::of(&row, &metrics).explain(&row, &metrics, &[])
    }

    #[test]
    fn each_cause_is_said_in_one_sentence() {
        for (jobs, workers, sentence) in [
            ([0, 0, 0, 0], [0, 0], "No job of type \"resize\" waits, and no worker does that type."),
            ([0, 0, 1, 0], [1, 1], "No job of type \"resize\" waits; 1 worker does that type."),
            ([0, 0, 2_000, 0], [2_000, 0], "No job of type \"resize\" waits; 2,000 workers do that type."),
            ([0, 1, 1, 0], [1, 0], "No job of type \"resize\" waits; 1 is running."),
            ([0, 2, 1, 0], [1, 0], "No job of type \"resize\" waits; 2 are running."),
            (
                [1, 0, 0, 3_200],
                [4, 4],
                "1 job of type \"resize\" has waited for 3.2 s, because no worker does that type.",
            ),
            (
                [1_234, 1, 1, 200_000],
                [1, 0],
                "1,234 jobs of type \"resize\" wait, the oldest for 3 min 20 s, because its only worker is busy: it holds 1 \
                 job.",
            ),
            (
                [2, 8, 2, 100],
                [5, 3],
                "2 jobs of type \"resize\" wait, the oldest for 0.1 s, because all its 2 workers are busy: they hold 8.",
            ),
            (
                [2, 0, 1, 0],
                [3, 0],
                "2 jobs of type \"resize\" wait, the oldest for 0.0 s, because its only worker is busy with jobs of other \
                 types.",
            ),
            (
                [2, 1, 2, 0],
                [3, 0],
                "2 jobs of type \"resize\" wait, the oldest for 0.0 s, because all its 2 workers are busy, some of them with \
                 jobs of other types.",
            ),
            (
                [2, 0, 1, 5_000],
                [3, 2],
                "2 jobs of type \"resize\" wait, the oldest for 5.0 s: its only worker seems to be busy with jobs of other \
                 types.",
            ),
            (
                [2, 0, 2, 5_000],
                [4, 2],
                "2 jobs of type \"resize\" wait, the oldest for 5.0 s: its 2 workers seem to be busy with jobs of other \
                 types.",
            ),
            ([1, 0, 1, 999], [1, 1], "1 job of type \"resize\" has waited for 0.9 s: a worker is about to take it."),
            (
                [1, 0, 1, 1_000],
                [1, 1],
                "1 job of type \"resize\" has waited for 1.0 s, though its only worker is idle: it seems not to read \
                 what it is sent.",
            ),
            (
                [5, 1, 3, 60_000],
                [3, 1],
                "5 jobs of type \"resize\" wait, the oldest for 1 min, though of its 3 workers at least 1 is idle: they seem \
                 not to read what they are sent.",
            ),
        ] {
            assert_eq!(said(jobs, workers), sentence);
        }
    }

    #[test]
    fn a_stopping_server_comes_before_all_and_a_full_one_besides() {
        let row = row("a\nb", json!({ "waiting": 1, "oldest_ms": 1_000 }));
        let full = json!({ "bytes_held": 100, "bytes_max": 100 });
        let stopping = json!({ "draining": true, "bytes_held": 100, "bytes_max": 100 });
        for (metrics, end) in [
            (
                metrics(full),
                "because no worker does that type; the server's memory budget is used up, so that new ones are refused; \
                 did you mean \"a b\", \"b\" or \"c\"?",
            ),
            (metrics(stopping), "\"a\\nb\" is started: the server is stopping, and answers what waits with shutdown."),
        ] {
            let cause = Cause::of(&row, &metrics);
            let near = if cause.may_be_misspelt(&row) { &["a b", "b", "c"][..] } else { &[] };
            let sentence = cause.explain(&row, &metrics, near);
            assert!(sentence.ends_with(end), "{sentence}");
        }
    }

    #[test]
    fn figures_that_cannot_be_are_no_panic() {
        let most = u64::MAX;
        for jobs in [[most; 4], [most, 0, 1, most], [most, 1, most, 0]] {
            for workers in [[0, most], [most, 0], [most, most]] {
                assert!(said(jobs, workers).ends_with('.'));
            }
        }
    }
}
