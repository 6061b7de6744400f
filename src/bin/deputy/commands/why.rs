//! `deputy why`: explains why jobs of a type are waiting. The library finds the reason, because the server's pages show
//! it too.

use std::io::Write;

use deputy::monitor::why::{may_be_misspelt, why};

use crate::cli::parse::Args;
use crate::cli::{Choices, Count, Positional};
use crate::error::{EXIT_CODES, Outcome, TIMED_OUT};
use crate::out::Out;
use crate::server::{SERVER, TIMEOUT, check_type, connect, failure, limited};
use crate::subcommand::{Example, HELP, Run, Subcommand};
use crate::time_limit::TimeLimit;

pub(crate) static WHY: Subcommand = Subcommand {
    name: "why",
    summary: "explain why jobs of a type are waiting",
    positionals: &[Positional { name: "TYPE", help: "the type", count: Count::Once, choices: Choices::Any }],
    options: &[&TIMEOUT, &SERVER, &HELP],
    about: &[
        "Prints one sentence with the reason: no worker does the type (with similar names of types that have \
         workers), its workers are busy, its workers have not answered jobs that have ended, its workers do not take \
         waiting jobs, a worker was lost with the job, the server is stopping, or no job is waiting.",
        "Further clauses name workers that were lost while they held jobs of the type, jobs that a bridge has passed \
         on to other machines, the oldest running job and its worker, and a memory budget that is nearly used up.",
        "The server reports how many connections do a type and how many jobs they hold. It does not report how many \
         jobs they may hold, or which other types they do. 'seem' marks a conclusion that is only likely.",
    ],
    examples: &[
        Example { what: "Why is no job done?", line: "deputy why thumbnail" },
        Example { what: "Ask again every two seconds", line: "watch deputy why thumbnail" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Args(run),
};

fn run(args: &Args) -> Outcome {
    let name = &args.positionals()[0];
    check_type(name)?;
    let limit = TimeLimit::start(args.seconds(&TIMEOUT))?;
    let client = connect(args, limited(args))?;
    let failed = |error| failure(&client, error);
    let metrics = client.metrics_of(&[name]).map_err(failed)?;
    let mut row = metrics.types.first().cloned().unwrap_or_default();
    row.name.clone_from(name);
    let others =
        if may_be_misspelt(&row, &metrics) { client.metrics_by_type().map_err(failed)?.types } else { Vec::new() };
    limit.enter_output(TIMED_OUT);
    Ok(writeln!(Out::stdout(), "{}", why(&row, &metrics, &others))?)
}
