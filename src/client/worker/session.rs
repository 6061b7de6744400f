//! A worker's session: what it offers, what it holds, and when it is done. Pure but for the channels that it feeds.
//!
//! **Invariant:** the worker offers as many slots as it can fill. These are `max_jobs`, less the handlers that still run
//! for a lost connection, and never more than what is left of its limit of jobs. (Such handlers cannot be stopped, and
//! their results are dropped.) The worker sends each change, and sends it before a `did` if it is a decrease, because a
//! `did` frees a slot.
//!
//! The worker ends when it offers nothing, holds nothing, and a `ping` after its last line is answered. Then no job is on
//! its way to it, and the server has read all results. It does not wait for long if the server does not answer.
//!
//! A long result waits, with its slot, until the server's longest line is known. A result that is too long fails its job.
//! A handler with a long report waits, too.
//!
//! A cancelled job keeps its slot until its handler ends, and is then answered like any other.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crossbeam_channel::Sender;
use serde_json::value::RawValue;

use super::WorkerSignal;
use super::conn_state::ConnState;
use super::event::{Event, RunError};
use super::job::Job;
use super::offer::Offer;
use super::origin::{Origin, Reporter};
use crate::client::connect_error::ConnectError;
use crate::client::error::{Disconnected, Error};
use crate::client::incoming::{Incoming, NewJob};
use crate::client::link::Session;
use crate::client::outgoing;
use crate::client::outgoing::line_limit::Fit;
use crate::client::promise::Promise;

/// What a worker offers and holds.
pub(super) struct WorkerSession {
    offer: Offer,
    max_jobs: u32,
    /// Jobs that may still be answered.
    jobs_left: u64,
    /// Where jobs wait for a handler thread. None when no more are done.
    jobs: Option<Sender<Job>>,
    signals: Sender<WorkerSignal>,
    /// Sends the reports of handlers.
    reporter: Arc<dyn Reporter>,
    /// Handlers that run for a lost connection, and its jobs that wait for a thread and will be skipped.
    stale: u32,
    stopping: bool,
    /// Why a handler could not run its job, once one could not. Then the worker stops, with that job unanswered.
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

    /// Takes no more jobs, and ends when those that it holds are done.
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

    /// Lets the threads that wait for jobs, or to report, end.
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

    /// Sends the answers that waited for the limit, and lets the handlers go on that wait for it.
    fn send_waiting(&mut self, out: &mut Vec<u8>) {
        let Some(conn) = &mut self.conn else { return };
        conn.end_reporting(&Ok(RawValue::NULL.to_owned()));
        let limit = conn.line_limit;
        for (job, line) in mem::take(&mut conn.waiting) {
            self.send_answer(job, &line, limit.fit(line.len()), out);
        }
        self.try_end(out);
    }

    /// Sends how many slots there are, if that has changed.
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

    /// Ends the worker if nothing is left to do. If only the last answers may be unread, sends a `ping`.
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

    /// Handles a job.
    fn on_job(&mut self, job: NewJob<'_>) -> Result<(), String> {
        let is_cancelled = self.take_slot(job.job)?;
        let origin = self.conn.as_ref().expect(CONNECTED).origin.clone();
        if let Some(jobs) = &self.jobs {
            // It cannot fail: the threads that receive stay until `end_jobs`.
            let _ = jobs.send(Job::new(job, origin, is_cancelled));
        }
        Ok(())
    }

    /// Counts a job as held, and returns where its handler sees that it is cancelled. `Err` if the server was not offered a
    /// slot for it.
    fn take_slot(&mut self, job: u64) -> Result<Arc<AtomicBool>, String> {
        let slots = self.max_jobs - self.stale;
        self.conn.as_mut().expect(CONNECTED).hold(job, slots)
    }

    fn on_error(&mut self, error: Error, out: &mut Vec<u8>) {
        let conn = self.conn.as_mut().expect(CONNECTED);
        match error {
            // The question for the server's limit, to a server that does not know it.
            Error::UnknownCmd(_) if conn.has_asked() => {
                conn.line_limit.set_unknown();
                self.send_waiting(out);
            }
            // Of this worker's other lines, only can_do can get this code.
            error @ Error::BadRequest(_) => self.end(Err(RunError::Refused(error))),
            // The first pong comes after the answer to the first can_do, and before that to any report.
            error @ (Error::TooLong(_) | Error::UnknownCmd(_)) if conn.pongs == 0 => {
                self.end(Err(RunError::Refused(error)));
            }
            error @ Error::UnknownCmd(_) => {
                conn.refuses_reports = true;
                self.emit(Event::Error(error));
            }
            error => self.emit(Event::Error(error)),
        }
    }

    fn end(&self, outcome: Result<(), RunError>) {
        self.signal(WorkerSignal::Ended(outcome));
    }

    fn emit(&self, event: Event) {
        self.signal(WorkerSignal::Event(event));
    }

    fn signal(&self, signal: WorkerSignal) {
        // It fails when the worker has ended, which is what all signals lead to.
        let _ = self.signals.send(signal);
    }
}

/// Why there is a [`ConnState`].
const CONNECTED: &str = "a line comes after its connection";

impl Session for WorkerSession {
    fn on_connect(&mut self, out: &mut Vec<u8>) {
        self.conn = Some(ConnState::new(Origin::new(&self.reporter)));
        self.update_offer(out);
        self.send_ping(out);
        self.try_end(out);
        self.emit(Event::Connected);
    }

    fn on_line(&mut self, incoming: Incoming<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let conn = self.conn.as_mut().expect(CONNECTED);
        match incoming {
            Incoming::Do(job) => self.on_job(job)?,
            Incoming::Cancel { job } => conn.cancel(job),
            Incoming::LongDo { job } => {
                self.take_slot(job)?;
                let reason = "the arg's line is longer than this worker accepts: raise its max_line";
                let line = outgoing::failure(job, reason, usize::MAX);
                self.send_answer(job, &line, Fit::Fits, out);
                self.try_end(out);
            }
            Incoming::Pong => {
                conn.pongs += 1;
                self.try_end(out);
            }
            Incoming::Metrics(metrics) => {
                conn.line_limit.on_metrics(metrics);
                self.send_waiting(out);
            }
            Incoming::Error { code, text, .. } => self.on_error(Error::from_wire(&code, text), out),
            Incoming::Done { .. }
            | Incoming::Failed { .. }
            | Incoming::LongAnswer { .. }
            | Incoming::Progress { .. }
            | Incoming::Stored { .. }
            | Incoming::Unknown => {}
        }
        Ok(())
    }

    fn send_ping(&mut self, out: &mut Vec<u8>) {
        if let Some(conn) = &mut self.conn {
            conn.ping(out);
        }
    }

    fn on_disconnect(&mut self, lost: &Disconnected) {
        if let Some(mut conn) = self.conn.take() {
            conn.origin.lose(lost);
            conn.end_reporting(&Err(Error::Disconnected(lost.clone())));
            let waiting = u32::try_from(conn.waiting.len()).expect("each of them is held");
            self.stale += conn.held() - conn.abandoned - waiting;
        }
        self.emit(Event::Disconnected(lost.clone()));
        self.try_end(&mut Vec::new());
    }

    fn on_unreachable(&mut self, error: &ConnectError) {
        self.emit(Event::Unreachable(error.to_string()));
    }

    fn on_outage_timeout(&mut self, _: &Error) {}

    fn needs_end_of_input(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
