//! Publishes how long a shard is busy, and for how long it has been in the current turn.
//!
//! The shard stores when a turn begins and when it goes to sleep. Any thread can read this, so other threads can detect
//! a shard that hangs.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::dispatch::message::Micros;

/// The published times of a shard's turns. Only the shard writes them; all threads may read them.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    /// When the turn under way began, in microseconds, or 0 while the shard sleeps.
    turn_since: AtomicU64,
    /// From waking until sleeping, without the turn under way, in microseconds.
    busy_us: AtomicU64,
    longest_turn_us: AtomicU64,
}

impl Pulse {
    /// Called when a turn begins. It ends the one before, if the shard has not slept since.
    pub(super) fn begin_turn(&self, now: Micros) {
        self.end_turn(now);
        // 0 says that the shard sleeps.
        self.turn_since.store(now.0.max(1), Ordering::Relaxed);
    }

    /// Called when the shard goes to sleep.
    pub(super) fn sleep(&self, now: Micros) {
        self.end_turn(now);
        self.turn_since.store(0, Ordering::Relaxed);
    }

    fn end_turn(&self, now: Micros) {
        let since = self.turn_since.load(Ordering::Relaxed);
        if since == 0 {
            return;
        }
        let us = now.since(Micros(since)).0;
        self.busy_us.store(self.busy_us() + us, Ordering::Relaxed);
        if us > self.longest_turn_us() {
            self.longest_turn_us.store(us, Ordering::Relaxed);
        }
    }

    /// Returns for how long the turn under way has lasted; 0 while the shard sleeps.
    pub(super) fn in_turn_for(&self, now: impl FnOnce() -> Micros) -> Micros {
        // The clock is read afterwards, so that a turn that begins meanwhile has the age 0.
        match self.turn_since.load(Ordering::Relaxed) {
            0 => Micros::default(),
            since => now().since(Micros(since)),
        }
    }

    pub(super) fn busy_us(&self) -> u64 {
        self.busy_us.load(Ordering::Relaxed)
    }

    pub(super) fn longest_turn_us(&self) -> u64 {
        self.longest_turn_us.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_time_is_from_waking_until_sleeping() {
        let pulse = Pulse::default();
        pulse.begin_turn(Micros(0));
        pulse.sleep(Micros(10));
        pulse.begin_turn(Micros(100));
        pulse.begin_turn(Micros(140)); // It had no time to sleep.
        pulse.sleep(Micros(150));
        // The first turn has lost the microsecond that makes its start no 0.
        assert_eq!((pulse.busy_us(), pulse.longest_turn_us()), (59, 40));
    }

    #[test]
    fn the_age_of_a_turn_is_known_while_it_lasts() {
        let pulse = Pulse::default();
        let age = |now| pulse.in_turn_for(|| Micros(now)).0;
        assert_eq!(age(1_000), 0, "it has not begun");
        pulse.begin_turn(Micros(1_000));
        assert_eq!((age(1_000), age(8_000), age(900)), (0, 7_000, 0));
        pulse.sleep(Micros(9_000));
        assert_eq!(age(1_000_000), 0, "it sleeps");
    }
}
