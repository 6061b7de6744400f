//! What a submitter holds of a job.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::control::JobControl;
use super::error::Error;
use super::progress::Progress;
use super::promise::Promise;

/// A job that was submitted, and its answer as soon as there is one.
///
/// Dropping the handle does not cancel the job: the client drops the answer when it comes
/// ([`cancel_on_drop`](Self::cancel_on_drop) changes this). A handle does not keep the connection open. When the last [`Client`](super::Client) is dropped, handles without an answer get [`Error::Closed`].
///
/// `R` is the type that the result is read as. `()` and options accept a `null` or missing result. A
/// `Box<serde_json::value::RawValue>` accepts any result, as the text that came.
#[must_use = "without the handle the job still runs, but its result is lost"]
pub struct JobHandle<R> {
    promise: Arc<Promise>,
    /// See [`Options::deadline`](super::Options::deadline).
    deadline: Option<Instant>,
    control: JobControl,
    result: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> JobHandle<R> {
    pub(super) fn new(promise: Arc<Promise>, deadline: Option<Instant>, control: JobControl) -> Self {
        Self { promise, deadline, control, result: PhantomData }
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

    /// Takes the job back ([`JobControl::cancel`]). The answer still comes, usually [`Error::Cancelled`].
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

    /// Cancels the job when the handle is dropped, unless it has ended. So a job does not outlive the code that waits for
    /// it, whatever ends that code. It has no effect on a job that is not [cancellable](super::JobBuilder::cancellable).
    pub fn cancel_on_drop(self) -> Self {
        self.control.cancel_on_drop();
        self
    }

    /// Returns what the worker reports while the job goes on, read as `P`. It ends at once if the job was submitted without
    /// [`progress`](super::JobBuilder::progress). It may outlive the handle, so another thread can follow the job while
    /// this one waits.
    pub fn progress<P: DeserializeOwned>(&self) -> Progress<P> {
        self.control.progress()
    }

    /// Returns what cancels the job and follows its progress from elsewhere.
    pub fn control(&self) -> JobControl {
        self.control.clone()
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Result<R, Error> {
        self.wait_for_outcome(deadline).unwrap_or(Err(Error::TimedOut))
    }

    fn wait_for_outcome(&self, deadline: Option<Instant>) -> Option<Result<R, Error>> {
        self.promise.wait(deadline, |outcome| outcome.as_ref().map_err(Error::clone).and_then(|res| read(res)))
    }
}

/// Reads a result, or a report of progress, as the expected type.
pub(super) fn read<R: DeserializeOwned>(value: &RawValue) -> Result<R, Error> {
    let unreadable = |error: serde_json::Error| Error::Result { res: value.to_owned(), reason: error.to_string() };
    serde_json::from_str(value.get()).map_err(unreadable)
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
