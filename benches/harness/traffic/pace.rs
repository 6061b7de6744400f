//! When the submitters of an open loop submit: at a fixed rate, however fast the answers arrive.
//!
//! Latency counts from the moment when a job was due, not from when it was sent. A server that stalls is then charged for
//! every job that had to wait, including those that the load could not send meanwhile (no coordinated omission).

use std::collections::VecDeque;

/// The submitters of one thread, which all submit equally often, in the order in which they are due.
#[derive(Debug)]
pub(crate) struct Pace {
    queue: VecDeque<Turn>,
    period_ns: f64,
}

#[derive(Clone, Copy, Debug)]
struct Turn {
    due_ns: f64,
    submitter: usize,
}

impl Pace {
    /// Lets each of `submitters` submit `rate_per_s` times per second: (index, its first turn as a fraction of the period).
    pub(crate) fn new(rate_per_s: f64, submitters: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let period_ns = 1e9 / rate_per_s;
        let mut queue: Vec<Turn> =
            submitters.into_iter().map(|(submitter, phase)| Turn { due_ns: phase * period_ns, submitter }).collect();
        queue.sort_by(|a, b| a.due_ns.total_cmp(&b.due_ns));
        Self { queue: queue.into(), period_ns }
    }

    /// Returns when the next submitter is due; `None` without submitters.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        self.queue.front().map(|turn| whole(turn.due_ns))
    }

    /// Takes the next submitter that is due by now, with the moment when it was due.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<(usize, u64)> {
        let due_ns = self.next_due_ns().filter(|due_ns| *due_ns <= now_ns)?;
        let turn = self.queue.pop_front()?;
        self.queue.push_back(Turn { due_ns: turn.due_ns + self.period_ns, ..turn });
        Some((turn.submitter, due_ns))
    }
}

/// Returns the nanoseconds of a run, which a double holds to the nanosecond for a hundred days.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are not negative, nor that long")]
fn whole(ns: f64) -> u64 {
    ns as u64
}
