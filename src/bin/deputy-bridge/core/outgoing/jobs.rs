//! Keeps the outgoing jobs, and finds them by serial number, by `ref`, and by the place where the server waits.
//!
//! Invariant: each `ref` here is that of a job here.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::backlog::Unstored;
use crate::core::JobMessage;
use crate::names::JobName;
use crate::wire::Conn;

/// Where the server waits for an answer: the connection, and the job's number there.
pub(super) type Place = (Conn, u64);

/// A job that the server has given to the bridge.
#[derive(Debug)]
pub(in crate::core) struct Given {
    pub(in crate::core) conn: Conn,
    pub(in crate::core) job: u64,
    pub(in crate::core) reference: String,
    pub(in crate::core) type_name: Arc<str>,
    pub(in crate::core) run_limit_ms: Option<u64>,
    pub(in crate::core) arg: Bytes,
}

impl Given {
    pub(super) fn place(&self) -> Place {
        (self.conn, self.job)
    }

    /// Returns the job's message. `earlier` is the number of its previous messages; `up_since` is when its server
    /// started.
    pub(super) fn message(&self, earlier: u32, node: &str, up_since: u64) -> JobMessage {
        let name = JobName { node: node.to_owned(), up_since, reference: self.reference.clone() };
        JobMessage {
            id: name.message_id(earlier),
            type_name: Arc::clone(&self.type_name),
            run_limit_ms: self.run_limit_ms,
            arg: self.arg.clone(),
        }
    }
}

/// The state of a job; see the table of [`super`].
#[derive(Debug)]
pub(super) enum State {
    Unstored(Unstored),
    Stored,
    Answered,
    Consumed,
}

#[derive(Debug)]
pub(super) struct Job {
    /// Its `ref`.
    pub(super) name: Arc<str>,
    pub(super) type_name: Arc<str>,
    /// Where the server waits for an answer.
    pub(super) held: Option<Place>,
    /// Whether the connections were lost while the server waited for the answer. Then the server gives the job again,
    /// unless its submitter has gone.
    pub(super) is_awaited: bool,
    pub(super) state: State,
    /// The number of messages that were published before and are consumed.
    pub(super) earlier: u32,
    /// When its message was published first.
    pub(super) since: Duration,
}

/// All outgoing jobs.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    by_serial: HashMap<u64, Job>,
    by_reference: HashMap<Arc<str>, u64>,
    by_place: HashMap<Place, u64>,
    last: u64,
}

impl Jobs {
    /// Adds a job that the server has given. Returns its serial number.
    pub(super) fn insert(&mut self, given: &Given, state: State, now: Duration) -> u64 {
        self.last += 1;
        let name: Arc<str> = given.reference.as_str().into();
        let job = Job {
            name: Arc::clone(&name),
            type_name: Arc::clone(&given.type_name),
            held: Some(given.place()),
            is_awaited: false,
            state,
            earlier: 0,
            since: now,
        };
        self.by_serial.insert(self.last, job);
        self.by_reference.insert(name, self.last);
        self.by_place.insert(given.place(), self.last);
        self.last
    }

    /// Removes a job whose answer the server does not wait for.
    pub(super) fn remove(&mut self, serial: u64) -> Option<Job> {
        let job = self.by_serial.remove(&serial)?;
        self.by_reference.remove(&job.name);
        Some(job)
    }

    /// Removes all jobs. Serial numbers are not reused, because acknowledgements of the jobs may still come.
    pub(super) fn clear(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    pub(super) fn get(&self, serial: u64) -> Option<&Job> {
        self.by_serial.get(&serial)
    }

    pub(super) fn get_mut(&mut self, serial: u64) -> Option<&mut Job> {
        self.by_serial.get_mut(&serial)
    }

    /// Returns a job that the caller has found and not removed.
    pub(super) fn known(&mut self, serial: u64) -> &mut Job {
        self.by_serial.get_mut(&serial).expect("the caller has found it here")
    }

    /// Returns the job with this `ref`.
    pub(super) fn find(&self, reference: &str) -> Option<u64> {
        self.by_reference.get(reference).copied()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Job> {
        self.by_serial.values()
    }

    /// Returns the places where the server waits, each with its job.
    pub(super) fn places(&self) -> impl Iterator<Item = (Place, &Job)> {
        self.by_place.iter().map(|(place, serial)| (*place, &self.by_serial[serial]))
    }

    /// Returns the number of jobs that the server waits for.
    pub(super) fn held(&self) -> usize {
        self.by_place.len()
    }

    /// Called when the server gives a job again.
    pub(super) fn hold(&mut self, serial: u64, place: Place) {
        let job = self.known(serial);
        (job.held, job.is_awaited) = (Some(place), false);
        self.by_place.insert(place, serial);
    }

    /// Called before a job is answered: the server no longer waits for it. Returns where the server waited.
    pub(super) fn release(&mut self, serial: u64) -> Option<Place> {
        let place = self.known(serial).held.take()?;
        self.by_place.remove(&place);
        Some(place)
    }

    /// Called when the server no longer waits at a place. Returns the job if the server waits for it nowhere else. The
    /// server may have given the job again meanwhile, under another number.
    pub(super) fn leave(&mut self, place: Place) -> Option<u64> {
        let serial = self.by_place.remove(&place)?;
        let job = self.known(serial);
        if job.held != Some(place) {
            return None;
        }
        job.held = None;
        Some(serial)
    }

    /// Called when the connections are lost. The server will give the jobs whose answers it waits for again. Returns
    /// all jobs.
    pub(super) fn lose_places(&mut self) -> impl Iterator<Item = u64> {
        self.by_place.clear();
        self.by_serial.iter_mut().map(|(&serial, job)| {
            job.is_awaited |= job.held.take().is_some();
            if let State::Answered = job.state {
                (job.state, job.is_awaited) = (State::Stored, true);
            }
            serial
        })
    }
}
