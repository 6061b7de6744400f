//! Durable jobs over sockets, with connections of any shard.

use std::collections::HashSet;

use rustix::process::Signal;
use serde_json::Value;

use super::fixture::net::{Net, everywhere, over};
use crate::client::Client;
use crate::process::Via;

/// A worker for the durable jobs of `t`, of which the server knows when this returns.
fn bridge(net: &Net, name: &str) -> Client {
    let mut bridge = net.connect(name);
    bridge.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":9,"durable":true,"ref":true}"#);
    bridge.expect_nothing();
    bridge
}

/// The number and the ref of the job of this id, which a worker is sent next.
fn taken(worker: &mut Client, id: usize) -> (u64, String) {
    let line: Value = serde_json::from_str(&worker.line()).unwrap();
    assert_eq!((&line["cmd"], &line["id"], line.get("attempt")), (&"do".into(), &id.into(), None), "{line}");
    (line["job"].as_u64().unwrap(), line["ref"].as_str().unwrap().to_owned())
}

fn send(worker: &mut Client, cmd: &str, job: u64) {
    worker.send(&format!(r#"{{"cmd":"{cmd}","job":{job}}}"#));
}

fn submit(client: &mut Client, id: usize) {
    client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","durable":true}}"#));
}

fn expect_code(client: &mut Client, id: usize, code: &str) {
    let answer: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!((&answer["cmd"], &answer["id"], &answer["code"]), (&"did".into(), &id.into(), &code.into()), "{answer}");
}

#[test]
fn a_durable_job_is_stored_and_outlives_its_worker_under_one_ref() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        let mut ordinary = net.connect("an ordinary worker");
        ordinary.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":9}"#);
        ordinary.expect_nothing();
        submit(&mut client, 1);
        expect_code(&mut client, 1, "no_bridge");
        let mut first = bridge(net, "the first bridge");
        submit(&mut client, 2);
        let (job, name) = taken(&mut first, 2);
        send(&mut first, "stored", job);
        client.expect(r#"{"cmd":"stored","id":2}"#);
        submit(&mut client, 3);
        let (_, other) = taken(&mut first, 3);
        assert_ne!(name, other);
        drop(first);
        // What is not stored ends; the other one waits.
        expect_code(&mut client, 3, "no_bridge");
        client.until_metric("jobs_waiting", 1);
        let mut second = bridge_that_is_sent_a_job(net);
        let (job, again) = taken(&mut second, 2);
        assert_eq!(again, name);
        send(&mut second, "stored", job);
        second.expect_nothing();
        send(&mut second, "did", job);
        client.expect(r#"{"cmd":"did","id":2}"#);
        ordinary.expect_nothing();
        let metrics = client.metrics();
        let counted = ["jobs_done", "jobs_no_bridge", "jobs_reassigned"].map(|name| metrics[name].as_u64().unwrap());
        assert_eq!(counted, [1, 2, 2], "{metrics}");
    });
}

/// A job comes at once, before the answer to a ping.
fn bridge_that_is_sent_a_job(net: &Net) -> Client {
    let mut bridge = net.connect("the second bridge");
    bridge.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1000,"durable":true,"ref":true}"#);
    bridge
}

