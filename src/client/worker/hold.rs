//! A worker's session: what it offers, what it holds, and when it is done. Pure but for the channels that it feeds.
//!
//! At all times the worker offers as many slots as it can fill: `max_jobs`, less those whose handlers still work on jobs
//! of a connection that was lost (nobody can stop them, and their results are dropped), and never more than what is left
//! of its limit of jobs. When that changes it says so; before a `did` where it becomes less, as a `did` frees a slot.
//!
//! It leaves when it offers nothing, holds nothing, and a `ping` said after its last line is answered: then no job is on
//! its way to it, and the server has read all results.

use crossbeam_channel::Sender;

use super::Note;
use super::event::{Event, RunError};
use super::job::{Job, Origin};
use crate::client::connect_error::ConnectError;
use crate::client::error::{Error, Lost};
use crate::client::link::Session;
use crate::client::said::Said;
use crate::client::say;

/// What a worker offers and holds.
#[derive(Debug)]
pub(super) struct Hold {
    /// A list in JSON.
    types: String,
    max_jobs: u32,
    /// Jobs that may still be answered.
    left: u64,
    /// Where jobs wait for a thread; none when no more are done.
    jobs: Option<Sender<Job>>,
    notes: Sender<Note>,
    /// Whose handlers run for a connection that was lost, or will be passed over.
    stale: u32,
    stopping: bool,
    /// The connection, if there is one.
    here: Option<Here>,
}

/// How things stand on a connection.
#[derive(Debug, Default)]
struct Here {
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

impl Hold {
    pub(super) fn new(types: String, max_jobs: u32, limit: u64, jobs: Sender<Job>, notes: Sender<Note>) -> Self {
        Self { types, max_jobs, left: limit, jobs: Some(jobs), notes, stale: 0, stopping: limit == 0, here: None }
    }

    /// No more jobs: what is held is finished.
    pub(super) fn stop(&mut self, say: &mut Vec<u8>) {
        self.stopping = true;
        self.offer(say);
        self.leave(say);
    }

    /// A handler is through with a job; `line` tells what came of it.
    pub(super) fn finish(&mut self, job: &Job, line: &[u8], say: &mut Vec<u8>) {
        match &mut self.here {
            Some(here) if !job.is_lost() => {
                here.held -= 1;
                here.last_ping = None;
                self.left -= 1;
                self.stopping |= self.left == 0;
                self.offer(say);
                say.extend_from_slice(line);
            }
            _ => {
                self.stale -= 1;
                self.offer(say);
            }
        }
        self.leave(say);
    }

    /// Lets the threads that wait for jobs end.
    pub(super) fn end_jobs(&mut self) {
        self.jobs = None;
    }

    /// Says how many slots there are, if that has changed.
    fn offer(&mut self, say: &mut Vec<u8>) {
        let free = u64::from(self.max_jobs - self.stale).min(self.left);
        let slots = if self.stopping { 0 } else { u32::try_from(free).expect("it is at most max_jobs") };
        let Some(here) = &mut self.here else { return };
        if slots == here.offered {
            return;
        }
        here.offered = slots;
        let line = if slots == 0 { say::cant_do(&self.types) } else { say::can_do(&self.types, slots) };
        say.extend_from_slice(line.as_bytes());
    }

    /// Ends the worker if it is time; else makes sure that the time will come.
    fn leave(&mut self, say: &mut Vec<u8>) {
        if !self.stopping {
            return;
        }
        match &mut self.here {
            Some(here) if here.held > 0 => {}
            Some(here) => match here.last_ping {
                Some(ping) if here.pongs < ping => {}
                Some(_) => self.end(Ok(())),
                None => {
                    here.ping(say);
                    here.last_ping = Some(here.pings);
                }
            },
            None => self.end(Ok(())),
        }
    }

    fn end(&self, outcome: Result<(), RunError>) {
        self.note(Note::Ended(outcome));
    }

    fn tell(&self, event: Event) {
        self.note(Note::Event(event));
    }

    fn note(&self, note: Note) {
        // Nobody listens when the worker has ended, which is what all notes lead to.
        let _ = self.notes.send(note);
    }
}

impl Here {
    fn ping(&mut self, say: &mut Vec<u8>) {
        self.pings += 1;
        say.extend_from_slice(say::PING);
    }
}

impl Session for Hold {
    fn opened(&mut self, say: &mut Vec<u8>) {
        self.here = Some(Here::default());
        self.offer(say);
        self.ask(say);
        self.leave(say);
        self.tell(Event::Connected);
    }

    fn heard(&mut self, said: Said<'_>, say: &mut Vec<u8>) -> Result<(), String> {
        let here = self.here.as_mut().expect("a connection is opened before it is heard");
        match said {
            Said::Do { id, type_name, job, arg } => {
                if here.held == self.max_jobs - self.stale {
                    return Err("more jobs than were asked for".to_owned());
                }
                here.held += 1;
                let arg = arg.map(ToOwned::to_owned);
                let (type_name, origin) = (type_name.into_owned(), here.origin.clone());
                if let Some(jobs) = &self.jobs {
                    // The threads that take them stay until `end_jobs`.
                    let _ = jobs.send(Job { type_name, id: id.to_owned(), number: job, arg, origin });
                }
            }
            Said::Pong => {
                here.pongs += 1;
                self.leave(say);
            }
            Said::Error { code, text, .. } => {
                let answered = here.pongs > 0;
                match Error::from_wire(&code, text) {
                    // Of our lines only can_do can be such.
                    error @ (Error::BadRequest(_) | Error::UnknownCmd(_)) => self.end(Err(RunError::Refused(error))),
                    // The first pong comes after the first can_do.
                    error @ Error::TooLong(_) if !answered => self.end(Err(RunError::Refused(error))),
                    error => self.tell(Event::Error(error)),
                }
            }
            Said::Done { .. } | Said::Failed { .. } | Said::Metrics(_) | Said::Unknown => {}
        }
        Ok(())
    }

    fn ask(&mut self, say: &mut Vec<u8>) {
        if let Some(here) = &mut self.here {
            here.ping(say);
        }
    }

    fn lost(&mut self, lost: &Lost) {
        if let Some(here) = self.here.take() {
            here.origin.lose();
            self.stale += here.held;
        }
        self.tell(Event::Lost(lost.clone()));
        self.leave(&mut Vec::new());
    }

    fn unreachable(&mut self, error: &ConnectError) {
        self.tell(Event::Unreachable(error.to_string()));
    }

    fn give_up(&mut self, _: &Error) {}
}

#[cfg(test)]
mod tests;
