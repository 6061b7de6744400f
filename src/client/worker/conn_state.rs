//! The state of one connection of a worker: the jobs that it holds, and the answers that wait for the server's line
//! limit.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ahash::RandomState;

use super::origin::Origin;
use crate::client::error::Error;
use crate::client::outgoing;
use crate::client::outgoing::line_limit::{Fit, LineLimit};
use crate::client::promise::{Outcome, Promise};

/// The state of one connection.
pub(super) struct ConnState {
    pub(super) origin: Origin,
    /// Slots offered.
    pub(super) offered: u32,
    /// The numbers of held jobs, each with the flag that shows its handler that it is cancelled.
    held: HashMap<u64, Arc<AtomicBool>, RandomState>,
    /// Held jobs that get no answer.
    pub(super) abandoned: u32,
    /// Pings sent, and pongs received.
    pub(super) pings: u64,
    pub(super) pongs: u64,
    /// The number of the ping that was sent after the last line.
    pub(super) last_ping: Option<u64>,
    pub(super) line_limit: LineLimit,
    /// Long results that wait until the limit is known: the job and the line.
    pub(super) waiting: Vec<(u64, Vec<u8>)>,
    /// Handlers that wait until the limit is known. If any answer or handler waits, the server was asked.
    reporting: Vec<Arc<Promise>>,
    /// Whether the server does not support `progress`.
    pub(super) refuses_reports: bool,
}

impl ConnState {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            origin,
            offered: 0,
            held: HashMap::default(),
            abandoned: 0,
            pings: 0,
            pongs: 0,
            last_ping: None,
            line_limit: LineLimit::default(),
            waiting: Vec::new(),
            reporting: Vec::new(),
            refuses_reports: false,
        }
    }

    /// Returns how many jobs are held.
    pub(super) fn held(&self) -> u32 {
        u32::try_from(self.held.len()).expect("it is at most max_jobs")
    }

    /// Counts a job as held, and returns the flag that shows its handler that it is cancelled. `Err` if all `slots` are
    /// taken.
    pub(super) fn hold(&mut self, job: u64, slots: u32) -> Result<Arc<AtomicBool>, String> {
        if self.held() == slots {
            return Err("more jobs came than there are slots".to_owned());
        }
        match self.held.entry(job) {
            Entry::Vacant(entry) => Ok(Arc::clone(entry.insert(Arc::default()))),
            Entry::Occupied(_) => Err("two jobs came with one number".to_owned()),
        }
    }

    /// Frees the slot of a job that is answered.
    pub(super) fn release(&mut self, job: u64) {
        self.held.remove(&job);
    }

    /// Sets the flag that a job is cancelled. Does nothing if the job was answered meanwhile.
    pub(super) fn cancel(&self, job: u64) {
        if let Some(is_cancelled) = self.held.get(&job) {
            is_cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Sends a report of a held job. If it is not known whether the server accepts a line of this length, sends nothing,
    /// and returns a promise that is filled when that is known.
    pub(super) fn report(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<Option<Arc<Promise>>, Error> {
        if self.refuses_reports {
            return Ok(None);
        }
        match self.line_limit.fit(line.len()) {
            Fit::Fits => {
                out.extend_from_slice(line);
                Ok(None)
            }
            Fit::TooLong(limit) => Err(outgoing::too_long(line.len() - 1, limit)),
            Fit::Unknown => {
                self.ask_limit(out);
                let promise = Arc::new(Promise::default());
                self.reporting.push(Arc::clone(&promise));
                Ok(Some(promise))
            }
        }
    }

    /// Wakes the handlers that wait to report.
    pub(super) fn end_reporting(&mut self, outcome: &Outcome) {
        self.reporting.drain(..).for_each(|promise| promise.fill(outcome.clone()));
    }

    /// Returns whether the server was asked for its longest line, and has not answered.
    pub(super) fn has_asked(&self) -> bool {
        !(self.waiting.is_empty() && self.reporting.is_empty())
    }

    /// Asks for the server's longest line. Called before an answer or handler waits for it.
    pub(super) fn ask_limit(&mut self, out: &mut Vec<u8>) {
        if !self.has_asked() {
            out.extend_from_slice(outgoing::TOTALS);
            self.last_ping = None;
        }
    }

    pub(super) fn ping(&mut self, out: &mut Vec<u8>) {
        self.pings += 1;
        out.extend_from_slice(outgoing::PING);
    }
}
