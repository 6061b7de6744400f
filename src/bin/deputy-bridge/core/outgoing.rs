//! Jobs of the own server that go into the stream, until their results have come back.
//!
//! | state | the message | the server |
//! |---|---|---|
//! | unstored | is published until NATS has acknowledged it, always with the same message id | has given the job to the bridge |
//! | stored | is in the stream, or some bridge has it | the same, or it has taken the job back for now |
//! | answered | is held by the bridge that sent the result, which waits for the confirmation | has been sent the `did` |
//! | consumed | is gone: its result came while the server had taken the job back | may give the job out again |
//!
//! A result of a job that the server will give again is kept until then ([`EarlyResults`]).
//!
//! Invariant: a result is confirmed only after the server has read its `did`. A bridge that is killed before loses nothing:
//! the server gives the job to the next bridge, with the same `ref`, and the result is sent again.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::early::EarlyResults;
use super::{After, Effect, JobMessage, Notice, Outcome, ResultMessage, Verdict};
use crate::figures::Figures;
use crate::names::JobName;
use crate::wire::{self, Conn};

/// The time after which a message is published again that was not acknowledged.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);
/// The first and the longest pause after NATS has refused a message.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// How long a job is remembered that the server has taken back.
const LAPSE_AFTER: Duration = Duration::from_secs(600);
/// The number of a try that stands for this.
const LAPSE: u32 = u32::MAX;
/// How many answered jobs are remembered, so that a repeated result is dropped at once.
const FINISHED_MAX: usize = 65_536;
/// Bytes that the headers of a message take at most, beside its id.
const HEADER_BYTES: usize = 128;

#[derive(Debug)]
enum State {
    Unstored { message: JobMessage, since: Duration, pause: Duration, tries: u32 },
    Stored,
    Answered,
    Consumed,
}

#[derive(Debug)]
struct Job {
    name: Arc<str>,
    type_name: Arc<str>,
    /// Where the server waits for an answer, and to which number.
    held: Option<(Conn, u64)>,
    /// The connections were lost while the server waited for the answer, so it gives the job again, unless its submitter
    /// has gone.
    is_awaited: bool,
    state: State,
    /// How many messages were published before, and consumed.
    earlier: u32,
    since: Duration,
}

/// A job that the server has given to the bridge.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) conn: Conn,
    pub(super) job: u64,
    pub(super) reference: String,
    pub(super) type_name: Arc<str>,
    pub(super) run_limit_ms: Option<u64>,
    pub(super) arg: Bytes,
}

/// Why a message was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// It may be stored later: there is no leader, no room, or no stream.
    Later(String),
    /// It is too large, now and later.
    TooLarge(String),
}

/// The jobs on their way.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    jobs: HashMap<u64, Job>,
    by_reference: HashMap<Arc<str>, u64>,
    by_number: HashMap<(Conn, u64), u64>,
    next: u64,
    /// Unstored jobs by the time since which they are.
    unstored: BTreeSet<(Duration, u64)>,
    unstored_bytes: usize,
    /// When to look at a job again, and for which try.
    timers: BinaryHeap<Reverse<(Duration, u64, u32)>>,
    finished: HashSet<Arc<str>>,
    finished_order: VecDeque<Arc<str>>,
    early: EarlyResults,
}

/// What a result or a job is judged with.
pub(super) struct Scene<'a> {
    pub(super) now: Duration,
    pub(super) node: &'a str,
    /// When the own server started.
    pub(super) up_since: u64,
    /// The longest line that the own server takes.
    pub(super) max_line: usize,
    /// The largest message that NATS takes; absent without NATS.
    pub(super) max_payload: Option<usize>,
    pub(super) effects: &'a mut Vec<Effect>,
    pub(super) figures: &'a mut Figures,
}

impl Outgoing {
    /// Returns how many jobs the server waits for.
    pub(super) fn held(&self) -> usize {
        self.by_number.len()
    }

    /// Whether there are jobs that the bridge must not leave: those that are not stored, those that the server would count as
    /// lost with it, and those whose results it has not confirmed.
    pub(super) fn must_stay(&self) -> bool {
        let is_safe = |serial: &u64| matches!(self.jobs[serial].state, State::Stored);
        self.by_number.iter().any(|((conn, _), serial)| *conn == Conn::Main || !is_safe(serial))
            || self.jobs.values().any(|job| matches!(job.state, State::Answered))
    }

