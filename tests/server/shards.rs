//! Work that crosses shards: one type for all, floods in both directions, a stop during a flood, and homes that cannot be
//! guessed.

use std::fmt::Write;
use std::thread;
use std::time::Instant;

use ahash::RandomState;
use deputy::dispatch::home_of;
use rustix::process::Signal;
use serde_json::Value;

use super::fixture::echo_workers::{Job, job_line, with_echo_workers};
use super::fixture::net::{Net, everywhere, over_both};
use crate::client::Client;
use crate::figures::show;
use crate::process::{Server, Via};
use crate::scale::scaled;

/// A client that submits jobs 0 and on, as many as there are places in `answered`, and notes which were answered.
struct Submitter {
    client: Client,
    answered: Vec<bool>,
    done: usize,
    /// Answered `shutdown`.
    shut_down: usize,
}

impl Submitter {
    /// All its jobs are accepted when this returns. They are of `types` in turn.
    fn new(net: &Net, name: &str, jobs: usize, types: usize) -> Self {
        let mut client = net.connect(name);
        let line = |id| job_line(id, &format!("t{}", id % types), &id.to_string());
        client.send_bytes((0..jobs).map(line).collect::<Vec<_>>().concat().as_bytes());
        client.send(r#"{"cmd":"ping"}"#);
        let mut submitter = Self { client, answered: vec![false; jobs], done: 0, shut_down: 0 };
        while submitter.read_line() != r#"{"cmd":"pong"}"# {}
        submitter
    }

    /// Takes note of the next line.
    fn read_line(&mut self) -> String {
        let line = self.client.line();
        let answer: Value = serde_json::from_str(&line).unwrap();
        if answer["cmd"] == "did" {
            let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
            assert!(!std::mem::replace(&mut self.answered[id], true), "answered twice: {line}");
            if answer["res"] == id {
                self.done += 1;
            } else {
                assert_eq!(answer["code"], "shutdown", "{line}");
                self.shut_down += 1;
            }
        }
        line
    }

    /// Waits until each job is answered.
    fn read_all_answers(&mut self) {
        while self.done + self.shut_down < self.answered.len() {
            self.read_line();
        }
    }

    /// Waits until each job is done.
    fn expect_all_done(&mut self) {
        self.read_all_answers();
        assert_eq!(self.done, self.answered.len());
    }
}

#[test]
fn f47_one_type_keeps_the_workers_of_all_shards_busy() {
    const WORKERS: usize = 16;
    over_both(&["--threads", "4"], |net| {
        let mut workers: Vec<Client> = (0..WORKERS).map(|_| net.connect("a worker")).collect();
        for worker in &mut workers {
            worker.send(r#"{"cmd":"can_do","types":["t0"]}"#);
        }
        let mut observer = net.connect("the observer");
        observer.until_metric("workers", WORKERS as u64);
        for _ in 0..20 {
            let mut clients: Vec<Submitter> = (0..4).map(|_| Submitter::new(net, "a client", WORKERS / 4, 1)).collect();
            observer.until_metric("jobs_running", WORKERS as u64);
            for worker in &mut workers {
                let line = worker.line();
                worker.send(&Job::of(&line).echo());
            }
            clients.iter_mut().for_each(Submitter::expect_all_done);
        }
    });
}

#[test]
fn f71_two_shards_that_flood_each_other_answer_every_job() {
    // With this many types, half of the jobs of each shard have their home on the other shard.
    const TYPES: usize = 64;
    let jobs = scaled(100_000);
    let types: Vec<String> = (0..TYPES).map(|nth| format!("\"t{nth}\"")).collect();
    let can_do = format!(r#""types":[{}],"max_jobs":100"#, types.join(","));
    over_both(&["--threads", "2"], |net| {
        let start = Instant::now();
        with_echo_workers(net, &[can_do.as_str(); 4], || {
            thread::scope(|scope| {
                for name in ["one client", "the other client"] {
                    scope.spawn(move || Submitter::new(net, name, jobs, TYPES).expect_all_done());
                }
            });
        });
        show(format_args!("F71: {:?}: {} jobs in {:.2?}", net.via, 2 * jobs, start.elapsed()));
    });
}

/// A worker that echoes until the server closes its connection.
fn echo_to_the_end(mut worker: Client) {
    while let Some(line) = worker.next_line() {
        worker.try_send_bytes(format!("{}\n", Job::of(&line).echo()).as_bytes());
    }
}

#[test]
fn f72_a_stop_with_messages_in_flight_answers_every_job_once() {
    const TYPES: usize = 4;
    everywhere(&["--drain-timeout", "60"], |net| {
        let mut clients: Vec<Submitter> = (0..4).map(|_| Submitter::new(net, "a client", 500, TYPES)).collect();
        thread::scope(|scope| {
            for _ in 0..4 {
                let mut worker = net.connect("a worker");
                worker.send(r#"{"cmd":"can_do","types":["t0","t1","t2","t3"],"max_jobs":3}"#);
                scope.spawn(move || echo_to_the_end(worker));
            }
            (0..20).for_each(|_| drop(clients[0].read_line()));
            net.server.process.signal(Signal::TERM);
            for client in &mut clients {
                client.read_all_answers();
                client.client.expect_closed();
            }
        });
        assert_eq!(net.server.process.ended().status.code(), Some(0));
        let done: usize = clients.iter().map(|client| client.done).sum();
        let shut_down: usize = clients.iter().map(|client| client.shut_down).sum();
        show(format_args!("F72: {:?}: {done} jobs were done, {shut_down} were answered `shutdown`", net.via));
    });
}

const SHARDS: u16 = 8;

/// Names that all have their home at one shard, for who knows the seed.
fn aimed(count: usize) -> impl Iterator<Item = String> {
    let known = RandomState::with_seeds(1, 2, 3, 4);
    let names = (0_u64..).map(|i| format!("t{i}"));
    names.filter(move |name| home_of(&known, SHARDS, name).0 == 0).take(count)
}

#[test]
fn f43_jobs_of_types_aimed_at_one_shard_by_a_known_seed_reach_all_shards_alike() {
    let count = scaled(100_000);
    let mut lines = String::new();
    for name in aimed(count) {
        writeln!(lines, r#"{{"cmd":"do","id":1,"type":"{name}"}}"#).unwrap();
    }
    let server = Server::start(&["--threads", &SHARDS.to_string()]);
    let mut client = server.connect(Via::Tcp, "the client");
    client.send_bytes(lines.as_bytes());
    client.until_metric("jobs_waiting", count as u64);
    // A job is posted to its home if that is not the submitter's own shard: of one shard all or none are, of eight that
    // share them alike seven of eight. A hundred thousand are then within a hundredth of that; this is seven times as much.
    let posted = usize::try_from(client.metrics()["shard_messages"].as_u64().unwrap()).unwrap();
    assert!((count * 80 / 100..count * 95 / 100).contains(&posted), "{posted} of {count} jobs went to another shard");
}
