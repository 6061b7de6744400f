//! What the load says and hears, in the language of the server under load.
//!
//! A dialect knows messages, not jobs: whether an answer is right is for [`super::clients`] to say. One value serves one
//! connection, and keeps what the language wants remembered between two messages.

mod beanstalkd;
mod deputy;
mod gearman;
mod nats;
mod redis;
mod text;

use std::borrow::Cow;
use std::fmt;

use super::check::Wrong;
use super::workload::{JobName, Workload};

pub(crate) use beanstalkd::Beanstalkd;
pub(crate) use deputy::Deputy;
pub(crate) use gearman::Gearman;
pub(crate) use nats::Nats;
pub(crate) use redis::Redis;

/// A message of the server. Values are what was carried, quotes included: a JSON string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard<'a> {
    /// To a worker: do this.
    Job {
        /// The submitter's id, where the language carries it.
        id: Option<u64>,
        /// The number in the type's name, where the language names it.
        type_number: Option<u64>,
        /// What the answer has to name the job by, as [`Dialect::answer`] wants it.
        ticket: Cow<'a, [u8]>,
        /// What it carries.
        arg: &'a [u8],
    },
    /// To a submitter: done.
    Answer {
        /// The id that it gave, where the language carries it.
        id: Option<u64>,
        /// What the worker made of it.
        res: &'a [u8],
    },
    /// To a submitter: it will not be done; to anyone: something was not obeyed. What was said.
    Refused(&'a [u8]),
    /// A receipt or the like, of which nothing follows for the load.
    Receipt,
}

/// What a connection is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A submitter's, by its number: it asks here, and is answered here if the language does both on one connection.
    Submitter(u16),
    /// Where a submitter is answered, by its number, in a language that takes two connections for it.
    Hearer(u16),
    /// A worker's: its types, and the slots that it asks for; 0: it does not say.
    Worker { types: &'a [u64], max_jobs: u16 },
}

/// A language. What is appended to `out` goes to the server.
pub(crate) trait Dialect: fmt::Debug + Send {
    /// Says what a connection says first.
    fn greet(&mut self, place: Place<'_>, out: &mut Vec<u8>);

    /// Whether that has taken effect, in a language in which what others say before is lost.
    fn is_ready(&self) -> bool {
        true
    }

    /// Takes the next message off `input`; `None` if there is no whole one. What the language wants said in return,
    /// whatever the load makes of it, is said.
    fn hear<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Heard<'a>>, Wrong>;

    /// Asks for a job.
    fn submit(&mut self, workload: &Workload, job: JobName, out: &mut Vec<u8>);

    /// Answers a job with `res`, and asks for the next one where the language wants workers to ask.
    fn answer(&mut self, ticket: &[u8], job: JobName, res: &[u8], out: &mut Vec<u8>);

    /// Whether a message may end in `fresh`, the bytes that came last: spares looking through a large one each time.
    fn may_end_in(&self, _fresh: &[u8]) -> bool {
        true
    }
}

/// A language by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Ours, which the floor understands too.
    Deputy,
    /// Gearman's packets.
    Gearman,
    /// Tubes.
    Beanstalkd,
    /// Lists.
    Redis,
    /// Subjects.
    Nats,
}

impl Language {
    /// For a new connection.
    pub(crate) fn dialect(self) -> Box<dyn Dialect> {
        match self {
            Self::Deputy => Box::new(Deputy),
            Self::Gearman => Box::new(Gearman::default()),
            Self::Beanstalkd => Box::new(Beanstalkd::new()),
            Self::Redis => Box::new(Redis::default()),
            Self::Nats => Box::new(Nats::default()),
        }
    }

    /// Whether a submitter is answered on a connection of its own, beside the one on which it asks.
    pub(crate) fn hears_apart(self) -> bool {
        match self {
            Self::Deputy | Self::Gearman | Self::Nats => false,
            Self::Beanstalkd | Self::Redis => true,
        }
    }

    /// Whether jobs may be sent to a worker that is busy.
    pub(crate) fn pushes(self) -> bool {
        match self {
            Self::Deputy | Self::Gearman | Self::Beanstalkd | Self::Redis => false,
            Self::Nats => true,
        }
    }
}

/// Appends a number's digits.
pub(crate) fn push_number(number: u64, out: &mut Vec<u8>) {
    use std::io::Write;
    write!(out, "{number}").expect("writing to a vector cannot fail");
}

/// The number that these digits are; `None` if they are none, or too many.
pub(crate) fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}
