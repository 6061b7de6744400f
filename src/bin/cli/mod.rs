//! The command lines of all programs. A table describes each; the parser and the help text use the same rows.
//!
//! | file | what |
//! |---|---|
//! | `cli` | the rows: options, positional arguments, and the values that they take |
//! | `parse` | reads a command line: options, positional and trailing arguments; the errors |
//! | `number` | reads numbers, sizes and times |
//! | `help` | the columns of `--help` |
//! | `program` | shared by programs that run until a signal: log options, output, failures |
//!
//! Deliberately absent: abbreviated options, options that depend on others, environment variables. The programs
//! themselves decide what a value means.
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
    /// The long name, with its dashes.
    pub(crate) long: &'static str,
    pub(crate) value: ValueKind,
    /// The text for the help, without the default.
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
    /// A whole number in this range, with a minus sign if it is below 0.
    Int { min: i64, max: i64 },
    /// A number of bytes in this range. K, M or G (powers of 1024) may follow the digits.
    Bytes { min: u64, max: u64, zero: &'static str },
    /// Whole seconds in this range.
    WholeSeconds { min: u64, max: u64, zero: &'static str },
    /// A time above 0 and at most a day, with or without decimals.
    Seconds,
    /// A time of a job: at most 30 days, with or without decimals. `zero` says what 0 means; if it is empty, 0 is
    /// refused.
    JobSeconds { zero: &'static str },
    /// One of these words.
    Choice { name: &'static str, words: &'static [&'static str] },
    /// Any text. The name stands for the value in help texts.
    Text(&'static str),
    /// Any text, UTF-8 or not. The name stands for the value in help texts.
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
    /// All arguments after `--`, one or more. Only the last row may have it.
    Trailing,
}

/// The values that completion scripts offer. The parser accepts any value; the subcommand refuses others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choices {
    /// Too many to list.
    Any,
    Words(&'static [&'static str]),
    /// The names of the subcommands.
    Subcommands,
}

impl Opt {
    /// An option with a value, at first without short name, help text and default.
    pub(crate) const fn value(long: &'static str, value: ValueKind) -> Self {
        Self { short: None, long, value, help: "", default: "" }
    }

    /// An option without a value, at first without short name and help text.
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

/// A number of bytes in the form of the command line: with the largest of K, M and G that divides the number.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
    match units.into_iter().find(|(unit, _)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((unit, name)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}
