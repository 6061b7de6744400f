//! `deputy ping`: checks whether the server answers, and how fast.

use std::io::Write;
use std::time::Instant;

use deputy::client::Error;

use crate::cli::parse::Args;
use crate::error::{CliError, EXIT_CODES, NO_CONNECTION, Outcome, TIMED_OUT};
use crate::out::Out;
use crate::server::{SERVER, TIMEOUT, connect, limited};
use crate::subcommand::{Example, HELP, Run, Subcommand};
use crate::time_limit::TimeLimit;

pub(crate) static PING: Subcommand = Subcommand {
    name: "ping",
    summary: "check that the server answers, and how fast",
    positionals: &[],
    options: &[&TIMEOUT, &SERVER, &HELP],
    about: &["Sends one ping, and prints how long the answer took. Without an answer in time the exit code is 3."],
    examples: &[
        Example { what: "Does the server answer?", line: "deputy ping" },
        Example {
            what: "Wait for a server that is starting",
            line: "until deputy ping -t 1 2> /dev/null; do sleep 1; done",
        },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let limit = TimeLimit::start(args.seconds(&TIMEOUT))?;
    let client = connect(args, limited(args))?;
    let asked = Instant::now();
    client.ping().map_err(|error| match error {
        Error::TimedOut => CliError::new(NO_CONNECTION, format!("{} does not answer", client.url())),
        error => error.into(),
    })?;
    limit.enter_output(TIMED_OUT);
    let elapsed = asked.elapsed().as_secs_f64() * 1e3;
    Ok(writeln!(Out::stdout(), "{} answered in {elapsed:.3} ms", client.url())?)
}
