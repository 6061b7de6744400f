//! A client's session: which jobs and questions are open, and what an answer means for them. Pure but for the promises that
//! it fills.
//!
//! - A job is told by its id, which is a number of our own and never used again.
//! - `pong`, and the errors that refuse a question, come in the order of the questions. An answer to a metrics question
//!   comes when it is ready, and names no question: so one is out at a time.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use ahash::RandomState;
use serde_json::value::RawValue;

use super::connect_error::ConnectError;
use super::error::{Disconnected, Error};
use super::incoming::Incoming;
use super::link::Session;
use super::outgoing::PING;
use super::promise::Promise;

/// What is open on a client's connection, or waits for the next one.
#[derive(Debug, Default)]
pub(super) struct SubmitSession {
    open: HashMap<u64, Arc<Promise>, RandomState>,
    questions: VecDeque<Question>,
    /// Metrics questions that wait for the answer to the one that is out.
    later: VecDeque<(Vec<u8>, Arc<Promise>)>,
}

/// A question that was said.
#[derive(Debug)]
struct Question {
    kind: Kind,
    /// Who waits for the answer; none if only the link wanted to know.
    promise: Option<Arc<Promise>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ping,
    Metrics,
}

impl SubmitSession {
    /// A job is submitted by `line`.
    pub(super) fn submit(&mut self, id: u64, line: &[u8], promise: Arc<Promise>, out: &mut Vec<u8>) {
        self.open.insert(id, promise);
        out.extend_from_slice(line);
    }

    /// Somebody asks whether all that was said is read.
    pub(super) fn ping(&mut self, promise: Arc<Promise>, out: &mut Vec<u8>) {
        self.send_question(Kind::Ping, PING, Some(promise), out);
    }

    /// Somebody asks for the metrics by `line`.
    pub(super) fn metrics(&mut self, line: Vec<u8>, promise: Arc<Promise>, out: &mut Vec<u8>) {
        self.later.push_back((line, promise));
        self.ask_next(out);
    }

    /// Nothing that is open gets an answer any more.
    pub(super) fn fail_all(&mut self, error: &Error) {
        let questions = self.questions.drain(..).filter_map(|question| question.promise);
        let later = self.later.drain(..).map(|(_, promise)| promise);
        let jobs = std::mem::take(&mut self.open).into_values();
        for promise in jobs.chain(questions).chain(later) {
            promise.fill(Err(error.clone()));
        }
    }

    fn send_question(&mut self, kind: Kind, line: &[u8], promise: Option<Arc<Promise>>, out: &mut Vec<u8>) {
        self.questions.push_back(Question { kind, promise });
        out.extend_from_slice(line);
    }

    /// Says the next metrics question, if none is out.
    fn ask_next(&mut self, out: &mut Vec<u8>) {
        if self.questions.iter().all(|question| question.kind != Kind::Metrics)
            && let Some((line, promise)) = self.later.pop_front()
        {
            self.send_question(Kind::Metrics, &line, Some(promise), out);
        }
    }

    /// The first question of this kind has an answer. One to no question is ignored: only a faulty server says so.
    fn answer(&mut self, kind: Kind, answer: &RawValue) {
        let first = self.questions.iter().position(|question| question.kind == kind);
        if let Some(Question { promise: Some(promise), .. }) = first.and_then(|at| self.questions.remove(at)) {
            promise.fill(Ok(answer.to_owned()));
        }
    }

    /// A line that has no id was refused: the oldest question, as what was said before it is answered. Where the line was a
    /// job's, the codes are those that end the connection, which will tell.
    fn refused(&mut self, error: Error) {
        if !matches!(error, Error::BadJson(_) | Error::TooLong(_) | Error::QueueFull(_))
            && let Some(Question { promise: Some(promise), .. }) = self.questions.pop_front()
        {
            promise.fill(Err(error));
        }
    }

    /// The promise of a job. None for an id that is not ours: only a faulty server says one.
    fn close(&mut self, id: &RawValue) -> Option<Arc<Promise>> {
        self.open.remove(&id.get().parse().ok()?)
    }
}

impl Session for SubmitSession {
    fn on_connect(&mut self, _: &mut Vec<u8>) {}

    fn on_line(&mut self, incoming: Incoming<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        match incoming {
            Incoming::Done { id, res } => {
                if let Some(promise) = self.close(id) {
                    promise.fill(Ok(res.to_owned()));
                }
            }
            Incoming::Failed { id, code, err } | Incoming::Error { code, text: err, id: Some(id) } => {
                if let Some(promise) = self.close(id) {
                    promise.fill(Err(Error::from_wire(&code, err)));
                }
            }
            Incoming::Pong => self.answer(Kind::Ping, RawValue::NULL),
            Incoming::Metrics(metrics) => {
                self.answer(Kind::Metrics, metrics);
                self.ask_next(out);
            }
            Incoming::Error { code, text, id: None } => {
                self.refused(Error::from_wire(&code, text));
                self.ask_next(out);
            }
            Incoming::Do { .. } | Incoming::Unknown => {}
        }
        Ok(())
    }

    fn send_ping(&mut self, out: &mut Vec<u8>) {
        self.send_question(Kind::Ping, PING, None, out);
    }

    fn on_disconnect(&mut self, lost: &Disconnected) {
        self.fail_all(&Error::Disconnected(lost.clone()));
    }

    fn on_unreachable(&mut self, _: &ConnectError) {}

    fn on_outage_timeout(&mut self, error: &Error) {
        self.fail_all(error);
    }

    /// Not if only questions are open: their callers have given up, and the server may hang.
    fn needs_end_of_input(&self) -> bool {
        !self.open.is_empty() || self.questions.is_empty()
    }
}

#[cfg(test)]
mod tests;
