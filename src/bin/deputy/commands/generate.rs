//! `deputy man` and `deputy completions`: print texts that are made from the table of subcommands.

use std::io::Write;

use crate::cli::parse::{Args, quoted};
use crate::cli::{Choices, Count, Positional};
use crate::error::{CliError, EXIT_CODES, Outcome};
use crate::generated::{completions, man};
use crate::out::Out;
use crate::subcommand::{Example, HELP, Run, Subcommand, Table, find};

pub(crate) static MAN: Subcommand = Subcommand {
    name: "man",
    summary: "print a man page",
    positionals: &[Positional {
        name: "SUBCOMMAND",
        help: "the subcommand; by default, the page of deputy itself",
        count: Count::AtMostOnce,
        choices: Choices::Subcommands,
    }],
    options: &[&HELP],
    about: &["The page is roff, for `man -l` or a folder man1."],
    examples: &[
        Example { what: "Read a page", line: "deputy man do | man -l -" },
        Example { what: "Install a page", line: "deputy man do > /usr/local/share/man/man1/deputy-do.1" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Table(print_page),
};

pub(crate) static COMPLETIONS: Subcommand = Subcommand {
    name: "completions",
    summary: "print a completion script for a shell",
    positionals: &[Positional {
        name: "SHELL",
        help: "bash, zsh or fish",
        count: Count::Once,
        choices: Choices::Words(&["bash", "zsh", "fish"]),
    }],
    options: &[&HELP],
    about: &[],
    examples: &[
        Example {
            what: "bash, for this user",
            line: "deputy completions bash > ~/.local/share/bash-completion/completions/deputy",
        },
        Example { what: "zsh, with ~/.zfunc in fpath", line: "deputy completions zsh > ~/.zfunc/_deputy" },
        Example { what: "fish", line: "deputy completions fish > ~/.config/fish/completions/deputy.fish" },
    ],
    exit_codes: EXIT_CODES,
    on_usage_error: None,
    run: Run::Table(print_script),
};

fn print_page(args: &Args, table: Table) -> Outcome {
    let page = match args.positionals().first() {
        None => man::main_page(table),
        Some(name) => {
            let unknown = || CliError::usage(format!("unrecognized subcommand {}", quoted(name)));
            man::page(find(table, name).ok_or_else(unknown)?)
        }
    };
    Ok(Out::stdout().write_all(page.as_bytes())?)
}

fn print_script(args: &Args, table: Table) -> Outcome {
    let shell = &args.positionals()[0];
    let script = match shell.as_str() {
        "bash" => completions::bash(table),
        "zsh" => completions::zsh(table),
        "fish" => completions::fish(table),
        _ => {
            return Err(CliError::usage(format!("invalid SHELL {}: expected bash, zsh or fish", quoted(shell))));
        }
    };
    Ok(Out::stdout().write_all(script.as_bytes())?)
}
