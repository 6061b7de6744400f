//! A promise: the reader thread stores an answer in it, and a caller waits for that.

use std::fmt;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
use serde_json::value::RawValue;

use super::error::Error;

/// The answer to a job or a query.
pub(super) type Outcome = Result<Box<RawValue>, Error>;

/// A place for one outcome. Later outcomes are ignored.
#[derive(Default)]
pub(super) struct Promise {
    state: Mutex<State>,
    filled: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Filled(Outcome),
    /// The function that gets the outcome; `None` after it was called.
    Forward(Option<Box<dyn FnOnce(Outcome) + Send>>),
}

impl Promise {
    /// Returns a promise that passes its outcome on to `take`. Callers cannot wait for it. The thread that sets the
    /// outcome calls `take`, usually under the link's lock, so `take` must not block.
    pub(super) fn forward(take: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self { state: Mutex::new(State::Forward(Some(Box::new(take)))), filled: Condvar::new() }
    }

    /// Sets the outcome, unless it is set already.
    pub(super) fn fill(&self, outcome: Outcome) {
        let mut state = self.state.lock();
        match &mut *state {
            State::Empty => *state = State::Filled(outcome),
            State::Filled(_) => {}
            State::Forward(take) => {
                if let Some(take) = take.take() {
                    take(outcome);
                }
            }
        }
        drop(state);
        self.filled.notify_all();
    }

    /// Waits for the outcome until `deadline` (none: without end), and returns what `look` makes of it. None if there is
    /// no outcome by then.
    pub(super) fn wait<T>(&self, deadline: Option<Instant>, look: impl FnOnce(&Outcome) -> T) -> Option<T> {
        let mut state = self.state.lock();
        while !matches!(*state, State::Filled(_)) {
            match deadline {
                None => self.filled.wait(&mut state),
                Some(deadline) if self.filled.wait_until(&mut state, deadline).timed_out() => break,
                Some(_) => {}
            }
        }
        if let State::Filled(outcome) = &*state { Some(look(outcome)) } else { None }
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_forwards_is_no_larger_and_takes_one_outcome() {
        assert_eq!(size_of::<State>(), size_of::<Option<Outcome>>());
        let (sender, outcomes) = std::sync::mpsc::channel();
        let promise = Promise::forward(move |outcome| sender.send(outcome).unwrap());
        promise.fill(Err(Error::Closed));
        promise.fill(Err(Error::TimedOut));
        assert!(matches!(outcomes.try_iter().collect::<Vec<_>>()[..], [Err(Error::Closed)]));
    }
}
