//! `deputy why`: why jobs of a type wait.

mod cause;
mod near;

use std::io::Write;

use deputy::client::Options;

use self::cause::Cause;
use super::check_type;
use crate::args::Args;
use crate::error::{CliError, EXIT_CODES, Outcome};
use crate::options::{HELP, SERVER};
use crate::out::Out;
use crate::subcommand::{self, Count, Example, Positional, Subcommand};

pub(crate) static WHY: Subcommand = Subcommand {
    name: "why",
    summary: "say why jobs of a type wait",
    positionals: &[Positional {
        name: "TYPE",
        help: "whose jobs",
        count: Count::Once,
        choices: subcommand::no_choices,
    }],
    options: &[&SERVER, &HELP],
    about: &[
        "Says it in one sentence: that nobody does the type (with types of similar names that somebody does), that its \
         workers are busy, that they do not take what is there, that the server is stopping, or that nothing waits; \
         and whether the server's memory budget is used up, so that new jobs are refused.",
        "The server tells how many connections do a type and how many jobs they hold, but not how many they may hold, \
         nor which other types they do. What follows from that and is not certain is said with 'seem'.",
    ],
    examples: &[
        Example { what: "Why is nothing done?", line: "deputy why thumbnail" },
        Example { what: "Again every two seconds", line: "watch deputy why thumbnail" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    let name = &args.positionals()[0];
    check_type(name)?;
    let client = args.connect(Options::new())?;
    let metrics = client.metrics_of(&[name])?;
    let mut row = metrics.types.first().cloned().unwrap_or_default();
    row.name.clone_from(name);
    let cause = Cause::of(&row, &metrics);
    let others = if cause.may_be_misspelt(&row) { client.metrics_by_type()?.types } else { Vec::new() };
    Ok(writeln!(Out::stdout(), "{}", cause.explain(&row, &metrics, &near::similar_names(name, &others)))?)
}
