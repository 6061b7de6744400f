//! What peers do wrong, and what becomes of it, by class: the object `faults` of the metrics.
//!
//! The core tells of each as it happens; the shell counts it, and logs it with the peer's address. Faults are rare beside
//! jobs, so they are counted in words of their own and not with the figures of each turn.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the classes once: their order is that on the wire.
macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident $name:literal,)*) => {
        /// A class of faults.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Fault {
            $($(#[$doc])* $class,)*
        }

        impl Fault {
            /// All classes, in the order of the metrics.
            pub const ALL: &'static [Fault] = &[$(Fault::$class),*];

            /// Its name in the metrics.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)*
                }
            }
        }
    };
}

classes! {
    /// A line was refused with `bad_json`, and the connection went on.
    BadJson "bad_json",
    /// A line was refused with `bad_request`.
    BadRequest "bad_request",
    /// A line was refused with `unknown_cmd`.
    UnknownCmd "unknown_cmd",
    /// A `did` named a job that its connection does not hold.
    NotHolding "not_holding",
    /// A `do` was refused with `queue_full`.
    QueueFull "queue_full",
    /// A connection was closed, for it did not begin with a JSON object.
    FirstLine "first_line",
    /// A connection was closed, for its line passed `--max-line`.
    TooLong "too_long",
    /// A connection was closed, for it had the oldest half line when the memory budget was passed.
    HalfLine "half_line",
    /// A connection was closed, for more than `--max-unsent` was unsent to it.
    Unsent "unsent",
    /// A connection was closed, for nothing moved on it for `--stall-timeout`.
    Stalled "stalled",
    /// A connection ended, for its peer no longer answers at all.
    Silent "silent",
    /// A connection was reset, or broke otherwise.
    Broken "broken",
    /// A worker went away with jobs.
    LeftHolding "left_holding",
    /// A job was given up, as its last worker went away with it.
    GaveUp "gave_up",
}

/// How often each class occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults([u64; Fault::ALL.len()]);

impl Faults {
    /// How often a class occurred.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// One more of a class.
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// Adds another shard's.
    pub fn add(&mut self, other: &Faults) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }

    /// As a JSON object.
    pub(super) fn object(&self) -> String {
        let mut out = String::from("{");
        for (i, &fault) in Fault::ALL.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let _ = write!(out, "{comma}\"{}\":{}", fault.name(), self.of(fault)); // Writing to a String cannot fail.
        }
        out.push('}');
        out
    }
}

/// A shard's faults as others may read them: written by it alone.
#[derive(Debug, Default)]
pub struct FaultBlock([AtomicU64; Fault::ALL.len()]);

impl FaultBlock {
    /// One more of a class. Seen by all before anything that is sent afterwards.
    pub fn count(&self, fault: Fault) {
        let cell = &self.0[fault as usize];
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn read(&self) -> Faults {
        Faults(std::array::from_fn(|i| self.0[i].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_is_counted_under_its_own_name() {
        let block = FaultBlock::default();
        for (i, &fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(fault as usize, i);
            (0..=i).for_each(|_| block.count(fault));
        }
        let mut faults = block.read();
        faults.add(&block.read());
        let object: serde_json::Value = serde_json::from_str(&faults.object()).unwrap();
        for (i, fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(object[fault.name()], 2 * (i + 1));
        }
        assert_eq!(object.as_object().unwrap().len(), Fault::ALL.len(), "no two have one name");
    }
}
