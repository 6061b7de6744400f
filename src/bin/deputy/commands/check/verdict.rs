//! Turns metrics into a verdict for a monitoring system. Pure.

use std::fmt;

use deputy::client::{Metrics, TypeMetrics};
use deputy::monitor::state::{memory_percent, memory_warning};

use super::percentiles::Percentile;
use crate::cli::number::parse_seconds;
use crate::format::{age, count, counted};
use crate::out::one_line;

/// Two thresholds: a value above the first is a warning, a value above the second is critical, as the guidelines define
/// for plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Threshold {
    warning: u64,
    critical: u64,
}

impl Threshold {
    /// Reads `W,C`, and each of the two with `read`.
    pub(super) fn read(text: &str, read: fn(&str) -> Option<u64>) -> Option<Self> {
        let (warning, critical) = text.split_once(',')?;
        let threshold = Self { warning: read(warning)?, critical: read(critical)? };
        (threshold.warning <= threshold.critical).then_some(threshold)
    }

    fn state(self, value: u64) -> State {
        match value {
            value if value > self.critical => State::Critical,
            value if value > self.warning => State::Warning,
            _ => State::Ok,
        }
    }
}

/// Reads seconds, and returns milliseconds.
pub(super) fn parse_ms(text: &str) -> Option<u64> {
    parse_seconds(text).and_then(|time| time.as_millis().try_into().ok())
}

/// The states that monitoring systems know, the worst last.
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

/// The thresholds of the command line.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Thresholds {
    pub(super) waiting: Option<Threshold>,
    pub(super) oldest_ms: Option<Threshold>,
    pub(super) running_ms: Option<Threshold>,
    pub(super) spent: Option<Threshold>,
    pub(super) wait_p99_ms: Option<Threshold>,
    pub(super) run_p99_ms: Option<Threshold>,
    /// How long a loss counts.
    pub(super) lost_ms: Option<u64>,
}

impl Thresholds {
    /// Whether the thresholds need histograms from the server.
    pub(super) fn need_histograms(&self) -> bool {
        self.wait_p99_ms.is_some() || self.run_p99_ms.is_some()
    }
}

/// The answers of the server.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// The metrics of all types.
    pub(super) now: Metrics,
    /// The metrics of all types some time before, if a threshold needs them.
    pub(super) earlier: Metrics,
    /// The metrics of the types that need a worker.
    pub(super) wanted: Metrics,
}

/// The answer to the monitoring system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: State,
    /// The text after the state, with the values for graphs.
    pub(super) line: String,
}