    /// Returns since when the oldest message waits for its acknowledgement.
    pub(super) fn oldest_unstored(&self) -> Option<Duration> {
        self.unstored.first().map(|(since, _)| *since)
    }

    /// Returns how many bytes wait for an acknowledgement.
    pub(super) fn unstored_bytes(&self) -> usize {
        self.unstored_bytes
    }

    /// Forgets all: the server has been restarted, and knows none of these jobs.
    pub(super) fn clear(&mut self) {
        *self = Self { next: self.next, ..Self::default() };
    }

    /// Called when the connections to the server are lost. It will give the jobs out again.
    pub(super) fn on_server_lost(&mut self, now: Duration) {
        for (&serial, job) in &mut self.jobs {
            job.is_awaited |= job.held.take().is_some();
            if let State::Answered = job.state {
                (job.state, job.is_awaited) = (State::Stored, true);
            }
            self.timers.push(Reverse((now + LAPSE_AFTER, serial, LAPSE)));
        }
        self.by_number.clear();
    }

    /// Called when there is a connection to NATS again: what was not acknowledged is published again.
    pub(super) fn on_connected(&mut self, scene: &mut Scene<'_>) {
        for (_, serial) in std::mem::take(&mut self.unstored) {
            let Some(job) = self.jobs.get_mut(&serial) else { continue };
            if let State::Unstored { since, .. } = &mut job.state {
                // Time without NATS does not count.
                *since = scene.now;
                self.unstored.insert((scene.now, serial));
                self.publish(serial, scene);
            }
        }
    }

    /// Called when the server gives a job.
    pub(super) fn on_given(&mut self, given: Given, scene: &mut Scene<'_>) {
        let at = (given.conn, given.job);
        if let Some(&serial) = self.by_reference.get(given.reference.as_str()) {
            let job = self.jobs.get_mut(&serial).expect("each reference is that of a job");
            (job.held, job.is_awaited) = (Some(at), false);
            self.by_number.insert(at, serial);
            if self.answer_early(serial, scene) {
                return;
            }
            let job = self.jobs.get_mut(&serial).expect("it was there");
            match &job.state {
                State::Stored if given.conn == Conn::Durable => {
                    scene.effects.push(Effect::Line(given.conn, wire::stored(given.job)));
                }
                State::Stored | State::Answered => {}
                State::Unstored { .. } => self.publish(serial, scene),
                State::Consumed => {
                    job.earlier += 1;
                    let earlier = job.earlier;
                    let message = message(&given, earlier, scene);
                    self.begin(serial, message, scene);
                }
            }
            return;
        }
        if self.early.has(&given.reference) {
            // Its message is in the stream, or was: a bridge before this one has published it.
            let serial = self.insert(&given, State::Stored, scene);
            self.answer_early(serial, scene);
            return;
        }
        let message = message(&given, 0, scene);
        let bytes = message.arg.len() + message.id.len() + HEADER_BYTES;
        if let Some(max) = scene.max_payload.filter(|max| bytes > *max) {
            let text =
                format!("the job is too large for other machines: {bytes} bytes, and NATS takes {max} (max_payload)");
            scene.effects.push(Effect::Line(given.conn, wire::did_not(given.job, wire::quoted(&text).as_bytes())));
            scene.effects.push(Effect::Notice(Notice::JobRefused { type_name: given.type_name, reason: text }));
            scene.figures.refused += 1;
            return;
        }
        let serial = self.insert(&given, State::Consumed, scene);
        self.begin(serial, message, scene);
    }

    /// Notes a job that the server has given.
    fn insert(&mut self, given: &Given, state: State, scene: &Scene<'_>) -> u64 {
        self.next += 1;
        let (serial, at) = (self.next, (given.conn, given.job));
        let name: Arc<str> = given.reference.as_str().into();
        let job = Job {
            name: Arc::clone(&name),
            type_name: Arc::clone(&given.type_name),
            held: Some(at),
            is_awaited: false,
            state,
            earlier: 0,
            since: scene.now,
        };
        self.jobs.insert(serial, job);
        self.by_reference.insert(name, serial);
        self.by_number.insert(at, serial);
        serial
    }