#[test]
fn a_cancelled_job_is_called_back_from_the_bridge() {
    everywhere(&[], |net| {
        let (mut client, mut bridge) = (net.connect("the client"), bridge(net, "the bridge"));
        client.send(r#"{"cmd":"do","id":1,"type":"t","durable":true,"cancellable":true}"#);
        let (job, _) = taken(&mut bridge, 1);
        send(&mut bridge, "stored", job);
        client.expect(r#"{"cmd":"stored","id":1}"#);
        client.send(r#"{"cmd":"cancel","id":1}"#);
        expect_code(&mut client, 1, "cancelled");
        bridge.expect(&format!(r#"{{"cmd":"cancel","job":{job}}}"#));
        send(&mut bridge, "stored", job);
        send(&mut bridge, "did", job);
        bridge.expect_nothing();
        client.until_metric("slots_spent", 0);
    });
}

#[test]
fn a_server_that_stops_lets_its_bridge_store_and_answers_what_waits() {
    over(Via::Tcp, &["--threads", "2", "--drain-timeout", "60"], |net| {
        let (mut client, mut bridge) = (net.connect("the client"), net.connect("the bridge"));
        bridge.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1,"durable":true,"ref":true}"#);
        bridge.expect_nothing();
        submit(&mut client, 1);
        let (job, _) = taken(&mut bridge, 1);
        submit(&mut client, 2);
        client.until_metric("jobs_waiting", 1);
        net.server.process.signal(Signal::TERM);
        expect_code(&mut client, 2, "shutdown");
        send(&mut bridge, "stored", job);
        client.expect(r#"{"cmd":"stored","id":1}"#);
        send(&mut bridge, "did", job);
        client.expect(r#"{"cmd":"did","id":1}"#);
    });
}

/// A bridge that stores some jobs, ends some, and leaves others as they are.
struct Bridge {
    client: Client,
    /// Jobs that it was sent.
    sent: HashSet<usize>,
}

impl Bridge {
    /// The server knows of it when this returns.
    fn new(net: &Net) -> Self {
        let mut client = net.connect("a bridge");
        client.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1000,"durable":true}"#);
        client.send(r#"{"cmd":"ping"}"#);
        let mut bridge = Self { client, sent: HashSet::new() };
        while bridge.next() {}
        bridge
    }

    /// Handles the next line: stores the job and leaves it, ends it, or does both, or nothing. Returns whether it is a job.
    fn next(&mut self) -> bool {
        let line: Value = serde_json::from_str(&self.client.line()).unwrap();
        let Some(job) = line["job"].as_u64() else { return false };
        let id = usize::try_from(line["id"].as_u64().unwrap()).unwrap();
        self.sent.insert(id);
        if id % 4 < 2 {
            send(&mut self.client, "stored", job);
        }
        if id % 4 % 2 == 1 {
            send(&mut self.client, "did", job);
        }
        true
    }
}

/// Hundreds of jobs while bridges come and go: each is answered once, is stored at most once before, and a job that was
/// stored is done.
#[test]
fn bridges_that_come_and_go_lose_nothing_that_they_stored() {
    const ROUNDS: usize = 12;
    const JOBS: usize = 20;
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        for round in 0..ROUNDS {
            let mut bridge = Bridge::new(net);
            let ids = round * JOBS..(round + 1) * JOBS;
            for id in ids.clone() {
                submit(&mut client, id);
            }
            while !ids.clone().all(|id| bridge.sent.contains(&id)) {
                bridge.next();
            }
        }
        let (mut stored, mut ended) = (HashSet::new(), HashSet::new());
        let mut last = bridge_that_is_sent_a_job(net);
        while ended.len() < ROUNDS * JOBS {
            for_each_line(&mut last, |last, line| {
                send(last, "did", line["job"].as_u64().unwrap());
            });
            for_each_line(&mut client, |_, line| {
                let id = usize::try_from(line["id"].as_u64().unwrap()).unwrap();
                assert!(!ended.contains(&id), "after its answer: {line}");
                if line["cmd"] == "stored" {
                    assert!(id % 4 < 2 && stored.insert(id), "{line}");
                    return;
                }
                ended.insert(id);
                assert!(id % 4 > 1 || stored.contains(&id), "{line}");
                // Another bridge may have come before the end of the one that had it was noticed.
                let is_lost = line["code"] == "no_bridge";
                assert!(line.get("code").is_none() || id % 4 == 2 && is_lost, "{line}");
            });
        }
    });
}

/// Handles the lines that a peer receives until its `pong`.
fn for_each_line(peer: &mut Client, mut handle: impl FnMut(&mut Client, &Value)) {
    peer.send(r#"{"cmd":"ping"}"#);
    loop {
        let line: Value = serde_json::from_str(&peer.line()).unwrap();
        if line["cmd"] == "pong" {
            return;
        }
        handle(peer, &line);
    }
}
