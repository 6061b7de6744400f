//! Jobs that end before a worker has answered them: cancelled, expired, past their run limit; and many that one run answers.

use std::time::{Duration, Instant};

use super::{Fault, HANG_TYPE, HOARD_TYPE, TYPES};
use crate::options::{GROUPS, Options};
use crate::random::Random;
use crate::round::Round;
use crate::submitter::Submitter;
use crate::tally::Code;
use crate::wire::Leave;
use crate::work::Job;
use crate::worker::Worker;

/// Longer than all limits here. A peer that would need more leaves.
const PATIENCE: Duration = Duration::from_millis(500);

/// Cancels jobs in all places: delayed, waiting, held, in a group, and answered in the same moment.
pub(super) fn cancel(round: &Round, random: &mut Random) {
    let Some(mut submitter) = Submitter::connect(round, random) else { return };
    for type_name in [HOARD_TYPE, TYPES[random.below(TYPES.len())]] {
        let jobs = jobs(round, random, 8, |random| Options {
            cancellable: !random.one_in(4),
            background: false,
            ..Options::draw(random)
        });
        submitter.submit(type_name, jobs);
        submitter.receive_for(Duration::from_micros(random.below(2_000) as u64));
        submitter.cancel(random, 2);
    }
    submitter.cancel(random, 1);
    submitter.receive_for(Duration::from_millis(random.below(50) as u64));
    round.tally.made(Fault::Cancelled, submitter.answers(Code::Cancelled));
    submitter.leave(*random.pick(&Leave::ALL));
}

/// Jobs that no worker does in time, and some that are not to wait for one.
pub(super) fn expire(round: &Round, random: &mut Random) {
    let Some(mut submitter) = Submitter::connect(round, random) else { return };
    let jobs = jobs(round, random, 16, |random| Options {
        deadline_ms: Some(1 + random.below(40) as u64),
        need_worker: random.one_in(4),
        group: None,
        background: false,
        ..Options::draw(random)
    });
    submitter.submit(HOARD_TYPE, jobs);
    let start = Instant::now();
    while submitter.open_jobs() > 0 && !submitter.is_over() && start.elapsed() < PATIENCE {
        submitter.receive();
    }
    round.tally.made(Fault::Expired, submitter.answers(Code::Expired));
    submitter.leave(*random.pick(&Leave::ALL));
}

/// A worker does not answer until its jobs are past their run limits, then answers them all the same.
pub(super) fn hang(round: &Round, random: &mut Random) {
    let Some(mut submitter) = Submitter::connect(round, random) else { return };
    let Some(mut worker) = Worker::connect(round, random, &[HANG_TYPE]) else { return };
    let jobs = jobs(round, random, 3, |random| Options {
        run_limit_ms: Some(1 + random.below(30) as u64),
        attempts: Some(1 + random.below(3).to_le_bytes()[0]),
        ..Options::default()
    });
    submitter.submit(HANG_TYPE, jobs);
    if worker.wait_for_a_job() {
        worker.hang(Duration::from_millis(50));
    }
    let start = Instant::now();
    while submitter.open_jobs() > 0 && !submitter.is_over() && !worker.is_over() && start.elapsed() < PATIENCE {
        while worker.holds() > 0 && worker.answer_one(random) {}
        submitter.receive();
        worker.receive();
    }
    round.tally.made(Fault::WorkerHangs, submitter.answers(Code::TimedOut));
    submitter.leave(Leave::Close);
    worker.leave(*random.pick(&Leave::ALL));
}

/// Several connections submit jobs with one key. Some cancel theirs, one leaves, and the others are answered.
pub(super) fn herd(round: &Round, random: &mut Random) {
    let (type_name, group) = (TYPES[random.below(TYPES.len())], random.below(GROUPS));
    let mut herd: Vec<Submitter<'_>> = (0..4).filter_map(|_| Submitter::connect(round, random)).collect();
    for submitter in &mut herd {
        let jobs = jobs(round, random, 8, |random| Options { group: Some(group), ..Options::draw(random) });
        submitter.submit(type_name, jobs);
        if random.one_in(2) {
            submitter.cancel(random, 4);
        }
    }
    if let Some(first) = herd.pop() {
        first.leave(*random.pick(&Leave::ALL));
    }
    let start = Instant::now();
    for submitter in &mut herd {
        while submitter.open_jobs() > 0 && !submitter.is_over() && start.elapsed() < PATIENCE {
            submitter.receive();
        }
        round.tally.made(Fault::Herd, submitter.answers(Code::Done).min(1));
    }
    for submitter in herd {
        submitter.leave(Leave::Close);
    }
}

fn jobs(round: &Round, random: &mut Random, count: usize, draw: impl Fn(&mut Random) -> Options) -> Vec<Job> {
    (0..count)
        .map(|_| {
            let options = draw(random);
            round.job_with(options, &round.job(random))
        })
        .collect()
}