impl Verdict {
    /// Compares the answers with the thresholds.
    pub(super) fn of(answers: &Answers, limits: &Thresholds) -> Self {
        let Answers { now: metrics, wanted, .. } = answers;
        let oldest = metrics.types.iter().max_by_key(|row| row.oldest_ms).filter(|row| row.oldest_ms > 0);
        let oldest_ms = oldest.map_or(0, |row| row.oldest_ms);
        let mut found = Vec::new();
        found.extend(wanted.types.iter().filter(|row| row.workers == 0).map(|row| {
            let name = one_line(&row.name);
            (State::Critical, format!("no worker does type \"{name}\" ({} waiting)", count(row.waiting)))
        }));
        if let Some(warning) = memory_warning(metrics) {
            let percent = memory_percent(metrics);
            found.push((State::Critical, format!("{percent} % of the memory budget is used, {warning}")));
        }
        let judge = |limit: Option<Threshold>, value| limit.map_or(State::Ok, |limit| limit.state(value));
        found.push((judge(limits.waiting, metrics.jobs_waiting), waiting(metrics.jobs_waiting)));
        if metrics.jobs_waiting > 0 || oldest.is_some() {
            let of = oldest.map_or(String::new(), |row| format!(", of type \"{}\",", one_line(&row.name)));
            found.push((
                judge(limits.oldest_ms, oldest_ms),
                format!("the oldest{of} has waited for {}", age(oldest_ms)),
            ));
        }
        // Jobs that a bridge has passed on do not count: they may wait elsewhere, and no worker here hangs.
        let longest = metrics.types.iter().max_by_key(|row| (row.oldest_here().0, row.passed_on));
        let longest_ms = longest.map_or(0, |row| row.oldest_here().0);
        if let (Some(row), Some(_)) = (longest, limits.running_ms) {
            found.push((judge(limits.running_ms, longest_ms), running(row)));
        }
        if let Some(limit) = limits.spent {
            found.push((limit.state(metrics.slots_spent), spent(metrics)));
        }
        for percentile in Percentile::ALL {
            match (percentile.limit(limits), percentile.worst(answers)) {
                (Some(limit), Some(worst)) => {
                    found.push((limit.state(worst.us.div_ceil(1_000)), percentile.text(&worst)));
                }
                (Some(_), None) => found.push((State::Ok, percentile.nothing().to_owned())),
                (None, _) => {}
            }
        }
        let is_lost = |row: &&TypeMetrics| row.lost > 0 && limits.lost_ms.is_some_and(|most| row.last_lost_ms <= most);
        found.extend(metrics.types.iter().filter(is_lost).map(|row| (State::Warning, lost(row))));
        if metrics.draining {
            found.push((State::Warning, "the server is stopping".to_owned()));
        }
        let state = found.iter().map(|(state, _)| *state).max().unwrap_or(State::Ok);
        // The worst problem comes first. If there are problems, only they are printed.
        found.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let shown = found.iter().filter(|(each, _)| state == State::Ok || *each != State::Ok);
        let shown: Vec<&str> = shown.map(|(_, text)| text.as_str()).collect();
        // A bar begins the values for graphs.
        let shown = shown.join("; ").replace('|', "\\u{7c}");
        let values = performance_data(metrics, oldest_ms, longest_ms, limits) + &percentile_data(answers, limits);
        Self { state, line: format!("{shown} | {values}") }
    }
}

fn waiting(jobs: u64) -> String {
    match jobs {
        0 => "no job is waiting".to_owned(),
        1 => "1 job is waiting".to_owned(),
        more => format!("{} jobs are waiting", count(more)),
    }
}

/// Describes the job of a type that has run longest.
fn running(row: &TypeMetrics) -> String {
    let (ms, worker) = row.oldest_here();
    if ms == 0 {
        return if row.passed_on == 0 { "no job is running" } else { "the running jobs are with a bridge" }.to_owned();
    }
    let place = worker.map_or(String::new(), |worker| format!(" on worker {}", one_line(worker)));
    format!("a job of type \"{}\" has run for {}{place}", one_line(&row.name), age(ms))
}

/// Describes the spent slots, and names the type that has most.
fn spent(metrics: &Metrics) -> String {
    let slots = counted(metrics.slots_spent, "spent slot");
    match metrics.types.iter().max_by_key(|row| row.spent).filter(|row| row.spent > 0) {
        Some(row) => format!("{slots}, {} of type \"{}\"", count(row.spent), one_line(&row.name)),
        None => slots,
    }
}

/// Describes the losses of a type.
fn lost(row: &TypeMetrics) -> String {
    let (workers, name) = (counted(row.lost, "worker"), one_line(&row.name));
    format!("{workers} lost with jobs of type \"{name}\", the last {} ago", age(row.last_lost_ms))
}

