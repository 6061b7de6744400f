//! The message that reports the end of a job through a channel.

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::error::{Error, read};
use super::promise::Outcome;

/// The end of a job that was submitted by [`JobBuilder::submit_to`](super::JobBuilder::submit_to).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Completion<T> {
    /// The tag with which the job was submitted.
    pub tag: T,
    /// The result as JSON text, or the error. A missing result is `null`.
    pub outcome: Result<Box<RawValue>, Error>,
}

impl<T> Completion<T> {
    pub(super) fn new(tag: T, outcome: Outcome) -> Self {
        Self { tag, outcome }
    }

    /// Reads the result as `R`.
    ///
    /// # Errors
    /// The job's error, or [`Error::Result`] if the result is not an `R`.
    pub fn result<R: DeserializeOwned>(&self) -> Result<R, Error> {
        self.outcome.as_ref().map_err(Error::clone).and_then(|res| read(res))
    }
}
