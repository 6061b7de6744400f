//! Wraps handlers of all types in one form: from a job to the line that answers it.

use std::any::Any;
use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::failure::{Failure, Kind};
use super::job::Job;
use crate::client::error::Error;
use crate::client::outgoing;

/// Does a job, and returns the line that answers it, of at most this many bytes. `Err` says why the worker cannot run
/// it.
type Handler = Box<dyn Fn(&Job, usize) -> Result<Vec<u8>, String> + Send + Sync>;

/// The handlers of a worker, by type.
#[derive(Default)]
pub(super) struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// Sets the handler of a type. It replaces an earlier one.
    pub(super) fn insert<R, E>(
        &mut self,
        type_name: &str,
        handler: impl Fn(&Job) -> Result<R, E> + Send + Sync + 'static,
    ) where
        R: Serialize,
        E: Into<Failure>,
    {
        let handler = move |job: &Job, line_max: usize| {
            let line = match handler(job).map_err(|error| error.into().into_kind()) {
                Ok(res) => outgoing::answer(job.number(), "res", &res, line_max),
                Err(Kind::Job(err)) => outgoing::answer(job.number(), "err", &err, line_max),
                Err(Kind::Worker(reason)) => return Err(reason),
            };
            Ok(line.unwrap_or_else(|error| outgoing::failure(job.number(), &unsendable(&error), line_max)))
        };
        self.0.insert(type_name.to_owned(), Box::new(handler));
    }

    /// Returns the types that have a handler.
    pub(super) fn types(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// Returns whether the type has a handler.
    pub(super) fn has(&self, type_name: &str) -> bool {
        self.0.contains_key(type_name)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does a job. A panic, or a value that no line can carry, fails the job. `Err` says why the worker cannot run it.
    pub(super) fn answer(&self, job: &Job, line_max: usize) -> Result<Vec<u8>, String> {
        let Some(handler) = self.0.get(job.type_name()) else {
            return Ok(outgoing::failure(job.number(), "this worker does not do this type", line_max));
        };
        // A panic leaves no state of this library inconsistent. Handlers must protect the state that they share.
        catch_unwind(AssertUnwindSafe(|| handler(job, line_max)))
            .unwrap_or_else(|panic| Ok(outgoing::failure(job.number(), &panicked(panic), line_max)))
    }
}

/// Why an answer cannot be sent.
fn unsendable(error: &Error) -> String {
    match error {
        Error::Arg(reason) => format!("the result cannot be written as JSON: {reason}"),
        error => format!("the worker's answer cannot be sent: {error}"),
    }
}

fn panicked(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = format!("the handler panicked: {}", text.unwrap_or("without a text"));
    // The value of a panic may panic when it is dropped, and so may the value of that panic.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(again);
    }
    text
}
