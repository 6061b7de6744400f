//! The named workloads: what each one is compared with, and the goals of its figures. docs/performance.md has the table
//! that they print.

use std::io::{self, Write};
use std::time::Duration;

use super::bridge::BRIDGE;
use super::case::{Case, LoopKind};
use super::common::{
    BASELINE, BASELINE_TITLE, JOBS_PER_S, MANY_TYPES, MANY_TYPES_TITLE, P50, P99, PING_PONG, PING_PONG_TITLE,
    SERVER_US, SLOTS, SLOTS_TITLE, STALLED_TITLE, choose, deputy,
};
use super::row::Row;
use super::{Claim, Figure, Goal, Table, asks, peers};
use crate::harness::servers::ServerKind;
use crate::harness::traffic::workload::{Interference, Shape, Work};
use Goal::{AtLeast, AtMost};

/// The server has time to spare.
const LIGHT: Shape = Shape { inflight: 4, ..BASELINE };
/// Workers of 100 jobs each.
const HUNDRED_SLOTS: Shape = Shape { max_jobs: 100, ..BASELINE };
/// Jobs of the backlog.
const BACKLOG_JOBS: u64 = 1_000_000;
/// Jobs of the backlog in which each has a type of its own.
const OWN_TYPES_JOBS: u64 = 200_000;

const P999: Figure = |row| row.p999_us;
const MESSAGES: Figure = |row| row.messages_per_job;

/// The cases of a workload, and the claims about them.
pub(super) type Parts = (Vec<Case>, Vec<Claim>);

/// A workload: its name, what it is in one line, and its cases with their claims.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) parts: fn() -> Parts,
}

impl Named {
    pub(super) const fn new(name: &'static str, title: &'static str, parts: fn() -> Parts) -> Self {
        Self { name, title, parts }
    }
}

/// The workloads whose jobs ask for nothing besides being done.
const PLAIN: [Named; 16] = [
    Named::new("baseline", BASELINE_TITLE, baseline),
    Named::new("ping-pong", PING_PONG_TITLE, ping_pong),
    Named::new("many-types", MANY_TYPES_TITLE, many_types),
    Named::new("slots", SLOTS_TITLE, slots),
    Named::new("unix", "baseline over a UNIX socket, and over TCP", unix),
    Named::new("threads", "baseline with 1, 2, 4 and 8 threads; server and load share all cores", threads),
    Named::new("backlog", "a million jobs wait, then 16 workers do them; also 200,000 types", backlog),
    Named::new("idle", "baseline beside 10,000 idle connections", idle),
    Named::new("wide-workers", "many-types with 100 types per worker, 100,000 in all", wide_workers),
    Named::new("large-jobs", "a job of 8 MiB per second beside baseline at a quarter of its rate", large_jobs),
    Named::new("open-loop", "baseline at a fixed rate, half of what the floor does", open_loop),
    Named::new("messages", "messages between 4 shards, 64 workers of 1 and 3 types", messages),
    Named::new("stalled-readers", STALLED_TITLE, stalled_readers),
    Named::new("burst", "4 submitters x 4 in flight while another submits a million jobs at once", burst),
    Named::new("metrics", "baseline beside 150,000 metrics queries per second", metrics),
    Named::new("poison", "baseline beside 50 jobs per second that kill each worker", poison),
];

/// Returns all workloads, in the order in which `all` runs them.
fn all() -> impl Iterator<Item = &'static Named> {
    PLAIN.iter().chain(&asks::ALL).chain([&BRIDGE])
}

