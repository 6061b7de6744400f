//! A command line described by a table, for all programs: the parser and the help text are made from the same rows.
//!
//! | file | what |
//! |---|---|
//! | `cli` | an option, a positional argument, and the values that they take |
//! | `parse` | command-line arguments to options, positionals and trailing arguments; the errors |
//! | `number` | text to numbers, sizes and times |
//! | `help` | the columns of `--help` |
//! | `program` | what the programs that serve have in common |
//!
//! Deliberately absent: abbreviated options, options that depend on others, environment variables. What a value means is
//! decided by the program.
#![allow(dead_code, reason = "each program uses a part of this")]

pub(crate) mod help;
pub(crate) mod number;
pub(crate) mod parse;
pub(crate) mod program;

use deputy::limits::{JOB_MS_MAX, SECONDS_MAX};

/// The longest time of a job, in seconds.
const JOB_SECONDS_MAX: u64 = JOB_MS_MAX / 1_000;

/// One option.
#[derive(Debug)]
pub(crate) struct Opt {
    pub(crate) short: Option<char>,
    /// With its dashes.
    pub(crate) long: &'static str,
    pub(crate) value: ValueKind,
    /// For the help text, without the default.
    pub(crate) help: &'static str,
    /// The value that holds without the option, for the help text. Empty if there is none to show.
    pub(crate) default: &'static str,
}

/// The value that an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ValueKind {
    /// None.
    Flag,
    /// A whole number in this range. `zero` says what 0 means, if that is special.
    Uint { min: u64, max: u64, zero: &'static str },
    /// A whole number in this range, with a minus if it is below 0.
    Int { min: i64, max: i64 },
    /// A number of bytes in this range, with K, M or G (of 1024) after the digits if wanted.
    Bytes { min: u64, max: u64, zero: &'static str },
    /// Whole seconds in this range.
    WholeSeconds { min: u64, max: u64, zero: &'static str },
    /// A time above 0 and at most a day, with decimals if wanted.
    Seconds,
    /// A time of a job: at most 30 days, with decimals if wanted. `zero` says what 0 means; if it is empty, 0 is refused.
    JobSeconds { zero: &'static str },
    /// One of these words.
    Choice { name: &'static str, words: &'static [&'static str] },
    /// Any text; the name stands for it in help texts.
    Text(&'static str),
    /// Any text, UTF-8 or not.
    Path(&'static str),
}

/// An argument that belongs to no option.
#[derive(Debug)]
pub(crate) struct Positional {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) count: Count,
    pub(crate) choices: Choices,
}

/// How often a positional argument is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    Once,
    AtMostOnce,
    OnceOrMore,
    AnyNumber,
    /// All that follows `--`, once or more. It is the last row.
    Trailing,
}

/// The values that completion scripts offer. The parser accepts others: the subcommand refuses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choices {
    /// Too many to list.
    Any,
    Words(&'static [&'static str]),
    /// The names of the subcommands.
    Subcommands,
}

impl Opt {
    /// An option with a value. Without a short name, a help text and a default, until they are set.
    pub(crate) const fn value(long: &'static str, value: ValueKind) -> Self {
        Self { short: None, long, value, help: "", default: "" }
    }

    /// An option without a value. Likewise.
    pub(crate) const fn flag(long: &'static str) -> Self {
        Self::value(long, ValueKind::Flag)
    }

    /// Gives the option a short name.
    pub(crate) const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    /// Sets the text for the help, without the default.
    pub(crate) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    /// Sets the value that holds without the option, for the help text.
    pub(crate) const fn default(self, default: &'static str) -> Self {
        Self { default, ..self }
    }

    /// The names of the option, with their dashes.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        self.short.map(|short| format!("-{short}")).into_iter().chain([self.long.to_owned()])
    }
}

impl ValueKind {
    /// The name that stands for the value; empty for a flag.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Flag => "",
            Self::Uint { .. } | Self::Int { .. } => "N",
            Self::Bytes { .. } => "BYTES",
            Self::WholeSeconds { .. } | Self::Seconds | Self::JobSeconds { .. } => "SECONDS",
            Self::Choice { name, .. } | Self::Text(name) | Self::Path(name) => name,
        }
    }

    /// Describes the values that are accepted.
    pub(crate) fn expected(self) -> String {
        let (text, zero) = match self {
            Self::Flag => ("no value".to_owned(), ""),
            Self::Uint { min, max: u64::MAX, zero } => (format!("a whole number of at least {min}"), zero),
            Self::Uint { min, max, zero } => (format!("a whole number from {min} to {max}"), zero),
            Self::Int { min, max } => (format!("a whole number from {min} to {max}"), ""),
            Self::Bytes { min, max, zero } => {
                (format!("a number of bytes, or of K, M or G, from {} to {}", bytes_text(min), bytes_text(max)), zero)
            }
            Self::WholeSeconds { min, max, zero } => (format!("whole seconds from {min} to {max}"), zero),
            Self::Seconds => (format!("seconds, more than 0 and at most {SECONDS_MAX}"), ""),
            Self::JobSeconds { zero: "" } => (format!("seconds, more than 0 and at most {JOB_SECONDS_MAX}"), ""),
            Self::JobSeconds { zero } => (format!("seconds from 0 to {JOB_SECONDS_MAX}"), zero),
            Self::Choice { words, .. } => (format!("one of {}", words.join(", ")), ""),
            Self::Text(name) | Self::Path(name) => (name.to_owned(), ""),
        };
        if zero.is_empty() { text } else { format!("{text} (0 = {zero})") }
    }
}

impl Positional {
    /// The argument as the usage line shows it.
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

/// A number of bytes as the command line takes it: with the largest of K, M and G that divides it.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}
