//! The ranges of numeric settings, and the error for a setting that is out of its range.
//!
//! The command line and [`Config::check`](super::Config::check) use the same ranges, so that both refuse the same values.

use std::fmt;

use crate::limits;

/// The range of [`Config::port`](super::Config::port).
pub const PORT: NumberRange =
    NumberRange { field: Field::Port, least: 0, most: 65_535, unit: Unit::Number, zero: "a free one" };
/// The range of [`Config::threads`](super::Config::threads).
pub const THREADS: NumberRange = NumberRange {
    field: Field::Threads,
    least: 0,
    most: limits::SHARDS_MAX as u64,
    unit: Unit::Number,
    zero: "one per core",
};
/// The range of [`Config::line_bytes_max`](super::Config::line_bytes_max).
pub const LINE_BYTES: NumberRange = NumberRange {
    field: Field::LineBytesMax,
    least: limits::LINE_BYTES_MIN as u64,
    most: limits::LINE_BYTES_MAX as u64,
    unit: Unit::Bytes,
    zero: "",
};
/// The range of [`Config::attempts_max`](super::Config::attempts_max).
pub const ATTEMPTS: NumberRange =
    NumberRange { field: Field::AttemptsMax, least: 0, most: u32::MAX as u64, unit: Unit::Number, zero: "never" };
/// The range of [`Config::run_limit_seconds`](super::Config::run_limit_seconds).
pub const RUN_LIMIT_SECONDS: NumberRange = NumberRange {
    field: Field::RunLimitSeconds,
    least: 0,
    most: limits::JOB_MS_MAX / 1_000,
    unit: Unit::Seconds,
    zero: "no limit",
};
/// The range of [`Config::memory_bytes_max`](super::Config::memory_bytes_max).
pub const MEMORY_BYTES: NumberRange = NumberRange {
    field: Field::MemoryBytesMax,
    least: limits::MEMORY_BYTES_MIN,
    most: limits::BYTES_MAX,
    unit: Unit::Bytes,
    zero: "",
};
/// The range of [`Config::unsent_bytes_max`](super::Config::unsent_bytes_max).
pub const UNSENT_BYTES: NumberRange = NumberRange {
    field: Field::UnsentBytesMax,
    least: 0,
    most: limits::BYTES_MAX,
    unit: Unit::Bytes,
    zero: "one line",
};
/// The range of [`Config::stall_seconds`](super::Config::stall_seconds).
pub const STALL_SECONDS: NumberRange =
    NumberRange { field: Field::StallSeconds, least: 0, most: limits::SECONDS_MAX, unit: Unit::Seconds, zero: "never" };
/// The range of [`Config::drain_seconds`](super::Config::drain_seconds).
pub const DRAIN_SECONDS: NumberRange = NumberRange {
    field: Field::DrainSeconds,
    least: 0,
    most: limits::SECONDS_MAX,
    unit: Unit::Seconds,
    zero: "at once",
};

/// A field of [`Config`](super::Config).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields of Config have the documentation")]
pub enum Field {
    Hosts,
    Port,
    Sock,
    Threads,
    LineBytesMax,
    AttemptsMax,
    RunLimitSeconds,
    MemoryBytesMax,
    UnsentBytesMax,
    StallSeconds,
    DrainSeconds,
    Keepalive,
}

/// Formats the field's name.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hosts => "hosts",
            Self::Port => "port",
            Self::Sock => "sock",
            Self::Threads => "threads",
            Self::LineBytesMax => "line_bytes_max",
            Self::AttemptsMax => "attempts_max",
            Self::RunLimitSeconds => "run_limit_seconds",
            Self::MemoryBytesMax => "memory_bytes_max",
            Self::UnsentBytesMax => "unsent_bytes_max",
            Self::StallSeconds => "stall_seconds",
            Self::DrainSeconds => "drain_seconds",
            Self::Keepalive => "keepalive",
        })
    }
}

/// The unit of a numeric setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A number without a unit.
    Number,
    /// Bytes. The command line accepts K, M and G after the digits.
    Bytes,
    /// Whole seconds.
    Seconds,
}

/// The range of a numeric setting.
#[derive(Clone, Copy, Debug)]
pub struct NumberRange {
    /// The setting.
    pub field: Field,
    /// The smallest value.
    pub least: u64,
    /// The largest value.
    pub most: u64,
    /// The unit.
    pub unit: Unit,
    /// What 0 means, if it has a special meaning; otherwise empty.
    pub zero: &'static str,
}

impl NumberRange {
    /// Checks that `value` is in range.
    pub fn check(&self, value: u64) -> Result<(), ConfigError> {
        if (self.least..=self.most).contains(&value) {
            Ok(())
        } else {
            Err(ConfigError::value(self.field, value, self.to_string()))
        }
    }
}

/// Describes the range: `a whole number from 0 to 1024 (0 = one per core)`.
impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, most, .. } = *self;
        match self.unit {
            Unit::Number => write!(f, "a whole number from {least} to {most}"),
            Unit::Bytes => write!(f, "a number of bytes from {least} to {most}"),
            Unit::Seconds => write!(f, "whole seconds from {least} to {most}"),
        }?;
        if self.zero.is_empty() { Ok(()) } else { write!(f, " (0 = {})", self.zero) }
    }
}

/// The error of an invalid [`Config`](super::Config). Its text names the field and the valid values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A field has an invalid value.
    Value {
        /// The field.
        field: Field,
        /// The value.
        given: String,
        /// A description of the valid values.
        expected: String,
    },
    /// TCP is off and there is no UNIX socket.
    NothingToListenOn,
    /// Shards can be pinned to cores on Linux only.
    PinUnsupported,
}

impl ConfigError {
    /// Returns the error for a `field` that was `given` a wrong value.
    pub(super) fn value(field: Field, given: impl fmt::Display, expected: impl Into<String>) -> Self {
        Self::Value { field, given: given.to_string(), expected: expected.into() }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value { field, given, expected } => write!(f, "{field} is {given:?}: expected {expected}"),
            Self::NothingToListenOn => f.write_str("tcp is false and sock is absent: nothing to listen on"),
            Self::PinUnsupported => f.write_str("pin is true: shards can be pinned on Linux only"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_field_the_value_and_what_is_right() {
        let text = |range: NumberRange, value| range.check(value).unwrap_err().to_string();
        assert_eq!(
            text(THREADS, 1_025),
            "threads is \"1025\": expected a whole number from 0 to 1024 (0 = one per core)"
        );
        assert_eq!(text(LINE_BYTES, 63), "line_bytes_max is \"63\": expected a number of bytes from 64 to 1073741824");
        assert_eq!(
            text(DRAIN_SECONDS, 86_401),
            "drain_seconds is \"86401\": expected whole seconds from 0 to 86400 (0 = at once)"
        );
    }
}
