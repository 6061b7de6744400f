//! A client's session keeps the open jobs and queries, and assigns answers to them. Pure except for the promises that
//! it fills.
//!
//! - A job has an id, which is a number that the client uses once.
//! - The reports of a job end with its answer: the session first sets the answer, then ends the reports.
//! - A durable job is open until its answer, even after it is stored. If the connection is lost in between, the job's
//!   error says that it will be done.
//! - `pong`, and the errors that refuse a query, come in the order of the queries. The answer to a metrics query
//!   comes when it is ready and names no query, so only one metrics query is sent at a time.
//! - The first metrics answer on a connection has the server's longest line.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Weak};

use ahash::RandomState;
use serde_json::value::RawValue;

use super::connect_error::ConnectError;
use super::error::{Disconnected, Error};
use super::incoming::Incoming;
use super::link::Session;
use super::outgoing::line_limit::{Fit, LineLimit};
use super::outgoing::{self, PING};
use super::progress::Reports;
use super::promise::Promise;

/// The jobs and queries that are open on a client's connection, or wait for the next one.
#[derive(Debug, Default)]
pub(super) struct SubmitSession {
    open: HashMap<u64, Arc<Promise>, RandomState>,
    /// The reports of open jobs with progress. They are not in `open`, so that other jobs take no more memory.
    reports: HashMap<u64, Weak<Reports>, RandomState>,
    /// The open jobs that are stored.
    stored: HashSet<u64, RandomState>,
    questions: VecDeque<Question>,
    /// Metrics queries that wait for the answer to the one that was sent.
    later: VecDeque<(Vec<u8>, Arc<Promise>)>,
    line_limit: LineLimit,
}

/// A query that was sent.
#[derive(Debug)]
struct Question {
    kind: Kind,
    /// Where the answer goes. None for the link's own `ping`.
    promise: Option<Arc<Promise>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ping,
    Metrics,
}

impl SubmitSession {
    /// Returns whether the server accepts a line of this length, its end counted.
    pub(super) fn fit(&self, line_bytes: usize) -> Fit {
        self.line_limit.fit(line_bytes)
    }

    /// Sends a job.
    pub(super) fn submit(&mut self, id: u64, line: &[u8], promise: Arc<Promise>, out: &mut Vec<u8>) {
        self.open.insert(id, promise);
        out.extend_from_slice(line);
    }

    /// Lets the reports of a job that was sent go to `reports` until the job ends, and also the message that it is
    /// stored.
    pub(super) fn follow(&mut self, id: u64, reports: &Arc<Reports>) {
        self.reports.insert(id, Arc::downgrade(reports));
    }

    /// Cancels a job, if it is open.
    pub(super) fn cancel(&self, id: u64, out: &mut Vec<u8>) {
        if self.open.contains_key(&id) {
            out.extend_from_slice(outgoing::cancel(id).as_bytes());
        }
    }

    /// Asks whether the server has read all earlier lines.
    pub(super) fn ping(&mut self, promise: Arc<Promise>, out: &mut Vec<u8>) {
        self.send_question(Kind::Ping, PING, Some(promise), out);
    }

    /// Asks for the metrics.
    pub(super) fn metrics(&mut self, line: &[u8], promise: Arc<Promise>, out: &mut Vec<u8>) {
        self.later.push_back((line.to_vec(), promise));
        self.send_next_metrics(out);
    }

    /// Fails all open jobs and queries.
    pub(super) fn fail_all(&mut self, error: &Error) {
        let questions = self.questions.drain(..).filter_map(|question| question.promise);
        let later = self.later.drain(..).map(|(_, promise)| promise);
        let jobs = std::mem::take(&mut self.open).into_values();
        for promise in jobs.chain(questions).chain(later) {
            promise.fill(Err(error.clone()));
        }
        std::mem::take(&mut self.reports).into_values().for_each(end);
        self.stored.clear();
    }

    fn send_question(&mut self, kind: Kind, line: &[u8], promise: Option<Arc<Promise>>, out: &mut Vec<u8>) {
        self.questions.push_back(Question { kind, promise });
        out.extend_from_slice(line);
    }

    /// Sends the next metrics query, unless one has no answer yet.
    fn send_next_metrics(&mut self, out: &mut Vec<u8>) {
        if self.questions.iter().all(|question| question.kind != Kind::Metrics)
            && let Some((line, promise)) = self.later.pop_front()
        {
            self.send_question(Kind::Metrics, &line, Some(promise), out);
        }
    }

    /// Answers the first query of this kind. Without one, the line is ignored: only a faulty server sends it.
    fn answer(&mut self, kind: Kind, answer: &RawValue) {
        let first = self.questions.iter().position(|question| question.kind == kind);
        if let Some(Question { promise: Some(promise), .. }) = first.and_then(|at| self.questions.remove(at)) {
            promise.fill(Ok(answer.to_owned()));
        }
    }

