//! What can be wrong with what the server sends, and the record of a submitter's jobs that have no answer yet.

use std::collections::VecDeque;
use std::fmt;

use super::asks::End;
use super::workload::JobKey;

/// A mistake of the server, as far as the load can see: the run has failed.
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
    /// A job that ended as it may not.
    OtherEnd { job: JobKey, end: End },
    /// A job that started before its delay was over, or expired before its deadline.
    Early { job: JobKey, ms: u64 },
    /// Progress that came twice, too early or out of order: its number, and the expected one.
    OtherProgress { job: JobKey, number: u64, expected: u64 },
    /// Progress of a job that has ended, or was never submitted.
    LateProgress(JobKey),
    /// A job that was answered before all of its progress had come.
    LackingProgress { job: JobKey, reports: u64, expected: u64 },
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
            Self::OtherEnd { job, end } => write!(f, "{job} ended with {end:?}, which it cannot"),
            Self::Early { job, ms } => write!(f, "{job} started or expired {ms} ms too early"),
            Self::OtherProgress { job, number, expected } => {
                write!(f, "progress {number} of {job} arrived when {expected} was due")
            }
            Self::LateProgress(job) => write!(f, "{job} has no answer due, but progress of it arrived"),
            Self::LackingProgress { job, reports, expected } => {
                write!(f, "{job} was answered after {reports} of {expected} reports of progress")
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

/// What a submitter knows of a job without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    /// When it was due to start, in nanoseconds of the run.
    pub(crate) start_ns: u64,
    /// Lines of progress so far.
    pub(crate) reports: u64,
}

/// The jobs of one submitter, from its oldest unanswered job on.
///
/// It grows with the distance between the oldest unanswered job and the newest. Any answer, however late, can therefore be
/// recognized as the first or a repeated one.
#[derive(Debug)]
pub(crate) struct Outstanding {
    submitter: u16,
    /// All jobs before this one are answered.
    first: u64,
    /// The jobs from `first` on; `None`: answered.
    jobs: VecDeque<Option<Pending>>,
    unanswered: usize,
}

impl Outstanding {
    /// Returns an empty record.
    pub(crate) fn new(submitter: u16) -> Self {
        Self { submitter, first: 0, jobs: VecDeque::new(), unanswered: 0 }
    }

    /// Adds the next job.
    pub(crate) fn submit(&mut self, start_ns: u64) -> JobKey {
        let sequence = self.first + self.jobs.len() as u64;
        self.jobs.push_back(Some(Pending { start_ns, reports: 0 }));
        self.unanswered += 1;
        JobKey { submitter: self.submitter, sequence }
    }

    /// Marks a job as answered; returns what was known of it.
    pub(crate) fn complete(&mut self, sequence: u64) -> Result<Pending, Wrong> {
        let job = JobKey { submitter: self.submitter, sequence };
        let index = sequence.checked_sub(self.first).ok_or(Wrong::AnsweredTwice(job))?;
        let index = usize::try_from(index).map_err(|_| Wrong::NeverSubmitted(job))?;
        let entry = self.jobs.get_mut(index).ok_or(Wrong::NeverSubmitted(job))?;
        let pending = entry.take().ok_or(Wrong::AnsweredTwice(job))?;
        self.unanswered -= 1;
        while let Some(None) = self.jobs.front() {
            self.jobs.pop_front();
            self.first += 1;
        }
        Ok(pending)
    }

    /// Takes progress of a job, which must have the number of the next report, from 0.
    pub(crate) fn report(&mut self, sequence: u64, number: u64) -> Result<(), Wrong> {
        let job = JobKey { submitter: self.submitter, sequence };
        let index = sequence.checked_sub(self.first).and_then(|index| usize::try_from(index).ok());
        let pending = index.and_then(|index| self.jobs.get_mut(index)?.as_mut()).ok_or(Wrong::LateProgress(job))?;
        if number != pending.reports {
            return Err(Wrong::OtherProgress { job, number, expected: pending.reports });
        }
        pending.reports += 1;
        Ok(())
    }

    /// Returns the sequence number of the oldest job without an answer, or of the next job if all are answered.
    pub(crate) fn oldest(&self) -> u64 {
        self.first
    }

    /// Returns when the oldest job without an answer was due to start, in nanoseconds of the run.
    pub(crate) fn oldest_ns(&self) -> Option<u64> {
        Some(self.jobs.front()?.as_ref()?.start_ns)
    }

    /// Returns an error if a job has no answer.
    pub(crate) fn check_empty(&self) -> Result<(), Wrong> {
        match self.unanswered {
            0 => Ok(()),
            jobs => Err(Wrong::Missing { submitter: self.submitter, jobs, oldest: self.first }),
        }
    }
}
