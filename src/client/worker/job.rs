//! A job as its handler sees it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Deserialize;
use serde_json::value::RawValue;

/// A connection, as the jobs know it that came over it.
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

/// The arg is not what the handler takes. Its text says what is wrong with it.
#[derive(Debug)]
pub struct ArgError {
    reason: serde_json::Error,
    missing: bool,
}

impl Job {
    /// The arg, read as `T`, which may borrow from the job. A missing one is read as `null`.
    ///
    /// # Errors
    /// If it is something else. With `?` in the handler that fails the job, and tells its submitter why.
    pub fn arg<'a, T: Deserialize<'a>>(&'a self) -> Result<T, ArgError> {
        let arg = self.raw();
        serde_json::from_str(arg.unwrap_or(RawValue::NULL).get())
            .map_err(|reason| ArgError { reason, missing: arg.is_none() })
    }

    /// The arg as the text that came, if there is one.
    pub fn raw(&self) -> Option<&RawValue> {
        self.arg.as_deref()
    }

    /// The type.
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// The submitter's id as the text that came, quotes included. Other submitters may use the same.
    pub fn id(&self) -> &str {
        self.id.get()
    }

    /// The server's number of this job, which no other has. A job that was given back gets a new one.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether the connection that brought the job is lost. Its result will be dropped, and the server gives it to another
    /// worker: a handler that takes long may look now and then, and end.
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
