//! What is counted, the names on the wire, and how the shards' figures are summed.
//!
//! A shard counts in plain numbers ([`Counts`]) that only it touches, and publishes them in a block of its own
//! ([`Block`]) before it sends or posts anything that tells of them: so nobody is told less than they know. Readers sum
//! the blocks. There is no lock, and no word that two shards write.

mod faults;

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

pub use faults::{Fault, FaultBlock, Faults};

/// Declares the figures once: a field of [`Counts`] each, in this order in [`Block`].
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One shard's figures, or the sum of all shards'.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// How many figures there are.
            pub const LEN: usize = [$(stringify!($name)),*].len();

            fn to_array(self) -> [u64; Self::LEN] {
                [$(self.$name),*]
            }

            fn from_array([$($name),*]: [u64; Self::LEN]) -> Self {
                Self { $($name),* }
            }
        }
    };
}

figures! {
    /// Connections that became workers, each once.
    workers_added,
    /// Jobs accepted, each once.
    jobs_added,
    /// Hand-outs that reached a worker's slot.
    jobs_dispatched,
    /// Jobs answered with a result.
    jobs_done,
    /// Jobs given back by a worker that left.
    jobs_reassigned,
    /// Jobs that ended with the worker's `err`, `gave_up`, or, once accepted, `shutdown`.
    jobs_failed,
    /// `do` lines that were refused.
    jobs_refused,
    /// Answers whose submitter had left.
    results_dropped,
    /// `error` lines sent.
    protocol_errors,
    /// Jobs in queues of this shard.
    jobs_waiting,
    /// Jobs that workers of this shard hold.
    jobs_running,
    /// Connections with a type.
    workers,
    /// Those of them that hold nothing.
    workers_idle,
    /// Connections that are open.
    connections_open,
    /// Bytes of jobs that were submitted here and not yet answered.
    job_bytes,
    /// Bytes that wait to be sent.
    unsent_bytes,
    /// Bytes of unfinished lines.
    partial_bytes,
    /// Messages posted to other shards.
    shard_messages,
    /// Shards woken for them.
    shard_wakes,
    /// Turns of the loop.
    shard_turns,
}

impl Counts {
    /// Adds another shard's figures.
    pub fn add(&mut self, other: &Counts) {
        let (mut sum, other) = (self.to_array(), other.to_array());
        for (a, b) in sum.iter_mut().zip(other) {
            *a += b;
        }
        *self = Self::from_array(sum);
    }
}

/// A shard's published figures: written by it alone, read by anyone. Keep it in a cache line of its own
/// (`crossbeam_utils::CachePadded`).
#[derive(Debug)]
pub struct Block([AtomicU64; Counts::LEN]);

impl Default for Block {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Block {
    /// Publishes `counts`. A reader may see some of the figures before others.
    pub fn publish(&self, counts: &Counts) {
        for (cell, figure) in self.0.iter().zip(counts.to_array()) {
            cell.store(figure, Ordering::Relaxed);
        }
    }

    /// The figures as last published.
    pub fn read(&self) -> Counts {
        Counts::from_array(std::array::from_fn(|i| self.0[i].load(Ordering::Relaxed)))
    }
}

/// Everything that a metrics answer tells, but the table by type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// When the server started, in milliseconds since 1970.
    pub up_since_ms: u64,
    /// Connections ever accepted.
    pub connections: u64,
    /// Connections refused for want of descriptors.
    pub connections_refused: u64,
    /// The sum of all shards.
    pub counts: Counts,
    /// What peers did wrong, in all shards.
    pub faults: Faults,
    /// The memory budget.
    pub bytes_max: u64,
    /// The longest line that the server accepts, in bytes, its end not counted.
    pub line_bytes_max: u64,
    /// Milliseconds since the server started, on the monotonic clock.
    pub uptime_ms: u64,
    /// Whether the server is stopping.
    pub draining: bool,
    /// Shards.
    pub threads: usize,
}

impl Totals {
    /// The members of the metrics object in the order of docs/protocol.md, without its braces.
    pub fn members(&self) -> String {
        let c = &self.counts;
        let counters = [
            ("up_since", self.up_since_ms),
            ("connections", self.connections),
            ("workers_added", c.workers_added),
            ("jobs_added", c.jobs_added),
            ("jobs_dispatched", c.jobs_dispatched),
            ("jobs_done", c.jobs_done),
            ("jobs_reassigned", c.jobs_reassigned),
            ("jobs_failed", c.jobs_failed),
            ("jobs_refused", c.jobs_refused),
            ("results_dropped", c.results_dropped),
            ("protocol_errors", c.protocol_errors),
            ("connections_refused", self.connections_refused),
            ("shard_messages", c.shard_messages),
            ("shard_wakes", c.shard_wakes),
            ("shard_turns", c.shard_turns),
        ];
        let gauges = [
            ("jobs_waiting", c.jobs_waiting),
            ("jobs_running", c.jobs_running),
            ("workers", c.workers),
            ("workers_idle", c.workers_idle),
            ("connections_open", c.connections_open),
            ("bytes_held", c.job_bytes + c.unsent_bytes + c.partial_bytes),
            ("bytes_max", self.bytes_max),
            ("max_line", self.line_bytes_max),
            ("uptime_ms", self.uptime_ms),
        ];
        let mut out = String::with_capacity(1_024);
        // Writing to a String cannot fail.
        for (name, figure) in counters {
            let _ = write!(out, "\"{name}\":{figure},");
        }
        let _ = write!(out, "\"faults\":{},", self.faults.object());
        for (name, figure) in gauges {
            let _ = write!(out, "\"{name}\":{figure},");
        }
        let _ = write!(
            out,
            "\"draining\":{},\"threads\":{},\"version\":\"{}\"",
            self.draining,
            self.threads,
            env!("CARGO_PKG_VERSION")
        );
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_gives_back_what_was_published() {
        let counts = Counts { workers_added: 1, partial_bytes: 7, ..Counts::default() };
        let block = Block::default();
        block.publish(&counts);
        assert_eq!(block.read(), counts);
    }

    #[test]
    fn sums_are_by_figure() {
        let mut sum = Counts { jobs_added: 2, jobs_done: 1, ..Counts::default() };
        sum.add(&Counts { jobs_added: 40, partial_bytes: 3, ..Counts::default() });
        assert_eq!(sum, Counts { jobs_added: 42, jobs_done: 1, partial_bytes: 3, ..Counts::default() });
    }

    #[test]
    fn the_members_make_a_json_object() {
        let object = format!("{{{}}}", Totals { threads: 2, ..Totals::default() }.members());
        let parsed: serde_json::Value = serde_json::from_str(&object).unwrap();
        assert_eq!(parsed["threads"], 2);
        assert_eq!(parsed["draining"], false);
        assert_eq!(parsed.as_object().unwrap().len(), 28);
    }
}
