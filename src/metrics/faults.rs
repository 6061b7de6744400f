//! Counts the faults of peers, and their consequences, by class: the object `faults` of the metrics.
//!
//! The core reports each fault as it happens; the shell counts the fault, and logs it with the peer's address. Faults
//! are rarer than jobs. So they have counters of their own, which are not published with the figures of each turn.

use std::sync::atomic::{AtomicU64, Ordering};

/// Declares the classes once, in the order that they have on the wire.
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

            /// Returns its name in the metrics.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)*
                }
            }
        }
    };
}

classes! {
    /// A line was refused with `bad_json`, and it was not the first.
    BadJson "bad_json",
    /// A line was refused with `bad_request`.
    BadRequest "bad_request",
    /// A line was refused with `unknown_cmd`.
    UnknownCmd "unknown_cmd",
    /// A `did` named a job that its connection does not hold.
    NotHolding "not_holding",
    /// A `do` was refused with `queue_full`.
    QueueFull "queue_full",
    /// A connection was closed because it did not begin with a JSON object.
    FirstLine "first_line",
    /// A connection was closed because its line was longer than `--max-line`.
    TooLong "too_long",
    /// A connection was closed because it had the oldest half line when the memory budget was exceeded.
    HalfLine "half_line",
    /// A connection was closed because more than `--max-unsent` was unsent to it.
    Unsent "unsent",
    /// A connection was closed because no byte moved on it for `--stall-timeout`.
    Stalled "stalled",
    /// A connection ended because its peer no longer answers at all.
    Silent "silent",
    /// A connection was reset, or failed otherwise.
    Broken "broken",
    /// A worker was lost while it held jobs.
    LeftHolding "left_holding",
    /// A job was given up because its last allowed worker was lost.
    GaveUp "gave_up",
    /// A worker held a job past its run limit.
    Overdue "overdue",
}

/// How often each class occurred.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults([u64; Fault::ALL.len()]);

impl Faults {
    /// Returns how often a class occurred.
    pub fn of(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Counts a fault.
    pub fn count(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }

    /// Adds another shard's faults.
    pub fn add(&mut self, other: &Faults) {
        for (sum, more) in self.0.iter_mut().zip(other.0) {
            *sum += more;
        }
    }
}

/// A shard's published faults: written by it alone, read by all threads.
#[derive(Debug, Default)]
pub struct FaultBlock([AtomicU64; Fault::ALL.len()]);

impl FaultBlock {
    /// Counts a fault. A peer that gets a later line also sees the count.
    pub fn count(&self, fault: Fault) {
        let cell = &self.0[fault as usize];
        cell.store(cell.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Returns the counts so far.
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
        for (i, &fault) in Fault::ALL.iter().enumerate() {
            assert_eq!(faults.of(fault), 2 * (i as u64 + 1));
            assert!(Fault::ALL[..i].iter().all(|other| other.name() != fault.name()), "no two have one name");
        }
    }
}
