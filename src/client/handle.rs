//! What a submitter holds of a job.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::error::Error;
use super::promise::{Outcome, Promise};

/// A job that was submitted, and its answer as soon as there is one.
///
/// Dropping the handle does not cancel the job: the client drops the answer when it comes. A handle does not keep the
/// connection open. When the last [`Client`](super::Client) is dropped, handles without an answer get [`Error::Closed`].
///
/// `R` is the type that the result is read as. `()` and options accept a `null` or missing result. A
/// `Box<serde_json::value::RawValue>` accepts any result, as the text that came.
#[must_use = "without the handle the job still runs, but its result is lost"]
pub struct JobHandle<R> {
    promise: Arc<Promise>,
    /// See [`Options::deadline`](super::Options::deadline).
    deadline: Option<Instant>,
    result: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> JobHandle<R> {
    pub(super) fn new(promise: Arc<Promise>, deadline: Option<Instant>) -> Self {
        Self { promise, deadline, result: PhantomData }
    }

    /// Waits for the answer, without a time limit of its own.
    ///
    /// # Errors
    /// Any [`Error`]. [`Error::TimedOut`] only if the client has a [`deadline`](super::Options::deadline).
    pub fn wait(self) -> Result<R, Error> {
        self.wait_until(self.deadline)
    }

    /// Waits for the answer for at most `timeout`.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there is no answer yet. The job keeps its place, and the handle can be waited for again.
    /// Otherwise the job's own error, at each call.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<R, Error> {
        let end = Instant::now().checked_add(timeout);
        self.wait_until(end.into_iter().chain(self.deadline).min())
    }

    /// Returns the answer if it has come.
    pub fn try_wait(&self) -> Option<Result<R, Error>> {
        self.promise.wait(Some(Instant::now()), read)
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<R, Error> {
        self.promise.wait(deadline, read).unwrap_or(Err(Error::TimedOut))
    }
}

/// Reads the result as the expected type.
fn read<R: DeserializeOwned>(outcome: &Outcome) -> Result<R, Error> {
    let res = outcome.as_ref().map_err(Error::clone)?;
    serde_json::from_str(res.get()).map_err(|error| Error::Result { res: res.clone(), reason: error.to_string() })
}

impl<R> fmt::Debug for JobHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").finish_non_exhaustive()
    }
}
