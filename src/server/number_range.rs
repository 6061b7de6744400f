//! What a numeric option may be, and the one wording for a value that it may not be.
//!
//! The command line and [`Config::check`](super::Config::check) use the same bounds, so that a value is refused in the
//! same words wherever it came from.

use std::fmt;

use crate::limits;

/// `--port`.
pub const PORT: NumberRange =
    NumberRange { option: "--port", least: 0, most: 65_535, unit: Unit::Number, zero: "a free one" };
/// `--threads`.
pub const THREADS: NumberRange = NumberRange {
    option: "--threads",
    least: 0,
    most: limits::SHARDS_MAX as u64,
    unit: Unit::Number,
    zero: "one a core",
};
/// `--max-line`.
pub const LINE_BYTES: NumberRange = NumberRange {
    option: "--max-line",
    least: limits::LINE_BYTES_MIN as u64,
    most: limits::LINE_BYTES_MAX as u64,
    unit: Unit::Bytes,
    zero: "",
};
/// `--max-attempts`.
pub const ATTEMPTS: NumberRange =
    NumberRange { option: "--max-attempts", least: 0, most: u32::MAX as u64, unit: Unit::Number, zero: "without end" };
/// `--max-memory`.
pub const MEMORY_BYTES: NumberRange = NumberRange {
    option: "--max-memory",
    least: limits::MEMORY_BYTES_MIN,
    most: limits::BYTES_MAX,
    unit: Unit::Bytes,
    zero: "",
};
/// `--max-unsent`.
pub const UNSENT_BYTES: NumberRange =
    NumberRange { option: "--max-unsent", least: 0, most: limits::BYTES_MAX, unit: Unit::Bytes, zero: "one line" };
/// `--stall-timeout`.
pub const STALL_SECONDS: NumberRange =
    NumberRange { option: "--stall-timeout", least: 0, most: limits::SECONDS_MAX, unit: Unit::Seconds, zero: "never" };
/// `--drain-timeout`.
pub const DRAIN_SECONDS: NumberRange = NumberRange {
    option: "--drain-timeout",
    least: 0,
    most: limits::SECONDS_MAX,
    unit: Unit::Seconds,
    zero: "at once",
};

/// What the value of a numeric option counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Number,
    /// Bytes; the command line takes K, M and G behind the digits.
    Bytes,
    /// Whole seconds.
    Seconds,
}

/// The range of a numeric option.
#[derive(Clone, Copy, Debug)]
pub struct NumberRange {
    /// The option's long name, with its dashes.
    pub option: &'static str,
    /// Least value.
    pub least: u64,
    /// Largest value.
    pub most: u64,
    /// What is counted.
    pub unit: Unit,
    /// What 0 stands for, if it is in range and is not just a small number; else empty.
    pub zero: &'static str,
}

impl NumberRange {
    /// Whether `value` is in range.
    pub fn check(&self, value: u64) -> Result<(), ConfigError> {
        if (self.least..=self.most).contains(&value) { Ok(()) } else { Err(self.refuse(value)) }
    }

    /// The error for a value that this option cannot have.
    pub fn refuse(&self, given: impl fmt::Display) -> ConfigError {
        ConfigError::value(self.option, given, self.to_string())
    }
}

/// What is right, in words: `a whole number from 0 to 1024 (0: one a core)`.
impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, most, .. } = *self;
        match self.unit {
            Unit::Number => write!(f, "a whole number from {least} to {most}"),
            Unit::Bytes => write!(f, "bytes, or a number with K, M or G, from {} to {}", Size(least), Size(most)),
            Unit::Seconds => write!(f, "whole seconds from {least} to {most}"),
        }?;
        if self.zero.is_empty() { Ok(()) } else { write!(f, " (0: {})", self.zero) }
    }
}

/// A number of bytes as the command line takes it: with the largest of K, M, G that divides it.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        match units.iter().find(|(unit, _)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((unit, name)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Why a [`Config`](super::Config) cannot be used. Its text names the option and says what is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// An option has a value that it cannot have.
    Value {
        /// The option's long name, with its dashes.
        option: &'static str,
        /// The value.
        given: String,
        /// What it takes instead.
        right: String,
    },
    /// TCP is off and there is no UNIX socket.
    NothingToListenOn,
    /// Shards can be pinned to cores on Linux alone.
    PinUnsupported,
}

impl ConfigError {
    /// `option` was `given`, but takes what `right` says.
    pub fn value(option: &'static str, given: impl fmt::Display, right: impl Into<String>) -> Self {
        Self::Value { option, given: given.to_string(), right: right.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { option, given, right } => write!(f, "{option} takes {right}, not {given:?}"),
            Self::NothingToListenOn => f.write_str("--no-tcp leaves nothing to listen on without --sock PATH"),
            Self::PinUnsupported => f.write_str("--pin works on Linux alone: leave it out"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_they_can_be_given() {
        let shown = |bytes| Size(bytes).to_string();
        assert_eq!(shown(0), "0");
        assert_eq!(shown(1_000), "1000");
        assert_eq!(shown(1_024), "1K");
        assert_eq!(shown(3 << 20), "3M");
        assert_eq!(shown(limits::BYTES_MAX), "1048576G");
    }

    #[test]
    fn a_refusal_names_the_option_the_value_and_what_is_right() {
        assert_eq!(
            THREADS.check(1_025).unwrap_err().to_string(),
            "--threads takes a whole number from 0 to 1024 (0: one a core), not \"1025\""
        );
        assert_eq!(
            LINE_BYTES.check(63).unwrap_err().to_string(),
            "--max-line takes bytes, or a number with K, M or G, from 64 to 1G, not \"63\""
        );
        assert_eq!(
            DRAIN_SECONDS.refuse("1.5").to_string(),
            "--drain-timeout takes whole seconds from 0 to 86400 (0: at once), not \"1.5\""
        );
    }
}
