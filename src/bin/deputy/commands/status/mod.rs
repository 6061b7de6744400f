//! `deputy status`: how a server is doing, once.

mod screen;

use std::io::Write;

use deputy::client::{Client, Metrics, Options};
use ratatui::crossterm::terminal;

use self::screen::StatusView;
use super::{check_types, health};
use crate::args::Args;
use crate::error::{CliError, EXIT_CODES, Outcome};
use crate::options::{HELP, Opt, SERVER};
use crate::out::Out;
use crate::subcommand::{self, Count, Example, Positional, Subcommand};

static JSON: Opt = Opt::flag(None, "--json", "print all metrics as the server tells them, a JSON object");

pub(crate) static STATUS: Subcommand = Subcommand {
    name: "status",
    summary: "show how the server is doing",
    positionals: &[Positional {
        name: "TYPE",
        help: "only these types; without it all, the fullest first",
        count: Count::AnyNumber,
        choices: subcommand::no_choices,
    }],
    options: &[&JSON, &SERVER, &HELP],
    about: &[
        "Shows the server, and of each type the jobs that wait and run, its workers, the jobs done since it last had no \
         worker, and the age of the oldest job that waits. Types whose jobs wait for a worker that is not there are \
         marked. On a terminal, only as many types as fit are shown.",
    ],
    examples: &[
        Example { what: "How is it doing?", line: "deputy status" },
        Example { what: "All types, with those that do not fit a screen", line: "deputy status | less" },
        Example { what: "How many jobs wait, for a script", line: "deputy status --json | jq .jobs_waiting" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    check_types(args.positionals())?;
    let client = args.connect(Options::new())?;
    let metrics = query(&client, args.positionals())?;
    let mut out = Out::stdout();
    if args.has(&JSON) {
        return Ok(writeln!(out, "{}", metrics.raw)?);
    }
    let room = if out.is_terminal() { terminal::size().ok() } else { None };
    let screen = StatusView {
        url: &client.url().to_string(),
        up_ms: health::uptime_ms(&metrics),
        columns: room.map_or(usize::MAX, |(columns, _)| columns.into()),
        rows: room.map_or(usize::MAX, |(_, rows)| rows.into()),
        named_types: !args.positionals().is_empty(),
    };
    for line in screen.lines(&metrics) {
        match line.style {
            Some(style) => writeln!(out, "{}", out.styled(style, &line.text).into_owned())?,
            None => writeln!(out, "{}", line.text)?,
        }
    }
    Ok(())
}

/// All types, or those that were named.
fn query(client: &Client, types: &[String]) -> Result<Metrics, CliError> {
    if types.is_empty() {
        return Ok(client.metrics_by_type()?);
    }
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    Ok(client.metrics_of(&types)?)
}
