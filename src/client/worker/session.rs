//! A worker's session keeps the offered slots and held jobs, and decides when the worker ends. Pure except for its
//! channels.
//!
//! **Invariant:** the worker offers as many slots as it can fill. That is `max_jobs`, minus the handlers that still run
//! for a lost connection, and at most the remaining number of its limit of jobs. (Such handlers cannot be stopped, and
//! their results are dropped.) The worker sends each change. It sends a decrease before the `did`, because a `did`
//! frees a slot.
//!
//! The worker ends when it offers nothing, holds nothing, and a `ping` after its last line is answered. Then no job is
//! on its way, and the server has read all results. If the server does not answer, the worker waits only for a short
//! time.
//!
//! A long result waits, with its slot, until the server's longest line is known. A result that is too long fails its job.
//! A handler with a long report waits, too.
//!
//! A cancelled job keeps its slot until its handler ends, and is then answered like any other.

mod incoming;

use std::mem;
use std::sync::Arc;

use crossbeam_channel::Sender;
use serde_json::value::RawValue;

use super::WorkerSignal;
use super::conn_state::ConnState;
use super::event::{Event, RunError};
use super::job::Job;
use super::offer::Offer;
use super::origin::{Origin, Reporter};
use crate::client::error::Error;
use crate::client::outgoing;
use crate::client::outgoing::line_limit::Fit;
use crate::client::promise::Promise;

/// The session of a worker.
pub(super) struct WorkerSession {
    offer: Offer,
    max_jobs: u32,
    /// How many more jobs the worker may answer.
    jobs_left: u64,
    /// The queue of jobs for handler threads. None when the worker does no more jobs.
    jobs: Option<Sender<Job>>,
    signals: Sender<WorkerSignal>,
    /// Sends the reports of handlers.
    reporter: Arc<dyn Reporter>,
    /// The number of handlers that run for a lost connection, and of its jobs that wait for a thread and will be
    /// skipped.
    stale: u32,
    stopping: bool,
    /// Why a handler could not run its job. If set, the worker stops without answering that job.
    fault: Option<String>,
    /// The connection, if there is one.
    conn: Option<ConnState>,
}

impl WorkerSession {
    pub(super) fn new(
        offer: Offer,
        max_jobs: u32,
        limit: u64,
        jobs: Sender<Job>,
        signals: Sender<WorkerSignal>,
        reporter: Arc<dyn Reporter>,
    ) -> Self {
        let stopping = limit == 0;
        Self {
            offer,
            max_jobs,
            jobs_left: limit,
            jobs: Some(jobs),
            signals,
            reporter,
            stale: 0,
            stopping,
            fault: None,
            conn: None,
        }
    }

    /// Stops the worker: it takes no more jobs, and ends when those that it holds are done.
    pub(super) fn stop(&mut self, out: &mut Vec<u8>) {
        self.stopping = true;
        self.update_offer(out);
        self.try_end(out);
    }

    /// Handles the end of a handler. `line` answers the job.
    pub(super) fn finish(&mut self, job: &Job, line: Vec<u8>, out: &mut Vec<u8>) {
        match &mut self.conn {
            Some(conn) if !job.is_lost() => match conn.line_limit.fit(line.len()) {
                Fit::Unknown => {
                    conn.ask_limit(out);
                    conn.waiting.push((job.number(), line));
                }
                fit => self.send_answer(job.number(), &line, fit, out),
            },
            _ => {
                self.stale -= 1;
                self.update_offer(out);
            }
        }
        self.try_end(out);
    }

