//! A job on its way, and the answer that ends it. Both are one allocation: the texts, end to end.

use super::message::Submitter;
use crate::limits::JOB_FIXED_BYTES;
use crate::protocol::Code;
use crate::protocol::reply::Reply;

/// A job from the moment it is accepted until it is answered. It is in exactly one place: a queue, a message or a
/// worker's slot.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// Id, type and arg, end to end.
    text: Box<str>,
    /// Its place among the jobs of its home: given by the home when it comes, kept if it comes again.
    pub arrival: u64,
    /// When it was accepted.
    pub accepted_ms: u64,
    /// Where the answer goes.
    pub submitter: Submitter,
    /// Losses that counted, see docs/protocol.md, the contract, point 4.
    pub attempts: u32,
    id_len: u32,
    type_len: u16,
    has_arg: bool,
    /// Whether a worker has gone away with it. It stays one till it ends.
    pub suspect: bool,
}

impl Job {
    /// A job as it is accepted. `type_name` is canonical.
    pub fn new(submitter: Submitter, accepted_ms: u64, id: &str, type_name: &str, arg: Option<&str>) -> Self {
        let arg_text = arg.unwrap_or_default();
        let mut text = String::with_capacity(id.len() + type_name.len() + arg_text.len());
        text.push_str(id);
        text.push_str(type_name);
        text.push_str(arg_text);
        Self {
            text: text.into_boxed_str(),
            arrival: 0,
            accepted_ms,
            submitter,
            attempts: 0,
            id_len: u32::try_from(id.len()).expect("a line is at most 1 GiB"),
            type_len: u16::try_from(type_name.len()).expect("255 bytes of a type, escaped, are at most 1,530"),
            has_arg: arg.is_some(),
            suspect: false,
        }
    }

    /// The submitter's id, as it came.
    pub fn id(&self) -> &str {
        &self.text[..self.id_len as usize]
    }

    /// The canonical type.
    pub fn type_name(&self) -> &str {
        &self.text[self.id_len as usize..][..usize::from(self.type_len)]
    }

    /// The argument, as it came.
    pub fn arg(&self) -> Option<&str> {
        self.has_arg.then(|| &self.text[self.id_len as usize + usize::from(self.type_len)..])
    }

    /// What it counts in the memory budget.
    pub fn bytes(&self) -> u64 {
        self.text.len() as u64 + JOB_FIXED_BYTES
    }

    /// What a job of these texts would count in the memory budget.
    pub fn bytes_of(id: &str, type_name: &str, arg: Option<&str>) -> u64 {
        (id.len() + type_name.len() + arg.map_or(0, str::len)) as u64 + JOB_FIXED_BYTES
    }

    /// Ends the job. The answer takes over its allocation.
    pub fn answer(self, end: End<'_>) -> Answer {
        let (job_bytes, id_len) = (self.bytes(), self.id_len);
        let (kind, value) = match end.reply("") {
            Reply::Failed { err, code, .. } => (AnswerKind::Failed(code), err),
            Reply::Done { res: Some(res), .. } => (AnswerKind::Done { has_res: true }, res),
            _ => (AnswerKind::Done { has_res: false }, ""),
        };
        let mut text = self.text.into_string();
        text.truncate(id_len as usize);
        text.push_str(value);
        Answer { text, id_len, kind, job_bytes }
    }
}

/// What a person reads beside `gave_up`.
const GAVE_UP: &str = "\"too many workers went away with this job\"";
/// What a person reads beside `shutdown`.
pub(super) const SHUTDOWN: &str = "\"the server is stopping\"";
/// What a person reads beside `queue_full`.
pub(super) const QUEUE_FULL: &str = "\"the server's memory budget does not allow another job of this size\"";

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
    /// `done`, or the code of the failure.
    pub fn word(self) -> &'static str {
        match self.reply("") {
            Reply::Failed { code, .. } => code.name(),
            _ => "done",
        }
    }

    /// The line for the submitter of the job with this id.
    pub fn reply(self, id: &'a str) -> Reply<'a> {
        match self {
            End::Done(res) => Reply::Done { id, res },
            End::Failed(err) => Reply::Failed { id, err, code: Code::Failed },
            End::GaveUp => Reply::Failed { id, err: GAVE_UP, code: Code::GaveUp },
            End::Shutdown => Reply::Failed { id, err: SHUTDOWN, code: Code::Shutdown },
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
    Failed(Code),
}

impl Answer {
    /// The line for the submitter.
    pub fn reply(&self) -> Reply<'_> {
        let (id, value) = self.text.split_at(self.id_len as usize);
        match self.kind {
            AnswerKind::Done { has_res } => Reply::Done { id, res: has_res.then_some(value) },
            AnswerKind::Failed(code) => Reply::Failed { id, err: value, code },
        }
    }
}
