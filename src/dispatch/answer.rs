//! The end of a job, and the one answer that its submitter gets. An answer is one allocation with the id and the value.
//! It shares a long value with the line or the unsent bytes.

use crate::protocol::Code;
use crate::protocol::carried::{Carried, LongText};
use crate::protocol::reply::Reply;

/// The text that goes with `queue_full`.
pub(super) const QUEUE_FULL: &str = "the server's memory budget does not allow another job of this size";

/// How a job ends.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// With a result, if the worker gave one.
    Done(Option<Carried<'a>>),
    /// With the worker's error.
    Failed(Carried<'a>),
    /// Without an answer of a worker.
    NotDone(Reason),
}

/// Why the server ends a job by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Too many attempts were lost.
    GaveUp,
    /// The server stops.
    Shutdown,
    /// The submitter cancelled the job, or left.
    Cancelled,
    /// The job's deadline passed.
    Expired,
    /// The job's run limit passed, and no attempt is left.
    TimedOut,
    /// The job needs a worker, and there is none.
    NoWorker,
    /// The job is durable and not stored, and no worker does the durable jobs of its type.
    NoBridge,
    /// The job was not sent to a worker within its `wait_ms`.
    TooLate,
}

impl Reason {
    /// Returns the code on the wire.
    pub fn code(self) -> Code {
        match self {
            Self::GaveUp => Code::GaveUp,
            Self::Shutdown => Code::Shutdown,
            Self::Cancelled => Code::Cancelled,
            Self::Expired => Code::Expired,
            Self::TimedOut => Code::TimedOut,
            Self::NoWorker | Self::TooLate => Code::NoWorker,
            Self::NoBridge => Code::NoBridge,
        }
    }

    /// Returns the message that goes with the code.
    pub fn text(self) -> &'static str {
        match self {
            Self::GaveUp => "too many workers went away with this job",
            Self::Shutdown => "the server is stopping",
            Self::Cancelled => "the job was cancelled",
            Self::Expired => "the job's deadline has passed",
            Self::TimedOut => "the job's run limit has passed, and no attempt is left",
            Self::NoWorker => "no worker does this type",
            Self::NoBridge => "no bridge takes durable jobs of this type",
            Self::TooLate => "no worker was free for this job within its wait_ms",
        }
    }
}

impl<'a> End<'a> {
    /// Returns `done`, or the code of the failure.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Failed(_) => Code::Failed.name(),
            Self::NotDone(reason) => reason.code().name(),
        }
    }

    /// Returns the line for the submitter of the job with this id.
    pub fn reply(self, id: &'a str) -> Reply<'a> {
        match self {
            Self::Done(res) => Reply::Done { id, res },
            Self::Failed(err) => Reply::Failed { id, err },
            Self::NotDone(reason) => Reply::NotDone { id, code: reason.code(), text: reason.text() },
        }
    }
}

/// The one answer to a job, on its way to the submitter's owner, or to the home that keeps the group of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The id, followed by the value unless that is long.
    text: String,
    long: Option<LongText>,
    id_len: u32,
    kind: AnswerKind,
    /// The bytes that the job counted in the memory budget of the submitter's owner.
    pub job_bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnswerKind {
    Done { has_res: bool },
    Failed,
    NotDone(Reason),
}

impl Answer {
    /// Makes the answer for the `do` that had this id. Takes over the id's allocation.
    pub(super) fn new(id: String, end: End<'_>, job_bytes: u64) -> Self {
        let (kind, value) = match end {
            End::Done(res) => (AnswerKind::Done { has_res: res.is_some() }, res),
            End::Failed(err) => (AnswerKind::Failed, Some(err)),
            End::NotDone(reason) => (AnswerKind::NotDone(reason), None),
        };
        let id_len = u32::try_from(id.len()).expect("a line is at most 1 GiB");
        let (mut text, mut long) = (id, None);
        match value {
            Some(Carried::Short(value)) => text.push_str(value),
            Some(Carried::Long(value)) => long = Some(value.clone()),
            None => {}
        }
        Self { text, long, id_len, kind, job_bytes }
    }

    /// Returns how the job ended.
    pub fn end(&self) -> End<'_> {
        let short = Carried::Short(&self.text[self.id_len as usize..]);
        let value = self.long.as_ref().map_or(short, Carried::Long);
        match self.kind {
            AnswerKind::Done { has_res } => End::Done(has_res.then_some(value)),
            AnswerKind::Failed => End::Failed(value),
            AnswerKind::NotDone(reason) => End::NotDone(reason),
        }
    }

    /// Returns the line for the submitter.
    pub fn reply(&self) -> Reply<'_> {
        self.end().reply(&self.text[..self.id_len as usize])
    }

    /// Returns the length of its value, in bytes.
    pub(super) fn value_bytes(&self) -> u64 {
        let short = self.text.len() - self.id_len as usize;
        (short + self.long.as_ref().map_or(0, LongText::len)) as u64
    }

    /// Returns the same answer for another `do`, with that line's id and counted bytes.
    pub(super) fn for_other(&self, id: &str, job_bytes: u64) -> Self {
        Self::new(id.to_owned(), self.end(), job_bytes)
    }
}
