//! The workloads that have a name, with what each is compared with and what it should come to. docs/performance.md has
//! the table that they print.

use std::io::{self, Write};
use std::time::Duration;

use super::case::{Case, Course};
use super::row::Row;
use super::server::Kind;
use super::table::Target::{AtLeast, AtMost, Open};
use super::table::{Claim, Figure, Table};
use super::workload::{Beside, Shape, Work};

/// 4 submitters x 64 in flight, 16 workers of one type.
const A: Shape = Shape::DEFAULT;
/// One job at a time.
const B: Shape = Shape { submitters: 1, inflight: 1, workers: 1, ..A };
/// Many workers, many types.
const C: Shape = Shape { submitters: 8, inflight: 128, workers: 1_000, types: 100, ..A };
/// Workers that take 16 jobs each.
const D: Shape = Shape { inflight: 256, max_jobs: 16, ..A };
/// 100 submitters x 4 in flight.
const N: Shape = Shape { submitters: 100, inflight: 4, ..A };
/// As N, beside 100 that do not read.
const N_STALLED: Shape = Shape { beside: Beside::Stalled(100), ..N };
/// 4 x 4 in flight: the server has time to spare.
const O: Shape = Shape { inflight: 4, ..A };
/// Workers of 100 jobs each.
const Q_MANY: Shape = Shape { max_jobs: 100, ..A };
/// Jobs of a backlog.
const BACKLOG_JOBS: u64 = 1_000_000;
/// Jobs of a backlog in which each has a type of its own.
const OWN_TYPES_JOBS: u64 = 200_000;

const JOBS_PER_S: Figure = |row| Some(row.jobs_per_s);
const SERVER_US: Figure = |row| row.server_cpu_us_per_job;
const P50: Figure = |row| row.p50_us;
const P99: Figure = |row| row.p99_us;
const P999: Figure = |row| row.p999_us;
const MESSAGES: Figure = |row| row.messages_per_job;

/// Tables by their letters with commas between, or `all`.
pub(crate) fn named(letters: &str) -> Result<Vec<Table>, String> {
    let all = [a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q].map(|table| table());
    pick(all.into(), letters)
}

fn pick(tables: Vec<Table>, letters: &str) -> Result<Vec<Table>, String> {
    let wanted: Vec<String> = letters.split(',').map(str::to_uppercase).collect();
    let known: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    if let Some(unknown) = wanted.iter().find(|letter| *letter != "ALL" && !known.contains(letter)) {
        return Err(format!("--scenario knows {} and all, not {unknown}", known.join(", ")));
    }
    Ok(tables.into_iter().filter(|table| wanted.contains(&table.name) || wanted == ["ALL"]).collect())
}

/// The same work for Deputy, the floor, and the other servers that are installed: `only` some of them.
pub(crate) fn beside_peers(letters: Option<&str>, only: Option<&[String]>) -> Result<Vec<Table>, String> {
    let known = [Kind::Deputy, Kind::Floor].into_iter().chain(Kind::PEERS).map(Kind::name);
    if let Some(unknown) = only.and_then(|only| only.iter().find(|name| known.clone().all(|known| known != **name))) {
        return Err(format!("--only knows {}, not {unknown}", known.collect::<Vec<_>>().join(", ")));
    }
    let chosen = |kind: &Kind| only.is_none_or(|only| only.iter().any(|name| name == kind.name()));
    let others = [Kind::Floor].into_iter().chain(Kind::PEERS).filter(|kind| chosen(kind) && is_here(*kind));
    let kinds: Vec<Kind> = [Kind::Deputy].into_iter().chain(others).collect();
    let alike = [("A", A_TITLE, A), ("B", B_TITLE, B), ("C", C_TITLE, C)]
        .map(|(name, title, shape)| peer_table(name, title, shape, &kinds));
    let tables = alike.into_iter().chain([stalled_table(&kinds)]);
    pick(tables.collect(), letters.unwrap_or("all"))
}

/// Each server with and without submitters that do not read. The floor is no server to be isolated by.
fn stalled_table(kinds: &[Kind]) -> Table {
    let kinds = kinds.iter().filter(|kind| **kind != Kind::Floor);
    let pairs = kinds.map(|&kind| {
        let with = Case::new(kind, N_STALLED).label(format!("{}, stalled", kind.name()));
        [with, Case::new(kind, N)]
    });
    let cases: Vec<Case> = pairs.flatten().collect();
    let claims = (0..cases.len()).step_by(2).flat_map(|place| {
        let least = if cases[place].kind == Kind::Deputy { AtLeast(0.95) } else { Open };
        let with = |text: &str| format!("{text}, {} / without", cases[place].label);
        [
            Claim::ratio(with("jobs/s"), JOBS_PER_S, place, place + 1, least),
            Claim::ratio(with("p99"), P99, place, place + 1, Open),
            Claim::ratio(with("server CPU a job"), SERVER_US, place, place + 1, Open),
        ]
    });
    table("N", N_TITLE, cases.clone(), claims.collect())
}

