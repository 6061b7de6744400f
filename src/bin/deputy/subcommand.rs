//! A row of the table of subcommands.

use crate::cli::parse::Args;
use crate::cli::{Opt, Positional};
use crate::error::{CliError, ExitMeaning, Outcome};

/// All subcommands, in the order of the help text.
pub(crate) type Table = &'static [&'static Subcommand];

/// A subcommand: its arguments, its texts for help, man page and completions, and its function.
pub(crate) struct Subcommand {
    pub(crate) name: &'static str,
    /// A phrase on the subcommand's purpose, without a capital letter.
    pub(crate) summary: &'static str,
    /// The positional arguments, in their order on the command line.
    pub(crate) positionals: &'static [Positional],
    /// The options, in the order of the help text; [`HELP`] is the last.
    pub(crate) options: &'static [&'static Opt],
    /// The paragraphs of the help text, each in one line.
    pub(crate) about: &'static [&'static str],
    pub(crate) examples: &'static [Example],
    /// The exit codes, usually [`EXIT_CODES`](crate::error::EXIT_CODES).
    pub(crate) exit_codes: &'static [ExitMeaning],
    /// Reports a usage error in the subcommand's own way, if it has one.
    pub(crate) on_usage_error: Option<fn(&CliError) -> CliError>,
    pub(crate) run: Run,
}

/// The function of a subcommand.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Args(fn(&Args) -> Outcome),
    /// A function that also needs the table of all subcommands.
    Table(fn(&Args, Table) -> Outcome),
}

/// A command line to try, and its purpose.
pub(crate) struct Example {
    pub(crate) what: &'static str,
    pub(crate) line: &'static str,
}

/// The option that every subcommand has, at the end of its list.
pub(crate) static HELP: Opt = Opt::flag("--help").short('h').help("show this help and exit");

/// An option of `deputy` itself.
pub(crate) static VERSION: Opt = Opt::flag("--version").short('V').help("show the version and exit");

/// Returns the subcommand of this name.
pub(crate) fn find(table: Table, name: &str) -> Option<&'static Subcommand> {
    table.iter().copied().find(|subcommand| subcommand.name == name)
}

impl Subcommand {
    /// Returns the usage line.
    pub(crate) fn usage(&self) -> String {
        let positionals = self.positionals.iter().map(|positional| format!(" {}", positional.usage()));
        format!("deputy {} [OPTION]...{}", self.name, positionals.collect::<String>())
    }

    /// Reports a usage error in the subcommand's own way; returns other errors as they are.
    pub(crate) fn refuse(&self, error: CliError) -> CliError {
        match self.on_usage_error {
            Some(report) if error.is_usage() => report(&error),
            _ => error,
        }
    }

    /// Returns the summary as the beginning of a sentence.
    pub(crate) fn capitalized_summary(&self) -> String {
        let mut summary = self.summary.to_owned();
        summary[..1].make_ascii_uppercase();
        summary
    }
}
