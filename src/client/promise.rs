//! The place where the reader thread puts an answer, and where a caller waits for it.

use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use serde_json::value::RawValue;

use super::error::Error;

/// The answer to a job or a question.
pub(super) type Outcome = Result<Box<RawValue>, Error>;

/// A place for one outcome. The first one stays.
#[derive(Debug, Default)]
pub(super) struct Promise {
    outcome: Mutex<Option<Outcome>>,
    filled: Condvar,
}

impl Promise {
    /// Sets the outcome, unless there is one.
    pub(super) fn fill(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.filled.notify_all();
    }

    /// Waits for the outcome until `deadline` (none: without end), and returns what `look` makes of it. None if there is
    /// no outcome by then.
    pub(super) fn wait<T>(&self, deadline: Option<Instant>, look: impl FnOnce(&Outcome) -> T) -> Option<T> {
        let mut outcome = self.outcome.lock();
        while outcome.is_none() {
            match deadline {
                None => self.filled.wait(&mut outcome),
                Some(deadline) if self.filled.wait_until(&mut outcome, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        outcome.as_ref().map(look)
    }
}
