//! The handle of a submitted job.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::control::JobControl;
use super::error::{Error, read};
use super::progress::Progress;
use super::promise::{Outcome, Promise};

/// A submitted job, and its answer as soon as it has arrived.
///
/// Dropping the handle does not cancel the job: the client drops the answer when it comes
/// ([`cancel_on_drop`](Self::cancel_on_drop) changes this). A handle does not keep the connection open. When the last
/// [`Client`](super::Client) is dropped, handles without an answer get [`Error::Closed`].
///
/// The result is read as an `R`. `()` and options accept a `null` or missing result. A
/// `Box<serde_json::value::RawValue>` accepts any result, as JSON text.
#[must_use = "without the handle the job still runs, but its result is lost"]
pub struct JobHandle<R> {
    promise: Arc<Promise>,
    /// See [`Options::deadline`](super::Options::deadline).
    deadline: Option<Instant>,
    control: JobControl,
    /// Whether the caller does not use the result.
    is_background: bool,
    result: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> JobHandle<R> {
    pub(super) fn new(promise: Arc<Promise>, deadline: Option<Instant>, control: JobControl) -> Self {
        Self { promise, deadline, control, is_background: false, result: PhantomData }
    }

    /// Lets the handle treat any result as `null`: a durable job may be done before it is stored.
    pub(super) fn in_background(mut self) -> Self {
        self.is_background = true;
        self
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
        self.wait_for_outcome(Some(Instant::now()))
    }

    /// Cancels the job ([`JobControl::cancel`]). The answer still comes, usually [`Error::Cancelled`].
    ///
    /// ```
    /// # use deputy::client::Client;
    /// # use deputy::server::{Config, Server};
    /// # let server = Server::start(Config { port: 0, ..Config::default() })?;
    /// # let client = Client::connect(&server.addresses()[0].to_string())?;
    /// let photo = client.job("resize", "cat.png").cancellable().submit::<String>();
    /// photo.cancel()?;
    /// assert!(photo.wait().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::BadRequest`] if the job was not submitted as [cancellable](super::JobBuilder::cancellable).
    pub fn cancel(&self) -> Result<(), Error> {
        self.control.cancel()
    }

    /// Cancels the job when the handle is dropped, unless it has ended. So a job does not outlive the code that waits
    /// for it. This has no effect on a job that is not [cancellable](super::JobBuilder::cancellable).
    pub fn cancel_on_drop(self) -> Self {
        self.control.cancel_on_drop();
        self
    }

    /// Returns the worker's progress reports, read as `P`. The iterator ends at once if the job was submitted without
    /// [`progress`](super::JobBuilder::progress). It may outlive the handle, so another thread can follow the job while
    /// this one waits.
    pub fn progress<P: DeserializeOwned>(&self) -> Progress<P> {
        self.control.progress()
    }

    /// Waits until the job is stored, for at most `timeout`. From then on it will be done, whichever program or machine fails,
    /// as long as the store keeps it. The answer still comes while the connection lives; then the error is
    /// [`Error::AnswerLost`].
    ///
    /// The call returns at once if the job is stored or done. After
    /// [`submit_background`](super::JobBuilder::submit_background), the answer of the job shows this too.
    ///
    /// # Errors
    /// [`Error::TimedOut`] if the job is not stored yet. The job's error if it has ended without being stored: usually
    /// [`Error::NoBridge`], or [`Error::Disconnected`], after which the job may be stored or not. [`Error::BadRequest`]
    /// if it was not submitted as [durable](super::JobBuilder::durable).
    pub fn wait_stored(&self, timeout: Duration) -> Result<(), Error> {
        if !self.control.is_durable() {
            return Err(Error::BadRequest("the job is not durable".to_owned()));
        }
        if self.control.wait_stored(timeout) {
            return Ok(());
        }
        let ended = |outcome: &Outcome| outcome.as_ref().map(drop).map_err(Error::clone);
        self.promise.wait(Some(Instant::now()), ended).unwrap_or(Err(Error::TimedOut))
    }

    /// Returns a control, which cancels the job and follows its progress from another thread.
    pub fn control(&self) -> JobControl {
        self.control.clone()
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<R, Error> {
        self.wait_for_outcome(deadline).unwrap_or(Err(Error::TimedOut))
    }

    fn wait_for_outcome(&self, deadline: Option<Instant>) -> Option<Result<R, Error>> {
        self.promise.wait(deadline, |outcome| {
            let res = outcome.as_ref().map_err(Error::clone)?;
            read(if self.is_background { RawValue::NULL } else { res })
        })
    }
}

impl<R> Drop for JobHandle<R> {
    fn drop(&mut self) {
        self.control.on_handle_dropped();
    }
}

impl<R> fmt::Debug for JobHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobHandle").finish_non_exhaustive()
    }
}
