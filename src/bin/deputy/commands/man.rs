//! `deputy man`: the manual's pages.

use std::io::Write;

use crate::args::Args;
use crate::options::HELP;
use crate::out::Out;
use crate::pages::roff;
use crate::problem::{EXITS, Outcome, Problem};
use crate::subcommand::{self, Count, Example, Subcommand, Word};

pub(crate) static MAN: Subcommand = Subcommand {
    name: "man",
    summary: "print a page of the manual",
    words: &[Word {
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
    exits: EXITS,
    refuse: Problem::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    let page = match args.words().first() {
        None => roff::main_page(),
        Some(name) => roff::page(
            subcommand::find(name).ok_or_else(|| Problem::usage(format!("there is no subcommand {name:?}")))?,
        ),
    };
    Ok(Out::stdout().write_all(page.as_bytes())?)
}
