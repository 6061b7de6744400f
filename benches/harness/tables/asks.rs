//! The named workloads whose jobs ask for something besides being done: a priority, a delay, limits, a key and the like.
//!
//! Whether each job ended as it may, in time and once, is checked as in every run, and so is that the server's counts agree
//! and that it holds nothing in the end. The claims are about the rest.

use std::time::Duration;

use super::case::Case;
use super::common::{BACKGROUND, BASELINE, JOBS_PER_S, SERVER_US, deputy};
use super::workloads::{Named, Parts};
use super::{Claim, Figure, Goal};
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::workload::{Shape, Work};
use Goal::{AtLeast, AtMost};

/// All of them, in the order in which `all` runs them.
pub(super) const ALL: [Named; 10] = [
    Named::new("priority", "baseline x 4 in flight, four priorities of one type", priority),
    Named::new("delay", "2,000 jobs in flight with delays of 0.3 to 1 s", delay),
    Named::new("deadline", "baseline with a deadline of an hour, and without", deadline),
    Named::new("expire", "too few workers for jobs with a deadline of 0.4 s", expire),
    Named::new("cancel", "half of the jobs cancelled, while they wait or are held", cancel),
    Named::new("run-limit", "a quarter of the workers hang until a run limit of 0.1 s", run_limit),
    Named::new("progress", "baseline with three lines of progress per job", progress),
    Named::new("keys", "64 submitters x 16 in flight with 16 keys, 4 workers", keys),
    Named::new("background", "jobs answered when accepted, workers of 16 slots", background),
    Named::new("timers", "a million jobs with a deadline of an hour: memory", timers),
];

/// Jobs of the workload of timers.
const TIMERS_JOBS: u64 = 1_000_000;

const fn asking(ask: Ask, shape: Shape) -> Shape {
    Shape { ask, ..shape }
}

/// Returns the same work for a server of one thread and for one of four.
fn one_and_four(shape: Shape) -> Vec<Case> {
    vec![deputy(shape), deputy(shape).threads(4).shared().label("deputy x4")]
}

/// Returns a claim about each case.
fn each(cases: &[Case], text: &str, figure: Figure, goal: Goal) -> Vec<Claim> {
    let claim = |(of, case): (usize, &Case)| Claim::alone(format!("{text}, {}", case.label), figure, of, goal);
    cases.iter().enumerate().map(claim).collect()
}

fn priority() -> Parts {
    let ratio: Figure = |row| Some(row.ends.lowest_p50_us? / row.ends.highest_p50_us?);
    let shape = Shape { inflight: 256, ..BASELINE };
    let claims = vec![
        Claim::alone("p50, lowest / highest priority", ratio, 0, AtLeast(2.0)),
        Claim::ratio("jobs/s, with priorities / without", JOBS_PER_S, 0, 1, AtLeast(0.8)),
    ];
    (vec![deputy(asking(Ask::Priority, shape)), deputy(shape).label("deputy, without")], claims)
}

/// 3,000 jobs per second, because a server that is busy starts jobs late whatever its timers do.
fn delay() -> Parts {
    let claims = vec![
        Claim::alone("p50 of the lateness, us", |row| row.ends.late_p50_us, 0, Goal::None),
        Claim::alone("p99", |row| row.ends.late_p99_us, 0, Goal::None),
        Claim::alone("most", |row| row.ends.late_max_us, 0, Goal::None),
        Claim::alone("most too early, us", |row| row.ends.early_max_us, 0, AtMost(1_000.0)),
    ];
    (vec![deputy(asking(Ask::Delay, Shape { inflight: 500, max_jobs: 16, ..BASELINE }))], claims)
}

fn deadline() -> Parts {
    let claims = vec![
        Claim::ratio("jobs/s, with a deadline / without", JOBS_PER_S, 0, 1, AtLeast(0.85)),
        Claim::ratio("server CPU per job, with a deadline / without", SERVER_US, 0, 1, AtMost(1.2)),
    ];
    (vec![deputy(asking(Ask::Deadline, BASELINE)), deputy(BASELINE).label("deputy, without")], claims)
}

/// Eight slots of 5 ms do 1,600 jobs per second, so one of the 1,024 in flight would wait for 640 ms. A worker of one slot
/// does not learn that a job is over.
fn expire() -> Parts {
    let work = Work::Fixed(Duration::from_millis(5));
    let shape = asking(Ask::Expire, Shape { inflight: 256, workers: 4, max_jobs: 2, work, ..BASELINE });
    let one_slot = Shape { workers: 8, max_jobs: 0, ..shape };
    let cases = vec![deputy(shape), deputy(one_slot).label("deputy, one slot")];
    let mut claims = each(&cases, "share that expired", |row| row.ends.share(row.ends.jobs_expired), Goal::None);
    claims.extend(each(&cases, "most too early, us", |row| row.ends.early_max_us, AtMost(1_000.0)));
    (cases, claims)
}

/// 128 jobs in flight for 64 slots: as many wait as are held.
fn cancel() -> Parts {
    let work = Work::Exponential(Duration::from_millis(1));
    let cases = one_and_four(asking(Ask::Cancel, Shape { inflight: 32, max_jobs: 4, work, ..BASELINE }));
    let mut claims = each(&cases, "share cancelled", |row| row.ends.share(row.ends.jobs_cancelled), Goal::None);
    claims.extend(each(
        &cases,
        "share cancelled at a worker",
        |row| row.ends.share(row.ends.cancels_to_workers),
        Goal::None,
    ));
    (cases, claims)
}

fn run_limit() -> Parts {
    let cases = one_and_four(asking(Ask::RunLimit, Shape { max_jobs: 4, ..BASELINE }));
    let claims = each(&cases, "attempts per job", |row| row.ends.share(row.ends.executions), Goal::None);
    (cases, claims)
}

fn progress() -> Parts {
    let mut cases = one_and_four(asking(Ask::Progress, BASELINE));
    cases.push(deputy(BASELINE).label("deputy, without"));
    let claims = vec![
        Claim::ratio("jobs/s, with progress / without", JOBS_PER_S, 0, 2, Goal::None),
        Claim::ratio("server CPU per job, with progress / without", SERVER_US, 0, 2, Goal::None),
    ];
    (cases, claims)
}

fn keys() -> Parts {
    let work = Work::Fixed(Duration::from_millis(1));
    let cases = one_and_four(asking(Ask::Key, Shape { submitters: 64, inflight: 16, workers: 4, work, ..BASELINE }));
    let claims = each(&cases, "executions per job", |row| row.ends.share(row.ends.executions), AtMost(0.2));
    (cases, claims)
}

fn background() -> Parts {
    let answered = asking(Ask::Nothing, BACKGROUND);
    let claims = vec![Claim::ratio("jobs/s, accepted / answered", JOBS_PER_S, 0, 1, Goal::None)];
    (vec![deputy(BACKGROUND), deputy(answered).label("deputy, answered")], claims)
}

fn timers() -> Parts {
    let left: Figure = |row| Some(row.memory_after_bytes? - row.memory_rest_bytes?);
    let grown: Figure = |row| Some(row.memory_peak_bytes? - row.memory_rest_bytes?);
    let claims = vec![
        Claim::alone("bytes left after a million deadlines", left, 0, AtMost(16e6)),
        Claim::alone("bytes at most during them", grown, 0, AtMost(32e6)),
    ];
    (vec![deputy(asking(Ask::Deadline, Shape { max_jobs: 16, ..BASELINE })).jobs(TIMERS_JOBS)], claims)
}
