//! `deputy do`: submits jobs, and waits for their results.
//!
//! | file | what |
//! |---|---|
//! | `do` | the row of the table; one job |
//! | `batch` | a job for each line, with or without waiting |
//! | `input` | args from the command line and stdin; results to stdout |

mod batch;
mod input;

use std::time::Duration;

use deputy::client::{Client, Options};
use deputy::limits::CONNECT_SECONDS_DEFAULT;

use self::batch::Batch;
use self::input::{ArgFormat, ResultPrinter};
use crate::cli::parse::{Args, quoted};
use crate::cli::{Choices, Count, Opt, Positional, ValueKind};
use crate::error::{CliError, EXIT_CODES, Outcome};
use crate::server::{SERVER, check_type};
use crate::subcommand::{Example, HELP, Run, Subcommand};

static STRING: Opt = Opt::flag(Some('s'), "--string", "ARG is text, not JSON");
static RAW: Opt = Opt::flag(Some('r'), "--raw", "print a text result without quotes and escapes");
static TIMEOUT: Opt = Opt {
    short: Some('t'),
    long: "--timeout",
    value: ValueKind::Seconds,
    help: "how long to wait for a result; the job stays at the server and still runs",
    default: "",
};
static BACKGROUND: Opt =
    Opt::flag(Some('b'), "--background", "wait only until the server has accepted the job; its result is dropped");
static LINES: Opt = Opt::flag(Some('l'), "--lines", "submit a job for each line of standard input");
static JOBS: Opt = Opt {
    short: Some('j'),
    long: "--jobs",
    value: ValueKind::Uint { min: 1, max: 1_024, zero: "" },
    help: "with --lines: how many jobs to have submitted at once",
    default: "64",
};
static ORDERED: Opt = Opt::flag(Some('o'), "--ordered", "with --lines: print results in the order of the lines");

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
    options: &[&STRING, &RAW, &TIMEOUT, &BACKGROUND, &LINES, &JOBS, &ORDERED, &SERVER, &HELP],
    about: &[
        "Prints the result on standard output, as JSON. If the job fails, its err is printed on standard error, and the \
         exit code is 1.",
        "Without ARG, standard input is read if it is a pipe or a file. If it is not, or is empty, the job has no arg. \
         With --string, one line end at the end of standard input is not part of the text.",
        "With --lines each line is a job, and results are printed as they come. Empty lines are skipped, unless \
         --string is given. A failed job is reported on standard error with its line number, and the others go on. A \
         line that is not JSON ends the input. If the connection is lost, no job is submitted again.",
    ],
    examples: &[
        Example { what: "A job with a JSON arg", line: "deputy do add '[1, 2, 3]'" },
        Example { what: "Text in, text out", line: "deputy do -s -r shout 'good morning'" },
        Example { what: "A job for each file, 16 at once", line: "ls *.jpg | deputy do -l -s -r -j 16 thumbnail" },
        Example { what: "Every night, without waiting", line: "0 3 * * * deputy do --background tidy" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let type_name = &args.positionals()[0];
    check_type(type_name)?;
    let form = if args.has(&STRING) { ArgFormat::Text } else { ArgFormat::Json };
    if args.has(&LINES) {
        return run_lines(args, form);
    }
    if let Some(option) = [&JOBS, &ORDERED].into_iter().find(|option| args.has(option)) {
        return Err(CliError::usage(format!("option '{}' requires --lines", option.long)));
    }
    let arg = form.arg_of(args.positionals().get(1).map(String::as_str))?;
    let client = connect(args)?;
    let job = client.submit_raw(type_name, arg.as_deref());
    if args.has(&BACKGROUND) {
        return batch::wait_until_accepted(&client, [job]);
    }
    let res = match args.seconds(&TIMEOUT) {
        Some(timeout) => job.wait_timeout(timeout),
        None => job.wait(),
    };
    Ok(ResultPrinter::new(args.has(&RAW)).print(&res?)?)
}

fn run_lines(args: &Args, form: ArgFormat) -> Outcome {
    if let Some(arg) = args.positionals().get(1).filter(|arg| *arg != "-") {
        return Err(CliError::usage(format!("unexpected argument {}: --lines reads standard input", quoted(arg))));
    }
    let client = connect(args)?;
    if args.has(&BACKGROUND) {
        return batch::submit_lines(&client, &args.positionals()[0], form);
    }
    let jobs = args.uint(&JOBS).unwrap_or(JOBS_DEFAULT);
    Batch {
        type_name: &args.positionals()[0],
        form,
        jobs: usize::try_from(jobs).expect("it is in its range"),
        ordered: args.has(&ORDERED),
        timeout: args.seconds(&TIMEOUT),
        raw: args.has(&RAW),
    }
    .run(client)
}

fn connect(args: &Args) -> Result<Client, CliError> {
    let longest = Duration::from_secs(CONNECT_SECONDS_DEFAULT);
    let timeout = args.seconds(&TIMEOUT).map_or(longest, |timeout| timeout.min(longest));
    crate::server::connect(args, Options::new().connect_timeout(timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_text_shows_the_true_default() {
        assert_eq!(JOBS.default, JOBS_DEFAULT.to_string());
    }
}
