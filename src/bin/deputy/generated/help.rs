//! The text of `--help`, for one subcommand or for `deputy` itself.

use std::fmt::Write;

use crate::cli::help::{options, row, wrapped};
use crate::error::{EXIT_CODES, ExitMeaning};
use crate::subcommand::{HELP, Subcommand, Table, VERSION};

/// The description of `deputy`, for help and man page.
pub(crate) const ABOUT: &str = "Submits jobs to a Deputy server, runs them, and shows the server's state.";

/// The notes that apply to every subcommand.
pub(crate) const NOTES: &[&str] = &[
    "The server is given by --server or the variable DEPUTY_URL, as tcp://HOST:PORT, HOST:PORT or unix:/PATH. Without \
     them it is tcp://127.0.0.1:11746.",
    "SECONDS may have decimals. Output is coloured only on terminals, and not if the variable NO_COLOR is set.",
];

/// The column in which explanations start.
const COLUMN: usize = 26;

/// Returns the help text of `deputy` itself.
pub(crate) fn main_text(table: Table) -> String {
    let mut text = format!("Usage: deputy SUBCOMMAND [OPTION]...\n\n{ABOUT}\n\nSubcommands:\n");
    for subcommand in table {
        row(&mut text, subcommand.name, subcommand.summary, COLUMN);
    }
    text += "\nOptions:\n";
    options(&mut text, &[&HELP, &VERSION], COLUMN);
    text += "\n'deputy SUBCOMMAND --help' shows more, with examples.\n";
    for note in NOTES {
        text += &wrapped(note, 0);
    }
    text.push('\n');
    exit_codes(&mut text, EXIT_CODES);
    text
}

/// Returns the help text of a subcommand.
pub(crate) fn subcommand_text(subcommand: &Subcommand) -> String {
    let mut text = format!("Usage: {}\n\n{}.\n\n", subcommand.usage(), subcommand.capitalized_summary());
    for positional in subcommand.positionals {
        row(&mut text, positional.name, positional.help, COLUMN);
    }
    if !subcommand.positionals.is_empty() {
        text.push('\n');
    }
    options(&mut text, subcommand.options, COLUMN);
    text.push('\n');
    for paragraph in subcommand.about {
        text += &wrapped(paragraph, 0);
        text.push('\n');
    }
    text += "Examples:\n";
    for example in subcommand.examples {
        let _ = writeln!(text, "  # {}\n  {}", example.what, example.line); // Writing to a String cannot fail.
    }
    text.push('\n');
    exit_codes(&mut text, subcommand.exit_codes);
    text
}

fn exit_codes(text: &mut String, meanings: &[ExitMeaning]) {
    *text += "Exit codes:\n";
    for (code, meaning) in meanings {
        row(text, &code.to_string(), meaning, COLUMN);
    }
}
