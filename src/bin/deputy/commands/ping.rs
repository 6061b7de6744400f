//! `deputy ping`: whether the server answers, and how fast.

use std::io::Write;
use std::time::Instant;

use deputy::client::{Error, Options};

use crate::cli::parse::Args;
use crate::cli::{Opt, ValueKind};
use crate::error::{CliError, EXIT_CODES, NO_CONNECTION, Outcome};
use crate::out::Out;
use crate::server::{SERVER, connect};
use crate::subcommand::{Example, HELP, Run, Subcommand};

static TIMEOUT: Opt = Opt {
    short: Some('t'),
    long: "--timeout",
    value: ValueKind::Seconds,
    help: "time limit of the command",
    default: "5 to connect, 20 for the answer",
};

pub(crate) static PING: Subcommand = Subcommand {
    name: "ping",
    summary: "check that the server answers, and how fast",
    positionals: &[],
    options: &[&SERVER, &TIMEOUT, &HELP],
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
    let mut options = Options::new();
    if let Some(timeout) = args.seconds(&TIMEOUT) {
        options = options.connect_timeout(timeout).answer_timeout(timeout).deadline(Instant::now() + timeout);
    }
    let client = connect(args, options)?;
    let asked = Instant::now();
    client.ping().map_err(|error| match error {
        Error::TimedOut => CliError::new(NO_CONNECTION, format!("{} does not answer", client.url())),
        error => error.into(),
    })?;
    let elapsed = asked.elapsed().as_secs_f64() * 1e3;
    Ok(writeln!(Out::stdout(), "{} answered in {elapsed:.3} ms", client.url())?)
}

#[cfg(test)]
mod tests {
    use deputy::limits::{ANSWER_SECONDS_DEFAULT, CONNECT_SECONDS_DEFAULT};

    use super::*;

    #[test]
    fn the_help_text_shows_the_true_default() {
        assert_eq!(
            TIMEOUT.default,
            format!("{CONNECT_SECONDS_DEFAULT} to connect, {ANSWER_SECONDS_DEFAULT} for the answer")
        );
    }
}
