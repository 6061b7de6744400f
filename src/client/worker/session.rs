//! A worker's session: what it offers, what it holds, and when it is done. Pure but for the channels that it feeds.
//!
//! At all times the worker offers as many slots as it can fill: `max_jobs`, less those whose handlers still work on jobs
//! of a connection that was lost (nobody can stop them, and their results are dropped), and never more than what is left
//! of its limit of jobs. When that changes it says so; before a `did` where it becomes less, as a `did` frees a slot.
//!
//! It leaves when it offers nothing, holds nothing, and a `ping` said after its last line is answered: then no job is on
//! its way to it, and the server has read all results.

use crossbeam_channel::Sender;

use super::WorkerSignal;
use super::event::{Event, RunError};
use super::job::{Job, Origin};
use crate::client::connect_error::ConnectError;
use crate::client::error::{Disconnected, Error};
use crate::client::incoming::Incoming;
use crate::client::link::Session;
use crate::client::outgoing;

/// What a worker offers and holds.
#[derive(Debug)]
pub(super) struct WorkerSession {
    /// A list in JSON.
    types: String,
    max_jobs: u32,
    /// Jobs that may still be answered.
    jobs_left: u64,
    /// Where jobs wait for a thread; none when no more are done.
    jobs: Option<Sender<Job>>,
    signals: Sender<WorkerSignal>,
    /// Whose handlers run for a connection that was lost, or will be passed over.
    stale: u32,
    stopping: bool,
    /// The connection, if there is one.
    conn: Option<ConnState>,
}

/// How things stand on a connection.
#[derive(Debug, Default)]
struct ConnState {
    origin: Origin,
    /// Slots offered.
    offered: u32,
    held: u32,
    /// Pings said, and pongs heard.
    pings: u64,
    pongs: u64,
    /// The ping that was said after the last line.
    last_ping: Option<u64>,
}

impl WorkerSession {
    pub(super) fn new(
        types: String,
        max_jobs: u32,
        limit: u64,
        jobs: Sender<Job>,
        signals: Sender<WorkerSignal>,
    ) -> Self {
        Self {
            types,
            max_jobs,
            jobs_left: limit,
            jobs: Some(jobs),
            signals,
            stale: 0,
            stopping: limit == 0,
            conn: None,
        }
    }

    /// No more jobs: what is held is finished.
    pub(super) fn stop(&mut self, out: &mut Vec<u8>) {
        self.stopping = true;
        self.offer(out);
        self.try_end(out);
    }

    /// A handler is through with a job; `line` tells what came of it.
    pub(super) fn finish(&mut self, job: &Job, line: &[u8], out: &mut Vec<u8>) {
        match &mut self.conn {
            Some(conn) if !job.is_lost() => {
                conn.held -= 1;
                conn.last_ping = None;
                self.jobs_left -= 1;
                self.stopping |= self.jobs_left == 0;
                self.offer(out);
                out.extend_from_slice(line);
            }
            _ => {
                self.stale -= 1;
                self.offer(out);
            }
        }
        self.try_end(out);
    }

    /// Lets the threads that wait for jobs end.
    pub(super) fn end_jobs(&mut self) {
        self.jobs = None;
    }

    /// Says how many slots there are, if that has changed.
    fn offer(&mut self, out: &mut Vec<u8>) {
        let free = u64::from(self.max_jobs - self.stale).min(self.jobs_left);
        let slots = if self.stopping { 0 } else { u32::try_from(free).expect("it is at most max_jobs") };
        let Some(conn) = &mut self.conn else { return };
        if slots == conn.offered {
            return;
        }
        conn.offered = slots;
        let line = if slots == 0 { outgoing::cant_do(&self.types) } else { outgoing::can_do(&self.types, slots) };
        out.extend_from_slice(line.as_bytes());
    }

    /// Ends the worker if it is time; else makes sure that the time will come.
    fn try_end(&mut self, out: &mut Vec<u8>) {
        if !self.stopping {
            return;
        }
        match &mut self.conn {
            Some(conn) if conn.held > 0 => {}
            Some(conn) => match conn.last_ping {
                Some(ping) if conn.pongs < ping => {}
                Some(_) => self.end(Ok(())),
                None => {
                    conn.ping(out);
                    conn.last_ping = Some(conn.pings);
                }
            },
            None => self.end(Ok(())),
        }
    }

    fn end(&self, outcome: Result<(), RunError>) {
        self.signal(WorkerSignal::Ended(outcome));
    }

    fn emit(&self, event: Event) {
        self.signal(WorkerSignal::Event(event));
    }

    fn signal(&self, signal: WorkerSignal) {
        // Nobody listens when the worker has ended, which is what all signals lead to.
        let _ = self.signals.send(signal);
    }
}

impl ConnState {
    fn ping(&mut self, out: &mut Vec<u8>) {
        self.pings += 1;
        out.extend_from_slice(outgoing::PING);
    }
}

impl Session for WorkerSession {
    fn on_connect(&mut self, out: &mut Vec<u8>) {
        self.conn = Some(ConnState::default());
        self.offer(out);
        self.send_ping(out);
        self.try_end(out);
        self.emit(Event::Connected);
    }

    fn on_line(&mut self, incoming: Incoming<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        let conn = self.conn.as_mut().expect("a connection is opened before it is heard");
        match incoming {
            Incoming::Do { id, type_name, job, arg } => {
                if conn.held == self.max_jobs - self.stale {
                    return Err("more jobs than were asked for".to_owned());
                }
                conn.held += 1;
                let arg = arg.map(ToOwned::to_owned);
                let (type_name, origin) = (type_name.into_owned(), conn.origin.clone());
                if let Some(jobs) = &self.jobs {
                    // The threads that take them stay until `end_jobs`.
                    let _ = jobs.send(Job { type_name, id: id.to_owned(), number: job, arg, origin });
                }
            }
            Incoming::Pong => {
                conn.pongs += 1;
                self.try_end(out);
            }
            Incoming::Error { code, text, .. } => {
                let answered = conn.pongs > 0;
                match Error::from_wire(&code, text) {
                    // Of our lines only can_do can be such.
                    error @ (Error::BadRequest(_) | Error::UnknownCmd(_)) => self.end(Err(RunError::Refused(error))),
                    // The first pong comes after the first can_do.
                    error @ Error::TooLong(_) if !answered => self.end(Err(RunError::Refused(error))),
                    error => self.emit(Event::Error(error)),
                }
            }
            Incoming::Done { .. } | Incoming::Failed { .. } | Incoming::Metrics(_) | Incoming::Unknown => {}
        }
        Ok(())
    }

    fn send_ping(&mut self, out: &mut Vec<u8>) {
        if let Some(conn) = &mut self.conn {
            conn.ping(out);
        }
    }

    fn on_disconnect(&mut self, lost: &Disconnected) {
        if let Some(conn) = self.conn.take() {
            conn.origin.lose();
            self.stale += conn.held;
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