    /// Handles an error without an id. It is for the oldest query, because the lines before that one are answered.
    /// The codes that a job's line can have without an id end the connection, so the disconnect reports them.
    fn on_refusal(&mut self, error: Error) {
        if !matches!(error, Error::BadJson(_) | Error::TooLong(_) | Error::QueueFull(_))
            && let Some(Question { kind, promise }) = self.questions.pop_front()
        {
            if kind == Kind::Metrics && matches!(error, Error::UnknownCmd(_)) {
                self.line_limit.set_unknown();
            }
            if let Some(promise) = promise {
                promise.fill(Err(error));
            }
        }
    }

    /// Answers a job. An id that is not open is ignored: only a faulty server sends it.
    fn close(&mut self, id: Option<u64>, outcome: impl FnOnce() -> Result<Box<RawValue>, Error>) {
        if let Some((id, promise)) = id.and_then(|id| self.open.remove_entry(&id)) {
            promise.fill(outcome());
            // Hashing the id would cost jobs without reports some nanoseconds.
            if !self.reports.is_empty() {
                self.reports.remove(&id).into_iter().for_each(end);
            }
            if !self.stored.is_empty() {
                self.stored.remove(&id);
            }
        }
    }

    /// Called when a durable job is stored. An id that is not open is ignored: only a faulty server sends it.
    fn on_stored(&mut self, id: Option<u64>) {
        if let Some(id) = id.filter(|id| self.open.contains_key(id)) {
            self.stored.insert(id);
            if let Some(reports) = self.reports.get(&id).and_then(Weak::upgrade) {
                reports.set_stored();
            }
        }
    }

    /// Keeps a report of a job. It is ignored if the submitter did not ask for it, or the job has ended.
    fn on_report(&self, id: Option<u64>, data: &RawValue) {
        let reports = id.and_then(|id| self.reports.get(&id));
        if let Some(reports) = reports.and_then(Weak::upgrade) {
            reports.push(data);
        }
    }
}

/// Ends the reports of a job.
#[expect(clippy::needless_pass_by_value, reason = "as the map's values come")]
fn end(reports: Weak<Reports>) {
    if let Some(reports) = reports.upgrade() {
        reports.end();
    }
}

/// Reads an id. None if it is not one of this client.
fn own_id(id: &RawValue) -> Option<u64> {
    id.get().parse().ok()
}

impl Session for SubmitSession {
    fn on_connect(&mut self, _: &mut Vec<u8>) {}

    fn on_line(&mut self, incoming: Incoming<'_>, out: &mut Vec<u8>) -> Result<(), String> {
        match incoming {
            Incoming::Done { id, res } => self.close(own_id(id), || Ok(res.to_owned())),
            Incoming::Failed { id, code, err } | Incoming::Error { code, text: err, id: Some(id) } => {
                self.close(own_id(id), || Err(Error::from_wire(&code, err)));
            }
            Incoming::LongAnswer { id } => self.close(Some(id), || {
                Err(Error::ResultTooLong(
                    "the answer's line is longer than this client accepts: raise max_line".to_owned(),
                ))
            }),
            Incoming::Progress { id, data } => self.on_report(own_id(id), data),
            Incoming::Stored { id } => self.on_stored(own_id(id)),
            Incoming::Pong => self.answer(Kind::Ping, RawValue::NULL),
            Incoming::Metrics(metrics) => {
                self.line_limit.on_metrics(metrics);
                self.answer(Kind::Metrics, metrics);
                self.send_next_metrics(out);
            }
            Incoming::Error { code, text, id: None } => {
                self.on_refusal(Error::from_wire(&code, text));
                self.send_next_metrics(out);
            }
            Incoming::Do(_) | Incoming::Cancel { .. } | Incoming::LongDo { .. } | Incoming::Unknown => {}
        }
        Ok(())
    }

    fn send_ping(&mut self, out: &mut Vec<u8>) {
        self.send_question(Kind::Ping, PING, None, out);
    }

    fn on_disconnect(&mut self, lost: &Disconnected) {
        self.line_limit = LineLimit::default();
        for id in std::mem::take(&mut self.stored) {
            self.close(Some(id), || Err(Error::AnswerLost(lost.clone())));
        }
        self.fail_all(&Error::Disconnected(lost.clone()));
    }

    fn on_unreachable(&mut self, _: &ConnectError) {}

    fn on_outage_timeout(&mut self, error: &Error) {
        self.fail_all(error);
    }

    /// Returns false if only queries are open: their callers have given up, and the server may hang.
    fn needs_end_of_input(&self) -> bool {
        !self.open.is_empty() || self.questions.is_empty()
    }
}

#[cfg(test)]
mod tests;
