//! Counts events, and adds up the shards' figures. The names on the wire are in [`METRICS`].
//!
//! A shard counts in plain numbers ([`Counts`]) that only this shard uses. It publishes them in its own block
//! ([`Block`]) before it sends or posts anything that depends on them, so a peer never reads an older value than it
//! knows already. Readers add up the blocks. There is no lock, and no memory word that two shards write.

mod faults;
mod figures;
mod histogram;
mod rows;
mod table;

use std::sync::atomic::{AtomicU64, Ordering};

pub use faults::{Fault, FaultBlock, Faults};
pub use figures::{Figures, Outcomes};
pub use histogram::{BOUNDS_US, BUCKETS, Histogram};
pub use rows::{OldestRunning, OtherTypes, ShardRow, Tables, TypeRow, TypeRows};
pub use table::{Kind, METRICS, Metric, Totals, Value};

/// Declares the figures once: each is a field of [`Counts`], and they have this order in [`Block`].
macro_rules! figures {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// One shard's figures, or the sum of all shards'.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counts {
            /// The number of figures.
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
    /// Jobs sent to a worker, each time.
    jobs_dispatched,
    /// Jobs answered with a result.
    jobs_done,
    /// Jobs requeued because their worker was lost.
    jobs_reassigned,
    /// Jobs that ended in any other way, once accepted.
    jobs_failed,
    /// Of the jobs that failed, those that ended with `cancelled`.
    jobs_cancelled,
    /// Of the jobs that failed, those that ended with `expired`.
    jobs_expired,
    /// Of the jobs that failed, those that ended with `timed_out`.
    jobs_timed_out,
    /// Of the jobs that failed, those that ended with `no_worker`.
    jobs_no_worker,
    /// Of the jobs that failed, those that ended with `no_bridge`.
    jobs_no_bridge,
    /// Of the jobs accepted, those that joined another one with their key.
    jobs_joined,
    /// `do` lines that were refused.
    jobs_refused,
    /// Answers whose submitter had left.
    results_dropped,
    /// Progress that was dropped because its submitter does not read.
    progress_dropped,
    /// `error` lines sent.
    protocol_errors,
    /// Jobs in queues of this shard.
    jobs_waiting,
    /// Jobs that workers of this shard hold.
    jobs_running,
    /// Jobs submitted here that wait for their delay.
    jobs_delayed,
    /// Slots of workers of this shard that are taken by a job that has ended.
    slots_spent,
    /// Connections with a type.
    workers,
    /// The workers that hold no job.
    workers_idle,
    /// Connections that are open.
    connections_open,
    /// Bytes of jobs that were submitted here and not yet answered.
    job_bytes,
    /// Bytes that no socket has accepted yet.
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

/// A shard's published figures: only the shard writes them, all threads may read them. Keep it in a separate cache line
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

    /// Returns the figures as last published.
    pub fn read(&self) -> Counts {
        Counts::from_array(std::array::from_fn(|i| self.0[i].load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_returns_what_was_published() {
        let counts = Counts { workers_added: 1, partial_bytes: 7, ..Counts::default() };
        let block = Block::default();
        block.publish(&counts);
        assert_eq!(block.read(), counts);
    }

    #[test]
    fn each_figure_is_added_up_by_itself() {
        let mut sum = Counts { jobs_added: 2, jobs_done: 1, ..Counts::default() };
        sum.add(&Counts { jobs_added: 40, partial_bytes: 3, ..Counts::default() });
        assert_eq!(sum, Counts { jobs_added: 42, jobs_done: 1, partial_bytes: 3, ..Counts::default() });
    }
}
