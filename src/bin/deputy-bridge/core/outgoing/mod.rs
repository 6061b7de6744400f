//! Keeps the jobs of the local server that go into the stream, until their results have come back.
//!
//! | state | the message | the server |
//! |---|---|---|
//! | unstored | is published, always with the same message id, until NATS has acknowledged it | has given the job to the bridge |
//! | stored | is in the stream, or a bridge has it | the same, or has taken the job back for now |
//! | answered | is held by the bridge that sent the result, which waits for the confirmation | has been sent the `did` |
//! | consumed | is gone: its result came while the server had taken the job back | may give the job out again |
//!
//! | file | what it keeps |
//! |---|---|
//! | `jobs` | the jobs, and indexes to find them |
//! | `backlog` | how much is unstored, and for how long |
//! | `early` | results that came before the server gave their jobs again |
//! | `finished` | which jobs were answered last |
//!
//! Invariant: a result is confirmed only after the server has read its `did`. A bridge that is killed before loses nothing:
//! the server gives the job to the next bridge, with the same `ref`, and the result is sent again.

mod backlog;
mod early;
mod finished;
mod jobs;
mod results;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use backlog::{Backlog, Unstored};
use early::EarlyResults;
use finished::Finished;
pub(super) use jobs::Given;
use jobs::{Job, Jobs, State};

use super::{Effect, JobMessage, Notice, StoreError};
use crate::figures::Figures;
use crate::wire::{self, Conn};

/// The time after which a message without an acknowledgement is published again.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// The first and the longest pause after NATS has refused a message.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// How long the bridge remembers a job that the server has taken back.
const LAPSE_AFTER: Duration = Duration::from_secs(600);
/// The number of a try that marks the timer for this.
const LAPSE: u32 = u32::MAX;
/// The maximum number of bytes of a message's headers, without its id.
const HEADER_BYTES: usize = 128;

/// The jobs on their way.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    jobs: Jobs,
    backlog: Backlog,
    /// When to handle a job again, and for which try.
    timers: BinaryHeap<Reverse<(Duration, u64, u32)>>,
    finished: Finished,
    early: EarlyResults,
}

/// The state that the functions of outgoing jobs use.
pub(super) struct Scene<'a> {
    pub(super) now: Duration,
    pub(super) node: &'a str,
    /// When the local server started.
    pub(super) up_since: u64,
    /// The longest line that the local server accepts.
    pub(super) max_line: usize,
    /// The largest message that NATS accepts; `None` without NATS.
    pub(super) max_payload: Option<usize>,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) figures: &'a mut Figures,
}

impl Outgoing {
    /// Returns the number of jobs that the server waits for.
    pub(super) fn held(&self) -> usize {
        self.jobs.held()
    }

    /// Whether the bridge must not end yet because of a job: it is not stored, the server would count it as lost with
    /// the bridge, or its result is not confirmed.
    pub(super) fn must_stay(&self) -> bool {
        self.jobs.places().any(|((conn, _), job)| conn == Conn::Main || !matches!(job.state, State::Stored))
            || self.jobs.iter().any(|job| matches!(job.state, State::Answered))
    }

    /// Returns when the oldest message without an acknowledgement began to wait.
    pub(super) fn oldest_unstored(&self) -> Option<Duration> {
        self.backlog.oldest()
    }

    /// Returns how many bytes wait for an acknowledgement.
    pub(super) fn unstored_bytes(&self) -> usize {
        self.backlog.bytes()
    }

    /// Forgets all jobs, because the server was restarted and knows none of them.
    pub(super) fn clear(&mut self) {
        self.jobs.clear();
        *self = Self { jobs: std::mem::take(&mut self.jobs), ..Self::default() };
    }

    /// Called when the connections to the server are lost. The server will give the jobs again.
    pub(super) fn on_server_lost(&mut self, now: Duration) {
        for serial in self.jobs.lose_places() {
            self.timers.push(Reverse((now + LAPSE_AFTER, serial, LAPSE)));
        }
    }

    /// Called when NATS is connected again. Publishes all messages without an acknowledgement again.
    pub(super) fn on_connected(&mut self, scene: &mut Scene<'_>) {
        for serial in self.backlog.serials() {
            if let State::Unstored(unstored) = &mut self.jobs.known(serial).state {
                self.backlog.remove(serial, unstored);
                unstored.since = scene.now;
                self.backlog.add(serial, unstored);
                self.publish(serial, scene);
            }
        }
    }

    /// Called when the server gives a job.
    pub(super) fn on_given(&mut self, given: Given, scene: &mut Scene<'_>) {
        if let Some(serial) = self.jobs.find(&given.reference) {
            return self.on_given_again(serial, &given, scene);
        }
        if self.early.has(&given.reference) {
            // Its message is or was in the stream, because an earlier bridge has published it.
            let serial = self.jobs.insert(&given, State::Stored, scene.now);
            self.answer_early(serial, scene);
            return;
        }
        let message = given.message(0, scene.node, scene.up_since);
        let bytes = message.arg.len() + message.id.len() + HEADER_BYTES;
        if let Some(max) = scene.max_payload.filter(|max| bytes > *max) {
            let text =
                format!("the job is too large for other machines: {bytes} bytes, and NATS takes {max} (max_payload)");
            scene.effects.push(Effect::Line(given.conn, wire::did_not(given.job, wire::quoted(&text).as_bytes())));
            scene.effects.push(Effect::Notice(Notice::JobRefused { type_name: given.type_name, reason: text }));
            scene.figures.refused += 1;
            return;
        }
        let serial = self.jobs.insert(&given, State::Consumed, scene.now);
        self.begin(serial, message, scene);
    }

