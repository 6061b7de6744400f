//! Where an answer is put by the thread that reads, and fetched by the one that waits.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use serde_json::value::RawValue;

use super::error::Error;

/// What came of a job or a question.
pub(super) type Outcome = Result<Box<RawValue>, Error>;

/// A place for one outcome. The first that is put stays.
#[derive(Debug, Default)]
pub(super) struct Promise {
    outcome: Mutex<Option<Outcome>>,
    filled: Condvar,
}

impl Promise {
    /// Puts the outcome, if there is none yet.
    pub(super) fn fill(&self, outcome: Outcome) {
        self.outcome.lock().get_or_insert(outcome);
        self.filled.notify_all();
    }

    /// Waits for the outcome until `deadline`, or without end, and looks at it. None if the time is over.
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

/// The end of a time from now; none if it lies beyond all clocks.
pub(super) fn deadline(timeout: Duration) -> Option<Instant> {
    Instant::now().checked_add(timeout)
}
