//! `deputy status`: how a server is doing, once.

mod screen;

use std::io::Write;

use deputy::client::{Client, Metrics, Options};
use ratatui::crossterm::terminal;

use self::screen::Screen;
use super::{check_types, health};
use crate::args::Args;
use crate::options::{HELP, Opt, SERVER};
use crate::out::Out;
use crate::problem::{EXITS, Outcome, Problem};
use crate::subcommand::{self, Count, Example, Subcommand, Word};

static JSON: Opt = Opt::flag(None, "--json", "print all metrics as the server tells them, a JSON object");

pub(crate) static STATUS: Subcommand = Subcommand {
    name: "status",
    summary: "show how the server is doing",
    words: &[Word {
        name: "TYPE",
        help: "only these types; without it all, the fullest first",
        count: Count::AnyNumber,
        choices: subcommand::any,
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
    exits: EXITS,
    refuse: Problem::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    check_types(args.words())?;
    let client = args.connect(Options::new())?;
    let metrics = ask(&client, args.words())?;
    let mut out = Out::stdout();
    if args.has(&JSON) {
        return Ok(writeln!(out, "{}", metrics.raw)?);
    }
    let room = if out.is_terminal() { terminal::size().ok() } else { None };
    let screen = Screen {
        url: &client.url().to_string(),
        up_ms: health::up_ms(&metrics),
        columns: room.map_or(usize::MAX, |(columns, _)| columns.into()),
        rows: room.map_or(usize::MAX, |(_, rows)| rows.into()),
        chosen: !args.words().is_empty(),
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
fn ask(client: &Client, types: &[String]) -> Result<Metrics, Problem> {
    if types.is_empty() {
        return Ok(client.metrics_by_type()?);
    }
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    Ok(client.metrics_of(&types)?)
}