    /// Called when the server gives a job that is known.
    fn on_given_again(&mut self, serial: u64, given: &Given, scene: &mut Scene<'_>) {
        self.jobs.hold(serial, given.place());
        if self.answer_early(serial, scene) {
            return;
        }
        let job = self.jobs.known(serial);
        match &job.state {
            State::Stored if given.conn == Conn::Durable => {
                scene.effects.push(Effect::Line(given.conn, wire::stored(given.job)));
            }
            State::Stored | State::Answered => {}
            State::Unstored(_) => self.publish(serial, scene),
            State::Consumed => {
                job.earlier += 1;
                let message = given.message(job.earlier, scene.node, scene.up_since);
                self.begin(serial, message, scene);
            }
        }
    }

    /// Called when a job of the bridge has ended at the server. Any answer frees its slot.
    pub(super) fn on_cancelled(&mut self, conn: Conn, number: u64, scene: &mut Scene<'_>) {
        scene.effects.push(Effect::Line(conn, wire::did(number, b"")));
        if let Some(serial) = self.jobs.leave((conn, number)) {
            self.timers.push(Reverse((scene.now + LAPSE_AFTER, serial, LAPSE)));
        }
    }

    fn begin(&mut self, serial: u64, message: JobMessage, scene: &mut Scene<'_>) {
        let unstored = Unstored::new(message, scene.now);
        self.backlog.add(serial, &unstored);
        let job = self.jobs.known(serial);
        job.since = scene.now;
        job.state = State::Unstored(unstored);
        self.publish(serial, scene);
    }

    /// Publishes an unstored job, unless the server has taken it back.
    fn publish(&mut self, serial: u64, scene: &mut Scene<'_>) {
        let Some(Job { held: Some(_), state: State::Unstored(unstored), .. }) = self.jobs.get_mut(serial) else {
            return;
        };
        unstored.tries += 1;
        self.timers.push(Reverse((scene.now + ACK_TIMEOUT, serial, unstored.tries)));
        if scene.max_payload.is_some() {
            scene.effects.push(Effect::Publish { serial, message: unstored.message.clone() });
        }
    }

    /// Called when NATS has stored or refused a message.
    pub(super) fn on_stored(&mut self, serial: u64, outcome: Result<(), StoreError>, scene: &mut Scene<'_>) {
        let Some(job) = self.jobs.get_mut(serial) else { return };
        let State::Unstored(unstored) = &mut job.state else { return };
        match outcome {
            Ok(()) => {
                self.backlog.remove(serial, unstored);
                job.state = State::Stored;
                scene.figures.published += 1;
                if let Some((Conn::Durable, number)) = job.held {
                    scene.effects.push(Effect::Line(Conn::Durable, wire::stored(number)));
                }
            }
            Err(StoreError::Later(reason)) => {
                unstored.pause = (unstored.pause * 2).clamp(PAUSES.0, PAUSES.1);
                unstored.tries += 1; // The timer of the last try no longer counts.
                self.timers.push(Reverse((scene.now + unstored.pause, serial, unstored.tries)));
                scene.effects.push(Effect::Notice(Notice::NotStored { reason }));
            }
            Err(StoreError::TooLarge(reason)) => {
                let type_name = Arc::clone(&job.type_name);
                if let Some((conn, number)) = self.jobs.release(serial) {
                    let text = format!("the job is too large for other machines: {reason}");
                    scene.effects.push(Effect::Line(conn, wire::did_not(number, wire::quoted(&text).as_bytes())));
                }
                scene.effects.push(Effect::Notice(Notice::JobRefused { type_name, reason }));
                scene.figures.refused += 1;
                self.remove(serial);
            }
        }
    }

    /// Called at each tick.
    pub(super) fn on_tick(&mut self, scene: &mut Scene<'_>) {
        self.early.expire(scene.now);
        while let Some(&Reverse((at, serial, due))) = self.timers.peek() {
            if at > scene.now {
                return;
            }
            self.timers.pop();
            let Some(job) = self.jobs.get(serial) else { continue };
            match &job.state {
                State::Answered => {}
                _ if due == LAPSE && job.held.is_none() => drop(self.remove(serial)),
                State::Unstored(unstored) if unstored.tries == due => self.publish(serial, scene),
                _ => {}
            }
        }
    }

    fn remove(&mut self, serial: u64) -> Option<Arc<str>> {
        let job = self.jobs.remove(serial)?;
        if let State::Unstored(unstored) = &job.state {
            self.backlog.remove(serial, unstored);
        }
        Some(job.name)
    }
}