    /// Answers a job that the server has given, if its result has come before. Returns whether it did.
    fn answer_early(&mut self, serial: u64, scene: &mut Scene<'_>) -> bool {
        let Some(early) = self.early.take(&self.jobs[&serial].name) else { return false };
        self.answer_job(serial, &early.result, &early.reply, scene);
        true
    }

    /// Called when a job of the bridge has ended at the server. Any answer frees its slot.
    pub(super) fn on_cancelled(&mut self, conn: Conn, number: u64, scene: &mut Scene<'_>) {
        scene.effects.push(Effect::Line(conn, wire::did(number, b"")));
        if let Some(serial) = self.by_number.remove(&(conn, number)) {
            let job = self.jobs.get_mut(&serial).expect("each number is that of a job");
            // The server may have given it again meanwhile: then it has another number.
            if job.held == Some((conn, number)) {
                job.held = None;
                self.timers.push(Reverse((scene.now + LAPSE_AFTER, serial, LAPSE)));
            }
        }
    }

    fn begin(&mut self, serial: u64, message: JobMessage, scene: &mut Scene<'_>) {
        self.unstored_bytes += message.arg.len();
        self.unstored.insert((scene.now, serial));
        let job = self.jobs.get_mut(&serial).expect("the caller has it");
        job.since = scene.now;
        job.state = State::Unstored { message, since: scene.now, pause: Duration::ZERO, tries: 0 };
        self.publish(serial, scene);
    }

    /// Publishes an unstored job, unless the server has taken it back.
    fn publish(&mut self, serial: u64, scene: &mut Scene<'_>) {
        let Some(Job { held: Some(_), state: State::Unstored { message, tries, .. }, .. }) = self.jobs.get_mut(&serial)
        else {
            return;
        };
        *tries += 1;
        self.timers.push(Reverse((scene.now + ACK_TIMEOUT, serial, *tries)));
        if scene.max_payload.is_some() {
            scene.effects.push(Effect::Publish { serial, message: message.clone() });
        }
    }

    /// Called when NATS has stored a message, or refused it.
    pub(super) fn on_stored(&mut self, serial: u64, outcome: Result<(), StoreError>, scene: &mut Scene<'_>) {
        let Some(job) = self.jobs.get_mut(&serial) else { return };
        let State::Unstored { message, since, pause, tries } = &mut job.state else { return };
        match outcome {
            Ok(()) => {
                self.unstored.remove(&(*since, serial));
                self.unstored_bytes -= message.arg.len();
                job.state = State::Stored;
                scene.figures.published += 1;
                if let Some((Conn::Durable, number)) = job.held {
                    scene.effects.push(Effect::Line(Conn::Durable, wire::stored(number)));
                }
            }
            Err(StoreError::Later(reason)) => {
                *pause = (*pause * 2).clamp(PAUSES.0, PAUSES.1);
                *tries += 1; // The timer of the last try no longer counts.
                self.timers.push(Reverse((scene.now + *pause, serial, *tries)));
                scene.effects.push(Effect::Notice(Notice::NotStored { reason }));
            }
            Err(StoreError::TooLarge(reason)) => {
                let type_name = Arc::clone(&job.type_name);
                if let Some((conn, number)) = job.held.take() {
                    let text = format!("the job is too large for other machines: {reason}");
                    scene.effects.push(Effect::Line(conn, wire::did_not(number, wire::quoted(&text).as_bytes())));
                    self.by_number.remove(&(conn, number));
                }
                scene.effects.push(Effect::Notice(Notice::JobRefused { type_name, reason }));
                scene.figures.refused += 1;
                self.remove(serial);
            }
        }
    }

