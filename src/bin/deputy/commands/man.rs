//! `deputy man`: the manual's pages.

use std::io::Write;

use crate::args::Args;
use crate::error::{CliError, EXIT_CODES, Outcome};
use crate::generated::roff;
use crate::options::HELP;
use crate::out::Out;
use crate::subcommand::{self, Count, Example, Positional, Subcommand};

pub(crate) static MAN: Subcommand = Subcommand {
    name: "man",
    summary: "print a page of the manual",
    positionals: &[Positional {
        name: "SUBCOMMAND",
        help: "which page; without it, that of deputy itself",
        count: Count::AtMostOnce,
        choices: subcommand::names,
    }],
    options: &[&HELP],
    about: &["The page is in the language of man(1), for `man -l` or a folder man1."],
    examples: &[
        Example { what: "Read a page", line: "deputy man do | man -l -" },
        Example { what: "Install one", line: "deputy man do > /usr/local/share/man/man1/deputy-do.1" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    let page = match args.positionals().first() {
        None => roff::main_page(),
        Some(name) => roff::page(
            subcommand::find(name).ok_or_else(|| CliError::usage(format!("there is no subcommand {name:?}")))?,
        ),
    };
    Ok(Out::stdout().write_all(page.as_bytes())?)
}
