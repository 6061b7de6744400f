//! `deputy check`: a plugin for monitoring systems (Nagios, Icinga and others), by the guidelines of monitoring-plugins.org:
//! one line on stdout, figures for graphs after a `|`, and an exit code from 0 to 3.

mod thresholds;
mod verdict;

use std::io::Write;
use std::time::Duration;

use deputy::client::{Client, Metrics, Options};

use self::thresholds::Threshold;
use self::verdict::{State, Thresholds, Verdict};
use super::check_types;
use crate::args::Args;
use crate::error::{CliError, ExitMeaning, Outcome};
use crate::options::{HELP, Opt, SERVER, ValueKind};
use crate::out::Out;
use crate::subcommand::{Example, Subcommand};

static WAITING: Opt = Opt {
    short: Some('w'),
    long: "--waiting",
    value: ValueKind::Text("W,C"),
    help: "warn if more than W jobs wait, critical if more than C",
    default: "",
};
static OLDEST: Opt = Opt {
    short: Some('o'),
    long: "--oldest",
    value: ValueKind::Text("W,C"),
    help: "the same, if a job has waited for more than so many seconds",
    default: "",
};
static NO_WORKERS: Opt = Opt {
    short: Some('n'),
    long: "--no-workers",
    value: ValueKind::Text("TYPE"),
    help: "critical if nobody does this type; may be given several times",
    default: "",
};
static TIMEOUT: Opt = Opt {
    short: Some('t'),
    long: "--timeout",
    value: ValueKind::Seconds,
    help: "how long to wait for a connection, and for an answer",
    default: "10",
};

/// Default of `--timeout`: what plugins are expected to have.
const TIMEOUT_DEFAULT: Duration = Duration::from_secs(10);

const EXITS: &[ExitMeaning] = &[
    (0, "OK"),
    (1, "WARNING: a first bound is passed, or the server is stopping"),
    (
        2,
        "CRITICAL: a second bound is passed, or the memory budget is used up, or a type has no worker, or there is no answer",
    ),
    (3, "UNKNOWN: wrong usage"),
];

pub(crate) static CHECK: Subcommand = Subcommand {
    name: "check",
    summary: "tell a monitoring system whether all is well",
    positionals: &[],
    options: &[&WAITING, &OLDEST, &NO_WORKERS, &TIMEOUT, &SERVER, &HELP],
    about: &[
        "Prints one line, as plugins for Nagios, Icinga and others do, with figures for graphs after a bar. Without \
         bounds it is well if the server answers, is not stopping, and has memory left in its budget.",
        "A server that cannot be reached, or does not answer in time, is CRITICAL, as the guidelines for plugins say. \
         UNKNOWN is for a wrong command line.",
        "The jobs that wait are those of all types. The oldest is that of the 1,000 types with the most jobs.",
    ],
    examples: &[
        Example { what: "Warn at 100 jobs that wait, critical at 1000", line: "deputy check --waiting 100,1000" },
        Example {
            what: "No job waits for long, and there are workers",
            line: "deputy check --oldest 30,300 --no-workers thumbnail",
        },
    ],
    exit_codes: EXITS,
    on_usage_error: |problem| report(State::Unknown, &problem.to_string()),
    run,
};

fn run(args: &Args) -> Outcome {
    let bounds = |option: &Opt, read: fn(&str) -> Option<u64>| {
        let wrong = |text| CliError::usage(format!("{} {text:?}: {}", option.long, thresholds::EXPECTED));
        args.text(option).map(|text| Threshold::read(text, read).ok_or_else(|| wrong(text))).transpose()
    };
    let limits =
        Thresholds { waiting: bounds(&WAITING, thresholds::jobs)?, oldest_ms: bounds(&OLDEST, thresholds::ms)? };
    let types = args.texts(&NO_WORKERS);
    check_types(&types)?;
    let timeout = args.seconds(&TIMEOUT).unwrap_or(TIMEOUT_DEFAULT);
    let verdict = query(args, &types, timeout).map(|(metrics, wanted)| Verdict::of(&metrics, &wanted, &limits));
    let problem = match verdict {
        Ok(verdict) => report(verdict.state, &verdict.line),
        // Wrong addresses are usage.
        Err(problem) if problem.is_usage() => return Err(problem),
        Err(problem) => report(State::Critical, &problem.to_string()),
    };
    if problem.code() == 0 { Ok(()) } else { Err(problem) }
}

/// All types, and then those that need a worker.
fn query(args: &Args, types: &[&str], timeout: Duration) -> Result<(Metrics, Metrics), CliError> {
    let client: Client = args.connect(Options::new().connect_timeout(timeout).answer_timeout(timeout))?;
    let wanted = if types.is_empty() { Metrics::default() } else { client.metrics_of(types)? };
    Ok((client.metrics_by_type()?, wanted))
}

/// Tells it on stdout, where monitoring systems look; what is left is the exit code.
fn report(state: State, line: &str) -> CliError {
    // If nobody can read it, the exit code tells as well.
    let _ = writeln!(Out::stdout(), "DEPUTY {state}: {line}");
    CliError::new(state.code(), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_the_one_that_help_tells() {
        assert_eq!(TIMEOUT.default, TIMEOUT_DEFAULT.as_secs().to_string());
    }
}
