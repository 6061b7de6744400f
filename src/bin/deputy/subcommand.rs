//! What a subcommand is, and the table of all.

use crate::args::Args;
use crate::commands;
use crate::error::{CliError, ExitMeaning, Outcome};
use crate::options::Opt;

/// A subcommand: what it is called with, what help, man page and completions say of it, and what it does.
pub(crate) struct Subcommand {
    pub(crate) name: &'static str,
    /// What it does, in some words that begin small.
    pub(crate) summary: &'static str,
    /// In the order in which they are given.
    pub(crate) positionals: &'static [Positional],
    /// In the order of the help text; [`HELP`](crate::options::HELP) is the last.
    pub(crate) options: &'static [&'static Opt],
    /// Paragraphs, each one line.
    pub(crate) about: &'static [&'static str],
    pub(crate) examples: &'static [Example],
    /// Usually [`EXITS`](crate::problem::EXITS).
    pub(crate) exit_codes: &'static [ExitMeaning],
    /// What is made of a wrong command line; usually [`CliError::itself`], as the exit code is usually the same.
    pub(crate) on_usage_error: fn(CliError) -> CliError,
    pub(crate) run: fn(&Args) -> Outcome,
}

/// A word on the command line that belongs to no option.
pub(crate) struct Positional {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) count: Count,
    /// What it may be, if it is one of a few: for completions. The subcommand itself refuses others.
    pub(crate) choices: fn() -> Vec<&'static str>,
}

/// How often a word is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Once,
    AtMostOnce,
    OnceOrMore,
    AnyNumber,
    /// All that follows `--`, once or more. It comes last.
    Trailing,
}

/// A command line to try, and what it does.
pub(crate) struct Example {
    pub(crate) what: &'static str,
    pub(crate) line: &'static str,
}

/// Every subcommand, in the order of the help text.
pub(crate) static SUBCOMMANDS: &[&Subcommand] = &[
    &commands::r#do::DO,
    &commands::work::WORK,
    &commands::status::STATUS,
    &commands::top::TOP,
    &commands::why::WHY,
    &commands::check::CHECK,
    &commands::ping::PING,
    &commands::completions::COMPLETIONS,
    &commands::man::MAN,
];

/// The subcommand of this name.
pub(crate) fn find(name: &str) -> Option<&'static Subcommand> {
    SUBCOMMANDS.iter().copied().find(|subcommand| subcommand.name == name)
}

/// All names.
pub(crate) fn names() -> Vec<&'static str> {
    SUBCOMMANDS.iter().map(|subcommand| subcommand.name).collect()
}

/// For words of which there are too many to list.
pub(crate) fn no_choices() -> Vec<&'static str> {
    Vec::new()
}

impl Positional {
    /// As it stands in the line of usage.
    pub(crate) fn usage(&self) -> String {
        match self.count {
            Count::Once => self.name.to_owned(),
            Count::AtMostOnce => format!("[{}]", self.name),
            Count::OnceOrMore => format!("{}...", self.name),
            Count::AnyNumber => format!("[{}]...", self.name),
            Count::Trailing => format!("-- {}", self.name),
        }
    }
}

impl Subcommand {
    /// How it is called, in one line.
    pub(crate) fn usage(&self) -> String {
        let words = self.positionals.iter().map(|word| format!(" {}", word.usage()));
        format!("deputy {} [OPTION]...{}", self.name, words.collect::<String>())
    }

    /// The fewest and most words that belong to no option, and whether a rest follows.
    pub(crate) fn positional_counts(&self) -> (usize, usize, bool) {
        let count = |wanted: &[Count]| self.positionals.iter().filter(|word| wanted.contains(&word.count)).count();
        let least = count(&[Count::Once, Count::OnceOrMore]);
        let is_endless = count(&[Count::OnceOrMore, Count::AnyNumber]) > 0;
        let most = if is_endless { usize::MAX } else { least + count(&[Count::AtMostOnce]) };
        (least, most, count(&[Count::Trailing]) > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::HELP;

    #[test]
    fn every_name_stands_once_and_help_comes_last() {
        for (index, subcommand) in SUBCOMMANDS.iter().enumerate() {
            assert!(SUBCOMMANDS[index + 1..].iter().all(|other| other.name != subcommand.name));
            assert!(subcommand.options.last().is_some_and(|last| last.long == HELP.long), "{}", subcommand.name);
            for (index, option) in subcommand.options.iter().enumerate() {
                assert!(option.long.starts_with("--"));
                let others = &subcommand.options[index + 1..];
                assert!(others.iter().all(|other| other.long != option.long), "{}", option.long);
                assert!(option.short.is_none() || others.iter().all(|other| other.short != option.short));
            }
            assert!(!subcommand.examples.is_empty() && !subcommand.exit_codes.is_empty());
        }
    }
}