/// Says so of one that is not.
fn is_here(kind: Kind) -> bool {
    let lack = kind.lack();
    if let Some(why) = &lack {
        // A report that nobody can read is no reason to fail.
        let _ = writeln!(io::stderr(), "passed over: {}: {why}", kind.name());
    }
    lack.is_none()
}

fn peer_table(name: &str, title: &str, shape: Shape, kinds: &[Kind]) -> Table {
    let cases: Vec<Case> = kinds.iter().map(|&kind| Case::new(kind, shape)).collect();
    let claims = cases.iter().enumerate().skip(1).flat_map(|(place, case)| {
        let least = match (case.label.as_str(), name) {
            ("gearmand", "A") => AtLeast(2.3),
            ("gearmand", "C") => AtLeast(2.5),
            _ => Open,
        };
        let per = |text: &str| format!("{text}, Deputy / {}", case.label);
        [
            Claim::ratio(per("jobs/s"), JOBS_PER_S, 0, place, least),
            Claim::ratio(per("p50"), P50, 0, place, Open),
            Claim::ratio(per("server CPU a job"), SERVER_US, 0, place, Open),
        ]
    });
    table(name, title, cases.clone(), claims.collect())
}

fn table(name: &str, title: &str, cases: Vec<Case>, claims: Vec<Claim>) -> Table {
    Table { name: name.to_owned(), title: title.to_owned(), cases, claims }
}

fn deputy(shape: Shape) -> Case {
    Case::new(Kind::Deputy, shape)
}

fn floor(shape: Shape) -> Case {
    Case::new(Kind::Floor, shape)
}

/// Deputy at place 0 against the floor at place 1.
fn near_the_floor(jobs_per_s: f64, server_us: f64) -> [Claim; 2] {
    [
        Claim::ratio("server CPU a job, Deputy / floor", SERVER_US, 0, 1, AtMost(server_us)),
        Claim::ratio("jobs/s, Deputy / floor", JOBS_PER_S, 0, 1, AtLeast(jobs_per_s)),
    ]
}

const A_TITLE: &str = "4 submitters x 64 in flight, 16 workers";
const B_TITLE: &str = "1 in flight, 1 worker";
const C_TITLE: &str = "8 x 128 in flight, 1,000 workers, 100 types";

fn a() -> Table {
    let claims = [
        Claim::alone("user-space share of the server's CPU", Row::user_share, 0, AtMost(0.2)),
        Claim::alone("system calls a job", |row| row.system_calls_per_job, 0, AtMost(2.6)),
        Claim::alone("futex calls a job", |row| row.futexes_per_job, 0, AtMost(0.0005)),
        Claim::alone("eventfd writes a job", |row| row.eventfd_writes_per_job, 0, AtMost(0.2)),
    ];
    let claims = near_the_floor(0.85, 1.15).into_iter().chain(claims).collect();
    table("A", A_TITLE, vec![deputy(A).count_calls(), floor(A).count_calls()], claims)
}

fn b() -> Table {
    let cases = vec![deputy(B), floor(B), deputy(B).threads(2).label("deputy x2")];
    let claims = vec![
        Claim::ratio("p50, Deputy / floor", P50, 0, 1, AtMost(1.1)),
        Claim::ratio("p50, Deputy of two threads / floor", P50, 2, 1, AtMost(1.5)),
    ];
    table("B", B_TITLE, cases, claims)
}

fn c() -> Table {
    table("C", C_TITLE, vec![deputy(C), floor(C)], near_the_floor(0.85, 1.15).into())
}

fn d() -> Table {
    let claims = vec![
        Claim::ratio("jobs/s, D / A", JOBS_PER_S, 0, 2, AtLeast(3.5)),
        Claim::ratio("server CPU a job, Deputy / floor", SERVER_US, 0, 1, AtMost(2.0)),
    ];
    let cases = vec![deputy(D), floor(D), deputy(A).label("deputy, as A")];
    table("D", "4 x 256 in flight, 16 workers of 16 jobs each", cases, claims)
}

