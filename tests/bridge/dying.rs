//! What happens to jobs when a part of the cluster dies.

use serde_json::Value;

use crate::cluster::{Bridge, Cluster};
use crate::passing::next_job;
use crate::wait::until;

/// The options of bridges whose jobs go to others soon after they died.
const SOON: &[&str] = &["--ack-wait", "1"];

#[test]
fn a_lost_worker_is_replaced_and_poison_is_given_up() {
    let Some(cluster) = Cluster::start(SOON) else { return };
    let mut worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    for _ in 0..2 {
        next_job(&mut worker);
        drop(worker);
        worker = cluster.b.0.worker("next worker", 1);
    }
    next_job(&mut worker);
    drop(worker);
    let answer: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!((&answer["id"], &answer["code"]), (&1.into(), &"failed".into()));
    assert!(answer["err"].as_str().unwrap().starts_with("gave_up: "), "{answer}");
    cluster.b.1.until_metric("gave_up_total", 1);
    cluster.b.1.until_metric("jobs_in_progress", 0);
}

#[test]
fn jobs_of_a_killed_bridge_are_delivered_to_the_next_one() {
    let Some(mut cluster) = Cluster::start(SOON) else { return };
    let mut worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    let (job, _) = next_job(&mut worker);
    cluster.b.1.kill();
    // The server ends a job whose submitter has gone.
    worker.expect(&format!(r#"{{"cmd":"cancel","job":{job}}}"#));
    worker.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
    cluster.b.1 = Bridge::start(&cluster.b.0, "b", &cluster.nats.url(), SOON);
    let (job, _) = next_job(&mut worker);
    worker.send(&format!(r#"{{"cmd":"did","job":{job},"res":2}}"#));
    client.expect(r#"{"cmd":"did","id":1,"res":2}"#);
    cluster.b.1.until_metric("redelivered_total", 1);
}

#[test]
fn a_bridge_that_lost_its_server_gives_its_jobs_back_at_once() {
    // Much longer than this test may take.
    let Some(mut cluster) = Cluster::start(&["--ack-wait", "3600"]) else { return };
    let mut worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    next_job(&mut worker);
    cluster.b.0.kill_and_restart();
    let mut worker = cluster.b.0.worker("worker at the new server", 1);
    let (job, _) = next_job(&mut worker);
    worker.send(&format!(r#"{{"cmd":"did","job":{job},"res":2}}"#));
    client.expect(r#"{"cmd":"did","id":1,"res":2}"#);
    cluster.b.1.until_metric("lost_total", 1);
}

#[test]
fn a_restart_of_nats_loses_no_job_and_no_result() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    let mut worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    let (job, _) = next_job(&mut worker);
    cluster.nats.kill();
    for bridge in [&cluster.a.1, &cluster.b.1] {
        until("the loss of NATS", || (bridge.metric("nats_up") == 0).then_some(()));
    }
    worker.send(&format!(r#"{{"cmd":"did","job":{job},"res":2}}"#));
    // Local work goes on.
    let mut near = cluster.a.0.worker("worker at a", 1);
    client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
    let (job, _) = next_job(&mut near);
    near.send(&format!(r#"{{"cmd":"did","job":{job}}}"#));
    client.expect(r#"{"cmd":"did","id":2}"#);
    drop(near);
    cluster.nats.restart();
    client.expect(r#"{"cmd":"did","id":1,"res":2}"#);
    client.expect_nothing();
    cluster.b.1.until_metric("jobs_in_progress", 0);
}

#[test]
fn a_bridge_that_stops_gives_back_what_it_cannot_end() {
    let Some(mut cluster) = Cluster::start(&["--ack-wait", "3600"]) else { return };
    let mut worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    next_job(&mut worker);
    let fresh = Bridge::start(&cluster.b.0, "c", &cluster.nats.url(), &[]);
    std::mem::replace(&mut cluster.b.1, fresh).stop();
    let mut other = cluster.b.0.worker("other worker", 1);
    let (job, _) = next_job(&mut other);
    other.send(&format!(r#"{{"cmd":"did","job":{job},"res":3}}"#));
    client.expect(r#"{"cmd":"did","id":1,"res":3}"#);
}

#[test]
fn a_job_that_is_too_large_for_nats_is_refused_with_the_reason() {
    let Some(cluster) = Cluster::start(&[]) else { return };
    let _worker = cluster.worker_at_b(1);
    let mut client = cluster.a.0.connect("client");
    let arg = "x".repeat(1 << 20);
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","arg":"{arg}"}}"#));
    let answer: Value = serde_json::from_str(&client.line()).unwrap();
    assert!(answer["err"].as_str().unwrap().contains("(max_payload)"), "{answer}");
    cluster.a.1.until_metric("refused_total", 1);
}

#[test]
fn a_durable_job_waits_for_a_worker_while_bridges_and_nats_are_restarted() {
    let Some(mut cluster) = Cluster::start(SOON) else { return };
    // A worker makes the type known, and goes.
    let worker = cluster.worker_at_b(1);
    cluster.a.1.until_metric("durable_types", 1);
    drop(worker);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t","arg":7,"durable":true}"#);
    client.expect(r#"{"cmd":"stored","id":1}"#);
    cluster.a.1.kill();
    cluster.b.1.kill();
    cluster.nats.kill();
    cluster.nats.restart();
    let url = cluster.nats.url();
    cluster.a.1 = Bridge::start(&cluster.a.0, "a", &url, SOON);
    cluster.b.1 = Bridge::start(&cluster.b.0, "b", &url, SOON);
    let mut worker = cluster.b.0.worker("late worker", 1);
    let (job, line) = next_job(&mut worker);
    assert!(line.ends_with(r#","arg":7}"#), "{line}");
    worker.send(&format!(r#"{{"cmd":"did","job":{job},"res":8}}"#));
    client.expect(r#"{"cmd":"did","id":1,"res":8}"#);
    cluster.a.1.until_metric("jobs_outgoing", 0);
    cluster.b.1.until_metric("jobs_in_progress", 0);
}

#[test]
fn without_nats_durable_jobs_are_refused() {
    let Some(mut cluster) = Cluster::start(&[]) else { return };
    let _worker = cluster.worker_at_b(1);
    cluster.a.1.until_metric("durable_types", 1);
    cluster.nats.kill();
    cluster.a.1.until_metric("durable_types", 0);
    let mut client = cluster.a.0.connect("client");
    client.send(r#"{"cmd":"do","id":1,"type":"t","durable":true}"#);
    let answer: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!(answer["code"], "no_bridge");
}
