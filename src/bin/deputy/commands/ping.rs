//! `deputy ping`: whether the server answers, and how soon.

use std::io::Write;
use std::time::Instant;

use deputy::client::{Error, Options};

use crate::args::Args;
use crate::error::{CliError, EXIT_CODES, NO_CONNECTION, Outcome};
use crate::options::{HELP, Opt, SERVER, ValueKind};
use crate::out::Out;
use crate::subcommand::{Example, Subcommand};

static TIMEOUT: Opt = Opt {
    short: Some('t'),
    long: "--timeout",
    value: ValueKind::Seconds,
    help: "how long to wait for a connection, and for the answer",
    default: "5 and 20",
};

pub(crate) static PING: Subcommand = Subcommand {
    name: "ping",
    summary: "see whether the server answers, and how soon",
    positionals: &[],
    options: &[&SERVER, &TIMEOUT, &HELP],
    about: &["Sends one ping, and prints how long the answer took. Without an answer in time the exit code is 3."],
    examples: &[
        Example { what: "Is the server there?", line: "deputy ping" },
        Example {
            what: "Wait for a server that is starting",
            line: "until deputy ping -t 1 2> /dev/null; do sleep 1; done",
        },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    let mut options = Options::new();
    if let Some(timeout) = args.seconds(&TIMEOUT) {
        options = options.connect_timeout(timeout).answer_timeout(timeout);
    }
    let client = args.connect(options)?;
    let asked = Instant::now();
    client.ping().map_err(|error| match error {
        Error::TimedOut => CliError::new(NO_CONNECTION, format!("{} does not answer", client.url())),
        error => error.into(),
    })?;
    let took = asked.elapsed().as_secs_f64() * 1e3;
    Ok(writeln!(Out::stdout(), "{} answered in {took:.3} ms", client.url())?)
}

#[cfg(test)]
mod tests {
    use deputy::limits::{ANSWER_SECONDS_DEFAULT, CONNECT_SECONDS_DEFAULT};

    use super::*;

    #[test]
    fn the_default_is_the_one_that_help_tells() {
        assert_eq!(TIMEOUT.default, format!("{CONNECT_SECONDS_DEFAULT} and {ANSWER_SECONDS_DEFAULT}"));
    }
}
