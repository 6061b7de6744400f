//! What can be wrong with what the server sends, and the record of a submitter's jobs that have no answer yet.

use std::collections::VecDeque;
use std::fmt;

use super::workload::JobKey;

/// A mistake of the server, as far as the load can tell: the run has failed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wrong {
    /// An answer with an id that the submitter never used.
    NeverSubmitted(JobKey),
    /// A second answer to one job.
    AnsweredTwice(JobKey),
    /// An answer that is not the worker's result for this job, and the job that it names, if any.
    OtherPayload { job: JobKey, names: Option<JobKey> },
    /// An answer without an id that names no job of this submitter, and the job that it names, if any.
    UnknownAnswer { submitter: u16, names: Option<JobKey> },
    /// An answer that arrived later than allowed.
    Late { ms: u64, ms_max: u64 },
    /// A job with the argument of another job, or of none.
    OtherArgument { worker: usize, names: Option<JobKey> },
    /// A job of a type that this worker does not do, or with a type that is not the job's.
    OtherType { worker: usize, job: JobKey, type_number: Option<u64> },
    /// More jobs at once than the worker has slots.
    TooManyJobs { worker: usize, slots: usize },
    /// A job that the server refused or gave up, or an `error` line.
    Refused(String),
    /// A line that this peer cannot expect.
    Unexpected(String),
    /// Jobs without an answer when the time to wait for them was over.
    Missing { submitter: u16, jobs: usize, oldest: u64 },
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "job {} of submitter {}", self.sequence, self.submitter)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverSubmitted(job) => write!(f, "{job} was answered, but never submitted"),
            Self::AnsweredTwice(job) => write!(f, "{job} was answered twice"),
            Self::OtherPayload { job, names: Some(names) } if names == job => {
                write!(f, "{job} was answered with an altered result")
            }
            Self::OtherPayload { job, names: Some(names) } => {
                write!(f, "{job} was answered with the result of {names}")
            }
            Self::OtherPayload { job, names: None } => write!(f, "{job} was answered with a result of no job"),
            Self::OtherArgument { worker, names: Some(names) } => {
                write!(f, "worker {worker} received an altered argument of {names}")
            }
            Self::OtherArgument { worker, names: None } => {
                write!(f, "worker {worker} received an argument of no job")
            }
            Self::UnknownAnswer { submitter, names: Some(names) } => {
                write!(f, "submitter {submitter} received the answer to {names}")
            }
            Self::UnknownAnswer { submitter, names: None } => {
                write!(f, "submitter {submitter} received an answer to no job")
            }
            Self::Late { ms, ms_max } => write!(f, "a job was answered after {ms} ms; at most {ms_max} ms are allowed"),
            Self::OtherType { worker, job, type_number: Some(number) } => {
                write!(f, "worker {worker} received {job} with the type t{number}")
            }
            Self::OtherType { worker, job, type_number: None } => {
                write!(f, "worker {worker} received {job}, whose type it does not do")
            }
            Self::TooManyJobs { worker, slots } => {
                write!(f, "worker {worker} received more jobs at once than its {slots} slots")
            }
            Self::Refused(line) => write!(f, "the server refused: {line}"),
            Self::Unexpected(line) => write!(f, "unexpected line: {line}"),
            Self::Missing { submitter, jobs, oldest } => {
                write!(f, "submitter {submitter} is missing {jobs} answers, the oldest to job {oldest}")
            }
        }
    }
}

impl std::error::Error for Wrong {}

impl Wrong {
    /// Whether the server was only too slow.
    pub(crate) fn is_timing(&self) -> bool {
        matches!(self, Self::Late { .. } | Self::Missing { .. })
    }
}

/// Returns the beginning of a line, as text for an error message.
pub(crate) fn excerpt(line: &[u8]) -> String {
    const SHOWN_BYTES: usize = 200;
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN_BYTES)]).into_owned();
    if line.len() > SHOWN_BYTES { text + "..." } else { text }
}

/// The jobs of one submitter, and when they were submitted, from its oldest unanswered job on.
///
/// It grows with the distance between the oldest unanswered job and the newest. Any answer, however late, can therefore be
/// recognized as the first or a repeated one.
#[derive(Debug)]
pub(crate) struct Outstanding {
    submitter: u16,
    /// All jobs before this one are answered.
    first: u64,
    /// When the jobs from `first` on were due to start, in nanoseconds of the run; `None`: answered.
    started_ns: VecDeque<Option<u64>>,
    unanswered: usize,
}

impl Outstanding {
    /// Returns an empty record.
    pub(crate) fn new(submitter: u16) -> Self {
        Self { submitter, first: 0, started_ns: VecDeque::new(), unanswered: 0 }
    }

    /// Adds the next job.
    pub(crate) fn submit(&mut self, now_ns: u64) -> JobKey {
        let sequence = self.first + self.started_ns.len() as u64;
        self.started_ns.push_back(Some(now_ns));
        self.unanswered += 1;
        JobKey { submitter: self.submitter, sequence }
    }

    /// Marks a job as answered; returns when it was due to start.
    pub(crate) fn complete(&mut self, sequence: u64) -> Result<u64, Wrong> {
        let job = JobKey { submitter: self.submitter, sequence };
        let index = sequence.checked_sub(self.first).ok_or(Wrong::AnsweredTwice(job))?;
        let index = usize::try_from(index).map_err(|_| Wrong::NeverSubmitted(job))?;
        let entry = self.started_ns.get_mut(index).ok_or(Wrong::NeverSubmitted(job))?;
        let started_ns = entry.take().ok_or(Wrong::AnsweredTwice(job))?;
        self.unanswered -= 1;
        while let Some(None) = self.started_ns.front() {
            self.started_ns.pop_front();
            self.first += 1;
        }
        Ok(started_ns)
    }

    /// Returns an error if a job has no answer.
    pub(crate) fn check_empty(&self) -> Result<(), Wrong> {
        match self.unanswered {
            0 => Ok(()),
            jobs => Err(Wrong::Missing { submitter: self.submitter, jobs, oldest: self.first }),
        }
    }
}