    /// Called with a result. Returns the verdict for its sender; `None` if that follows when the server has read the answer.
    pub(super) fn on_result(&mut self, result: &ResultMessage, reply: &str, scene: &mut Scene<'_>) -> Option<Verdict> {
        if result.job.up_since != scene.up_since || self.finished.contains(result.job.reference.as_str()) {
            return Some(Verdict::Dropped);
        }
        let Some(&serial) = self.by_reference.get(result.job.reference.as_str()) else {
            self.early.keep(result, reply, scene.now);
            return Some(Verdict::Unknown);
        };
        let job = self.jobs.get_mut(&serial).expect("each reference is that of a job");
        if let State::Answered = job.state {
            return Some(Verdict::Unknown); // The confirmation is on its way.
        }
        if job.is_awaited {
            // Before the server gives the job again.
            self.early.keep(result, reply, scene.now);
            return Some(Verdict::Unknown);
        }
        if job.held.is_none() {
            self.forget_message(serial, scene);
            self.jobs.get_mut(&serial).expect("it was there").state = State::Consumed;
            return Some(Verdict::Dropped);
        }
        scene.figures.answer_time.record(us(scene.now.saturating_sub(job.since)));
        self.answer_job(serial, result, reply, scene);
        None
    }

    /// Called when a result has overtaken the acknowledgement of the job's message, or that was lost.
    fn forget_message(&mut self, serial: u64, scene: &mut Scene<'_>) {
        if let Some(Job { state: State::Unstored { message, since, .. }, .. }) = self.jobs.get(&serial) {
            self.unstored.remove(&(*since, serial));
            self.unstored_bytes -= message.arg.len();
            scene.figures.published += 1;
        }
    }

    /// Answers a job that the server waits for. The sender of the result learns of it when the server has read the answer.
    fn answer_job(&mut self, serial: u64, result: &ResultMessage, reply: &str, scene: &mut Scene<'_>) {
        self.forget_message(serial, scene);
        let job = self.jobs.get_mut(&serial).expect("the caller has it");
        let Some((conn, number)) = job.held.take() else { return };
        self.by_number.remove(&(conn, number));
        job.state = State::Answered;
        scene.figures.answered += 1;
        let line = answer(number, result, scene.max_line);
        scene.effects.push(Effect::Line(conn, line));
        scene.effects.push(Effect::AfterRead(conn, After::Answered { serial, reply: reply.to_owned() }));
    }

    /// Called when the server has read an answer.
    pub(super) fn on_answer_read(&mut self, serial: u64) {
        if let Some(name) = self.remove(serial) {
            if self.finished_order.len() == FINISHED_MAX
                && let Some(oldest) = self.finished_order.pop_front()
            {
                self.finished.remove(&oldest);
            }
            self.finished.insert(Arc::clone(&name));
            self.finished_order.push_back(name);
        }
    }

    /// Called from time to time.
    pub(super) fn on_tick(&mut self, scene: &mut Scene<'_>) {
        self.early.expire(scene.now);
        while let Some(&Reverse((at, serial, due))) = self.timers.peek() {
            if at > scene.now {
                return;
            }
            self.timers.pop();
            let Some(job) = self.jobs.get(&serial) else { continue };
            match &job.state {
                State::Answered => {}
                _ if due == LAPSE && job.held.is_none() => drop(self.remove(serial)),
                State::Unstored { tries, .. } if *tries == due => self.publish(serial, scene),
                _ => {}
            }
        }
    }

    fn remove(&mut self, serial: u64) -> Option<Arc<str>> {
        let job = self.jobs.remove(&serial)?;
        if let State::Unstored { message, since, .. } = &job.state {
            self.unstored.remove(&(*since, serial));
            self.unstored_bytes -= message.arg.len();
        }
        self.by_reference.remove(&job.name);
        Some(job.name)
    }
}

/// Returns the message of a job.
fn message(given: &Given, earlier: u32, scene: &Scene<'_>) -> JobMessage {
    let name = JobName { node: scene.node.to_owned(), up_since: scene.up_since, reference: given.reference.clone() };
    JobMessage {
        id: name.message_id(earlier),
        type_name: Arc::clone(&given.type_name),
        run_limit_ms: given.run_limit_ms,
        arg: given.arg.clone(),
    }
}

/// Returns the line that answers a job, within the longest that the server takes.
fn answer(number: u64, result: &ResultMessage, max_line: usize) -> Vec<u8> {
    let line = match result.outcome {
        Outcome::Done => wire::did(number, &result.value),
        Outcome::Failed | Outcome::GaveUp => wire::did_not(number, &result.value),
    };
    if line.len() <= max_line {
        return line;
    }
    let text =
        format!("the result is too long for the submitter's server: {} bytes (--max-line {max_line})", line.len());
    wire::did_not(number, wire::quoted(&text).as_bytes())
}

/// Returns whole microseconds.
pub(super) fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
