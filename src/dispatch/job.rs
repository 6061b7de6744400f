//! A job on its way, and the answer that ends it. Each is one allocation: the texts, end to end.

use super::ids::Submitter;
use super::micros::Micros;
use crate::limits::JOB_FIXED_BYTES;
use crate::protocol::Code;
use crate::protocol::reply::Reply;

/// A job from the moment it is accepted until it is answered.
///
/// Invariant: it is in exactly one place: a queue, a message or a worker's slot.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// Id, type and arg, end to end.
    text: Box<str>,
    /// Its place among the jobs of its home: assigned when it is queued first, and kept when it is requeued.
    pub arrival: u64,
    /// When it was accepted.
    pub accepted: Micros,
    /// Where the answer goes.
    pub submitter: Submitter,
    /// Lost attempts that count, see docs/protocol.md, the contract, point 4.
    pub attempts: u32,
    id_len: u32,
    type_len: u16,
    has_arg: bool,
    /// Whether a worker was lost while it held the job. A job that is a suspect stays one until it ends.
    pub suspect: bool,
}

impl Job {
    /// Makes a job as it is accepted. `type_name` is canonical.
    pub fn new(submitter: Submitter, accepted: Micros, id: &str, type_name: &str, arg: Option<&str>) -> Self {
        let arg_text = arg.unwrap_or_default();
        let mut text = String::with_capacity(id.len() + type_name.len() + arg_text.len());
        text.push_str(id);
        text.push_str(type_name);
        text.push_str(arg_text);
        Self {
            text: text.into_boxed_str(),
            arrival: 0,
            accepted,
            submitter,
            attempts: 0,
            id_len: u32::try_from(id.len()).expect("a line is at most 1 GiB"),
            type_len: u16::try_from(type_name.len()).expect("255 bytes of a type, escaped, are at most 1,530"),
            has_arg: arg.is_some(),
            suspect: false,
        }
    }

    /// Returns the submitter's id, as it came.
    pub fn id(&self) -> &str {
        &self.text[..self.id_len as usize]
    }

    /// Returns the canonical type.
    pub fn type_name(&self) -> &str {
        &self.text[self.id_len as usize..][..usize::from(self.type_len)]
    }

    /// Returns the argument, as it came.
    pub fn arg(&self) -> Option<&str> {
        self.has_arg.then(|| &self.text[self.id_len as usize + usize::from(self.type_len)..])
    }

    /// Returns what it counts in the memory budget.
    pub fn bytes(&self) -> u64 {
        self.text.len() as u64 + JOB_FIXED_BYTES
    }

    /// Returns what a job of these texts would count in the memory budget.
    pub fn bytes_of(id: &str, type_name: &str, arg: Option<&str>) -> u64 {
        (id.len() + type_name.len() + arg.map_or(0, str::len)) as u64 + JOB_FIXED_BYTES
    }

    /// Ends the job. The answer takes over its allocation.
    pub fn answer(self, end: End<'_>) -> Answer {
        let (job_bytes, id_len) = (self.bytes(), self.id_len);
        let (kind, value) = match end {
            End::Done(res) => (AnswerKind::Done { has_res: res.is_some() }, res.unwrap_or_default()),
            End::Failed(err) => (AnswerKind::Failed, err),
            End::GaveUp => (AnswerKind::GaveUp, ""),
            End::Shutdown => (AnswerKind::Shutdown, ""),
        };
        let mut text = self.text.into_string();
        text.truncate(id_len as usize);
        text.push_str(value);
        Answer { text, id_len, kind, job_bytes }
    }
}

/// The text beside `gave_up`.
const GAVE_UP: &str = "too many workers went away with this job";
/// The text beside `shutdown`.
pub(super) const SHUTDOWN: &str = "the server is stopping";
/// The text beside `queue_full`.
pub(super) const QUEUE_FULL: &str = "the server's memory budget does not allow another job of this size";

/// How a job ends.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// With a result, if the worker gave one.
    Done(Option<&'a str>),
    /// With the worker's error.
    Failed(&'a str),
    /// With `gave_up`.
    GaveUp,
    /// With `shutdown`.
    Shutdown,
}

impl<'a> End<'a> {
    /// Returns `done`, or the code of the failure.
    pub fn name(self) -> &'static str {
        match self {
            End::Done(_) => "done",
            End::Failed(_) => Code::Failed.name(),
            End::GaveUp => Code::GaveUp.name(),
            End::Shutdown => Code::Shutdown.name(),
        }
    }

    /// Returns the line for the submitter of the job with this id.
    pub fn reply(self, id: &'a str) -> Reply<'a> {
        match self {
            End::Done(res) => Reply::Done { id, res },
            End::Failed(err) => Reply::Failed { id, err },
            End::GaveUp => Reply::NotDone { id, code: Code::GaveUp, text: GAVE_UP },
            End::Shutdown => Reply::NotDone { id, code: Code::Shutdown, text: SHUTDOWN },
        }
    }
}

/// The one answer to a job, on its way to the submitter's owner.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// The id and the value, end to end.
    text: String,
    id_len: u32,
    kind: AnswerKind,
    /// What the job counted in the memory budget of the submitter's owner.
    pub job_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnswerKind {
    Done { has_res: bool },
    Failed,
    GaveUp,
    Shutdown,
}

impl Answer {
    /// Returns the line for the submitter.
    pub fn reply(&self) -> Reply<'_> {
        let (id, value) = self.text.split_at(self.id_len as usize);
        let end = match self.kind {
            AnswerKind::Done { has_res } => End::Done(has_res.then_some(value)),
            AnswerKind::Failed => End::Failed(value),
            AnswerKind::GaveUp => End::GaveUp,
            AnswerKind::Shutdown => End::Shutdown,
        };
        end.reply(id)
    }
}
