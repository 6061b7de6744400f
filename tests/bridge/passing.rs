//! Jobs that pass from one machine to another, and their results.

use serde::Deserialize;
use serde_json::Value;

use crate::client::Client;
use crate::cluster::{Bridge, Cluster, Nats, Site};
use crate::wait::until;

/// Returns the number of the next job that a worker is sent, and its line.
pub(crate) fn next_job(worker: &mut Client) -> (u64, String) {
    #[derive(Deserialize)]
    struct Job<'a> {
        cmd: &'a str,
        job: u64,
    }
    let line = worker.line();
    let job: Job<'_> = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
    assert_eq!(job.cmd, "do", "{line}");
    (job.job, line)
}

#[test]
fn a_job_without_a_local_worker_is_done_by_another_machine() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let mut worker = cluster.worker_at_b(2);
    let mut client = cluster.a.0.connect("client");
    // Carried values come through as they are, on both ways.
    client.send(r#"{"cmd":"do","id":1,"type":"t","arg":{ "b": 1e400,  "a": null }}"#);
    let (job, line) = next_job(&mut worker);
    assert!(line.ends_with(r#","arg":{ "b": 1e400,  "a": null }}"#), "{line}");
    worker.send(&format!(r#"{{"cmd":"did","job":{job},"res":[ -0 ]}}"#));
    client.expect(r#"{"cmd":"did","id":1,"res":[ -0 ]}"#);
    // What is absent stays absent.
    client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
    let (job, line) = next_job(&mut worker);
    assert!(!line.contains("arg"), "{line}");
    worker.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
    client.expect(r#"{"cmd":"did","id":2}"#);
    // Failures come back too.
    client.send(r#"{"cmd":"do","id":3,"type":"t","arg":null}"#);
    let (job, line) = next_job(&mut worker);
    assert!(line.ends_with(r#","arg":null}"#), "{line}");
    worker.send(&format!(r#"{{"cmd":"did","job":{job},"err":{{"no":1}}}}"#));
    client.expect(r#"{"cmd":"did","id":3,"err":{"no":1},"code":"failed"}"#);
    cluster.a.1.until_metric("answered_total", 3);
    cluster.b.1.until_metric("jobs_in_progress", 0);
    cluster.a.1.until_metric("jobs_outgoing", 0);
    cluster.b.1.until_metric("pulled_total", 3);
    cluster.a.1.stop();
    cluster.b.1.stop();
}

#[test]
fn a_free_local_worker_comes_first() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let mut far = cluster.worker_at_b(2);
    let mut near = cluster.a.0.worker("worker at a", 1);
    // The server has read of its slot before the jobs come.
    near.send(r#"{"cmd":"ping"}"#);
    near.expect(r#"{"cmd":"pong"}"#);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    let (job, _) = next_job(&mut near);
    // The only slot here is taken.
    client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
    let (far_job, _) = next_job(&mut far);
    far.send(&format!(r#"{{"cmd":"did","job":{far_job}}}"#));
    client.expect(r#"{"cmd":"did","id":2}"#);
    near.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
    client.expect(r#"{"cmd":"did","id":1}"#);
    cluster.a.1.until_metric("published_total", 1);
}

#[test]
fn pulls_are_cancelled_when_local_jobs_take_the_slots() {
    // A job that a pull swallowed would come much later than this test waits.
    let Some(cluster) = Cluster::start(&["--ack-wait", "3600"]) else { return };
    let mut worker = cluster.worker_at_b(2);
    cluster.b.1.until_metric("pull_slots", 2);
    let mut near = cluster.b.0.connect("client at b");
    for id in [1, 2] {
        near.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"near"}}"#));
    }
    let (first, _) = next_job(&mut worker);
    let (second, _) = next_job(&mut worker);
    cluster.b.1.until_metric("pull_slots", 0);
    let mut far = cluster.a.0.connect("client at a");
    far.send(r#"{"cmd":"do","id":3,"type":"t","arg":"far"}"#);
    cluster.a.1.until_metric("published_total", 1);
    assert_eq!(cluster.b.1.metric("pulled_total"), 0);
    worker.send(&format!(r#"{{"cmd":"did","job":{first}}}"#));
    near.expect(r#"{"cmd":"did","id":1}"#);
    let (third, line) = next_job(&mut worker);
    assert!(line.ends_with(r#","arg":"far"}"#), "{line}");
    for job in [second, third] {
        worker.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
    }
    far.expect(r#"{"cmd":"did","id":3}"#);
    cluster.b.1.until_metric("pulled_total", 1);
    assert_eq!((cluster.b.1.metric("bounced_total"), cluster.b.1.metric("redelivered_total")), (0, 0));
}

#[test]
fn many_jobs_of_several_clients_are_each_answered_once() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let mut worker = cluster.worker_at_b(16);
    let mut clients = ["first", "second"].map(|name| cluster.a.0.connect(name));
    for id in 0..200 {
        for client in &mut clients {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":{id}}}"#));
        }
    }
    for _ in 0..400 {
        let (job, line) = next_job(&mut worker);
        let line: Value = serde_json::from_str(&line).unwrap();
        worker.send(&format!(r#"{{"cmd":"did","job":{job},"res":{}}}"#, line["arg"]));
    }
    for client in &mut clients {
        let mut ids: Vec<u64> = (0..200)
            .map(|_| {
                let answer: Value = serde_json::from_str(&client.line()).unwrap();
                assert_eq!(answer["id"], answer["res"]);
                answer["id"].as_u64().unwrap()
            })
            .collect();
        ids.sort_unstable();
        assert!(ids.into_iter().eq(0..200));
        client.expect_nothing();
    }
}

#[test]
fn jobs_with_the_bridge_are_counted_apart_and_those_in_the_stream_counted() {
    let Some(nats) = Nats::start() else { return };
    let site = Site::start();
    let bridge = Bridge::start(&site, "a", &nats.url(), &["--types", "t"]);
    bridge.until_metric("durable_types", 1);
    let mut client = site.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t","durable":true}"#);
    client.expect(r#"{"cmd":"stored","id":1}"#);
    client.send(r#"{"cmd":"metrics","types":["t"]}"#);
    let answer: Value = serde_json::from_str(&client.line()).unwrap();
    let row = &answer["metrics"]["types"]["t"];
    assert_eq!((&row["running"], &row["passed_on"], &row["oldest_here_ms"]), (&1.into(), &1.into(), &0.into()));
    // A bridge counts what is in the stream when it connects, and then from time to time. No worker ever did the type.
    let second = Site::start();
    let other = Bridge::start(&second, "b", &nats.url(), &[]);
    let counted = "\ndeputy_bridge_stream_waiting{type=\"t\"} 1\n";
    until("the count of the stream", || other.get("/metrics").body.contains(counted).then_some(()));
    other.stop();
    bridge.kill();
}