fn e() -> Table {
    let claims = vec![
        Claim::ratio("jobs/s, UNIX / TCP", JOBS_PER_S, 0, 2, AtLeast(1.4)),
        Claim::ratio("server CPU a job, Deputy / floor", SERVER_US, 0, 1, AtMost(1.25)),
    ];
    let cases = vec![deputy(A).unix(), floor(A).unix(), deputy(A).label("deputy, TCP")];
    table("E", "as A over a UNIX socket", cases, claims)
}

fn f() -> Table {
    let threads = [1, 2, 4, 8];
    let cases =
        threads.map(|threads| deputy(A).threads(threads).anywhere().count_calls().label(format!("deputy x{threads}")));
    let claims = threads.iter().enumerate().skip(1).flat_map(|(place, threads)| {
        [
            Claim::ratio(format!("server CPU a job, {threads} threads / 1"), SERVER_US, place, 0, AtMost(1.25)),
            Claim::alone(
                format!("futex calls a job, {threads} threads"),
                |row| row.futexes_per_job,
                place,
                AtMost(0.0005),
            ),
            Claim::alone(
                format!("eventfd writes a job, {threads} threads"),
                |row| row.eventfd_writes_per_job,
                place,
                AtMost(0.2),
            ),
        ]
    });
    table("F", "as A with more threads; server and load share all cores", cases.clone().into(), claims.collect())
}

fn g() -> Table {
    let backlog = |jobs, own_types| Course::Backlog { jobs, own_types };
    let cases = vec![
        deputy(A).course(backlog(BACKLOG_JOBS, false)),
        floor(A).course(backlog(BACKLOG_JOBS, false)),
        deputy(A).course(backlog(OWN_TYPES_JOBS, true)).label("deputy, own types"),
        deputy(A).label("deputy, as A"),
    ];
    let bytes: Figure = |row| row.memory_waiting_job_bytes;
    let left: Figure = |row| Some(row.memory_after_bytes? - row.memory_rest_bytes?);
    let claims = vec![
        Claim::alone("bytes a waiting job", bytes, 0, AtMost(160.0)),
        Claim::alone("bytes a waiting job, floor", bytes, 1, Open),
        Claim::alone("bytes a waiting job of a type of its own", bytes, 2, AtMost(700.0)),
        Claim::alone("accepted a second", |row| row.accepted_per_s, 0, AtLeast(400_000.0)),
        Claim::ratio("accepted a second, Deputy / floor", |row| row.accepted_per_s, 0, 1, Open),
        Claim::ratio("jobs/s, draining / A", JOBS_PER_S, 0, 3, AtLeast(0.9)),
        Claim::alone("bytes left after a million jobs", left, 0, AtMost(16e6)),
        Claim::alone("bytes left after 200,000 types", left, 2, AtMost(16e6)),
    ];
    table("G", "a million jobs wait, then 16 workers come; 200,000 jobs of a type each", cases, claims)
}

fn h() -> Table {
    let idle = Shape { idle: 10_000, ..A };
    let claims = vec![
        Claim::alone("bytes an idle connection", |row| row.memory_idle_connection_bytes, 0, AtMost(512.0)),
        Claim::alone("bytes an idle connection, floor", |row| row.memory_idle_connection_bytes, 2, Open),
        Claim::ratio("jobs/s beside them / A", JOBS_PER_S, 0, 1, AtLeast(0.95)),
        Claim::ratio("server CPU a job beside them / A", SERVER_US, 0, 1, AtMost(1.05)),
    ];
    let cases = vec![deputy(idle), deputy(A).label("deputy, as A"), floor(idle)];
    table("H", "as A beside 10,000 idle connections", cases, claims)
}

fn i() -> Table {
    let many = Shape { types: 100_000, types_per_worker: 100, ..C };
    let claims = vec![
        Claim::ratio("jobs/s, I / C", JOBS_PER_S, 0, 1, AtLeast(0.8)),
        Claim::ratio("server CPU a job, I / C", SERVER_US, 0, 1, AtMost(1.2)),
    ];
    table(
        "I",
        "as C with 100 types a worker, 100,000 in all",
        vec![deputy(many), deputy(C).label("deputy, as C")],
        claims,
    )
}