/// The values for graphs: `name=value;warning;critical;min;max`.
fn performance_data(metrics: &Metrics, oldest_ms: u64, longest_ms: u64, limits: &Thresholds) -> String {
    let jobs = |limit: Option<Threshold>| {
        limit.map_or(";".to_owned(), |Threshold { warning, critical }| format!("{warning};{critical}"))
    };
    let times = |limit: Option<Threshold>| {
        limit.map_or(";".to_owned(), |Threshold { warning, critical }| format!("{};{}", s(warning), s(critical)))
    };
    format!(
        "waiting={};{};0 oldest={}s;{};0 longest={}s;{};0 running={};;;0 delayed={};;;0 spent={};{};0 \
         workers={};;;0 done={}c failed={}c timed_out={}c overdue={}c memory={}B;;;0;{}",
        metrics.jobs_waiting,
        jobs(limits.waiting),
        s(oldest_ms),
        times(limits.oldest_ms),
        s(longest_ms),
        times(limits.running_ms),
        metrics.jobs_running,
        metrics.jobs_delayed,
        metrics.slots_spent,
        jobs(limits.spent),
        metrics.workers,
        metrics.jobs_done,
        metrics.jobs_failed,
        metrics.jobs_timed_out,
        metrics.faults.overdue,
        metrics.bytes_held,
        metrics.bytes_max,
    )
}

/// The percentiles that have thresholds, as further values for graphs. A percentile without a job has no value.
fn percentile_data(answers: &Answers, limits: &Thresholds) -> String {
    let value = |percentile: Percentile| {
        let Threshold { warning, critical } = percentile.limit(limits)?;
        let us = percentile.worst(answers)?.us;
        let seconds = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
        Some(format!(" {}={seconds}s;{};{};0", percentile.name(), s(warning), s(critical)))
    };
    Percentile::ALL.into_iter().filter_map(value).collect()
}

