//! All shards of a server on one thread, under a seed: messages delayed and interleaved at will, peers that come, go,
//! err and stop reading at any moment.
//!
//! A seed makes a [`plan`]; a [`schedule`] runs it on a [`world`] and on the [`shadow`] books of the peers. Each line of
//! the server is checked against the shadow. The books of the stepped shard are checked after each step in one schedule
//! of four, as that takes most of the time; in all of them every job's place is checked now and then, and all books
//! whenever nothing is on the way. Then the faults stop, and everything must drain.
//!
//! In [`chosen`] a fuzzer makes the schedules.
//!
//! `DEPUTY_SIM_SCHEDULES` is how many schedules run in all, `DEPUTY_SIM_SEED` the first seed. A failure prints the
//! command that repeats it.

mod checks;
mod chosen;
mod cost;
mod crowds;
mod finish;
mod line;
mod model;
mod peers;
mod plan;
#[path = "../common/random.rs"]
mod random;
mod schedule;
mod shadow;
mod told;
#[path = "../common/world.rs"]
mod world;

use plan::Family;
use schedule::Schedule;

/// Schedules of all families, if nothing else is asked for.
const SCHEDULES_DEFAULT: u64 = 20_000;
/// The first seed, if nothing else is asked for.
const SEED_DEFAULT: u64 = 1;

#[test]
fn any_order_of_messages_keeps_the_books() {
    run("any_order_of_messages_keeps_the_books", Family::Uniform);
}

#[test]
fn messages_held_back_for_long_keep_the_books() {
    run("messages_held_back_for_long_keep_the_books", Family::HeldBack);
}

#[test]
fn a_naive_queue_predicts_who_starts() {
    run("a_naive_queue_predicts_who_starts", Family::Calm);
}

#[test]
fn f72_a_stop_in_mid_flight_answers_everybody_once() {
    run("f72_a_stop_in_mid_flight_answers_everybody_once", Family::Stopping);
}

#[test]
fn two_runs_of_a_seed_agree() {
    for seed in first_seed()..first_seed() + 50 {
        for family in plan::FAMILIES {
            let transcripts = [(); 2].map(|()| Schedule::new(family, seed).run());
            assert_eq!(transcripts[0], transcripts[1], "seed {seed} of {family:?}");
        }
    }
}

fn run(test: &'static str, family: Family) {
    let schedules = number("DEPUTY_SIM_SCHEDULES").unwrap_or(SCHEDULES_DEFAULT).div_ceil(plan::FAMILIES.len() as u64);
    for nth in 0..schedules {
        let seed = first_seed() + nth;
        let _replay = Replay { test, seed, nth };
        Schedule::new(family, seed).run();
    }
}

fn first_seed() -> u64 {
    number("DEPUTY_SIM_SEED").unwrap_or(SEED_DEFAULT)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// Says how to repeat a schedule, if it fails.
struct Replay {
    test: &'static str,
    seed: u64,
    nth: u64,
}

impl Drop for Replay {
    #[allow(clippy::print_stdout)] // It is for the person who reads the failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { test, seed, nth } = *self;
            println!("schedule {} failed; to repeat it:", nth + 1);
            println!("DEPUTY_SIM_SEED={seed} DEPUTY_SIM_SCHEDULES=1 cargo test --test simulation -- {test} --exact");
        }
    }
}
