//! `deputy check`: a plugin for monitoring systems (Nagios, Icinga and others). It follows the guidelines of
//! monitoring-plugins.org: one line on stdout, values for graphs after a `|`, and an exit code from 0 to 3.
//!
//! | file | what |
//! |---|---|
//! | `check` | the row of the table; queries the server, and reports |
//! | `percentiles` | how long jobs waited and ran |
//! | `verdict` | the thresholds, and the verdict on the metrics |

mod percentiles;
mod verdict;

use std::io::Write;
use std::time::Duration;

use deputy::client::Metrics;

use self::verdict::{Answers, State, Threshold, Thresholds, Verdict, parse_ms};
use crate::cli::number::parse_uint;
use crate::cli::parse::{Args, UsageError};
use crate::cli::{Opt, ValueKind};
use crate::error::{CliError, ExitMeaning, Outcome};
use crate::out::Out;
use crate::server::{self, SERVER, check_types, connect, failure, within};
use crate::subcommand::{Example, HELP, Run, Subcommand};
use crate::time_limit::TimeLimit;

static WAITING: Opt =
    Opt::value("--waiting", ValueKind::Text("W,C")).short('w').help("warning above W waiting jobs, critical above C");
static OLDEST: Opt = Opt::value("--oldest", ValueKind::Text("W,C"))
    .short('o')
    .help("warning if a job has waited for more than W seconds, critical above C");
static RUNNING: Opt = Opt::value("--running", ValueKind::Text("W,C"))
    .short('r')
    .help("warning if a job has run for more than W seconds, critical above C");
static SPENT: Opt = Opt::value("--spent", ValueKind::Text("W,C"))
    .short('s')
    .help("warning above W spent slots, critical above C (slots of ended jobs that workers have not answered)");
static WAIT_P99: Opt = Opt::value("--wait-p99", ValueKind::Text("W,C"))
    .help("warning if 1 % of a type's jobs waited for more than W seconds, critical above C (--over)");
static RUN_P99: Opt =
    Opt::value("--run-p99", ValueKind::Text("W,C")).help("the same for the time that workers held the jobs");
static OVER: Opt =
    Opt::value("--over", ValueKind::Seconds).help("how long to collect jobs for the percentiles").default("5");
static LOST: Opt = Opt::value("--lost", ValueKind::Seconds)
    .short('l')
    .help("warning if a worker that held a job was lost within this many seconds");
static NO_WORKERS: Opt = Opt::value("--no-workers", ValueKind::Text("TYPE"))
    .short('n')
    .help("critical if no worker does this type; may be repeated");
static TIMEOUT: Opt = Opt { default: "10, or 5 more than --over", ..server::TIMEOUT };

/// Default of `--over`. Plugins usually end within ten seconds.
const OVER_DEFAULT: Duration = Duration::from_secs(5);

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
    options: &[
        &WAITING, &OLDEST, &RUNNING, &SPENT, &WAIT_P99, &RUN_P99, &OVER, &LOST, &NO_WORKERS, &TIMEOUT, &SERVER, &HELP,
    ],
    about: &[
        "Prints one line, as plugins for Nagios, Icinga and others do, with values for graphs after a bar. Without \
         thresholds the state is OK if the server answers, is not stopping, and has memory left in its budget.",
        "If the server cannot be reached, or does not answer in time, the state is CRITICAL, as the guidelines for \
         plugins require. UNKNOWN means a wrong command line.",
        "Waiting jobs are counted over all types. The oldest job is that of the 1,000 types with the most jobs.",
        "Percentiles (--wait-p99 and --run-p99) are computed per type, from the jobs within the seconds of --over; \
         the line names the worst type. The server counts times in steps of 1, 2.5 and 5, and a percentile is \
         estimated between two of them.",
    ],
    examples: &[
        Example {
            what: "Warning above 100 waiting jobs, critical above 1000",
            line: "deputy check --waiting 100,1000",
        },
        Example {
            what: "No job has waited for long, and the type has workers",
            line: "deputy check --oldest 30,300 --no-workers thumbnail",
        },
        Example {
            what: "99% of the jobs of the last five seconds waited for less than a second",
            line: "deputy check --wait-p99 1,10",
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
        spent: threshold(args, &SPENT, parse_uint)?,
        wait_p99_ms: threshold(args, &WAIT_P99, parse_ms)?,
        run_p99_ms: threshold(args, &RUN_P99, parse_ms)?,
        lost_ms: args.seconds(&LOST).and_then(|time| time.as_millis().try_into().ok()),
    };
    let types = args.texts(&NO_WORKERS);
    check_types(&types)?;
    let over = limits.need_histograms().then(|| args.seconds(&OVER).unwrap_or(OVER_DEFAULT));
    let timeout = args.seconds(&TIMEOUT).unwrap_or(TIMEOUT_DEFAULT.max(over.unwrap_or_default() + OVER_DEFAULT));
    if over.is_some_and(|over| over >= timeout) {
        return Err(CliError::usage(format!("--over must be less than --timeout {}", timeout.as_secs_f64())));
    }
    let limit = TimeLimit::start(Some(timeout))?;
    let (state, line) = match query(args, &types, timeout, over) {
        Ok(answers) => {
            let verdict = Verdict::of(&answers, &limits);
            (verdict.state, verdict.line)
        }
        // A wrong address is a usage error.
        Err(error) if error.is_usage() => return Err(error),
        Err(error) => (State::Critical, error.to_string()),
    };
    limit.enter_output(state.code());
    let reported = report(state, &line);
    if reported.code() == 0 { Ok(()) } else { Err(reported) }
}

/// Reads the thresholds of an option.
fn threshold(args: &Args, option: &Opt, read: fn(&str) -> Option<u64>) -> Result<Option<Threshold>, UsageError> {
    let invalid = |text| UsageError::invalid_value(option, text, "two numbers W,C, with W not above C");
    args.text(option).map(|text| Threshold::read(text, read).ok_or_else(|| invalid(text))).transpose()
}

/// Queries all types, and those that need a worker. With `over` it queries them twice, with this time between.
fn query(args: &Args, types: &[&str], timeout: Duration, over: Option<Duration>) -> Result<Answers, CliError> {
    let client = connect(args, within(timeout))?;
    let failed = |error| failure(&client, error);
    let earlier = match over {
        Some(over) => {
            let earlier = client.metrics_in_full().map_err(failed)?;
            std::thread::sleep(over);
            earlier
        }
        None => Metrics::default(),
    };
    let wanted = if types.is_empty() { Metrics::default() } else { client.metrics_of(types).map_err(failed)? };
    let now = if over.is_some() { client.metrics_in_full() } else { client.metrics_by_type() };
    let now = now.map_err(failed)?;
    Ok(Answers { now, earlier, wanted })
}

/// Prints the line on stdout, where monitoring systems read it. The returned error is the exit code alone.
fn report(state: State, line: &str) -> CliError {
    // If stdout is closed, the exit code remains.
    let _ = writeln!(Out::stdout(), "DEPUTY {state}: {line}");
    CliError::new(state.code(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_text_shows_the_true_default() {
        let (limit, more) = (TIMEOUT_DEFAULT.as_secs(), OVER_DEFAULT.as_secs());
        assert_eq!(TIMEOUT.default, format!("{limit}, or {more} more than --over"));
        assert_eq!(OVER.default, OVER_DEFAULT.as_secs().to_string());
    }
}
