//! Workers that go away with jobs, in all ways.

use std::time::{Duration, Instant};

use super::{Fault, TYPES};
use crate::random::Random;
use crate::round::Round;
use crate::wire::Leave;
use crate::worker::Worker;

/// How often one comes of those that go at once.
const EVERY: Duration = Duration::from_millis(1);

/// A worker comes, takes a job or several, and goes in this way.
pub(super) fn go(round: &Round, random: &mut Random, fault: Fault, way: impl FnOnce(Worker<'_>, &mut Random)) {
    let Some(mut worker) = Worker::connect(round, random, &TYPES) else { return };
    if worker.wait_for_a_job() {
        way(worker, random);
        round.tally.made(fault, 1);
    } else {
        worker.leave(Leave::Close);
    }
}

/// The answer and the end arrive together.
pub(super) fn answer_and_leave(mut worker: Worker<'_>, random: &mut Random) {
    worker.answer_one(random);
    worker.leave(*random.pick(&Leave::ALL));
}

/// Reads nothing any more, but answers what it holds. What else it is given meanwhile goes down with it.
pub(super) fn go_deaf(mut worker: Worker<'_>, random: &mut Random) {
    worker.go_deaf();
    while worker.holds() > 0 && worker.answer_one(random) {}
    worker.leave(*random.pick(&Leave::ALL));
}

/// How many workers connect and leave a thousand times per second, with the jobs that they received.
pub(crate) fn reconnect(round: &Round, random: &mut Random, times: u32) {
    let begin = Instant::now();
    for time in 1..=times {
        if let Some(mut wire) = round.connect(random) {
            wire.send(format!("{{\"cmd\":\"can_do\",\"types\":{TYPES:?},\"max_jobs\":4}}\n"));
            if random.one_in(2) {
                // So that it is there for long enough to be given jobs.
                round.wait(Duration::from_micros(500));
            }
            wire.leave(*random.pick(&Leave::ALL));
            round.tally.made(Fault::Reconnects, 1);
        }
        round.wait((EVERY * time).saturating_sub(begin.elapsed()));
    }
}
