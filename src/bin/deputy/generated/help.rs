//! The text of `--help`, of a subcommand or of all.

use std::fmt::Write;

use crate::error::EXIT_CODES;
use crate::options::{HELP, Opt, VERSION};
use crate::subcommand::{SUBCOMMANDS, Subcommand};

/// What `deputy` is, for help and man page.
pub(crate) const ABOUT: &str = "Hands jobs to a Deputy server, does them, and shows how the server is doing.";

/// What holds for every subcommand.
pub(crate) const NOTES: &[&str] = &[
    "The server is given by --server or the variable DEPUTY_URL, as tcp://HOST:PORT, HOST:PORT or unix:/PATH; without \
     either it is tcp://127.0.0.1:11746.",
    "SECONDS may be fractions. Colour is for terminals, and only if the variable NO_COLOR is not set.",
];

/// Columns of the narrowest terminal.
const WIDTH: usize = 80;
/// The column in which explanations start.
const COLUMN: usize = 26;

/// The whole text.
pub(crate) fn text(subcommand: Option<&Subcommand>) -> String {
    subcommand.map_or_else(main_text, subcommand_text)
}

fn main_text() -> String {
    let mut text = format!("Usage: deputy SUBCOMMAND [OPTION]...\n\n{ABOUT}\n\nSubcommands:\n");
    for subcommand in SUBCOMMANDS {
        row(&mut text, subcommand.name, subcommand.summary);
    }
    text += "\nOptions:\n";
    for option in [&HELP, &VERSION] {
        row(&mut text, &names(option), &explanation(option));
    }
    text.push('\n');
    text += "'deputy SUBCOMMAND --help' tells more, with examples.\n";
    for note in NOTES {
        text += &wrapped(note, 0);
    }
    text.push('\n');
    exits(&mut text, EXIT_CODES);
    text
}

fn subcommand_text(subcommand: &Subcommand) -> String {
    let mut summary = subcommand.summary.to_owned();
    summary[..1].make_ascii_uppercase();
    let mut text = format!("Usage: {}\n\n{summary}.\n\n", subcommand.usage());
    for word in subcommand.positionals {
        row(&mut text, word.name, word.help);
    }
    if !subcommand.positionals.is_empty() {
        text.push('\n');
    }
    for option in subcommand.options {
        row(&mut text, &names(option), &explanation(option));
    }
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
    exits(&mut text, subcommand.exit_codes);
    text
}

fn exits(text: &mut String, exits: &[(u8, &str)]) {
    *text += "Exit codes:\n";
    for (code, meaning) in exits {
        row(text, &code.to_string(), meaning);
    }
}

/// The names of an option, as `-j, --jobs N`.
pub(crate) fn names(option: &Opt) -> String {
    let short = option.short.map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let value = option.value.name();
    let gap = if value.is_empty() { "" } else { " " };
    format!("{short}{}{gap}{value}", option.long)
}

/// What an option does, and its default.
pub(crate) fn explanation(option: &Opt) -> String {
    if option.default.is_empty() { option.help.to_owned() } else { format!("{} [{}]", option.help, option.default) }
}

/// Two columns. A left part that reaches into the right column has the explanation on the next line.
fn row(text: &mut String, left: &str, right: &str) {
    let right = wrapped(right, COLUMN);
    if left.len() + 4 <= COLUMN {
        let _ = write!(text, "  {left:width$}{}", right.trim_start(), width = COLUMN - 2);
    } else {
        let _ = write!(text, "  {left}\n{right}");
    }
}

/// Lines that fit a terminal, each indented.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = String::new();
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            lines.push('\n');
            column = 0;
        }
        if column == 0 {
            let _ = write!(lines, "{:indent$}{word}", "");
            column = indent + width;
        } else {
            let _ = write!(lines, " {word}");
            column += 1 + width;
        }
    }
    lines.push('\n');
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_fits_a_terminal() {
        let texts = SUBCOMMANDS.iter().map(|subcommand| text(Some(subcommand))).chain([text(None)]);
        for line in texts.collect::<String>().lines() {
            assert!(line.chars().count() <= WIDTH && line == line.trim_end(), "{line:?}");
        }
    }

    #[test]
    fn a_paragraph_is_broken_between_words() {
        assert_eq!(wrapped(&"1234567 ".repeat(10), 4), {
            let line = |count| format!("    {}\n", ["1234567"].repeat(count).join(" "));
            format!("{}    1234567 \n", line(9))
        });
    }
}
