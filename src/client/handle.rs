//! What a submitter has of a job.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use super::error::Error;
use super::promise::{Outcome, Promise, deadline};

/// A job that was submitted, and its answer as soon as there is one.
///
/// Dropping it changes nothing for the job: it is done all the same, and its answer forgotten when it comes. A handle does
/// not keep the connection: when the last [`Client`](super::Client) is dropped, handles without an answer get
/// [`Error::Closed`].
///
/// `R` is what the result is read as. `()` and options take a `null` or missing result; a
/// `Box<serde_json::value::RawValue>` takes any, as the text that came.
#[must_use = "the job is done all the same, but nobody learns what came of it"]
pub struct JobHandle<R> {
    promise: Arc<Promise>,
    result: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> JobHandle<R> {
    pub(super) fn new(promise: Arc<Promise>) -> Self {
        Self { promise, result: PhantomData }
    }

    /// Waits for the answer, however long it takes.
    ///
    /// # Errors
    /// Whatever [`Error`] tells, but [`Error::TimedOut`].
    pub fn wait(self) -> Result<R, Error> {
        self.wait_until(None)
    }

    /// Waits for the answer for a while.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if there is none: the job stays where it is, and the handle can be waited for again. Otherwise
    /// whatever came of the job, each time that it is asked for.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<R, Error> {
        self.wait_until(deadline(timeout))
    }

    /// The answer, if it is there.
    pub fn try_wait(&self) -> Option<Result<R, Error>> {
        self.promise.wait(Some(Instant::now()), read)
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<R, Error> {
        self.promise.wait(deadline, read).unwrap_or(Err(Error::TimedOut))
    }
}

/// The result as the type that is expected.
fn read<R: DeserializeOwned>(outcome: &Outcome) -> Result<R, Error> {
    let res = outcome.as_ref().map_err(Error::clone)?;
    serde_json::from_str(res.get()).map_err(|error| Error::Result { res: res.clone(), reason: error.to_string() })
}

impl<R> fmt::Debug for JobHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").finish_non_exhaustive()
    }
}
