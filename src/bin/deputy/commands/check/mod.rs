//! `deputy check`: a plugin for monitoring systems (Nagios, Icinga and others), by the guidelines of monitoring-plugins.org:
//! one line on stdout, values for graphs after a `|`, and an exit code from 0 to 3. [`Verdict`] and [`Threshold`] are pure.

use std::fmt;
use std::io::Write;
use std::time::Duration;

use deputy::client::{Client, Metrics, TypeMetrics};

use crate::cli::parse::{Args, UsageError, parse_seconds, parse_uint};
use crate::cli::{Opt, ValueKind};
use crate::error::{CliError, ExitMeaning, Outcome};
use crate::format::{age, count, counted};
use crate::out::{Out, one_line};
use crate::server::{self, SERVER, check_types, connect, memory_percent, memory_warning, within};
use crate::subcommand::{Example, HELP, Run, Subcommand};

static WAITING: Opt = Opt {
    short: Some('w'),
    long: "--waiting",
    value: ValueKind::Text("W,C"),
    help: "warning above W waiting jobs, critical above C",
    default: "",
};
static OLDEST: Opt = Opt {
    short: Some('o'),
    long: "--oldest",
    value: ValueKind::Text("W,C"),
    help: "warning if a job has waited for more than W seconds, critical above C",
    default: "",
};
static RUNNING: Opt = Opt {
    short: Some('r'),
    long: "--running",
    value: ValueKind::Text("W,C"),
    help: "warning if a job has run for more than W seconds, critical above C",
    default: "",
};
static LOST: Opt = Opt {
    short: Some('l'),
    long: "--lost",
    value: ValueKind::Seconds,
    help: "warning if a worker that held a job was lost in this many seconds",
    default: "",
};
static NO_WORKERS: Opt = Opt {
    short: Some('n'),
    long: "--no-workers",
    value: ValueKind::Text("TYPE"),
    help: "critical if no worker does this type; may be repeated",
    default: "",
};
static TIMEOUT: Opt = Opt { default: "10", ..server::TIMEOUT };

/// Default of `--timeout`: the usual one of plugins.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

const EXITS: &[ExitMeaning] = &[
    (0, "OK"),
    (1, "WARNING: above a W, a worker was lost (--lost), or the server is stopping"),
    (2, "CRITICAL: above a C, the memory budget is used up, a type has no worker, or there is no answer"),
    (3, "UNKNOWN: wrong usage"),
];

pub(crate) static CHECK: Subcommand = Subcommand {
    name: "check",
    summary: "report the server's health to a monitoring system",
    positionals: &[],
    options: &[&WAITING, &OLDEST, &RUNNING, &LOST, &NO_WORKERS, &TIMEOUT, &SERVER, &HELP],
    about: &[
        "Prints one line, as plugins for Nagios, Icinga and others do, with values for graphs after a bar. Without \
         thresholds it is OK if the server answers, is not stopping, and has memory left in its budget.",
        "A server that cannot be reached, or does not answer in time, is CRITICAL, as the guidelines for plugins say. \
         UNKNOWN is for a wrong command line.",
        "Waiting jobs are counted over all types. The oldest job is that of the 1,000 types with the most jobs.",
    ],
    examples: &[
        Example {
            what: "Warning above 100 waiting jobs, critical above 1000",
            line: "deputy check --waiting 100,1000",
        },
        Example {
            what: "No job waits for long, and the type has workers",
            line: "deputy check --oldest 30,300 --no-workers thumbnail",
        },
    ],
    exit_codes: EXITS,
    on_usage_error: Some(|error| report(State::Unknown, &error.to_string())),
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let limits = Thresholds {
        waiting: threshold(args, &WAITING, parse_uint)?,
        oldest_ms: threshold(args, &OLDEST, parse_ms)?,
        running_ms: threshold(args, &RUNNING, parse_ms)?,
        lost_ms: args.seconds(&LOST).and_then(|time| time.as_millis().try_into().ok()),
    };
    let types = args.texts(&NO_WORKERS);
    check_types(&types)?;
    let timeout = args.seconds(&TIMEOUT).unwrap_or(TIMEOUT_DEFAULT);
    let verdict = query(args, &types, timeout).map(|(metrics, wanted)| Verdict::of(&metrics, &wanted, &limits));
    let reported = match verdict {
        Ok(verdict) => report(verdict.state, &verdict.line),
        // A wrong address is a usage error.
        Err(error) if error.is_usage() => return Err(error),
        Err(error) => report(State::Critical, &error.to_string()),
    };
    if reported.code() == 0 { Ok(()) } else { Err(reported) }
}