/// Shows milliseconds as seconds.
fn s(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use deputy::metrics::BUCKETS;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::number::parse_uint;
    use crate::server::tests::metrics;

    const LIMITS: Thresholds = Thresholds {
        waiting: Some(Threshold { warning: 10, critical: 20 }),
        oldest_ms: Some(Threshold { warning: 1_500, critical: 60_000 }),
        running_ms: None,
        spent: None,
        wait_p99_ms: None,
        run_p99_ms: None,
        lost_ms: None,
    };
    const SPENT_LIMIT: Option<Threshold> = Some(Threshold { warning: 2, critical: 4 });

    /// Returns an answer with these members.
    fn now(members: Value) -> Answers {
        Answers { now: metrics(members), ..Answers::default() }
    }

    fn of(members: Value, wanted: &Value) -> (State, String) {
        let wanted = metrics(json!({ "types": wanted }));
        let verdict = Verdict::of(&Answers { wanted, ..now(members) }, &LIMITS);
        (verdict.state, verdict.line.split(" | ").next().unwrap().to_owned())
    }

    #[test]
    fn the_worst_finding_comes_first() {
        let waits = |waiting: u64, oldest_ms: u64| {
            let types = json!({ "a": { "oldest_ms": oldest_ms }, "b": {} });
            json!({ "jobs_waiting": waiting, "types": types })
        };
        let none = json!({});
        for (members, wanted, state, line) in [
            (waits(0, 0), none.clone(), State::Ok, "no job is waiting"),
            (
                waits(10, 1_500),
                none.clone(),
                State::Ok,
                "10 jobs are waiting; the oldest, of type \"a\", has waited for 1.5 s",
            ),
            (waits(11, 1_500), none.clone(), State::Warning, "11 jobs are waiting"),
            (waits(1, 1_501), none.clone(), State::Warning, "the oldest, of type \"a\", has waited for 1.5 s"),
            (
                waits(11, 60_001),
                none.clone(),
                State::Critical,
                "the oldest, of type \"a\", has waited for 1 min; 11 jobs are waiting",
            ),
            (
                waits(1, 0),
                json!({ "a": { "workers": 1 } }),
                State::Ok,
                "1 job is waiting; the oldest has waited for 0.0 s",
            ),
            (
                waits(1, 0),
                json!({ "a": { "workers": 1 }, "b|\n": { "waiting": 1 } }),
                State::Critical,
                "no worker does type \"b\\u{7c}\\n\" (1 waiting)",
            ),
            (json!({ "draining": true }), none.clone(), State::Warning, "the server is stopping"),
            (
                json!({ "bytes_held": 97, "bytes_max": 100, "draining": true }),
                none,
                State::Critical,
                "97 % of the memory budget is used, large jobs may be refused; the server is stopping",
            ),
        ] {
            assert_eq!(of(members, &wanted), (state, line.to_owned()));
        }
    }

    #[test]
    fn a_hung_job_and_a_lost_worker_are_found_if_asked() {
        let members = json!({ "types": {
            "a": { "oldest_running_ms": 301_000, "oldest_running_worker": "127.0.0.1:5" },
            "b": { "oldest_running_ms": 1, "lost": 2, "last_lost_ms": 9_000 },
            // A bridge has had the oldest job for a day. That does not mean that a worker hangs.
            "c": { "passed_on": 1, "oldest_running_ms": 86_400_000, "oldest_here_ms": 2 },
        } });
        for (running, lost_ms, state, line) in [
            (None, None, State::Ok, "no job is waiting"),
            (
                Some((300, 3_600)),
                None,
                State::Warning,
                "a job of type \"a\" has run for 5 min 1 s on worker 127.0.0.1:5",
            ),
            (
                Some((10, 300)),
                Some(9_000),
                State::Critical,
                "a job of type \"a\" has run for 5 min 1 s on worker 127.0.0.1:5; 2 workers lost with jobs of type \"b\", \
                 the last 9.0 s ago",
            ),
            (None, Some(8_999), State::Ok, "no job is waiting"),
        ] {
            let seconds =
                |(warning, critical): (u64, u64)| Threshold { warning: warning * 1_000, critical: critical * 1_000 };
            let limits = Thresholds { running_ms: running.map(seconds), lost_ms, ..Thresholds::default() };
            let verdict = Verdict::of(&now(members.clone()), &limits);
            assert_eq!((verdict.state, verdict.line.split(" | ").next().unwrap()), (state, line));
        }
    }

    #[test]
    fn a_job_with_a_bridge_is_no_hung_one() {
        let with_bridge = json!({ "passed_on": 2, "oldest_running_ms": 86_400_000 });
        let limits = Thresholds { running_ms: Some(Threshold { warning: 1, critical: 2 }), ..Thresholds::default() };
        for (types, expected) in [
            (json!({ "a": with_bridge, "b": {} }), "no job is waiting; the running jobs are with a bridge"),
            (json!({ "a": {}, "b": {} }), "no job is waiting; no job is running"),
        ] {
            let verdict = Verdict::of(&now(json!({ "types": types })), &limits);
            assert_eq!((verdict.state, verdict.line.split(" | ").next().unwrap()), (State::Ok, expected));
        }
    }

    #[test]
    fn spent_slots_are_found_if_asked() {
        let spent =
            |slots: u64| json!({ "slots_spent": slots, "types": { "a": {}, "b|": { "spent": slots }, "c": {} } });
        for (slots, state, end) in [
            (0, State::Ok, "0 spent slots"),
            (2, State::Ok, "2 spent slots, 2 of type \"b\\u{7c}\""),
            (3, State::Warning, "3 spent slots, 3 of type \"b\\u{7c}\""),
            (5, State::Critical, "5 spent slots, 5 of type \"b\\u{7c}\""),
        ] {
            let limits = Thresholds { spent: SPENT_LIMIT, ..Thresholds::default() };
            let Verdict { state: found, line } = Verdict::of(&now(spent(slots)), &limits);
            assert!(found == state && line.contains(&format!("{end} | ")), "{line}");
        }
    }

    #[test]
    fn values_for_graphs_follow_a_bar() {
        let members = json!({
            "jobs_waiting": 3, "jobs_running": 2, "workers": 1, "jobs_done": 9, "jobs_failed": 4, "bytes_held": 5,
            "bytes_max": 1_000, "jobs_delayed": 6, "slots_spent": 2, "jobs_timed_out": 1, "faults": { "overdue": 7 }, "types": { "a": { "oldest_ms": 1_234, "oldest_running_ms": 5_000 } }
        });
        let none = Thresholds::default();
        let all = Thresholds { spent: SPENT_LIMIT, ..LIMITS };
        for (limits, waiting, oldest, spent) in [(all, "10;20", "1.500;60.000", "2;4"), (none, ";", ";", ";")] {
            let line = Verdict::of(&now(members.clone()), &limits).line;
            let expected = format!(
                " | waiting=3;{waiting};0 oldest=1.234s;{oldest};0 \
                 longest=5.000s;;;0 \
                 running=2;;;0 delayed=6;;;0 spent=2;{spent};0 workers=1;;;0 done=9c failed=4c timed_out=1c overdue=7c \
                 memory=5B;;;0;1000"
            );
            assert!(line.ends_with(&expected), "{line}");
        }
    }

    #[test]
    fn two_numbers_are_a_threshold() {
        for (text, read, expected) in [
            ("100,1000", parse_uint as fn(&str) -> Option<u64>, Some((100, 1_000))),
            ("0,0", parse_uint, Some((0, 0))),
            ("0.5,300", parse_ms, Some((500, 300_000))),
            ("5,4", parse_uint, None),
            ("5", parse_uint, None),
            ("5,", parse_uint, None),
            (",5", parse_uint, None),
            ("1,2,3", parse_uint, None),
            ("-1,2", parse_uint, None),
            ("1.5,2", parse_uint, None),
            ("1,86401", parse_ms, None),
            ("1 ,2", parse_uint, None),
        ] {
            let expected = expected.map(|(warning, critical)| Threshold { warning, critical });
            assert_eq!(Threshold::read(text, read), expected, "{text}");
        }
    }

    #[test]
    fn a_value_at_its_threshold_is_not_above_it() {
        let threshold = Threshold { warning: 2, critical: 4 };
        let states = [0, 2, 3, 4, 5].map(|value| threshold.state(value));
        assert_eq!(states, [State::Ok, State::Ok, State::Warning, State::Warning, State::Critical]);
    }

    #[test]
    fn percentiles_are_those_of_the_jobs_between_two_answers() {
        // Slow jobs are in the bucket from 0.5 s to 1 s, fast ones in the first.
        let counts = |fast: u64, slow: u64| {
            let mut counts = [0; BUCKETS];
            (counts[0], counts[12]) = (fast, slow);
            json!({ "counts": counts })
        };
        let then = json!({ "up_since": 1, "types": { "a": { "wait": counts(0, 900) }, "b": {} } });
        let later = |up_since: u64, slow: u64| {
            let a = json!({ "wait": counts(1_000, 900), "run": counts(1_000, 0) });
            json!({ "up_since": up_since, "types": { "a": a, "b": { "wait": counts(90, slow) } } })
        };
        let limit = |warning, critical| Some(Threshold { warning, critical });
        let limits = Thresholds { wait_p99_ms: limit(500, 5_000), run_p99_ms: limit(1, 2), ..Thresholds::default() };
        for (up_since, slow, state, text, values) in [
            (
                1,
                0,
                State::Ok,
                "waited for at most about 0.10 ms; 99 %",
                "wait_p99=0.000099s;0.500;5.000;0 run_p99=0.000099s",
            ),
            (1, 10, State::Warning, "type \"b\" waited for at most about 950 ms |", "wait_p99=0.950000s;0.500;5.000;0"),
            // All jobs of the restarted server count.
            (2, 0, State::Warning, "type \"a\" waited for at most about 989 ms |", "wait_p99=0.989"),
        ] {
            let answers = Answers { earlier: metrics(then.clone()), ..now(later(up_since, slow)) };
            let Verdict { state: found, line } = Verdict::of(&answers, &limits);
            assert!(found == state && line.contains(text) && line.contains(values), "{line}");
        }
        let idle = Verdict::of(&Answers::default(), &limits);
        let expected = "no job is waiting; no job was sent to a worker meanwhile; no job was answered meanwhile | ";
        assert!(idle.state == State::Ok && idle.line.starts_with(expected) && !idle.line.contains("p99"), "{idle:?}");
    }
}
