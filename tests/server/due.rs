//! What the server does when it is time, without a line that would wake it.

use rustix::process::Signal;
use serde_json::Value;

use super::fixture::net::{Net, everywhere, over};
use crate::client::Client;
use crate::process::{Server, Via};

/// A client, and a worker with job numbers.
fn client_and_worker(net: &Net) -> (Client, Client) {
    let mut worker = net.connect("the worker");
    worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":2}"#);
    worker.expect_nothing();
    (net.connect("the client"), worker)
}

/// The number of the job that the worker is sent next, and the line without it.
fn next_job(worker: &mut Client) -> (u64, String) {
    let line = worker.line();
    let number = serde_json::from_str::<Value>(&line).unwrap()["job"].as_u64().unwrap();
    (number, line.replacen(&format!(r#","job":{number}"#), "", 1))
}

fn expect_code(client: &mut Client, code: &str) {
    let answer: Value = serde_json::from_str(&client.line()).unwrap();
    assert_eq!((&answer["cmd"], &answer["id"], &answer["code"]), (&"did".into(), &1.into(), &code.into()), "{answer}");
}

#[test]
fn a_delayed_job_comes_to_its_worker() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = client_and_worker(net);
        client.send(r#"{"cmd":"do","id":1,"type":"t","delay_ms":30}"#);
        let (number, line) = next_job(&mut worker);
        assert_eq!(line, r#"{"cmd":"do","id":1,"type":"t"}"#);
        worker.send(&format!(r#"{{"cmd":"did","job":{number},"res":5}}"#));
        client.expect(r#"{"cmd":"did","id":1,"res":5}"#);
        client.until_metric("jobs_delayed", 0);
    });
}

#[test]
fn a_job_that_waits_expires_at_its_deadline() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t","deadline_ms":30}"#);
        expect_code(&mut client, "expired");
        client.until_metric("jobs_waiting", 0);
    });
}

#[test]
fn a_job_that_no_worker_takes_in_time_ends() {
    everywhere(&[], |net| {
        let (mut client, _worker) = client_and_worker(net);
        for wait in [0, 30] {
            client.send(&format!(r#"{{"cmd":"do","id":1,"type":"other","wait_ms":{wait}}}"#));
            expect_code(&mut client, "no_worker");
        }
        client.until_metric("jobs_waiting", 0);
        client.until_metric("jobs_no_worker", 2);
    });
}

/// On a slow machine the job may end before it comes to the worker, so it is tried with more and more time.
#[test]
fn a_job_that_is_given_back_too_late_ends() {
    over(Via::Unix, &["--threads", "2"], |net| {
        for wait in [50, 1_000, 10_000] {
            let (mut client, mut worker) = client_and_worker(net);
            client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","wait_ms":{wait}}}"#));
            client.send(&format!(r#"{{"cmd":"do","id":2,"type":"other","wait_ms":{wait}}}"#));
            let over: Value = serde_json::from_str(&client.line()).unwrap();
            assert_eq!(over["code"], "no_worker", "{over}");
            worker.send(r#"{"cmd":"ping"}"#);
            if over["id"] == 2 && worker.line() != r#"{"cmd":"pong"}"# {
                drop(worker);
                return expect_code(&mut client, "no_worker");
            }
        }
        panic!("no job came to the worker");
    });
}

/// On a slow machine the job may expire before it comes to the worker, so it is tried with more and more time.
#[test]
fn a_worker_gets_a_cancel_when_its_job_has_expired() {
    over(Via::Unix, &["--threads", "2"], |net| {
        let (mut client, mut worker) = client_and_worker(net);
        for deadline in [100, 1_000, 10_000] {
            client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","deadline_ms":{deadline}}}"#));
            expect_code(&mut client, "expired");
            worker.send(r#"{"cmd":"ping"}"#);
            let line = worker.line();
            if line == r#"{"cmd":"pong"}"# {
                continue;
            }
            let job: Value = serde_json::from_str(&line).unwrap();
            let received = [worker.line(), worker.line()];
            assert!(received.contains(&format!(r#"{{"cmd":"cancel","job":{}}}"#, job["job"])), "{received:?}");
            worker.send(&format!(r#"{{"cmd":"did","job":{}}}"#, job["job"]));
            return client.until_metric("slots_spent", 0);
        }
        panic!("no job came to the worker");
    });
}

#[test]
fn a_job_that_is_held_too_long_is_given_out_again() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = client_and_worker(net);
        client.send(r#"{"cmd":"do","id":1,"type":"t","run_limit_ms":30,"attempts":2}"#);
        let (first, line) = next_job(&mut worker);
        assert_eq!(line, r#"{"cmd":"do","id":1,"type":"t","run_limit_ms":30}"#);
        worker.expect(&format!(r#"{{"cmd":"cancel","job":{first}}}"#));
        let (second, line) = next_job(&mut worker);
        assert_eq!(line, r#"{"cmd":"do","id":1,"type":"t","attempt":2,"run_limit_ms":30}"#);
        worker.expect(&format!(r#"{{"cmd":"cancel","job":{second}}}"#));
        expect_code(&mut client, "timed_out");
        for number in [first, second] {
            worker.send(&format!(r#"{{"cmd":"did","job":{number}}}"#));
        }
        client.until_metric("slots_spent", 0);
        client.until_metric("results_dropped", 2);
    });
}

/// It takes a second, because the option has no less.
#[test]
fn the_server_has_a_run_limit_for_jobs_that_have_none() {
    over(Via::Unix, &["--threads", "2", "--run-limit", "1", "--max-attempts", "1"], |net| {
        let (mut client, mut worker) = client_and_worker(net);
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        let (number, line) = next_job(&mut worker);
        assert_eq!(line, r#"{"cmd":"do","id":1,"type":"t","run_limit_ms":1000}"#);
        worker.expect(&format!(r#"{{"cmd":"cancel","job":{number}}}"#));
        expect_code(&mut client, "timed_out");
        worker.send(&format!(r#"{{"cmd":"did","job":{number}}}"#));
    });
}

/// The server runs as long as jobs are held, but no longer for one that is overdue.
#[test]
fn a_server_that_stops_ends_what_is_overdue() {
    for (attempts, code) in [(1, "timed_out"), (2, "shutdown")] {
        let server = Server::start(&["--threads", "2", "--drain-timeout", "3600"]);
        let mut worker = server.connect(Via::Unix, "the worker");
        let mut client = server.connect(Via::Unix, "the client");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","run_limit_ms":300,"attempts":{attempts}}}"#));
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        server.process.signal(Signal::TERM);
        // If it is overdue before the signal comes, it waits then, and the answer is the same.
        expect_code(&mut client, code);
        assert_eq!(server.process.ended().status.code(), Some(0));
    }
}
