//! What the load sends and receives, in the protocol of the server under load.
//!
//! A driver knows messages, not jobs: [`super::clients`] decides whether an answer is right. One value serves one
//! connection and keeps the state that the protocol needs between two messages.

mod batch;
mod beanstalkd;
mod deputy;
mod gearman;
mod jetstream;
mod nats;
mod nats_text;
mod redis;
mod redis_streams;
mod resp;
mod text;

use std::borrow::Cow;
use std::fmt;

use super::asks::End;
use super::check::Wrong;
use super::workload::{JobKey, Workload};

pub(crate) use beanstalkd::Beanstalkd;
pub(crate) use deputy::Deputy;
pub(crate) use gearman::Gearman;
pub(crate) use jetstream::{JetStream, StreamKind};
pub(crate) use nats::Nats;
pub(crate) use redis::Redis;
pub(crate) use redis_streams::RedisStreams;

/// A message of the server. Payloads are the bytes that were carried: a JSON string with its quotes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ServerMessage<'a> {
    /// To a worker: a job to do.
    Job {
        /// The submitter's id, if the protocol carries it.
        id: Option<u64>,
        /// The number in the type's name, if the protocol names the type.
        type_number: Option<u64>,
        /// What the answer must name the job by, as [`Driver::answer`] expects it.
        handle: Cow<'a, [u8]>,
        /// Attempts at it, this one included, if the protocol counts them; otherwise 1.
        attempt: u64,
        /// The argument.
        arg: &'a [u8],
    },
    /// To a worker: the job is no longer wanted.
    Cancel {
        /// As in the job.
        handle: Cow<'a, [u8]>,
    },
    /// To a submitter: a result.
    Answer {
        /// The id that the submitter gave, if the protocol carries it.
        id: Option<u64>,
        /// The worker's result.
        res: &'a [u8],
    },
    /// To a submitter: the end of a job without a result, as some jobs ask for it.
    Ended {
        /// The id that the submitter gave; `None`: it is the oldest job that has not ended.
        id: Option<u64>,
        /// How it ended.
        end: End,
    },
    /// To a submitter: progress of a job.
    Progress {
        /// The id that the submitter gave.
        id: u64,
        /// What the worker sent: the number of the report.
        number: u64,
    },
    /// To an auditor: how many jobs the server has.
    Left(u64),
    /// A refused job or an error, as the server wrote it.
    Refused(&'a [u8]),
    /// A receipt or the like, which needs no reaction of the load.
    Receipt,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoint<'a> {
    /// This submitter submits here, and receives its answers here if the protocol uses one connection for both.
    Submitter(u16),
    /// This submitter receives its answers here, in a protocol that needs a second connection for them, up to `at_once` of
    /// them together.
    Answers { submitter: u16, at_once: u16 },
    /// A worker: its number, its types, and the slots that it asks for (0: it sends no `max_jobs`).
    Worker { number: usize, types: &'a [u64], max_jobs: u16 },
    /// Asks once how many jobs of these types the server has.
    Auditor(&'a [u64]),
}

/// What a submitter waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Awaits {
    /// The result of a job.
    Result,
    /// Only that the server has a job: a background job.
    Acceptance,
}

/// Where a server keeps jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// In memory: a server that ends loses them.
    Memory,
    /// In files.
    Disk,
}

/// A protocol. What is appended to `out` goes to the server.
pub(crate) trait Driver: fmt::Debug + Send {
    /// Writes what a connection sends first.
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>);

    /// Whether the greeting has taken effect, in a protocol that loses what other connections send before.
    fn is_ready(&self) -> bool {
        true
    }

    /// Takes the next message off `input`; `None` if none is complete. Also writes the replies that the protocol
    /// demands whatever the load makes of the message.
    fn next_message<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>)
    -> Result<Option<ServerMessage<'a>>, Wrong>;

    /// Writes the submission of a job.
    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>);

    /// Writes `res` as the answer to a job, or that a background job is done, and the request for the next job if the
    /// protocol needs one.
    fn answer(&mut self, handle: &[u8], job: JobKey, res: &[u8], out: &mut Vec<u8>);

    /// Writes that the submitter cancels a job, in a protocol whose jobs can ask for that.
    fn cancel(&mut self, _workload: &Workload, _job: JobKey, _out: &mut Vec<u8>) {}

    /// Writes a report of progress with this number, in a protocol whose jobs can ask for that.
    fn report(&mut self, _handle: &[u8], _number: u64, _out: &mut Vec<u8>) {}

    /// Whether a message may end in `fresh`, the bytes that arrived last. Avoids searching a large message again and again.
    fn may_end_in(&self, _fresh: &[u8]) -> bool {
        true
    }
}

/// A protocol by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Deputy's lines, which the floor understands too.
    Deputy,
    /// Gearman's packets.
    Gearman(Awaits),
    /// beanstalkd's tubes.
    Beanstalkd(Awaits),
    /// Redis lists.
    Redis,
    /// Redis streams, for background jobs.
    RedisStreams,
    /// NATS subjects.
    Nats,
    /// A stream of NATS `JetStream`, for background jobs.
    JetStream(Storage),
    /// The same in files of this number of servers, with results.
    JetStreamResults(usize),
}

impl Protocol {
    /// Returns a driver for a new connection.
    pub(crate) fn driver(self) -> Box<dyn Driver> {
        match self {
            Self::Deputy => Box::new(Deputy),
            Self::Gearman(awaits) => Box::new(Gearman::new(awaits)),
            Self::Beanstalkd(awaits) => Box::new(Beanstalkd::new(awaits)),
            Self::Redis => Box::new(Redis::default()),
            Self::RedisStreams => Box::new(RedisStreams::default()),
            Self::Nats => Box::new(Nats::default()),
            Self::JetStream(storage) => {
                Box::new(JetStream::new(StreamKind { storage, replicas: 1 }, Awaits::Acceptance))
            }
            Self::JetStreamResults(replicas) => {
                Box::new(JetStream::new(StreamKind { storage: Storage::Disk, replicas }, Awaits::Result))
            }
        }
    }

    /// Whether a submitter receives its answers on a second connection.
    pub(crate) fn separates_answers(self) -> bool {
        matches!(self, Self::Beanstalkd(Awaits::Result) | Self::Redis)
    }

    /// Whether the server may send jobs to a busy worker.
    pub(crate) fn pushes(self) -> bool {
        self == Self::Nats
    }
}

/// Appends a number in decimal digits.
pub(crate) fn push_number(number: u64, out: &mut Vec<u8>) {
    use std::io::Write;
    write!(out, "{number}").expect("writing to a vector cannot fail");
}

/// Returns the number that these decimal digits stand for; `None` if they are none, or too many.
pub(crate) fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