/// Returns the workloads of these names, separated by commas, or for `all` those whose programs are here.
pub(crate) fn named(names: &str) -> Result<Vec<Table>, String> {
    let chosen = choose(names, &all().map(|workload| workload.name).collect::<Vec<_>>())?;
    let mut tables = Vec::new();
    for Named { name, title, parts } in all().filter(|workload| chosen.contains(&workload.name)) {
        let (cases, claims) = parts();
        match cases.iter().find_map(|case| case.kind.missing()) {
            None => {
                let (name, title) = ((*name).to_owned(), (*title).to_owned());
                tables.push(Table { name, title, notes: Vec::new(), cases, claims });
            }
            // If stderr is closed, the run goes on without this notice.
            Some(why) if names == "all" => drop(writeln!(io::stderr(), "skipping {name}: {why}")),
            Some(why) => return Err(format!("--scenario {name}: {why}")),
        }
    }
    Ok(tables)
}

/// Returns a line of help for each workload.
pub(crate) fn help() -> String {
    all().map(|Named { name, title, .. }| format!("  {name:<23}{title}")).collect::<Vec<_>>().join("\n")
}

fn floor(shape: Shape) -> Case {
    Case::new(ServerKind::Floor, shape)
}

/// Claims about Deputy (case 0) relative to the floor (case 1).
fn near_the_floor(jobs_per_s: f64, server_us: f64) -> [Claim; 2] {
    [
        Claim::ratio("server CPU per job, Deputy / floor", SERVER_US, 0, 1, AtMost(server_us)),
        Claim::ratio("jobs/s, Deputy / floor", JOBS_PER_S, 0, 1, AtLeast(jobs_per_s)),
    ]
}

fn baseline() -> Parts {
    let own = [
        Claim::alone("user-space share of the server's CPU", Row::user_share, 0, AtMost(0.2)),
        Claim::alone("system calls per job", |row| row.system_calls_per_job, 0, AtMost(2.6)),
        Claim::alone("futex calls per job", |row| row.futexes_per_job, 0, AtMost(0.0005)),
        Claim::alone("eventfd writes per job", |row| row.eventfd_writes_per_job, 0, AtMost(0.2)),
    ];
    let claims = near_the_floor(0.85, 1.15).into_iter().chain(own).collect();
    (vec![deputy(BASELINE).count_calls(), floor(BASELINE).count_calls()], claims)
}

fn ping_pong() -> Parts {
    let cases = vec![deputy(PING_PONG), floor(PING_PONG), deputy(PING_PONG).threads(2).label("deputy x2")];
    let claims = vec![
        Claim::ratio("p50, Deputy / floor", P50, 0, 1, AtMost(1.1)),
        Claim::ratio("p50, Deputy with two threads / floor", P50, 2, 1, AtMost(1.5)),
    ];
    (cases, claims)
}

fn many_types() -> Parts {
    (vec![deputy(MANY_TYPES), floor(MANY_TYPES)], near_the_floor(0.85, 1.15).into())
}

fn slots() -> Parts {
    let claims = vec![
        Claim::ratio("jobs/s, slots / baseline", JOBS_PER_S, 0, 2, AtLeast(3.5)),
        Claim::ratio("server CPU per job, Deputy / floor", SERVER_US, 0, 1, AtMost(2.0)),
    ];
    (vec![deputy(SLOTS), floor(SLOTS), deputy(BASELINE).label("deputy, baseline")], claims)
}

fn unix() -> Parts {
    let claims = vec![
        Claim::ratio("jobs/s, UNIX / TCP", JOBS_PER_S, 0, 2, AtLeast(1.4)),
        Claim::ratio("server CPU per job, Deputy / floor", SERVER_US, 0, 1, AtMost(1.25)),
    ];
    (vec![deputy(BASELINE).unix(), floor(BASELINE).unix(), deputy(BASELINE).label("deputy, TCP")], claims)
}

fn threads() -> Parts {
    let threads = [1, 2, 4, 8];
    let case = |count| deputy(BASELINE).threads(count).shared().count_calls().label(format!("deputy x{count}"));
    let claims = threads.iter().enumerate().skip(1).flat_map(|(index, count)| {
        let alone = |text, figure, goal| Claim::alone(format!("{text}, {count} threads"), figure, index, goal);
        [
            Claim::ratio(format!("server CPU per job, {count} threads / 1"), SERVER_US, index, 0, AtMost(1.25)),
            alone("futex calls per job", |row: &Row| row.futexes_per_job, AtMost(0.0005)),
            alone("eventfd writes per job", |row: &Row| row.eventfd_writes_per_job, AtMost(0.2)),
        ]
    });
    (threads.map(case).into(), claims.collect())
}

