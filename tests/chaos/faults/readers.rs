//! Peers that do not read as they should. When the server closes them stands in the options of its start.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Fault, TYPES};
use crate::random::Random;
use crate::round::{Phase, Round};
use crate::submitter::Submitter;
use crate::wire::{Leave, Received, Wire};
use crate::work::Job;

const QUESTION: &str = "{\"cmd\":\"metrics\"}\n";

/// Questions whose answers, of nearly a kilobyte each, pass the megabyte from which on a reader must not stand still,
/// and are less than `--max-unsent`.
const MANY: usize = 3_500;

/// Longer than `--stall-timeout`. One that is closed for another reason waits in vain.
const CLOSED_SOON: Duration = Duration::from_secs(3);

/// Reads a few bytes now and then, of sizeable results. What it reads is right.
pub(super) fn slow(round: &Round, random: &mut Random) {
    let Some(wire) = round.connect_narrow(random) else { return };
    let mut submitter = Submitter::over(round, wire);
    submitter.may_be_closed = true;
    submitter.wire.read_bytes = 1 + random.below(400);
    let jobs: Vec<Job> = (0..16).map(|_| Job { back: 32 << 10, ..round.job(random) }).collect();
    submitter.submit(TYPES[random.below(TYPES.len())], jobs);
    for _ in 0..100 {
        submitter.wire.read_once();
        round.wait_about(random, 2);
    }
    round.tally.made(Fault::SlowReader, 1);
    submitter.wire.read_bytes = 64 << 10;
    submitter.receive_for(Duration::from_millis(random.below(200) as u64));
    submitter.leave(*random.pick(&Leave::ALL));
}

/// Takes work and asks much, but reads nothing and is still, until the server has closed it.
pub(super) fn stalled(round: &Round, random: &mut Random) {
    stop_reading(round, random, Fault::Stalled, "stalled", MANY);
}

/// Asks more than may be unsent, and reads nothing.
pub(super) fn unsent(round: &Round, random: &mut Random) {
    stop_reading(round, random, Fault::Unsent, "unsent", 5 * MANY);
}

fn stop_reading(round: &Round, random: &mut Random, fault: Fault, class: &str, questions: usize) {
    let Some(before) = faults_of(round, random, class) else { return };
    let Some(mut wire) = round.connect_narrow(random) else { return };
    if ask(&mut wire).is_none() {
        return; // It is not taken in.
    }
    if random.one_in(2) {
        wire.send(format!("{{\"cmd\":\"can_do\",\"types\":{TYPES:?},\"max_jobs\":4}}\n"));
    }
    wire.send(QUESTION.repeat(questions));
    let start = Instant::now();
    while round.is(Phase::Chaos) && !round.is_stopping() && start.elapsed() < CLOSED_SOON {
        if faults_of(round, random, class).is_some_and(|now| now > before) {
            round.tally.made(fault, 1);
            break;
        }
        round.wait_about(random, 100);
    }
    wire.leave(*random.pick(&Leave::ALL));
}

/// How many faults of this class the server has counted, if it takes the question.
fn faults_of(round: &Round, random: &mut Random, class: &str) -> Option<u64> {
    ask(&mut round.connect(random)?)?["faults"][class].as_u64()
}

/// The metrics, unless the connection is over.
fn ask(wire: &mut Wire) -> Option<Value> {
    wire.send(QUESTION);
    loop {
        match wire.receive() {
            Received::Line(line) => {
                return serde_json::from_str::<Value>(&line).ok()?.get_mut("metrics").map(Value::take);
            }
            Received::Nothing => {}
            Received::End => return None,
        }
    }
}
