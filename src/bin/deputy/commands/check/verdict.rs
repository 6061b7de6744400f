//! Whether all is well, from what the server tells. Pure.

use std::fmt;

use deputy::client::Metrics;

use super::thresholds::Threshold;
use crate::commands::health::{is_memory_full, memory_percent};
use crate::format::{age, count};
use crate::out::one_line;

/// What monitoring systems know, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl State {
    pub(super) fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        })
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Thresholds {
    pub(super) waiting: Option<Threshold>,
    pub(super) oldest_ms: Option<Threshold>,
}

/// The answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: State,
    /// What follows the state, figures included.
    pub(super) line: String,
}

impl Verdict {
    /// Of all metrics, and of those types that need a worker.
    pub(super) fn of(metrics: &Metrics, wanted: &Metrics, limits: &Thresholds) -> Self {
        let oldest_ms = metrics.types.iter().map(|row| row.oldest_ms).max().unwrap_or(0);
        let mut found = Vec::new();
        found.extend(wanted.types.iter().filter(|row| row.workers == 0).map(|row| {
            let name = one_line(&row.name);
            (State::Critical, format!("no worker does \"{name}\" ({} waiting)", count(row.waiting)))
        }));
        if is_memory_full(metrics) {
            let percent = memory_percent(metrics);
            found.push((State::Critical, format!("{percent} % of the memory budget is used, new jobs are refused")));
        }
        let past = |bounds: Option<Threshold>, figure| bounds.map_or(State::Ok, |bounds| bounds.state(figure));
        found.push((past(limits.waiting, metrics.jobs_waiting), waiting(metrics.jobs_waiting)));
        found.push((past(limits.oldest_ms, oldest_ms), format!("the oldest has waited for {}", age(oldest_ms))));
        if metrics.draining {
            found.push((State::Warning, "the server is stopping".to_owned()));
        }
        let state = found.iter().map(|(state, _)| *state).max().unwrap_or(State::Ok);
        // The worst first; where something is wrong, only that.
        found.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let told = found.iter().filter(|(each, _)| state == State::Ok || *each != State::Ok);
        let told: Vec<&str> = told.map(|(_, text)| text.as_str()).collect();
        // A bar begins the figures.
        let told = told.join("; ").replace('|', "\\u{7c}");
        Self { state, line: format!("{told} | {}", figures(metrics, oldest_ms, limits)) }
    }
}

fn waiting(jobs: u64) -> String {
    match jobs {
        0 => "no job waits".to_owned(),
        1 => "1 job waits".to_owned(),
        more => format!("{} jobs wait", count(more)),
    }
}

/// For graphs: `name=figure;warning;critical;least;most`.
fn figures(metrics: &Metrics, oldest_ms: u64, limits: &Thresholds) -> String {
    let jobs = |bounds: Option<Threshold>| {
        bounds.map_or(";".to_owned(), |Threshold { warning, critical }| format!("{warning};{critical}"))
    };
    let times = |bounds: Option<Threshold>| {
        bounds.map_or(";".to_owned(), |Threshold { warning, critical }| format!("{};{}", s(warning), s(critical)))
    };
    format!(
        "waiting={};{};0 oldest={}s;{};0 running={};;;0 workers={};;;0 done={}c failed={}c memory={}B;;;0;{}",
        metrics.jobs_waiting,
        jobs(limits.waiting),
        s(oldest_ms),
        times(limits.oldest_ms),
        metrics.jobs_running,
        metrics.workers,
        metrics.jobs_done,
        metrics.jobs_failed,
        metrics.bytes_held,
        metrics.bytes_max,
    )
}

/// Milliseconds as seconds.
fn s(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::commands::health::tests::metrics;

    const LIMITS: Thresholds = Thresholds {
        waiting: Some(Threshold { warning: 10, critical: 20 }),
        oldest_ms: Some(Threshold { warning: 1_500, critical: 60_000 }),
    };

    fn of(figures: Value, wanted: &Value) -> (State, String) {
        let verdict = Verdict::of(&metrics(figures), &metrics(json!({ "types": wanted })), &LIMITS);
        (verdict.state, verdict.line.split(" | ").next().unwrap().to_owned())
    }

    #[test]
    fn what_is_wrong_is_told_the_worst_first() {
        let waits = |waiting: u64, oldest_ms: u64| {
            let types = json!({ "a": { "oldest_ms": oldest_ms }, "b": {} });
            json!({ "jobs_waiting": waiting, "types": types })
        };
        let none = json!({});
        for (figures, wanted, state, line) in [
            (waits(0, 0), none.clone(), State::Ok, "no job waits; the oldest has waited for 0.0 s"),
            (waits(10, 1_500), none.clone(), State::Ok, "10 jobs wait; the oldest has waited for 1.5 s"),
            (waits(11, 1_500), none.clone(), State::Warning, "11 jobs wait"),
            (waits(1, 1_501), none.clone(), State::Warning, "the oldest has waited for 1.5 s"),
            (waits(11, 60_001), none.clone(), State::Critical, "the oldest has waited for 1 min; 11 jobs wait"),
            (waits(1, 0), json!({ "a": { "workers": 1 } }), State::Ok, "1 job waits; the oldest has waited for 0.0 s"),
            (
                waits(1, 0),
                json!({ "a": { "workers": 1 }, "b|\n": { "waiting": 1 } }),
                State::Critical,
                "no worker does \"b\\u{7c}\\n\" (1 waiting)",
            ),
            (json!({ "draining": true }), none.clone(), State::Warning, "the server is stopping"),
            (
                json!({ "bytes_held": 97, "bytes_max": 100, "draining": true }),
                none,
                State::Critical,
                "97 % of the memory budget is used, new jobs are refused; the server is stopping",
            ),
        ] {
            assert_eq!(of(figures, &wanted), (state, line.to_owned()));
        }
    }

    #[test]
    fn figures_follow_a_bar() {
        let figures = json!({
            "jobs_waiting": 3, "jobs_running": 2, "workers": 1, "jobs_done": 9, "jobs_failed": 4, "bytes_held": 5,
            "bytes_max": 1_000, "types": { "a": { "oldest_ms": 1_234 } }
        });
        for (limits, waiting, oldest) in [(LIMITS, "10;20", "1.500;60.000"), (Thresholds::default(), ";", ";")] {
            let line = Verdict::of(&metrics(figures.clone()), &Metrics::default(), &limits).line;
            let expected = format!(
                "3 jobs wait; the oldest has waited for 1.2 s | waiting=3;{waiting};0 oldest=1.234s;{oldest};0 \
                 running=2;;;0 workers=1;;;0 done=9c failed=4c memory=5B;;;0;1000"
            );
            assert_eq!(line, expected);
        }
    }
}
