//! `deputy do`: submits jobs, and waits for their results.
//!
//! | file | what |
//! |---|---|
//! | `do` | the row of the table; one job |
//! | `batch` | a job for each line, many at once |
//! | `background` | jobs without waiting for their results |
//! | `durable` | jobs that a bridge stores |
//! | `options` | the options of a job: its priority, its time limits and others |
//! | `progress` | the progress reports of a job |
//! | `input` | args from the command line and stdin |
//! | `output` | prints results, and the progress of a batch |

mod background;
mod batch;
mod durable;
mod input;
mod options;
mod output;
mod progress;

use std::time::{Duration, Instant};

use deputy::client::Options;
use deputy::limits::{ANSWER_SECONDS_DEFAULT, CONNECT_SECONDS_DEFAULT};
use serde_json::value::RawValue;

use self::background::Until;
use self::batch::Batch;
use self::input::ArgFormat;
use self::options::{
    ATTEMPTS, DEADLINE, DELAY, DURABLE, JobOptions, KEEP, KEY, NEED_WORKER, PRIORITY, PROGRESS, RUN_LIMIT, WAIT,
    WAIT_LIMIT,
};
use self::output::ResultPrinter;
use self::progress::JobProgress;
use crate::cli::parse::{Args, quoted};
use crate::cli::{Choices, Count, Opt, Positional, ValueKind};
use crate::error::{CliError, EXIT_CODES, Outcome, TIMED_OUT};
use crate::server::{MAX_LINE, SERVER, check_type, connect, failure, max_line};
use crate::subcommand::{Example, HELP, Run, Subcommand};
use crate::time_limit::TimeLimit;

static STRING: Opt = Opt::flag("--string").short('s').help("ARG is text, not JSON");
static RAW: Opt = Opt::flag("--raw").short('r').help("print a text result without quotes and escapes");
static TIMEOUT: Opt = Opt::value("--timeout", ValueKind::Seconds).short('t').help(
    "time limit of the command, or of each job with --lines; at the limit the job is cancelled, unless --keep is given",
);
static BACKGROUND: Opt =
    Opt::flag("--background").short('b').help("wait only until the server has accepted the job; its result is dropped");
static LINES: Opt = Opt::flag("--lines").short('l').help("submit a job for each line of standard input");
static JOBS: Opt = Opt::value("--jobs", ValueKind::Uint { min: 1, max: 1_024, zero: "" })
    .short('j')
    .help("with --lines: how many jobs to have submitted at the same time")
    .default("64");
static ORDERED: Opt = Opt::flag("--ordered").short('o').help("with --lines: print results in the order of the lines");

static NULL: Opt = Opt::flag("--null").short('0').help("with --lines: args end with NUL, not with a line end");
static CRLF: Opt = Opt::flag("--crlf").help("lines of standard input end with CR LF");

/// How long connecting may take, unless `--timeout` is shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(CONNECT_SECONDS_DEFAULT);
/// Default of `--jobs`.
const JOBS_DEFAULT: u64 = 64;

