//! The real server under load while everything goes wrong that can, by a plan that a seed makes: workers, submitters
//! and strangers that break off in all ways, readers that do not read, floods and crowds, a budget and descriptors that
//! end, signals, stops. Every job is accounted for: each `do` of a submitter that is there is answered once, under its
//! id and with what its argument comes to, or with an end that its options allow; no job is held by two workers that
//! both live. When the faults end, everything drains, and the server is as it was at the start. Or it is stopped under
//! load, and still answers every job.
//!
//! ```text
//! plan -> round -> round <- submitter, worker   the load, with its books
//!                    ^ \--- ledger, tally       who holds what; what was done and what came of it
//!                    |----- options             what jobs ask for, and how they may end for that
//!                    \----- faults              what goes wrong
//! ```
//!
//! Threads race, so a seed repeats what is done and when, but not what meets what. docs/testing.md has the commands.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/process.rs"]
mod process;
#[path = "../common/programs.rs"]
mod programs;
#[path = "../common/random.rs"]
mod random;
#[path = "../common/wait.rs"]
mod wait;
#[path = "../common/wire.rs"]
mod wire;

mod faults;
mod ledger;
mod options;
mod plan;
mod play;
mod reconnects;
mod round;
mod soak;
mod submitter;
mod tally;
mod watch;
mod work;
mod worker;

use plan::Plan;
use random::Random;
use tally::Tally;
use watch::Account;

/// Not a test: this program started once more, as a worker that is killed and stopped.
#[test]
#[ignore = "the worker process of the test below"]
fn a_worker_process() {
    faults::work_as_a_process();
}

#[test]
#[allow(clippy::print_stdout, reason = "the harness keeps it for failures and --nocapture")]
fn whatever_goes_wrong_every_job_is_accounted_for_and_nothing_is_left_behind() {
    if programs::find("prlimit").is_none() {
        return;
    }
    let plan = Plan::new();
    println!("to repeat: {}", plan::command("whatever"));
    let mut random = Random::new(plan.seed);
    let (total, mut account) = (Tally::default(), Account::default());
    let rounds = plan.rounds.len();
    for (number, round) in plan.rounds.iter().enumerate() {
        // Of a round that fails it is the last that is said.
        println!("round {} of {rounds}: {round}", number + 1);
        round.play(&mut random, &total, &mut account);
    }
    println!("{total}{account}");
    assert_eq!(total.missing(), [], "faults that were never made in {} s", plan.seconds);
    assert_eq!(total.missing_ends(), [], "ends that no job had in {} s", plan.seconds);
}
