//! The error that a handler returns when a job has failed.

use std::fmt::Display;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::client::outgoing;

/// The reason why a job has failed: the `err` that its submitter receives.
///
/// Every value that implements `Display` converts to a `Failure` with its text as a JSON string. So a handler can use
/// `?` and `String`s. [`json`](Self::json) makes an `err` of any JSON value.
///
/// ```
/// use deputy::client::{Failure, Job};
///
/// fn read(job: &Job) -> Result<String, Failure> {
///     let path: String = job.arg()?;
///     if path.is_empty() {
///         return Err(Failure::json(&("no path", 17)));
///     }
///     Ok(std::fs::read_to_string(path)?)
/// }
/// ```
// It does not implement Display: otherwise the conversion below would overlap with the one from itself.
#[derive(Clone, Debug)]
pub struct Failure(Kind);

/// Which side is at fault.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    /// The job. This is its `err`.
    Job(Box<RawValue>),
    /// The worker, for this reason.
    Worker(String),
}

impl Failure {
    /// Returns a failure with this `err` in JSON. If it cannot be written as JSON, the `err` says why.
    pub fn json<V: Serialize + ?Sized>(err: &V) -> Self {
        let mut text = Vec::new();
        let written = outgoing::write(&mut text, err).map_err(|error| error.to_string());
        let raw = written.and_then(|()| serde_json::from_slice(&text).map_err(|error| error.to_string()));
        raw.map_or_else(
            |error| format!("the err cannot be written as JSON: {error}").into(),
            |err| Self(Kind::Job(err)),
        )
    }

    /// Returns a failure of the worker, not of the job: it cannot run jobs now, for this reason.
    ///
    /// The job gets no answer. The worker takes no more jobs, finishes the others that it holds, and ends:
    /// [`Worker::run`](super::Worker::run) returns [`RunError::Fault`](super::RunError::Fault), and the server gives
    /// the job to another worker. Run a new worker when the fault is repaired.
    pub fn fault(reason: impl Display) -> Self {
        Self(Kind::Worker(reason.to_string()))
    }

    pub(super) fn into_kind(self) -> Kind {
        self.0
    }
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(Kind::Job(to_raw_value(&error.to_string()).expect("a string can be written as JSON")))
    }
}
