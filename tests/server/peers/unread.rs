//! Peers that do not read what they are sent: when they are given no more, and when they are closed.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::client::Client;
use crate::process::Via;
use crate::server::fixture::bystanders::Bystanders;
use crate::server::fixture::net::{Net, everywhere, over, over_both};

/// Large enough that what the system keeps for a socket is only a few jobs.
const PAYLOAD_BYTES: usize = 512 << 10;
const JOBS: usize = 32;

/// Submits [`JOBS`] large jobs.
fn submit_all(client: &mut Client) {
    let arg = "x".repeat(PAYLOAD_BYTES);
    for id in 0..JOBS {
        client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
    }
    client.expect_nothing();
}

/// A worker of a hundred jobs that reads only when a test calls it.
fn lazy_worker(net: &Net) -> Client {
    let mut worker = net.connect("the lazy worker");
    worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":100}"#);
    worker.expect_nothing();
    worker
}

/// Takes a job, answers it, and says which it was.
fn work_once(worker: &mut Client) -> usize {
    let job: serde_json::Value = serde_json::from_str(&worker.line()).unwrap();
    assert_eq!(job["arg"].as_str().unwrap().len(), PAYLOAD_BYTES);
    worker.send(&format!(r#"{{"cmd":"did","job":{}}}"#, job["job"]));
    usize::try_from(job["id"].as_u64().unwrap()).unwrap()
}

#[test]
fn f40_a_worker_that_does_not_read_is_given_no_more_until_it_does() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        let mut lazy = lazy_worker(net);
        submit_all(&mut client);
        // Another worker gets what the lazy one, with slots left for all, was not given. What it has unsent is about
        // three jobs; the system's buffers take up to ten more.
        let mut eager = net.connect("the eager worker");
        eager.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":100}"#);
        let mut done: Vec<usize> = (0..JOBS / 2).map(|_| work_once(&mut eager)).collect();
        eager.send(r#"{"cmd":"cant_do","types":["t"]}"#);
        eager.send(r#"{"cmd":"ping"}"#);
        loop {
            let line = eager.line();
            if line == r#"{"cmd":"pong"}"# {
                break;
            }
            let job: serde_json::Value = serde_json::from_str(&line).unwrap();
            eager.send(&format!(r#"{{"cmd":"did","job":{}}}"#, job["job"]));
            done.push(usize::try_from(job["id"].as_u64().unwrap()).unwrap());
        }
        // And the lazy one, when it reads, gets all that is left.
        while done.len() < JOBS {
            done.push(work_once(&mut lazy));
        }
        done.sort_unstable();
        assert_eq!(done, (0..JOBS).collect::<Vec<_>>());
        for _ in 0..JOBS {
            assert!(client.line().starts_with(r#"{"cmd":"did","id":"#));
        }
        client.expect_nothing();
    });
}

#[test]
fn f40_a_worker_that_stalls_is_closed_and_its_jobs_are_given_to_others() {
    over_both(&["--threads", "2", "--stall-timeout", "1"], |net| {
        let mut client = net.connect("the client");
        let mut lazy = lazy_worker(net);
        submit_all(&mut client);
        client.until_metric("workers", 0);
        lazy.drain();
        client.until_metric("jobs_waiting", JOBS as u64);
        assert!(client.metrics()["jobs_reassigned"].as_u64().unwrap() > 0);
        let mut worker = net.connect("the next worker");
        worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":100}"#);
        for _ in 0..JOBS {
            work_once(&mut worker);
            client.line();
        }
    });
}

/// Submits jobs and does not read their results.
fn pile_up_results(net: &Net) -> (Client, Client) {
    let mut lazy = net.connect("the lazy client");
    let mut worker = net.connect("the worker");
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    let result = "x".repeat(PAYLOAD_BYTES);
    for id in 0..JOBS {
        lazy.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
    }
    for id in 0..JOBS {
        worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        worker.send(&format!(r#"{{"cmd":"did","id":{id},"res":"{result}"}}"#));
    }
    worker.expect_nothing();
    (lazy, worker)
}

#[test]
fn f40_a_client_that_does_not_read_is_closed_past_the_limit_of_unsent_bytes() {
    everywhere(&["--max-line", "2M", "--max-unsent", "2M"], |net| {
        let (mut lazy, mut worker) = pile_up_results(net);
        worker.until_metric("connections_open", 1);
        assert!(lazy.drain() < JOBS * PAYLOAD_BYTES);
        worker.until_metric("jobs_running", 0);
        worker.until_little_is_held();
    });
}

#[test]
fn f40_a_client_that_reads_late_is_sent_everything() {
    everywhere(&[], |net| {
        let (mut lazy, _worker) = pile_up_results(net);
        for _ in 0..JOBS {
            assert!(lazy.line().len() > PAYLOAD_BYTES);
        }
        lazy.expect_nothing();
    });
}

#[test]
fn f40_a_client_with_much_unsent_that_moves_no_byte_is_closed_after_the_stall_timeout() {
    over_both(&["--threads", "2", "--stall-timeout", "1"], |net| {
        let (mut lazy, mut worker) = pile_up_results(net);
        worker.until_metric("connections_open", 1);
        assert!(lazy.drain() < JOBS * PAYLOAD_BYTES);
    });
}

#[test]
fn f40_a_client_that_submits_past_the_stall_timeout_before_it_reads_lives() {
    let stall_seconds = 3;
    over(Via::Tcp, &["--threads", "2", "--stall-timeout", &stall_seconds.to_string()], |net| {
        let (mut busy, mut worker) = pile_up_results(net);
        let start = Instant::now();
        let mut submitted = 0;
        while start.elapsed() < Duration::from_secs(stall_seconds + 1) {
            busy.send(&format!(r#"{{"cmd":"do","id":{submitted},"type":"t"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{submitted},"type":"t"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{submitted}}}"#));
            submitted += 1;
        }
        for _ in 0..JOBS {
            assert!(busy.line().len() > PAYLOAD_BYTES);
        }
        for id in 0..submitted {
            busy.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        busy.expect_nothing();
    });
}

#[test]
fn f40_a_worker_that_takes_eight_jobs_of_ten_megabytes_at_once_lives() {
    const MEGABYTES_10: usize = 10 << 20;
    over_both(&["--threads", "2"], |net| {
        let mut bystanders = Bystanders::new(net);
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":8}"#);
        let arg = "x".repeat(MEGABYTES_10);
        for id in 0..8 {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
        }
        client.expect_nothing(); // All are accepted, and the worker has read none.
        bystanders.are_served();
        let jobs: Vec<String> = (0..8).map(|_| worker.line()).collect();
        bystanders.are_served();
        for (id, job) in jobs.iter().enumerate() {
            let job: serde_json::Value = serde_json::from_str(job).unwrap();
            assert_eq!((&job["id"], job["arg"].as_str().unwrap().len()), (&id.into(), MEGABYTES_10));
            worker.send(&format!(r#"{{"cmd":"did","job":{},"res":{}}}"#, job["job"], job["arg"]));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":"{arg}"}}"#));
        }
        worker.expect_nothing();
        bystanders.are_served();
    });
}

#[test]
fn an_idle_client_with_nothing_unsent_is_never_stalled() {
    everywhere(&["--stall-timeout", "0"], |net| {
        let mut client = net.connect("the client");
        client.expect_nothing();
        let mut other = net.connect("another");
        (0..100).for_each(|_| other.expect_nothing());
        client.expect_nothing();
    });
}

#[test]
fn what_was_unsent_to_a_client_that_left_is_not_held() {
    // Few bytes that are answered by many, and an end that comes with them: the server writes to who is gone already.
    let questions = "{\"cmd\":\"metrics\"}\n".repeat(3_000);
    everywhere(&[], |net| {
        let mut observer = net.connect("the observer");
        let mut hasty = net.connect("the hasty client");
        hasty.expect_nothing();
        net.server.process.signal(Signal::STOP);
        hasty.send_bytes(questions.as_bytes());
        drop(hasty);
        net.server.process.signal(Signal::CONT);
        observer.until_metric("connections_open", 1);
        observer.until_little_is_held();
    });
}