fn backlog() -> Parts {
    let backlog = |jobs, own_types| LoopKind::Backlog { jobs, own_types };
    let cases = vec![
        deputy(BASELINE).loop_kind(backlog(BACKLOG_JOBS, false)),
        floor(BASELINE).loop_kind(backlog(BACKLOG_JOBS, false)),
        deputy(BASELINE).loop_kind(backlog(OWN_TYPES_JOBS, true)).label("deputy, own types"),
        deputy(BASELINE).label("deputy, baseline"),
    ];
    let bytes: Figure = |row| row.memory_waiting_job_bytes;
    let left: Figure = |row| Some(row.memory_after_bytes? - row.memory_rest_bytes?);
    let claims = vec![
        Claim::alone("bytes per waiting job", bytes, 0, AtMost(160.0)),
        Claim::alone("bytes per waiting job, floor", bytes, 1, Goal::None),
        Claim::alone("bytes per waiting job of a type of its own", bytes, 2, AtMost(700.0)),
        Claim::alone("accepted per second", |row| row.accepted_per_s, 0, AtLeast(400_000.0)),
        Claim::ratio("accepted per second, Deputy / floor", |row| row.accepted_per_s, 0, 1, Goal::None),
        Claim::ratio("jobs/s, draining / baseline", JOBS_PER_S, 0, 3, AtLeast(0.9)),
        Claim::alone("bytes left after a million jobs", left, 0, AtMost(16e6)),
        Claim::alone("bytes left after 200,000 types", left, 2, AtMost(16e6)),
    ];
    (cases, claims)
}

fn idle() -> Parts {
    let idle = Shape { idle: 10_000, ..BASELINE };
    let bytes: Figure = |row| row.memory_idle_connection_bytes;
    let claims = vec![
        Claim::alone("bytes per idle connection", bytes, 0, AtMost(512.0)),
        Claim::alone("bytes per idle connection, floor", bytes, 2, Goal::None),
        Claim::ratio("jobs/s, with idle connections / without", JOBS_PER_S, 0, 1, AtLeast(0.95)),
        Claim::ratio("server CPU per job, with idle connections / without", SERVER_US, 0, 1, AtMost(1.05)),
    ];
    (vec![deputy(idle), deputy(BASELINE).label("deputy, baseline"), floor(idle)], claims)
}

fn wide_workers() -> Parts {
    let wide = Shape { types: 100_000, types_per_worker: 100, ..MANY_TYPES };
    let claims = vec![
        Claim::ratio("jobs/s, wide-workers / many-types", JOBS_PER_S, 0, 1, AtLeast(0.8)),
        Claim::ratio("server CPU per job, wide-workers / many-types", SERVER_US, 0, 1, AtMost(1.2)),
    ];
    (vec![deputy(wide), deputy(MANY_TYPES).label("deputy, many-types")], claims)
}

fn large_jobs() -> Parts {
    let large = Shape { large_job_bytes: 8 << 20, ..BASELINE };
    // The same clients with jobs of the usual size, so that both cases await the clock in the same way.
    let small = Shape { large_job_bytes: 32, ..BASELINE };
    // Where each job comes by itself, half of the rate nearly fills the load's core. Then the clients of the large jobs delay
    // the load itself (docs/results/2026-11-28-long-lines.md).
    let quarter = LoopKind::ShareOf(ServerKind::Deputy, 0.25);
    let cases = vec![deputy(large).loop_kind(quarter), deputy(small).loop_kind(quarter).label("deputy, without")];
    let claims = vec![
        Claim::ratio("p99 of the small jobs, with / without", P99, 0, 1, AtMost(1.5)),
        Claim::ratio("p99.9 of the small jobs, with / without", P999, 0, 1, Goal::None),
    ];
    (cases, claims)
}

