//! Handles the events of the link in a worker's session: lines of the server, and the begin and end of a connection.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{CONNECTED, WorkerSession};
use crate::client::connect_error::ConnectError;
use crate::client::error::{Disconnected, Error};
use crate::client::incoming::{Incoming, NewJob};
use crate::client::link::Session;
use crate::client::outgoing;
use crate::client::outgoing::line_limit::Fit;
use crate::client::worker::conn_state::ConnState;
use crate::client::worker::event::{Event, RunError};
use crate::client::worker::job::Job;
use crate::client::worker::origin::Origin;

impl WorkerSession {
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

    /// Counts a job as held, and returns the flag that shows its handler that it is cancelled. `Err` if the worker has
    /// not offered a slot for it.
    fn take_slot(&mut self, job: u64) -> Result<Arc<AtomicBool>, String> {
        let slots = self.max_jobs - self.stale;
        self.conn.as_mut().expect(CONNECTED).hold(job, slots)
    }

    fn on_error(&mut self, error: Error, out: &mut Vec<u8>) {
        let conn = self.conn.as_mut().expect(CONNECTED);
        match error {
            // The query for the server's limit, to a server that does not know it.
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
}

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
