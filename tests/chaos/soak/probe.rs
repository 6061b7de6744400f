//! How long a job takes from when it is due to when it is answered: one every 10 ms, whose worker answers at once, so that
//! it is the server's time, not the worker's. A job that is late makes the next one late, and that counts.

use std::mem;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::random::Random;
use crate::round::{Phase, Round};
use crate::submitter::Submitter;
use crate::worker::Worker;

const EVERY: Duration = Duration::from_millis(10);

/// The type of these jobs alone.
const PROBE_TYPE: &str = "probe";

/// Latencies since they were last taken, in microseconds.
pub(super) struct Latencies(Mutex<Histogram<u64>>);

impl Default for Latencies {
    fn default() -> Self {
        Self(Mutex::new(new_histogram()))
    }
}

fn new_histogram() -> Histogram<u64> {
    Histogram::new(3).expect("three digits are allowed")
}

impl Latencies {
    fn note(&self, latency: Duration) {
        let us = u64::try_from(latency.as_micros()).expect("a run takes no aeons");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).record(us).expect("it grows as it must");
    }

    /// Those since it was called before.
    pub(super) fn take(&self) -> Histogram<u64> {
        mem::replace(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner), new_histogram())
    }
}

/// Submits them, until the faults end.
pub(super) fn keep_probing(round: &Round, mut random: Random, latencies: &Latencies) {
    let mut submitter = Submitter::connect(round, &mut random).expect("the server takes everybody");
    let mut due = Instant::now();
    while round.is(Phase::Chaos) && !submitter.is_over() {
        round.wait(due.saturating_duration_since(Instant::now()));
        submitter.submit(PROBE_TYPE, [round.job(&mut random)]);
        submitter.receive_all();
        latencies.note(due.elapsed());
        due += EVERY;
    }
}

/// Answers them, until all leave.
pub(super) fn keep_answering(round: &Round, mut random: Random) {
    let mut worker = Worker::connect(round, &mut random, &[PROBE_TYPE]).expect("the server takes everybody");
    while !worker.is_over() && !round.is(Phase::Over) {
        worker.receive();
        while worker.holds() > 0 {
            worker.answer_one(&mut random);
        }
    }
}
