//! When submitters of an open loop ask: at a fixed rate, whatever becomes of the answers.
//!
//! Latency counts from the moment when a job was due, not from when it was sent: a server that stalls is then charged for
//! every job that had to wait, also for those that the load could not send meanwhile (no coordinated omission).

use std::collections::VecDeque;

/// Submitters of one thread that ask equally often, in the order of their next turn.
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
    /// Each of `submitters` asks `rate_per_s` times a second: (index, its first turn as a part of the period).
    pub(crate) fn new(rate_per_s: f64, submitters: impl IntoIterator<Item = (usize, f64)>) -> Self {
        let period_ns = 1e9 / rate_per_s;
        let mut queue: Vec<Turn> =
            submitters.into_iter().map(|(submitter, phase)| Turn { due_ns: phase * period_ns, submitter }).collect();
        queue.sort_by(|a, b| a.due_ns.total_cmp(&b.due_ns));
        Self { queue: queue.into(), period_ns }
    }

    /// When the next one is due; `None` if there is nobody.
    pub(crate) fn next_due_ns(&self) -> Option<u64> {
        self.queue.front().map(|turn| whole(turn.due_ns))
    }

    /// Takes the next one that is due by now, and when it was.
    pub(crate) fn take_due(&mut self, now_ns: u64) -> Option<(usize, u64)> {
        let due_ns = self.next_due_ns().filter(|due_ns| *due_ns <= now_ns)?;
        let turn = self.queue.pop_front()?;
        self.queue.push_back(Turn { due_ns: turn.due_ns + self.period_ns, ..turn });
        Some((turn.submitter, due_ns))
    }
}

/// Nanoseconds of a run, which a double has to the nanosecond for a hundred days.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "times are not negative, nor that long")]
fn whole(ns: f64) -> u64 {
    ns as u64
}
