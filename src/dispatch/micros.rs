//! Time in the core.

use std::ops::Add;

/// Microseconds: a time on the monotonic clock that all shards share, or the distance between two of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub u64);

impl Micros {
    /// Converts from milliseconds, in which options and the wire give times.
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms * 1_000)
    }

    /// Returns the whole milliseconds in it.
    pub const fn as_ms(self) -> u64 {
        self.0 / 1_000
    }

    /// Returns the time that passed since `earlier`, or 0 if that is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl Add for Micros {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}
