//! What the jobs of a workload ask for besides being done: the members of their `do`, what submitters and workers then do
//! with them, and how they may end. All of it follows from the job's key, as its payload does.

use std::time::Duration;

use super::check::Wrong;
use super::drivers::{Awaits, push_number};
use super::workload::{Draw, JobKey, Workload, nanoseconds};

/// What all jobs of a workload ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Nothing.
    Nothing,
    /// One of [`PRIORITIES`].
    Priority,
    /// A delay of [`DELAY_MS`].
    Delay,
    /// A deadline of an hour, which no job misses.
    Deadline,
    /// A deadline of [`EXPIRE_MS`]. The jobs that miss it end with `expired`.
    Expire,
    /// Half of the jobs are cancelled; a worker answers some of these only when it receives `cancel`.
    Cancel,
    /// A run limit of [`RUN_LIMIT_MS`]. A quarter of the workers answer a job's first attempts only when the limit has
    /// passed. So do all workers with one job in [`HOPELESS`], which has one attempt and ends with `timed_out`.
    RunLimit,
    /// [`REPORTS`] lines of progress.
    Progress,
    /// One of [`KEYS`] keys.
    Key,
    /// To be answered when they are accepted.
    Background,
}

/// How a job ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With a result.
    Result,
    /// It was accepted, and more is not said of it.
    Accepted,
    /// With the code `cancelled`.
    Cancelled,
    /// With the code `expired`.
    Expired,
    /// With the code `timed_out`.
    TimedOut,
}

/// The priorities, from the lowest.
pub(crate) const PRIORITIES: [&str; 4] = ["-100", "0", "1", "127"];

/// The shortest and the longest delay, in milliseconds.
pub(crate) const DELAY_MS: (u64, u64) = (300, 1_000);

/// The deadline that jobs miss, in milliseconds.
pub(crate) const EXPIRE_MS: u64 = 400;

/// The deadline that no job misses, in milliseconds.
const HOUR_MS: u64 = 3_600_000;

/// Jobs are cancelled within this time after their submission, in microseconds.
const CANCEL_WITHIN_US: u64 = 10_000;

/// The run limit, in milliseconds.
const RUN_LIMIT_MS: u64 = 100;

/// A job that hangs at a worker of those that hang is not given up for that: they answer this attempt.
const ANSWERED_ATTEMPT: u64 = 3;

/// One job in this many hangs at each worker.
const HOPELESS: u64 = 64;

/// Lines of progress of each job.
pub(crate) const REPORTS: u64 = 3;

/// Keys of each type.
const KEYS: u64 = 16;

/// How much too early a job may start or expire before the run fails. The server reads its clock once per turn, so a job
/// is accepted as of the beginning of a turn, which a busy machine can interrupt. The load shows the real figure.
const EARLY_MAX: Duration = Duration::from_millis(250);

impl Ask {
    /// All of them with their names, but [`Ask::Nothing`].
    pub(crate) const NAMES: [(&str, Self); 9] = [
        ("priority", Self::Priority),
        ("delay", Self::Delay),
        ("deadline", Self::Deadline),
        ("expire", Self::Expire),
        ("cancel", Self::Cancel),
        ("run-limit", Self::RunLimit),
        ("progress", Self::Progress),
        ("key", Self::Key),
        ("background", Self::Background),
    ];

    /// Returns its name; `None` for nothing.
    pub(crate) fn name(self) -> Option<&'static str> {
        Self::NAMES.iter().find_map(|(name, ask)| (*ask == self).then_some(*name))
    }

    /// Returns what submitters wait for.
    pub(crate) fn awaits(self) -> Awaits {
        if self == Self::Background { Awaits::Acceptance } else { Awaits::Result }
    }

    /// Whether workers must give `max_jobs`, because they answer some jobs only when they receive `cancel`.
    pub(crate) fn needs_max_jobs(self) -> bool {
        matches!(self, Self::Cancel | Self::RunLimit)
    }
}

impl Workload {
    fn ask_number(&self, job: JobKey) -> u64 {
        self.random(job, Draw::Ask)
    }

