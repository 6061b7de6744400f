//! A job, as its handler sees it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::origin::Origin;
use crate::client::error::Error;
use crate::client::incoming::NewJob;
use crate::client::outgoing;

/// A job that this worker holds.
///
/// A long-running handler should report its progress. Then it gets more time, the submitter sees the progress, and the
/// handler stops when its result is no longer needed:
///
/// ```
/// use deputy::client::{Failure, Job};
///
/// fn resize(job: &Job) -> Result<usize, Failure> {
///     let photos: Vec<String> = job.arg()?;
///     for (done, photo) in photos.iter().enumerate() {
///         job.progress(&(done, photo))?; // An error if the job is cancelled or lost.
///         std::fs::copy(photo, format!("{photo}.small"))?;
///     }
///     Ok(photos.len())
/// }
/// # let worker = deputy::client::Worker::new("127.0.0.1:1").handle("resize", resize);
/// ```
#[derive(Debug)]
pub struct Job {
    type_name: String,
    id: Box<RawValue>,
    number: u64,
    attempt: u32,
    reference: Option<Box<str>>,
    arg: Option<Box<RawValue>>,
    origin: Origin,
    is_cancelled: Arc<AtomicBool>,
    run_limit: Option<Box<RunLimit>>,
}

/// How long this worker may hold a job.
#[derive(Debug)]
struct RunLimit {
    limit: Duration,
    since: Mutex<Instant>,
}

/// The arg is not of the type that the handler expects. Its text says why.
#[derive(Debug)]
pub struct ArgError {
    reason: serde_json::Error,
    missing: bool,
}

impl Job {
    pub(super) fn new(job: NewJob<'_>, origin: Origin, is_cancelled: Arc<AtomicBool>) -> Self {
        let run_limit = |ms| Box::new(RunLimit { limit: Duration::from_millis(ms), since: Mutex::new(Instant::now()) });
        Self {
            type_name: job.type_name.into_owned(),
            id: job.id.to_owned(),
            number: job.job,
            attempt: job.attempt,
            reference: job.reference.map(|reference| reference.into_owned().into()),
            arg: job.arg.map(ToOwned::to_owned),
            origin,
            is_cancelled,
            run_limit: job.run_limit_ms.map(run_limit),
        }
    }

    /// Reads the arg as `T`, which may borrow from the job. A missing arg is read as `null`.
    ///
    /// # Errors
    /// If the arg is of another type. With `?` in the handler, this fails the job with the reason.
    pub fn arg<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ArgError> {
        let arg = self.raw();
        serde_json::from_str(arg.unwrap_or(RawValue::NULL).get())
            .map_err(|reason| ArgError { reason, missing: arg.is_none() })
    }

    /// Returns the arg as the text that came, if there is one.
    pub fn raw(&self) -> Option<&RawValue> {
        self.arg.as_deref()
    }

    /// Returns the type.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// Returns the submitter's id as the text that came, with its quotes. Other submitters may use the same id.
    pub fn id(&self) -> &str {
        self.id.get()
    }

    /// Returns the server's number of this job, which is unique. A job that is requeued gets a new one: see
    /// [`reference`](Self::reference).
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns which attempt this is: 1, or more after attempts of other workers that were lost or took too long.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the server's reference to the job, which is the same at each attempt, and no other job's while the
    /// server runs. To avoid doing work twice, a program can store the reference together with the server's
    /// [`up_since`](crate::client::Metrics::up_since). It has 1 to 64 letters, digits, `.`, `_` and `-`. `None` if the
    /// worker did not ask for [references](crate::client::Worker::references), or from an older server.
    pub fn reference(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    /// Returns whether the connection of the job is lost. Then the server gives the job to another worker, and the result
    /// is dropped. A handler that takes long can check this from time to time, and return.
    pub fn is_lost(&self) -> bool {
        self.origin.is_lost()
    }

    /// Returns whether the server has cancelled the job: its submitter cancelled it or left, its deadline passed, or
    /// this worker held it for too long. The server drops the result. This worker gets no other job for the slot before
    /// the handler returns. A handler that takes long can check this from time to time, and return.
    ///
    /// This stays false when the connection is lost: check [`is_lost`](Self::is_lost), too.
    /// [`progress`](Self::progress) and [`keep_alive`](Self::keep_alive) fail in both cases.
    pub fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    /// Returns for how long a worker may hold the job, or may hold it without a report of progress. `None` if the job has no
    /// [run limit](crate::client::JobBuilder::run_limit).
    pub fn run_limit(&self) -> Option<Duration> {
        self.run_limit.as_ref().map(|run| run.limit)
    }

    /// Returns for how long this worker may still hold the job before the server gives it to another one. Zero if the
    /// time is over. `None` if the job has no [run limit](crate::client::JobBuilder::run_limit).
    ///
    /// The time is counted from the arrival of the job, or from the last report of progress. The server counts by its
    /// own clock, and began earlier.
    pub fn time_left(&self) -> Option<Duration> {
        self.run_limit.as_ref().map(|run| run.limit.saturating_sub(run.since.lock().elapsed()))
    }

    /// Reports progress, and restarts the run limit. The submitter receives `data` if it asked for
    /// [`progress`](crate::client::JobBuilder::progress). `&()` is data, too: `null`.
    ///
    /// The call returns at once, with the exceptions of [`Client::submit`](crate::client::Client::submit). Reports may be
    /// lost on their way. An older server refuses them, and the worker then sends no more to it.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the job is [cancelled](Self::is_cancelled), and [`Error::Disconnected`] if it is
    /// [lost](Self::is_lost). So `?` lets a handler stop when its work is not needed. [`Error::Arg`],
    /// [`Error::BadJson`] or [`Error::TooLong`] if no line can carry `data`; then the run limit does not start again.
    pub fn progress<V: Serialize + ?Sized>(&self, data: &V) -> Result<(), Error> {
        self.report(Some(data))
    }

    /// Restarts the run limit without a report to the submitter, for a handler that has no progress to report.
    ///
    /// # Errors
    /// [`Error::Cancelled`] and [`Error::Disconnected`], as [`progress`](Self::progress).
    pub fn keep_alive(&self) -> Result<(), Error> {
        self.report::<()>(None)
    }

    fn report<V: Serialize + ?Sized>(&self, data: Option<&V>) -> Result<(), Error> {
        if self.is_cancelled() {
            return Err(Error::Cancelled("the server drops the result of this job".to_owned()));
        }
        self.origin.report(&outgoing::progress(self.number, data)?)?;
        if let Some(run) = &self.run_limit {
            *run.since.lock() = Instant::now();
        }
        Ok(())
    }
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.missing {
            write!(f, "the job needs an arg: {}", self.reason)
        } else {
            write!(f, "the arg is not of the type expected: {}", self.reason)
        }
    }
}

impl std::error::Error for ArgError {}

/// For handlers whose error is text.
impl From<ArgError> for String {
    fn from(error: ArgError) -> Self {
        error.to_string()
    }
}
