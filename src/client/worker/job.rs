//! A job, for its handler.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

/// The connection that jobs came on.
#[derive(Clone, Debug, Default)]
pub(super) struct Origin(Arc<AtomicBool>);

impl Origin {
    pub(super) fn lose(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_lost(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A job that this worker holds.
#[derive(Debug)]
pub struct Job {
    pub(super) type_name: String,
    pub(super) id: Box<RawValue>,
    pub(super) number: u64,
    pub(super) arg: Option<Box<RawValue>>,
    pub(super) origin: Origin,
}

/// The arg is not of the type that the handler expects. Its text says why.
#[derive(Debug)]
pub struct ArgError {
    reason: serde_json::Error,
    missing: bool,
}

impl Job {
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

    /// Returns the server's number of this job, which is unique. A job that is requeued gets a new one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns whether the connection of the job is lost. Then the server gives the job to another worker, and the result
    /// is dropped. A handler that takes long can check this from time to time, and return.
    pub fn is_lost(&self) -> bool {
        self.origin.is_lost()
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
