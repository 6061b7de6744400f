//! `deputy completions`: a script that lets a shell complete the command line.

use std::io::Write;

use crate::args::Args;
use crate::error::{CliError, EXIT_CODES, Outcome};
use crate::generated::{bash, fish, zsh};
use crate::options::HELP;
use crate::out::Out;
use crate::subcommand::{Count, Example, Positional, Subcommand};

/// A shell, and what makes its script.
type Shell = (&'static str, fn() -> String);

const SHELLS: [Shell; 3] = [("bash", bash::script), ("zsh", zsh::script), ("fish", fish::script)];

pub(crate) static COMPLETIONS: Subcommand = Subcommand {
    name: "completions",
    summary: "print a completion script for a shell",
    positionals: &[Positional {
        name: "SHELL",
        help: "bash, zsh or fish",
        count: Count::Once,
        choices: || SHELLS.map(|(name, _)| name).to_vec(),
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
    on_usage_error: CliError::itself,
    run,
};

fn run(args: &Args) -> Outcome {
    let shell = &args.positionals()[0];
    let script = SHELLS.iter().find(|(name, _)| name == shell).map(|(_, script)| script());
    let script = script.ok_or_else(|| CliError::usage(format!("SHELL is bash, zsh or fish, and not {shell:?}")))?;
    Ok(Out::stdout().write_all(script.as_bytes())?)
}
