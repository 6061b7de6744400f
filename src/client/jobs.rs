//! A client's session: which jobs and questions are open, and what an answer means for them. Pure but for the slots that
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
use super::error::{Error, Lost};
use super::link::Session;
use super::said::Said;
use super::say::PING;
use super::slot::Slot;

/// What is open on a client's connection, or waits for the next one.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    open: HashMap<u64, Arc<Slot>, RandomState>,
    questions: VecDeque<Question>,
    /// Metrics questions that wait for the answer to the one that is out.
    later: VecDeque<(Vec<u8>, Arc<Slot>)>,
}

/// A question that was said.
#[derive(Debug)]
struct Question {
    kind: Kind,
    /// Who waits for the answer; none if only the link wanted to know.
    slot: Option<Arc<Slot>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Ping,
    Metrics,
}

impl Jobs {
    /// A job is submitted by `line`.
    pub(super) fn submit(&mut self, id: u64, line: &[u8], slot: Arc<Slot>, say: &mut Vec<u8>) {
        self.open.insert(id, slot);
        say.extend_from_slice(line);
    }

    /// Somebody asks whether all that was said is read.
    pub(super) fn ping(&mut self, slot: Arc<Slot>, say: &mut Vec<u8>) {
        self.say_question(Kind::Ping, PING, Some(slot), say);
    }

    /// Somebody asks for the metrics by `line`.
    pub(super) fn metrics(&mut self, line: Vec<u8>, slot: Arc<Slot>, say: &mut Vec<u8>) {
        self.later.push_back((line, slot));
        self.ask_next(say);
    }

    /// Nothing that is open gets an answer any more.
    pub(super) fn fail_all(&mut self, error: &Error) {
        let questions = self.questions.drain(..).filter_map(|question| question.slot);
        let later = self.later.drain(..).map(|(_, slot)| slot);
        let jobs = std::mem::take(&mut self.open).into_values();
        for slot in jobs.chain(questions).chain(later) {
            slot.fill(Err(error.clone()));
        }
    }

    fn say_question(&mut self, kind: Kind, line: &[u8], slot: Option<Arc<Slot>>, say: &mut Vec<u8>) {
        self.questions.push_back(Question { kind, slot });
        say.extend_from_slice(line);
    }

    /// Says the next metrics question, if none is out.
    fn ask_next(&mut self, say: &mut Vec<u8>) {
        if self.questions.iter().all(|question| question.kind != Kind::Metrics)
            && let Some((line, slot)) = self.later.pop_front()
        {
            self.say_question(Kind::Metrics, &line, Some(slot), say);
        }
    }

    /// The first question of this kind has an answer. One to no question is ignored: only a faulty server says so.
    fn answer(&mut self, kind: Kind, answer: &RawValue) {
        let first = self.questions.iter().position(|question| question.kind == kind);
        if let Some(Question { slot: Some(slot), .. }) = first.and_then(|at| self.questions.remove(at)) {
            slot.fill(Ok(answer.to_owned()));
        }
    }

    /// A line that has no id was refused: the oldest question, as what was said before it is answered. Where the line was a
    /// job's, the codes are those that end the connection, which will tell.
    fn refused(&mut self, error: Error) {
        if !matches!(error, Error::BadJson(_) | Error::TooLong(_) | Error::QueueFull(_))
            && let Some(Question { slot: Some(slot), .. }) = self.questions.pop_front()
        {
            slot.fill(Err(error));
        }
    }

    /// The slot of a job. None for an id that is not ours: only a faulty server says one.
    fn close(&mut self, id: &RawValue) -> Option<Arc<Slot>> {
        self.open.remove(&id.get().parse().ok()?)
    }
}

impl Session for Jobs {
    fn opened(&mut self, _: &mut Vec<u8>) {}

    fn heard(&mut self, said: Said<'_>, say: &mut Vec<u8>) -> Result<(), String> {
        match said {
            Said::Done { id, res } => {
                if let Some(slot) = self.close(id) {
                    slot.fill(Ok(res.to_owned()));
                }
            }
            Said::Failed { id, code, err } | Said::Error { code, text: err, id: Some(id) } => {
                if let Some(slot) = self.close(id) {
                    slot.fill(Err(Error::from_wire(&code, err)));
                }
            }
            Said::Pong => self.answer(Kind::Ping, RawValue::NULL),
            Said::Metrics(metrics) => {
                self.answer(Kind::Metrics, metrics);
                self.ask_next(say);
            }
            Said::Error { code, text, id: None } => {
                self.refused(Error::from_wire(&code, text));
                self.ask_next(say);
            }
            Said::Do { .. } | Said::Unknown => {}
        }
        Ok(())
    }

    fn ask(&mut self, say: &mut Vec<u8>) {
        self.say_question(Kind::Ping, PING, None, say);
    }

    fn lost(&mut self, lost: &Lost) {
        self.fail_all(&Error::Lost(lost.clone()));
    }

    fn unreachable(&mut self, _: &ConnectError) {}

    fn give_up(&mut self, error: &Error) {
        self.fail_all(error);
    }
}

#[cfg(test)]
mod tests;