fn open_loop() -> Parts {
    let half = LoopKind::ShareOf(ServerKind::Floor, 0.5);
    let claims = vec![
        Claim::ratio("p99, Deputy / floor", P99, 0, 1, AtMost(1.3)),
        Claim::ratio("p99.9, Deputy / floor", P999, 0, 1, AtMost(1.5)),
    ];
    (vec![deputy(BASELINE).loop_kind(half), floor(BASELINE).loop_kind(half)], claims)
}

/// Counts messages between shards. Each start of a server assigns types to shards anew, so rounds act as seeds.
fn messages() -> Parts {
    let one = Shape { workers: 64, ..BASELINE };
    let three = Shape { types: 12, types_per_worker: 3, work: Work::Exponential(Duration::from_millis(4)), ..one };
    let four = |shape, label: &str| deputy(shape).threads(4).shared().label(label);
    // 64 workers that take 4 ms per job do 16,000 per second.
    let cases = vec![
        four(Shape { types: 16, ..one }, "1 type per worker"),
        four(three, "3 types, half idle").loop_kind(LoopKind::Rate(8_000.0)),
        four(three, "3 types, 80% busy").loop_kind(LoopKind::Rate(12_800.0)),
        four(three, "3 types, saturated"),
    ];
    let goals = [3.1, 3.9, 5.3, 5.3];
    let claim = |(index, goal)| {
        let case: &Case = &cases[index];
        Claim::alone(format!("messages per job, {}", case.label), MESSAGES, index, AtMost(goal))
    };
    let claims = goals.into_iter().enumerate().map(claim).collect();
    (cases, claims)
}

/// The same two cases as for other servers.
fn stalled_readers() -> Parts {
    peers::stalled_readers(&[ServerKind::Deputy])
}

fn burst() -> Parts {
    let burst = Shape { interference: Interference::Burst(1_000_000), ..LIGHT };
    let claims = vec![
        Claim::alone("p99 during a burst of a million jobs, us", P99, 0, AtMost(10_000.0)),
        Claim::alone("p99.9", P999, 0, Goal::None),
        Claim::alone("p99 without, us", P99, 1, Goal::None),
    ];
    (vec![deputy(burst), deputy(LIGHT).label("deputy, without")], claims)
}

fn metrics() -> Parts {
    let queried = Shape { interference: Interference::MetricsQueries(200), ..BASELINE };
    let claims = vec![
        Claim::ratio("p99, with metrics queries / without", P99, 0, 1, AtMost(1.5)),
        Claim::ratio("jobs/s, with metrics queries / without", JOBS_PER_S, 0, 1, Goal::None),
        Claim::alone("metrics queries per second", |row| row.interference_done, 0, Goal::None),
    ];
    (vec![deputy(queried), deputy(BASELINE).label("deputy, without")], claims)
}

/// Each of 50 poison jobs per second kills three workers: some eight next to ten thousand other jobs.
fn poison() -> Parts {
    let poisoned = |shape| Shape { interference: Interference::Poison(50.0), ..shape };
    let claims = vec![
        Claim::ratio("jobs/s, with poison / without", JOBS_PER_S, 0, 1, AtLeast(0.9)),
        Claim::ratio("jobs/s, with poison / without, workers of 100 jobs", JOBS_PER_S, 2, 3, AtLeast(0.9)),
        Claim::ratio("server CPU per job, with poison / without", SERVER_US, 0, 1, Goal::None),
        Claim::ratio("server CPU per job, with poison / without, workers of 100 jobs", SERVER_US, 2, 3, Goal::None),
    ];
    let cases = vec![
        deputy(poisoned(BASELINE)).label("deputy, poison"),
        deputy(BASELINE),
        deputy(poisoned(HUNDRED_SLOTS)).label("poison, 100 slots"),
        deputy(HUNDRED_SLOTS).label("deputy, 100 slots"),
    ];
    (cases, claims)
}
