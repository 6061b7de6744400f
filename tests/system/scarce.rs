//! A server with little memory, and jobs that come faster than they are done. It refuses jobs in time, does all that it
//! accepted, and returns the memory.

use std::collections::HashSet;
use std::thread;

use serde_json::Value;

use super::cgroups::Cgroup;
use super::leak_check::{self, LeakCheck};
use crate::client::Client;
use crate::figures::show;
use crate::proc;
use crate::process::{Server, Via};
use crate::scale::scaled;
use crate::wait::until;

/// The memory that may be left after a backlog of any size: spare buffers, 4 MiB for each of two shards, and a little in
/// the allocator.
const KEPT_BYTES: u64 = 12 << 20;
/// Limits of cgroups are whole pages.
const PAGE_BYTES: u64 = 4_096;
/// Types that one worker gives: it may give 1,024.
const TYPES_EACH: usize = 1_000;
/// Jobs that one worker takes at most.
const JOBS_EACH: usize = 1_000;

/// What the jobs of a backlog are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Of one type, and as small as they can be.
    Small,
    /// Each of a type of its own.
    OfManyTypes,
    /// 100 KiB.
    Large,
}

impl Kind {
    fn line(self, id: usize) -> String {
        match self {
            Self::Small => format!(r#"{{"cmd":"do","id":{id},"type":"t0"}}"#),
            Self::OfManyTypes => format!(r#"{{"cmd":"do","id":{id},"type":"t{id}"}}"#),
            Self::Large => format!(r#"{{"cmd":"do","id":{id},"type":"t0","arg":"{}"}}"#, "x".repeat(100 << 10)),
        }
    }

    /// Returns the types of the workers that can take all these jobs: lists of types, each with its number of jobs.
    fn types(self, jobs: &HashSet<usize>) -> Vec<(String, usize)> {
        if self != Self::OfManyTypes {
            return vec![(r#""t0""#.to_owned(), jobs.len())];
        }
        let mut ids: Vec<_> = jobs.iter().map(|id| format!(r#""t{id}""#)).collect();
        ids.sort_unstable();
        ids.chunks(TYPES_EACH).map(|ids| (ids.join(","), ids.len())).collect()
    }
}

/// Submits until jobs are refused. Returns the ids of those that were accepted.
fn submit_until_full(client: &mut Client, kind: Kind) -> HashSet<usize> {
    let mut accepted = HashSet::new();
    let chunk = if kind == Kind::Large { 10 } else { 1_000 };
    let mut full = false;
    for id in 0.. {
        client.send(&kind.line(id));
        accepted.insert(id);
        if (id + 1) % chunk > 0 {
            continue;
        }
        client.send(r#"{"cmd":"ping"}"#);
        for line in std::iter::from_fn(|| Some(client.line()).filter(|line| line != r#"{"cmd":"pong"}"#)) {
            let refused: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(refused["code"], "queue_full", "{line}");
            assert!(accepted.remove(&id_of(&refused)), "{line}");
            full = true;
        }
        if full {
            break;
        }
    }
    accepted
}

fn id_of(line: &Value) -> usize {
    usize::try_from(line["id"].as_u64().unwrap()).unwrap()
}

/// Takes all jobs, and leaves: each job is then requeued, which takes the most memory.
fn take_and_leave(server: &Server, jobs: usize) {
    let mut workers = Vec::new();
    for first in (0..jobs).step_by(JOBS_EACH) {
        let mut worker = server.connect(Via::Unix, "a worker that leaves");
        worker.send(&format!(r#"{{"cmd":"can_do","types":["t0"],"max_jobs":{JOBS_EACH}}}"#));
        (first..jobs).take(JOBS_EACH).for_each(|_| drop(worker.line()));
        workers.push(worker);
    }
    let held = resident_bytes(server);
    drop(workers);
    server.connect(Via::Unix, "the observer").until_metric("jobs_waiting", jobs as u64);
    show(format_args!("F44: {} MiB while workers held all, {} MiB later", held >> 20, resident_bytes(server) >> 20));
}

/// Does all jobs, with workers of `max_jobs` slots.
fn do_all(server: &Server, kind: Kind, jobs: &HashSet<usize>, max_jobs: usize) {
    for (types, count) in kind.types(jobs) {
        let mut worker = server.connect(Via::Unix, "the worker");
        worker.send(&format!(r#"{{"cmd":"can_do","types":[{types}],"max_jobs":{max_jobs}}}"#));
        for _ in 0..count {
            let job: Value = serde_json::from_str(&worker.line()).unwrap();
            worker.send(&format!(r#"{{"cmd":"did","job":{}}}"#, job["job"]));
        }
    }
}

fn resident_bytes(server: &Server) -> u64 {
    proc::status_bytes(server.process.id(), "RssAnon")
}

/// Makes a worker hold a job, which later leaves room for others like it.
fn hold_a_job(client: &mut Client, worker: &mut Client) {
    worker.send(r#"{"cmd":"can_do","types":["other"]}"#);
    client.send(&format!(r#"{{"cmd":"do","id":0,"type":"other","arg":"{}"}}"#, "x".repeat(2_000)));
    assert!(worker.line().starts_with(r#"{"cmd":"do","id":0,"type":"other","#));
}

/// Does that job, and others after it.
fn do_that_and_others(client: &mut Client, worker: &mut Client) {
    for id in 0..20 {
        worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        client.send(&format!(r#"{{"cmd":"do","id":{},"type":"other"}}"#, id + 1));
        worker.expect(&format!(r#"{{"cmd":"do","id":{},"type":"other"}}"#, id + 1));
    }
    worker.send(r#"{"cmd":"did","id":20}"#);
    client.expect(r#"{"cmd":"did","id":20}"#);
}

/// Fills a server, and empties it again.
fn check(server: &Server, kind: Kind, budget_bytes: u64) {
    let (rest, before) = (LeakCheck::of(server), resident_bytes(server));
    assert_eq!(leak_check::metrics(server)["bytes_max"], budget_bytes);
    let [mut client, mut other, mut worker] =
        ["the client", "the other client", "its worker"].map(|name| server.connect(Via::Unix, name));
    hold_a_job(&mut other, &mut worker);
    let mut accepted = submit_until_full(&mut client, kind);
    show(format_args!("F44, {kind:?}: {} jobs, {} MiB", accepted.len(), resident_bytes(server) >> 20));
    do_that_and_others(&mut other, &mut worker);
    // A worker gets one requeued job at a time, whatever its slots.
    let max_jobs = if kind == Kind::Small { 1 } else { 10 };
    if kind == Kind::Small {
        take_and_leave(server, accepted.len());
    }
    thread::scope(|scope| {
        let jobs = accepted.clone();
        scope.spawn(move || do_all(server, kind, &jobs, max_jobs));
        while !accepted.is_empty() {
            let answer: Value = serde_json::from_str(&client.line()).unwrap();
            assert!(accepted.remove(&id_of(&answer)) && answer["code"].is_null(), "{answer}");
        }
    });
    drop((client, other, worker));
    rest.comes_back(server);
    until("the backlog's memory", || (resident_bytes(server) <= before + KEPT_BYTES).then_some(()));
}

#[test]
fn f44_half_of_a_cgroups_memory_is_the_budget_and_keeps_the_server_within_it() {
    let limit_bytes = scaled(256 << 20) as u64 / PAGE_BYTES * PAGE_BYTES;
    for kind in [Kind::Small, Kind::OfManyTypes, Kind::Large] {
        let Some(group) = Cgroup::new(limit_bytes) else { return };
        let server = Server::start_under(&["sh", "-c", &group.script(), "sh"], &["--threads", "2"]);
        check(&server, kind, limit_bytes / 2);
    }
}