/// Reads the thresholds that an option gives.
fn threshold(args: &Args, option: &Opt, read: fn(&str) -> Option<u64>) -> Result<Option<Threshold>, UsageError> {
    let invalid = |text| UsageError::invalid_value(option, text, "two numbers W,C, with W not above C");
    args.text(option).map(|text| Threshold::read(text, read).ok_or_else(|| invalid(text))).transpose()
}

/// Asks for all types, and for those that need a worker.
fn query(args: &Args, types: &[&str], timeout: Duration) -> Result<(Metrics, Metrics), CliError> {
    let client: Client = connect(args, within(timeout))?;
    let wanted = if types.is_empty() { Metrics::default() } else { client.metrics_of(types)? };
    Ok((client.metrics_by_type()?, wanted))
}

/// Prints the line on stdout, where monitoring systems read it. The returned error is the exit code alone.
fn report(state: State, line: &str) -> CliError {
    // If stdout is closed, the exit code remains.
    let _ = writeln!(Out::stdout(), "DEPUTY {state}: {line}");
    CliError::new(state.code(), "")
}

/// A value above the first is a warning, above the second critical: so the guidelines define a plain number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Threshold {
    warning: u64,
    critical: u64,
}

impl Threshold {
    /// Reads `W,C`, each by `read`.
    fn read(text: &str, read: fn(&str) -> Option<u64>) -> Option<Self> {
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
fn parse_ms(text: &str) -> Option<u64> {
    parse_seconds(text).and_then(|time| time.as_millis().try_into().ok())
}

/// The states that monitoring systems know, the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ok,
    Warning,
    Critical,
    Unknown,
}

impl State {
    fn code(self) -> u8 {
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
struct Thresholds {
    waiting: Option<Threshold>,
    oldest_ms: Option<Threshold>,
    running_ms: Option<Threshold>,
    /// A loss counts for this long.
    lost_ms: Option<u64>,
}

/// The answer to the monitoring system.
#[derive(Debug, PartialEq, Eq)]
struct Verdict {
    state: State,
    /// What follows the state, with the values for graphs.
    line: String,
}

impl Verdict {
    /// Judges all metrics, and those of the types that need a worker.
    fn of(metrics: &Metrics, wanted: &Metrics, limits: &Thresholds) -> Self {
        let oldest_ms = metrics.types.iter().map(|row| row.oldest_ms).max().unwrap_or(0);
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
        found.push((judge(limits.oldest_ms, oldest_ms), format!("the oldest has waited for {}", age(oldest_ms))));
        let longest = metrics.types.iter().max_by_key(|row| row.oldest_running_ms);
        let longest_ms = longest.map_or(0, |row| row.oldest_running_ms);
        if let (Some(row), Some(_)) = (longest, limits.running_ms) {
            found.push((judge(limits.running_ms, longest_ms), running(row)));
        }
        let is_lost = |row: &&TypeMetrics| row.lost > 0 && limits.lost_ms.is_some_and(|most| row.last_lost_ms <= most);
        found.extend(metrics.types.iter().filter(is_lost).map(|row| (State::Warning, lost(row))));
        if metrics.draining {
            found.push((State::Warning, "the server is stopping".to_owned()));
        }
        let state = found.iter().map(|(state, _)| *state).max().unwrap_or(State::Ok);
        // The worst comes first. If anything is wrong, only that is printed.
        found.sort_by_key(|(state, _)| std::cmp::Reverse(*state));
        let shown = found.iter().filter(|(each, _)| state == State::Ok || *each != State::Ok);
        let shown: Vec<&str> = shown.map(|(_, text)| text.as_str()).collect();
        // A bar begins the values for graphs.
        let shown = shown.join("; ").replace('|', "\\u{7c}");
        Self { state, line: format!("{shown} | {}", performance_data(metrics, oldest_ms, longest_ms, limits)) }
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
    if row.oldest_running_ms == 0 {
        return "no job is running".to_owned();
    }
    let worker = row.oldest_running_worker.as_deref().map(one_line);
    let place = worker.map_or(String::new(), |worker| format!(" on worker {worker}"));
    format!("a job of type \"{}\" has run for {}{place}", one_line(&row.name), age(row.oldest_running_ms))
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
        "waiting={};{};0 oldest={}s;{};0 longest={}s;{};0 running={};;;0 workers={};;;0 done={}c failed={}c memory={}B;;;0;{}",
        metrics.jobs_waiting,
        jobs(limits.waiting),
        s(oldest_ms),
        times(limits.oldest_ms),
        s(longest_ms),
        times(limits.running_ms),
        metrics.jobs_running,
        metrics.workers,
        metrics.jobs_done,
        metrics.jobs_failed,
        metrics.bytes_held,
        metrics.bytes_max,
    )
}

/// Shows milliseconds as seconds.
fn s(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::server::tests::metrics;

    const LIMITS: Thresholds = Thresholds {
        waiting: Some(Threshold { warning: 10, critical: 20 }),
        oldest_ms: Some(Threshold { warning: 1_500, critical: 60_000 }),
        running_ms: None,
        lost_ms: None,
    };

    fn of(members: Value, wanted: &Value) -> (State, String) {
        let verdict = Verdict::of(&metrics(members), &metrics(json!({ "types": wanted })), &LIMITS);
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
            (waits(0, 0), none.clone(), State::Ok, "no job is waiting; the oldest has waited for 0.0 s"),
            (waits(10, 1_500), none.clone(), State::Ok, "10 jobs are waiting; the oldest has waited for 1.5 s"),
            (waits(11, 1_500), none.clone(), State::Warning, "11 jobs are waiting"),
            (waits(1, 1_501), none.clone(), State::Warning, "the oldest has waited for 1.5 s"),
            (waits(11, 60_001), none.clone(), State::Critical, "the oldest has waited for 1 min; 11 jobs are waiting"),
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
        } });
        for (running, lost_ms, state, line) in [
            (None, None, State::Ok, "no job is waiting; the oldest has waited for 0.0 s"),
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
            (None, Some(8_999), State::Ok, "no job is waiting; the oldest has waited for 0.0 s"),
        ] {
            let seconds =
                |(warning, critical): (u64, u64)| Threshold { warning: warning * 1_000, critical: critical * 1_000 };
            let limits = Thresholds { running_ms: running.map(seconds), lost_ms, ..Thresholds::default() };
            let verdict = Verdict::of(&metrics(members.clone()), &Metrics::default(), &limits);
            assert_eq!((verdict.state, verdict.line.split(" | ").next().unwrap()), (state, line));
        }
    }

    #[test]
    fn values_for_graphs_follow_a_bar() {
        let members = json!({
            "jobs_waiting": 3, "jobs_running": 2, "workers": 1, "jobs_done": 9, "jobs_failed": 4, "bytes_held": 5,
            "bytes_max": 1_000, "types": { "a": { "oldest_ms": 1_234, "oldest_running_ms": 5_000 } }
        });
        for (limits, waiting, oldest) in [(LIMITS, "10;20", "1.500;60.000"), (Thresholds::default(), ";", ";")] {
            let line = Verdict::of(&metrics(members.clone()), &Metrics::default(), &limits).line;
            let expected = format!(
                "3 jobs are waiting; the oldest has waited for 1.2 s | waiting=3;{waiting};0 oldest=1.234s;{oldest};0 \
                 longest=5.000s;;;0 \
                 running=2;;;0 workers=1;;;0 done=9c failed=4c memory=5B;;;0;1000"
            );
            assert_eq!(line, expected);
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
    fn the_help_text_shows_the_true_default() {
        assert_eq!(TIMEOUT.default, TIMEOUT_DEFAULT.as_secs().to_string());
    }
}
