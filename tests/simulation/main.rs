//! All shards of a server on one thread, under a seed: messages delayed and interleaved at will, peers that come, go,
//! err and stop reading at any moment.
//!
//! A seed makes a [`plan`], also of what jobs ask for ([`asks`]); a [`schedule`] runs it on a [`world`] and on the
//! [`shadow`] books of the peers, with those of their jobs ([`requests`], [`endings`]). Each line of the server is
//! checked against the shadow ([`received`]), each connection that it closes ([`closings`]), and what ends in time
//! ([`clocks`]). The log shows which jobs were dropped ([`traced`]), and a home's books which `do` lines share one
//! ([`homes`]). The books of the stepped shard are checked after each step in one schedule of four, as that takes most
//! of the time; in all of them every job's place is checked now and then, and all books whenever nothing is on the way
//! ([`checks`], [`table`]). Then the faults stop, and everything must be over within a [`bound`]. In [`chosen`] a
//! fuzzer makes the schedules.
//!
//! `DEPUTY_SIM_SCHEDULES` is how many schedules run in all, `DEPUTY_SIM_SEED` the first seed. A failure prints the
//! command that repeats it.

mod asks;
mod bound;
mod checks;
mod chosen;
mod clocks;
mod closings;
mod cost;
mod crowds;
mod cuts;
mod endings;
#[path = "../common/figures.rs"]
mod figures;
mod finish;
mod give_ups;
mod homes;
mod jobs;
mod large;
mod live;
mod model;
mod order;
mod peers;
mod plan;
#[path = "../common/random.rs"]
mod random;
mod reached;
#[path = "../common/scale.rs"]
mod scale;
mod schedule;
mod slices;
#[path = "../common/world/mod.rs"]
mod world;

use plan::Family;
use reached::Reached;
use schedule::Schedule;

/// Large jobs come and go: the default allocator gives each back to the system, and gets it again page by page.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Schedules of all families, if nothing else is asked for.
const SCHEDULES_DEFAULT: u64 = 20_000;
/// The first seed, if nothing else is asked for.
const SEED_DEFAULT: u64 = 1;
/// Each family has its share of this number of schedules.
const SHARES: u64 = 1_000;

/// Makes a test of each family, and the table of all with the share of each in the schedules.
macro_rules! families {
    ($($test:ident: $family:ident, $share:literal;)+) => {
        const FAMILIES: &[(Family, u64)] = &[$((Family::$family, $share)),+];

        $(#[test]
        fn $test() {
            run(stringify!($test), Family::$family, $share);
        })+
    };
}

families! {
    any_order_of_messages_keeps_the_books: Uniform, 270;
    quiet_times_and_floods_keep_the_books: Bursty, 120;
    messages_held_back_for_long_keep_the_books: HeldBack, 200;
    the_worst_choice_of_messages_keeps_the_books: Worst, 165;
    peers_that_read_little_are_bounded_and_closed_in_time: Slow, 6;
    a_memory_budget_that_is_reached_is_kept_and_comes_back: Tight, 60;
    f72_a_stop_in_mid_flight_answers_everybody_once: Stopping, 120;
    a_naive_queue_predicts_who_starts: Calm, 45;
    sixty_four_shards_keep_the_books: Wide, 14;
}

#[test]
fn two_runs_of_a_seed_agree() {
    for &(family, _) in FAMILIES {
        for seed in first_seed()..first_seed() + 20 {
            let transcripts = [(); 2].map(|()| Schedule::new(family, seed).run().world.transcript());
            assert_eq!(transcripts[0], transcripts[1], "seed {seed} of {family:?}");
        }
    }
}

fn run(test: &'static str, family: Family, share: u64) {
    let all = number("DEPUTY_SIM_SCHEDULES").unwrap_or(SCHEDULES_DEFAULT);
    let schedules = (all * share).div_ceil(SHARES);
    let mut reached = Reached::default();
    for nth in 0..schedules {
        let seed = first_seed() + nth;
        let _replay = Replay { test, seed, nth };
        reached.add(&Schedule::new(family, seed).run().reached);
    }
    reached.check(family, schedules);
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
