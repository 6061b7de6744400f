//! What a load thread knows of jobs that ask for something besides being done: which are to be cancelled, which hang at a
//! worker, and how they ended.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::tally::Tally;
use crate::harness::traffic::workload::{JobKey, Workload};

/// A cancellation by a submitter of this thread.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Cancel {
    due_ns: u64,
    source: usize,
    submitter: u16,
    sequence: u64,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Asked {
    cancels: BinaryHeap<Reverse<Cancel>>,
    /// Jobs that hang, by their worker's connection and their handle.
    hanging: HashMap<(usize, Vec<u8>), JobKey>,
    /// How the jobs ended.
    pub(super) tally: Tally,
}

impl Asked {
    /// Returns an empty one.
    pub(super) fn new(ask: Ask) -> Self {
        Self { cancels: BinaryHeap::new(), hanging: HashMap::new(), tally: Tally::new(ask) }
    }

    /// Called when the submitter of this index submits a job.
    pub(super) fn on_submit(&mut self, workload: &Workload, source: usize, job: JobKey, now_ns: u64) {
        if let Some(after_ns) = workload.cancel_after_ns(job) {
            let JobKey { submitter, sequence } = job;
            self.cancels.push(Reverse(Cancel { due_ns: now_ns + after_ns, source, submitter, sequence }));
        }
    }

    /// Returns when the next job is to be cancelled.
    pub(super) fn next_cancel_ns(&self) -> Option<u64> {
        self.cancels.peek().map(|Reverse(cancel)| cancel.due_ns)
    }

    /// Takes a job that is to be cancelled by now, with the index of its submitter.
    pub(super) fn take_cancel(&mut self, now_ns: u64) -> Option<(usize, JobKey)> {
        self.cancels.peek().filter(|Reverse(cancel)| cancel.due_ns <= now_ns)?;
        let Reverse(Cancel { source, submitter, sequence, .. }) = self.cancels.pop()?;
        Some((source, JobKey { submitter, sequence }))
    }

    /// Keeps a job that its worker answers only when it receives `cancel`.
    pub(super) fn hang(&mut self, conn: usize, handle: &[u8], job: JobKey) {
        self.hanging.insert((conn, handle.to_vec()), job);
    }

    /// Called when a worker receives `cancel`. Returns the job if it hung there.
    pub(super) fn on_cancel(&mut self, conn: usize, handle: &[u8]) -> Option<JobKey> {
        self.tally.cancels += 1;
        self.hanging.remove(&(conn, handle.to_vec()))
    }
}