pub(crate) static DO: Subcommand = Subcommand {
    name: "do",
    summary: "submit jobs, and wait for their results",
    positionals: &[
        Positional { name: "TYPE", help: "the type of the job", count: Count::Once, choices: Choices::Any },
        Positional {
            name: "ARG",
            help: "the job's argument, in JSON; - reads it from standard input",
            count: Count::AtMostOnce,
            choices: Choices::Any,
        },
    ],
    options: &[
        &STRING, &RAW, &TIMEOUT, &KEEP, &BACKGROUND, &DURABLE, &WAIT, &PROGRESS, &PRIORITY, &DELAY, &DEADLINE,
        &RUN_LIMIT, &WAIT_LIMIT, &ATTEMPTS, &KEY, &NEED_WORKER, &LINES, &JOBS, &ORDERED, &NULL, &CRLF, &MAX_LINE,
        &SERVER, &HELP,
    ],
    about: &[
        "Prints the result on standard output, as JSON. If the job fails, its err is printed on standard error, and the \
         exit code is 1.",
        "Without ARG the job has no arg. Standard input is read only for - and --lines. With --string, one line end at \
         the end of standard input is not part of the text.",
        "With --lines each line is a job, and results are printed as they come. Empty lines are skipped, unless \
         --string is given. A job that fails, and a line that is not JSON, are reported on standard error with the line \
         number, and the others go on. If the connection is lost, no job is submitted again.",
        "When this command ends, the server cancels its unfinished jobs: at the time limit, after Ctrl-C or any other \
         signal, or after a lost connection. Workers stop the jobs that they run. With --keep the jobs go on.",
        "If the server ends a job before it is done, the code is on standard error: expired (--deadline; the exit \
         code is 124), timed_out (--run-limit), gave_up (--attempts), or no_worker (--need-worker, --wait-limit).",
    ],
    examples: &[
        Example { what: "A job with a JSON arg", line: "deputy do add '[1, 2, 3]'" },
        Example { what: "Text in, text out", line: "deputy do -s -r shout 'good morning'" },
        Example { what: "A job for each file, 16 at once", line: "ls *.jpg | deputy do -l -s -r -j 16 thumbnail" },
        Example { what: "Names of any kind", line: "find . -print0 | deputy do -0 -l -s index" },
        Example { what: "Every night, without waiting", line: "0 3 * * * deputy do --background tidy" },
        Example {
            what: "Before others, done within a minute or not at all",
            line: "deputy do --priority 10 --deadline 60 thumbnail '\"cat.jpg\"'",
        },
        Example {
            what: "Elsewhere, if no worker is free",
            line: "deputy do --wait-limit 0 thumbnail '\"cat.jpg\"' || ./thumbnail cat.jpg",
        },
        Example {
            what: "If the worker hangs for 10 minutes, another gets it",
            line: "deputy do --run-limit 600 --progress convert '\"film.mov\"'",
        },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let type_name = &args.positionals()[0];
    check_type(type_name)?;
    check_options(args)?;
    let job_options = JobOptions::of(args)?;
    let form = ArgFormat {
        is_text: args.has(&STRING),
        is_crlf: args.has(&CRLF),
        is_null: args.has(&NULL),
        bytes_max: max_line(args),
    };
    let options = Options::new().max_line(max_line(args));
    if args.has(&LINES) {
        return run_lines(args, form, &job_options, options);
    }
    let limit = TimeLimit::start(args.seconds(&TIMEOUT))?;
    limit.enter("reading standard input");
    let arg = form.arg_of(args.positionals().get(1).map(String::as_str))?;
    let options = match limit.deadline() {
        Some(deadline) => {
            let left = deadline.saturating_duration_since(Instant::now());
            options.connect_timeout(left.min(CONNECT_TIMEOUT)).deadline(deadline)
        }
        None => options,
    };
    limit.enter("connecting");
    let client = connect(args, options)?;
    limit.enter(format!("waiting for {}", client.url()));
    if let Some(until) = Until::of(args) {
        let job = job_options.submit_background(&client, type_name, arg.as_deref());
        return match until {
            Until::Accepted => background::wait_until_accepted(&client, &job),
            Until::Stored => durable::wait_until_stored(&client, job),
        };
    }
    let job = job_options.submit(&client, type_name, arg.as_deref());
    let progress = JobProgress::start(args.has(&PROGRESS));
    let show = |data: &RawValue| progress.show(data);
    let answer = if args.has(&DURABLE) {
        durable::wait(&client, &job, show)
    } else {
        progress::wait(&job, None, show).map_err(|error| failure(&client, error))
    };
    progress.end();
    let res = answer?;
    limit.enter_output(TIMED_OUT);
    Ok(ResultPrinter::new(args.has(&RAW)).print(&res)?)
}

/// Refuses options that would have no effect.
fn check_options(args: &Args) -> Outcome {
    let given = |options: &[&'static Opt]| options.iter().copied().find(|option| args.has(option));
    let refuse = |option: &Opt, reason: &str| Err(CliError::usage(format!("option '{}' {reason}", option.long)));
    let arg = args.positionals().get(1).map(String::as_str);
    let reads_stdin = args.has(&LINES) || arg == Some("-");
    if let Some(option) = given(&[&JOBS, &ORDERED, &NULL]).filter(|_| !args.has(&LINES)) {
        return refuse(option, "requires --lines");
    }
    if let Some(option) = given(&[&CRLF]).filter(|_| !reads_stdin || args.has(&NULL)) {
        return refuse(option, "requires lines of standard input");
    }
    if let Some(option) = given(&[&STRING]).filter(|_| !reads_stdin && arg.is_none()) {
        return refuse(option, "requires ARG or --lines");
    }
    if let Some(option) = given(&[&RAW, &JOBS, &ORDERED]).filter(|_| args.has(&BACKGROUND)) {
        return refuse(option, "has no effect with --background, which prints no results");
    }
    if let Some(option) = given(&[&KEEP, &PROGRESS, &DEADLINE]).filter(|_| args.has(&BACKGROUND)) {
        return refuse(option, "is not for --background, which does not wait for the job's end");
    }
    check_durable(args)?;
    if let Some(option) = given(&[&KEY]).filter(|_| args.has(&LINES)) {
        return refuse(option, "is not for --lines: it would make one job of all");
    }
    if let Some(option) = given(&[&WAIT_LIMIT]).filter(|_| args.has(&KEY)) {
        return refuse(option, "is not for --key: jobs that join another one do not wait for a worker of their own");
    }
    match arg.filter(|arg| args.has(&LINES) && *arg != "-") {
        Some(arg) => Err(CliError::usage(format!("unexpected argument {}: --lines reads standard input", quoted(arg)))),
        None => Ok(()),
    }
}

/// Refuses options that would have no effect on durable jobs, and those that durable jobs cannot have.
fn check_durable(args: &Args) -> Outcome {
    let given = |options: &[&'static Opt]| options.iter().copied().find(|option| args.has(option));
    let refuse = |option: &Opt, reason: &str| Err(CliError::usage(format!("option '{}' {reason}", option.long)));
    if !args.has(&DURABLE) {
        return given(&[&WAIT]).map_or(Ok(()), |option| refuse(option, "requires --durable"));
    }
    if let Some(option) = given(&[&KEEP]) {
        return refuse(option, "has no effect with --durable: the job goes on in any case");
    }
    if let Some(option) = given(&[&BACKGROUND, &NEED_WORKER]) {
        return refuse(option, "has no effect with --durable, which waits until a bridge has stored the job");
    }
    if let Some(option) = given(&[&KEY, &DELAY]) {
        return refuse(option, "is not for --durable: a bridge stores each job at once");
    }
    if let Some(option) = given(&[&RAW, &JOBS, &ORDERED, &PROGRESS, &DEADLINE]).filter(|_| !args.has(&WAIT)) {
        return refuse(option, "requires --wait with --durable, which otherwise ends when the job is stored");
    }
    Ok(())
}

fn run_lines(args: &Args, form: ArgFormat, job_options: &JobOptions, options: Options) -> Outcome {
    let timeout = args.seconds(&TIMEOUT);
    let options = match timeout {
        Some(timeout) => options
            .connect_timeout(timeout.min(CONNECT_TIMEOUT))
            .answer_timeout(timeout.min(Duration::from_secs(ANSWER_SECONDS_DEFAULT))),
        None => options,
    };
    let client = connect(args, options)?;
    // A server that does not answer is noticed now, and not only at the first line.
    client.ping().map_err(|error| failure(&client, error))?;
    if let Some(until) = Until::of(args) {
        return background::submit_lines(&client, &args.positionals()[0], form, job_options, until, timeout);
    }
    let jobs = args.uint(&JOBS).unwrap_or(JOBS_DEFAULT);
    Batch {
        type_name: &args.positionals()[0],
        form,
        options: job_options,
        jobs: usize::try_from(jobs).expect("it is in its range"),
        ordered: args.has(&ORDERED),
        timeout,
        raw: args.has(&RAW),
    }
    .run(client)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_text_shows_the_true_default() {
        assert_eq!(JOBS.default, JOBS_DEFAULT.to_string());
    }
}
