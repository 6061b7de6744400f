//! What can be wrong with what the server says, and the book in which a submitter keeps what it is owed.

use std::collections::VecDeque;
use std::fmt;

use super::workload::JobName;

/// A mistake of the server, as far as the load can tell: the run has failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wrong {
    /// An answer with an id that the submitter never used.
    NeverAsked(JobName),
    /// A second answer to one job.
    AnsweredTwice(JobName),
    /// An answer that is not what the worker said of this job; whose it is, if it names a job.
    OtherPayload { job: JobName, names: Option<JobName> },
    /// An answer that carries no id and no job of this submitter's; whose it is, if it names a job.
    NobodysAnswer { submitter: u16, names: Option<JobName> },
    /// An answer that came later than is allowed.
    Late { ms: u64, ms_max: u64 },
    /// A job with the argument of another, or of none.
    OtherArgument { worker: usize, names: Option<JobName> },
    /// A job of a type that this worker did not give, or under a type that is not its own.
    OtherType { worker: usize, job: JobName, type_number: Option<u64> },
    /// More jobs at once than the worker has slots.
    TooManyJobs { worker: usize, slots: usize },
    /// A job that was refused or given up, or a line that was called an error.
    Refused(String),
    /// A line that this peer cannot expect.
    Unexpected(String),
    /// Jobs without an answer when the time to wait for them was over.
    Missing { submitter: u16, jobs: usize, oldest: u64 },
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} of submitter {}", self.sequence, self.submitter)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverAsked(job) => write!(f, "{job} was answered, but never asked for"),
            Self::AnsweredTwice(job) => write!(f, "{job} was answered twice"),
            Self::OtherPayload { job, names: Some(names) } if names == job => {
                write!(f, "{job} was answered with its payload altered")
            }
            Self::OtherPayload { job, names: Some(names) } => {
                write!(f, "{job} was answered with the payload of {names}")
            }
            Self::OtherPayload { job, names: None } => write!(f, "{job} was answered with a payload of nobody's"),
            Self::OtherArgument { worker, names: Some(names) } => write!(f, "worker {worker} got {names} altered"),
            Self::OtherArgument { worker, names: None } => write!(f, "worker {worker} got an argument of nobody's"),
            Self::NobodysAnswer { submitter, names: Some(names) } => {
                write!(f, "submitter {submitter} was given the answer to {names}")
            }
            Self::NobodysAnswer { submitter, names: None } => {
                write!(f, "submitter {submitter} was given an answer to nobody's job")
            }
            Self::Late { ms, ms_max } => write!(f, "a job was answered after {ms} ms, more than {ms_max}"),
            Self::OtherType { worker, job, type_number: Some(number) } => {
                write!(f, "worker {worker} got {job} as type t{number}")
            }
            Self::OtherType { worker, job, type_number: None } => {
                write!(f, "worker {worker} got {job}, whose type it does not do")
            }
            Self::TooManyJobs { worker, slots } => write!(f, "worker {worker} of {slots} slots got more jobs at once"),
            Self::Refused(line) => write!(f, "the server refused: {line}"),
            Self::Unexpected(line) => write!(f, "not a line to expect: {line}"),
            Self::Missing { submitter, jobs, oldest } => {
                write!(f, "submitter {submitter} lacks {jobs} answers, that to job {oldest} first")
            }
        }
    }
}

impl std::error::Error for Wrong {}

impl Wrong {
    /// Whether there was too little time, and nothing else was wrong.
    pub(crate) fn is_of_time(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Missing { .. })
    }
}

/// A line for an error message: its beginning, as text.
pub(crate) fn excerpt(line: &[u8]) -> String {
    const SHOWN_BYTES: usize = 200;
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned();
    if line.len() > SHOWN_BYTES { text + "..." } else { text }
}

/// What one submitter asked for and when, from its oldest unanswered job on.
///
/// Grows with the distance between the oldest unanswered job and the newest, so any answer, however late, is known for
/// the first or for a repeated one.
#[derive(Debug)]
pub(crate) struct Ledger {
    submitter: u16,
    /// Jobs before this one are answered.
    settled: u64,
    /// When the jobs from there on were due to start, in nanoseconds of the run; `None`: answered.
    started_ns: VecDeque<Option<u64>>,
    owed: usize,
}

impl Ledger {
    /// An empty one.
    pub(crate) fn new(submitter: u16) -> Self {
        Self { submitter, settled: 0, started_ns: VecDeque::new(), owed: 0 }
    }

    /// Enters the next job.
    pub(crate) fn ask(&mut self, now_ns: u64) -> JobName {
        let sequence = self.settled + self.started_ns.len() as u64;
        self.started_ns.push_back(Some(now_ns));
        self.owed += 1;
        JobName { submitter: self.submitter, sequence }
    }

    /// Strikes a job out; gives when it was entered.
    pub(crate) fn settle(&mut self, sequence: u64) -> Result<u64, Wrong> {
        let job = JobName { submitter: self.submitter, sequence };
        let place = sequence.checked_sub(self.settled).ok_or(Wrong::AnsweredTwice(job))?;
        let place = usize::try_from(place).map_err(|_| Wrong::NeverAsked(job))?;
        let entry = self.started_ns.get_mut(place).ok_or(Wrong::NeverAsked(job))?;
        let started_ns = entry.take().ok_or(Wrong::AnsweredTwice(job))?;
        self.owed -= 1;
        while let Some(None) = self.started_ns.front() {
            self.started_ns.pop_front();
            self.settled += 1;
        }
        Ok(started_ns)
    }

    /// An error if a job is without an answer.
    pub(crate) fn close(&self) -> Result<(), Wrong> {
        match self.owed {
            0 => Ok(()),
            jobs => Err(Wrong::Missing { submitter: self.submitter, jobs, oldest: self.settled }),
        }
    }
}
