//! Who kills keeps to a timetable: if one kill is late, as its worker had no job yet, the next ones are not.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::faults::kill_a_child_when;
use crate::round::{Phase, Round};

/// Turns that are due at equal distances.
pub(super) struct Pace {
    begin: Instant,
    every: Duration,
    turns: AtomicU32,
}

impl Pace {
    pub(super) fn new(every: Duration) -> Self {
        Self { begin: Instant::now(), every, turns: AtomicU32::new(0) }
    }

    /// Takes the next turn, and waits until it is due.
    fn wait_for_turn(&self, round: &Round) {
        let due = self.every * self.turns.fetch_add(1, Ordering::Relaxed);
        round.wait(due.saturating_sub(self.begin.elapsed()));
    }
}

/// Starts worker processes and kills each, at its turn, while it holds jobs.
pub(super) fn keep_killing(round: &Round, pace: &Pace) {
    while round.is(Phase::Chaos) {
        kill_a_child_when(round, || pace.wait_for_turn(round));
    }
}