fn j() -> Table {
    let giant = Shape { giant_bytes: 8 << 20, ..A };
    let half = Course::PartOf(Kind::Deputy, 0.5);
    let cases = vec![deputy(giant).course(half), deputy(A).course(half).label("deputy, without")];
    let claims = vec![
        Claim::ratio("p99 of the small jobs, with / without", P99, 0, 1, AtMost(2.0)),
        Claim::ratio("p99.9 of the small jobs, with / without", P999, 0, 1, Open),
    ];
    table("J", "a job of 8 MiB each second beside A at half its rate", cases, claims)
}

fn k() -> Table {
    let half = Course::PartOf(Kind::Floor, 0.5);
    let claims = vec![
        Claim::ratio("p99, Deputy / floor", P99, 0, 1, AtMost(1.3)),
        Claim::ratio("p99.9, Deputy / floor", P999, 0, 1, AtMost(1.5)),
    ];
    table(
        "K",
        "A as an open loop at half of the floor's jobs/s",
        vec![deputy(A).course(half), floor(A).course(half)],
        claims,
    )
}

const N_TITLE: &str = "100 submitters x 4 in flight, beside 100 that do not read";

/// The same two cases as for other servers.
fn n() -> Table {
    stalled_table(&[Kind::Deputy])
}

fn o() -> Table {
    let burst = Shape { beside: Beside::Burst(1_000_000), ..O };
    let claims = vec![
        Claim::alone("p99 beside a million jobs in one go, us", P99, 0, AtMost(10_000.0)),
        Claim::alone("p99.9", P999, 0, Open),
        Claim::alone("p99 without, us", P99, 1, Open),
    ];
    let cases = vec![deputy(burst), deputy(O).label("deputy, without")];
    table("O", "4 x 4 in flight, 16 workers; another one submits a million jobs in one go", cases, claims)
}

fn p() -> Table {
    let asked = Shape { beside: Beside::Questions(200), ..A };
    let claims = vec![
        Claim::ratio("p99, with questions / without", P99, 0, 1, AtMost(2.0)),
        Claim::ratio("jobs/s, with questions / without", JOBS_PER_S, 0, 1, Open),
        Claim::alone("questions a second", |row| row.beside_done, 0, Open),
    ];
    table("P", "as A, and the metrics asked for as fast as it goes", vec![deputy(asked), deputy(A)], claims)
}

/// Each of 50 poison jobs a second kills three workers: some eight beside ten thousand others.
fn q() -> Table {
    let poisoned = |shape| Shape { beside: Beside::Poison(50.0), ..shape };
    let claims = vec![
        Claim::ratio("jobs/s beside poison jobs / without", JOBS_PER_S, 0, 1, AtLeast(0.9)),
        Claim::ratio("jobs/s beside them / without, workers of 100 jobs", JOBS_PER_S, 2, 3, AtLeast(0.9)),
        Claim::ratio("server CPU a job beside them / without", SERVER_US, 0, 1, Open),
        Claim::ratio("server CPU a job beside them / without, workers of 100 jobs", SERVER_US, 2, 3, Open),
    ];
    let cases = vec![
        deputy(poisoned(A)).label("deputy, poison"),
        deputy(A),
        deputy(poisoned(Q_MANY)).label("poison, 100 jobs each"),
        deputy(Q_MANY).label("deputy, 100 jobs each"),
    ];
    table("Q", "as A beside 50 jobs a second that kill each worker, until given up", cases, claims)
}

/// Messages between shards. Each start of a server deals types out to shards anew, so rounds stand for seeds.
fn m() -> Table {
    let one = Shape { workers: 64, ..A };
    let three = Shape { types: 12, types_per_worker: 3, work: Work::Exponential(Duration::from_millis(4)), ..one };
    let four = |shape, label: &str| deputy(shape).threads(4).anywhere().label(label);
    // 64 workers that take 4 ms a job do 16,000 a second.
    let cases = vec![
        four(Shape { types: 16, ..one }, "1 type a worker"),
        four(three, "3 types, half idle").course(Course::Rate(8_000.0)),
        four(three, "3 types, 80% busy").course(Course::Rate(12_800.0)),
        four(three, "3 types, saturated"),
    ];
    let claims = vec![
        Claim::alone("messages a job, 1 type a worker", MESSAGES, 0, AtMost(3.1)),
        Claim::alone("messages a job, 3 types, half idle", MESSAGES, 1, AtMost(3.9)),
        Claim::alone("messages a job, 3 types, 80% busy", MESSAGES, 2, AtMost(5.3)),
        Claim::alone("messages a job, 3 types, saturated", MESSAGES, 3, AtMost(5.3)),
    ];
    table("M", "messages between 4 shards, 64 workers", cases, claims)
}