    /// Sends a report of a job that is held on the connection `origin`: see [`ConnState::report`].
    pub(super) fn report(
        &mut self,
        origin: &Origin,
        line: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<Arc<Promise>>, Error> {
        origin.check()?;
        self.conn.as_mut().expect(CONNECTED).report(line, out)
    }

    /// Handles a job that this worker cannot run. The server requeues it when the worker leaves.
    pub(super) fn abandon(&mut self, job: &Job, reason: String, out: &mut Vec<u8>) {
        self.fault.get_or_insert(reason);
        match &mut self.conn {
            Some(conn) if !job.is_lost() => conn.abandoned += 1,
            _ => self.stale -= 1,
        }
        self.stop(out);
    }

    /// Ends the threads that wait for jobs or to report.
    pub(super) fn end_jobs(&mut self) {
        self.jobs = None;
        if let Some(conn) = &mut self.conn {
            conn.end_reporting(&Err(Error::Closed));
        }
    }

    /// Sends the answer to a job that is held, or the reason why it cannot be sent.
    fn send_answer(&mut self, job: u64, line: &[u8], fit: Fit, out: &mut Vec<u8>) {
        let Some(conn) = &mut self.conn else { return };
        conn.release(job);
        conn.last_ping = None;
        self.jobs_left -= 1;
        self.stopping |= self.jobs_left == 0;
        self.update_offer(out);
        match fit {
            Fit::TooLong(limit) => {
                let reason =
                    format!("the worker's answer cannot be sent: {}", outgoing::too_long(line.len() - 1, limit));
                out.extend_from_slice(&outgoing::failure(job, &reason, limit));
            }
            Fit::Fits | Fit::Unknown => out.extend_from_slice(line),
        }
    }

    /// Sends the answers that waited for the limit, and wakes the handlers that wait for it.
    fn send_waiting(&mut self, out: &mut Vec<u8>) {
        let Some(conn) = &mut self.conn else { return };
        conn.end_reporting(&Ok(RawValue::NULL.to_owned()));
        let limit = conn.line_limit;
        for (job, line) in mem::take(&mut conn.waiting) {
            self.send_answer(job, &line, limit.fit(line.len()), out);
        }
        self.try_end(out);
    }

    /// Sends the number of slots, if it has changed.
    fn update_offer(&mut self, out: &mut Vec<u8>) {
        let free = u64::from(self.max_jobs - self.stale).min(self.jobs_left);
        let slots = if self.stopping { 0 } else { u32::try_from(free).expect("it is at most max_jobs") };
        let Some(conn) = &mut self.conn else { return };
        if slots == conn.offered {
            return;
        }
        conn.offered = slots;
        self.offer.put(slots, out);
    }

    /// Ends the worker if it has no more to do. If only the last answers may be unread, sends a `ping`.
    fn try_end(&mut self, out: &mut Vec<u8>) {
        if !self.stopping {
            return;
        }
        match &mut self.conn {
            Some(conn) if conn.held() > conn.abandoned => {}
            Some(conn) => match conn.last_ping {
                Some(ping) if conn.pongs < ping => {}
                Some(_) => self.end(self.outcome()),
                None => {
                    conn.ping(out);
                    conn.last_ping = Some(conn.pings);
                    self.signal(WorkerSignal::Leaving);
                }
            },
            None => self.end(self.outcome()),
        }
    }

    /// Ends the worker without the answer to its last `ping`, if it still holds nothing. The server reads all results that
    /// it was sent before it sees the end, and requeues a job that was on its way.
    pub(super) fn leave(&self) {
        if self.conn.as_ref().is_none_or(|conn| conn.held() <= conn.abandoned) {
            self.end(self.outcome());
        }
    }

    fn outcome(&self) -> Result<(), RunError> {
        self.fault.clone().map_or(Ok(()), |reason| Err(RunError::Fault(reason)))
    }

    fn end(&self, outcome: Result<(), RunError>) {
        self.signal(WorkerSignal::Ended(outcome));
    }

    fn emit(&self, event: Event) {
        self.signal(WorkerSignal::Event(event));
    }

    fn signal(&self, signal: WorkerSignal) {
        // It fails if the worker has ended, which is the effect of all signals.
        let _ = self.signals.send(signal);
    }
}

/// Why there is a [`ConnState`].
const CONNECTED: &str = "a line comes after its connection";

#[cfg(test)]
mod tests;
