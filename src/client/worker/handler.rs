//! Handlers of all types, made alike: a job goes in, the line that answers it comes out.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::failure::Failure;
use super::job::Job;
use crate::client::outgoing;

/// What a handler makes of a job.
type Answer = Result<Box<RawValue>, Failure>;

type Handler = Box<dyn Fn(&Job) -> Answer + Send + Sync>;

/// The handlers of a worker, by type.
#[derive(Default)]
pub(super) struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// The handler of a type; one that it had is forgotten.
    pub(super) fn insert<R, E>(
        &mut self,
        type_name: &str,
        handler: impl Fn(&Job) -> Result<R, E> + Send + Sync + 'static,
    ) where
        R: Serialize,
        E: Into<Failure>,
    {
        let handler = move |job: &Job| {
            let res = handler(job).map_err(Into::into)?;
            to_raw_value(&res).map_err(|error| format!("the result cannot be written as JSON: {error}").into())
        };
        self.0.insert(type_name.to_owned(), Box::new(handler));
    }

    /// The types that have one, as a list in JSON.
    pub(super) fn types(&self) -> String {
        outgoing::list(self.0.keys().map(String::as_str))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Does a job. The line tells what came of it, also if the handler panicked, or if its value is nothing that a line
    /// can carry.
    pub(super) fn answer(&self, job: &Job, line_max: usize) -> Vec<u8> {
        let handler = self.0.get(job.type_name());
        let handler = handler.ok_or_else(|| Failure::from("this worker does not do this type"));
        // A handler that panics leaves nothing of ours half done; what it shares with itself is its own affair.
        let run = |job| handler.and_then(|handler| handler(job));
        let answer = catch_unwind(AssertUnwindSafe(|| run(job))).unwrap_or_else(|panic| Err(panicked(&*panic).into()));
        let line = match &answer {
            Ok(res) => outgoing::answer(job.number(), "res", res, line_max),
            Err(failure) => outgoing::answer(job.number(), "err", failure.err(), line_max),
        };
        line.unwrap_or_else(|error| {
            let text = format!("the worker's answer cannot be sent: {error}");
            outgoing::answer(job.number(), "err", &text, usize::MAX).expect("a short text can be said")
        })
    }
}

fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("the handler panicked: {}", text.unwrap_or("without a text"))
}
