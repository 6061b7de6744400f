//! Submitters that go away, whose jobs kill, or who want too much.

use std::net::Shutdown;
use std::time::Duration;

use super::{Fault, HOARD_TYPE, TYPES};
use crate::options::Options;
use crate::random::Random;
use crate::round::Round;
use crate::submitter::Submitter;
use crate::tally::Code;
use crate::wait::PATIENCE;
use crate::wire::Leave;
use crate::work::{Fate, Job};
use crate::worker::Worker;

/// Goes with jobs open, some of which may be done, held or waiting. Who comes next to its place must get no answer of it.
pub(super) fn leave(round: &Round, random: &mut Random) {
    let Some(submitter) = with_open_jobs(round, random) else { return };
    submitter.leave(*random.pick(&Leave::ALL));
    round.tally.made(Fault::SubmitterLeaves, 1);
}

/// Ends its output and reads on: it gets what was due by then, and then the end.
pub(super) fn leave_half(round: &Round, random: &mut Random) {
    let Some(mut submitter) = with_open_jobs(round, random) else { return };
    submitter.may_be_closed = true;
    submitter.wire.shut(Shutdown::Write);
    submitter.receive_for(PATIENCE);
    if !submitter.is_over() {
        return round.fail("the server does not close a submitter that has ended its output");
    }
    round.tally.made(Fault::SubmitterHalfOpen, 1);
}

fn with_open_jobs<'a>(round: &'a Round, random: &mut Random) -> Option<Submitter<'a>> {
    let mut submitter = Submitter::connect(round, random)?;
    for _ in 0..=random.below(3) {
        let jobs: Vec<Job> = (0..=random.below(8)).map(|_| round.job(random)).collect();
        submitter.submit(TYPES[random.below(TYPES.len())], jobs);
        if random.one_in(2) {
            submitter.receive_for(Duration::from_micros(random.below(3_000) as u64));
        }
    }
    (!submitter.is_over() && submitter.open_jobs() > 0).then_some(submitter)
}

/// A job that asks for nothing.
fn plain(round: &Round, random: &mut Random) -> Job {
    round.job_with(Options::default(), &round.job(random))
}

/// Jobs that kill each worker, and nevertheless come to an end.
pub(super) fn poison(round: &Round, random: &mut Random) {
    let Some(mut submitter) = Submitter::connect(round, random) else { return };
    let jobs = (0..3).map(|_| Job { fate: Fate::Kills, ..plain(round, random) });
    submitter.submit(TYPES[0], jobs);
    submitter.receive_all();
    round.tally.made(Fault::Poison, submitter.answers(Code::GaveUp));
    submitter.leave(Leave::Close);
}

/// Submits jobs without a worker until the memory budget is reached, then makes room again.
pub(super) fn glutton(round: &Round, random: &mut Random) {
    let Some(mut submitter) = Submitter::connect(round, random) else { return };
    for _ in 0..100 {
        let jobs: Vec<Job> = (0..8).map(|_| Job { there: 60 << 10, ..plain(round, random) }).collect();
        submitter.submit(HOARD_TYPE, jobs);
        submitter.receive_for(Duration::from_micros(100));
        if submitter.answers(Code::QueueFull) > 0 || submitter.is_over() {
            break;
        }
    }
    round.tally.made(Fault::Glutton, submitter.answers(Code::QueueFull).min(1));
    submitter.leave(Leave::Close);
    let Some(mut worker) = Worker::connect(round, random, &[HOARD_TYPE]) else { return };
    while worker.wait_for_a_job() && worker.answer_one(random) {}
    worker.leave(Leave::Close);
}