    /// Appends the members that a job's `do` has for what it asks for, each with a comma before it.
    pub(crate) fn append_asks(&self, job: JobKey, out: &mut Vec<u8>) {
        let mut number = |name: &str, number: u64| {
            out.extend_from_slice(name.as_bytes());
            push_number(number, out);
        };
        match self.shape.ask {
            Ask::Nothing => {}
            Ask::Priority => {
                out.extend_from_slice(b",\"priority\":");
                out.extend_from_slice(PRIORITIES[self.level_of(job)].as_bytes());
            }
            Ask::Delay => number(",\"delay_ms\":", self.delay_ms(job)),
            Ask::Deadline => number(",\"deadline_ms\":", HOUR_MS),
            Ask::Expire => number(",\"deadline_ms\":", EXPIRE_MS),
            Ask::Cancel if self.cancel_after_ns(job).is_none() => {}
            Ask::Cancel => out.extend_from_slice(b",\"cancellable\":true"),
            Ask::RunLimit => {
                number(",\"run_limit_ms\":", RUN_LIMIT_MS);
                number(",\"attempts\":", if self.is_hopeless(job) { 1 } else { 255 });
            }
            Ask::Progress => out.extend_from_slice(b",\"progress\":true"),
            Ask::Key => {
                number(",\"key\":\"k", self.key_of(job));
                out.push(b'"');
            }
            Ask::Background => out.extend_from_slice(b",\"background\":true"),
        }
    }

    /// Returns the index of a job's priority in [`PRIORITIES`].
    pub(crate) fn level_of(&self, job: JobKey) -> usize {
        usize::try_from(self.ask_number(job) % PRIORITIES.len() as u64).expect("it is an index")
    }

    fn delay_ms(&self, job: JobKey) -> u64 {
        DELAY_MS.0 + self.ask_number(job) % (DELAY_MS.1 - DELAY_MS.0 + 1)
    }

    fn key_of(&self, job: JobKey) -> u64 {
        self.ask_number(job) % KEYS
    }

    /// Returns when a job's submitter cancels it, in nanoseconds from its submission; `None`: it does not.
    pub(crate) fn cancel_after_ns(&self, job: JobKey) -> Option<u64> {
        if self.shape.ask != Ask::Cancel {
            return None;
        }
        let number = self.ask_number(job);
        (number % 2 == 1).then(|| (number >> 8) % CANCEL_WITHIN_US * 1_000)
    }

    /// Whether no worker answers this job before it receives `cancel`.
    fn is_hopeless(&self, job: JobKey) -> bool {
        match self.shape.ask {
            Ask::Cancel => self.ask_number(job) & 3 == 3,
            Ask::RunLimit => self.ask_number(job).is_multiple_of(HOPELESS),
            _ => false,
        }
    }

    /// Whether a worker answers this attempt at a job only when it receives `cancel`.
    pub(crate) fn hangs(&self, worker: usize, job: JobKey, attempt: u64) -> bool {
        let is_slow = self.shape.ask == Ask::RunLimit && worker.is_multiple_of(4) && attempt < ANSWERED_ATTEMPT;
        is_slow || self.is_hopeless(job)
    }

    /// Returns how many lines of progress a worker sends for each job.
    pub(crate) fn reports(&self) -> u64 {
        if self.shape.ask == Ask::Progress { REPORTS } else { 0 }
    }

    /// Whether the result of one job may answer another one, because they have the same key.
    pub(crate) fn is_joined(&self, job: JobKey, other: JobKey) -> bool {
        self.shape.ask == Ask::Key && self.key_of(job) == self.key_of(other) && self.type_of(job) == self.type_of(other)
    }

    /// Returns an error if a job may not end like this, or not so soon after its submission.
    pub(crate) fn check_end(&self, job: JobKey, end: End, elapsed_ns: u64) -> Result<(), Wrong> {
        let may = match (self.shape.ask, end) {
            (Ask::Background, end) => end == End::Accepted,
            (Ask::Cancel, End::Cancelled) => self.cancel_after_ns(job).is_some(),
            (Ask::RunLimit, End::TimedOut) => self.is_hopeless(job),
            (Ask::Expire, End::Expired) => true,
            (_, End::Result) => !self.is_hopeless(job),
            _ => false,
        };
        if !may {
            return Err(Wrong::OtherEnd { job, end });
        }
        match self.lateness_ns(job, end, elapsed_ns) {
            Some(Err(early_ns)) if early_ns > nanoseconds(EARLY_MAX) => {
                Err(Wrong::Early { job, ms: early_ns / 1_000_000 })
            }
            _ => Ok(()),
        }
    }

    /// Returns how much later a job ended than it could, or as an error how much earlier, in nanoseconds. `None`: it could
    /// end like this at any time.
    pub(crate) fn lateness_ns(&self, job: JobKey, end: End, elapsed_ns: u64) -> Option<Result<u64, u64>> {
        let least_ms = match (self.shape.ask, end) {
            (Ask::Delay, End::Result) => self.delay_ms(job),
            (Ask::Expire, End::Expired) => EXPIRE_MS,
            _ => return None,
        };
        let least_ns = least_ms * 1_000_000;
        Some(elapsed_ns.checked_sub(least_ns).ok_or(least_ns - elapsed_ns.min(least_ns)))
    }
}
