//! Many jobs, clients and workers at once: every answer comes once, in order where an order is promised.

use std::collections::HashSet;
use std::fmt::Write;
use std::thread;
use std::time::Instant;

use serde_json::Value;

use super::fixture::bystanders::beside_bystanders;
use super::fixture::echo_workers::{Job, job_lines, with_echo_workers};
use super::fixture::net::{Net, everywhere, over_both};
use crate::client::Client;
use crate::figures::show;
use crate::scale::scaled;

#[test]
fn many_clients_and_workers_get_every_answer_once() {
    everywhere(&["--max-attempts", "0"], |net| {
        with_echo_workers(net, &[r#""types":["a","b","c"]"#; 4], || at_once(4, |client| submit(net, client)));
    });
}

/// Runs this many clients, each on a thread of its own.
fn at_once(clients: usize, run: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for client in 0..clients {
            let run = &run;
            scope.spawn(move || run(client));
        }
    });
}

/// Submits 200 numbers, and checks that each comes back once.
fn submit(net: &Net, client: usize) {
    let mut connection = net.connect(&format!("client {client}"));
    for id in 0..200 {
        let type_name = ["a", "b", "c"][id % 3];
        let arg = client * 1_000 + id;
        connection.send(&format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}","arg":{arg}}}"#));
    }
    let mut open: HashSet<usize> = (0..200).collect();
    while !open.is_empty() {
        let answer: Value = serde_json::from_str(&connection.line()).unwrap();
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        assert_eq!(answer["res"], client * 1_000 + id);
        assert!(open.remove(&id), "{id} was answered twice");
    }
    connection.expect_nothing();
}

#[test]
fn f12_sixty_four_clients_whose_ids_are_all_one_get_their_own_answers() {
    everywhere(&[], |net| {
        with_echo_workers(net, &[r#""types":["t"]"#, r#""types":["t"],"max_jobs":64"#], || {
            at_once(64, |client| submit_as_one(net, client));
        });
    });
}

/// Submits five jobs, each as "1", and checks that it gets the five answers.
fn submit_as_one(net: &Net, client: usize) {
    let mut connection = net.connect(&format!("client {client}"));
    for job in 0..5 {
        connection.send(&format!(r#"{{"cmd":"do","id":"1","type":"t","arg":"{client}.{job}"}}"#));
    }
    expect_as_one(&mut connection, (0..5).map(|job| format!("{client}.{job}")));
}

/// The next answers must be these results of jobs called "1", in any order, and nothing may follow.
fn expect_as_one(client: &mut Client, results: impl Iterator<Item = String>) {
    let mut expected: Vec<String> = results.map(|res| format!(r#"{{"cmd":"did","id":"1","res":"{res}"}}"#)).collect();
    let mut got: Vec<String> = expected.iter().map(|_| client.line()).collect();
    expected.sort();
    got.sort();
    assert_eq!(got, expected);
    client.expect_nothing();
}

#[test]
fn f12_jobs_with_one_id_that_are_all_held_at_once_are_distinguished() {
    // As many slots as jobs: all are held before the first is answered.
    let can_do = [r#""types":["t"]"#, r#""types":["t"]"#, r#""types":["t"],"max_jobs":64"#];
    everywhere(&[], |net| {
        let mut clients: Vec<Client> = (0..64).map(|client| net.connect(&format!("client {client}"))).collect();
        let mut twice = net.connect("the client that uses an id twice");
        let submit = |client: &mut Client, arg: &str| {
            client.send(&format!(r#"{{"cmd":"do","id":"1","type":"t","arg":"{arg}"}}"#));
        };
        clients.iter_mut().enumerate().for_each(|(nth, client)| submit(client, &nth.to_string()));
        submit(&mut twice, "first");
        submit(&mut twice, "second");
        let mut held: Vec<(Client, Vec<String>)> = Vec::new();
        for can_do in can_do {
            let mut worker = net.connect("a worker");
            worker.send(&format!(r#"{{"cmd":"can_do",{can_do}}}"#));
            held.push((worker, Vec::new()));
        }
        twice.until_metric("jobs_running", 66);
        for ((worker, lines), slots) in held.iter_mut().zip([1, 1, 64]) {
            lines.extend((0..slots).map(|_| worker.line()));
        }
        for (worker, lines) in held.iter_mut().rev() {
            lines.iter().rev().for_each(|line| worker.send(&Job::of(line).echo()));
            worker.expect_nothing();
        }
        clients.iter_mut().enumerate().for_each(|(nth, client)| expect_as_one(client, [nth.to_string()].into_iter()));
        expect_as_one(&mut twice, ["first", "second"].into_iter().map(str::to_owned));
    });
}

#[test]
fn f15_one_worker_that_comes_late_does_a_backlog_in_order() {
    let jobs = scaled(100_000);
    over_both(&["--threads", "2"], |net| {
        let mut client = net.connect("the client");
        client.send_bytes(job_lines(jobs).as_bytes());
        client.until_metric("jobs_waiting", jobs as u64);
        let mut other = net.connect("a worker and client of another type");
        other.send(r#"{"cmd":"can_do","types":["other"]}"#);
        other.send(r#"{"cmd":"do","id":1,"type":"other"}"#);
        other.expect(r#"{"cmd":"do","id":1,"type":"other"}"#);
        other.send(r#"{"cmd":"did","id":1}"#);
        other.expect(r#"{"cmd":"did","id":1}"#);
        let start = Instant::now();
        let mut worker = net.connect("the worker");
        worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":100}"#);
        for id in 0..jobs {
            let line = worker.line();
            let job = Job::of(&line);
            assert_eq!(job.arg(), id.to_string());
            worker.send(&job.echo());
        }
        for id in 0..jobs {
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
        }
        client.expect_nothing();
        show(format_args!("F15: {:?}: {jobs} jobs were done by one worker in {:.2?}", net.via, start.elapsed()));
    });
}

/// Jobs that the worker answers with one write.
const BATCH: usize = 100;

#[test]
fn f23_jobs_submitted_in_one_go_keep_their_order_and_others_are_served() {
    let count = scaled(1_000_000).next_multiple_of(BATCH);
    let mut lines = String::new();
    for id in 0..count {
        writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"t"}}"#).unwrap();
    }
    over_both(&["--threads", "2"], |net| {
        let (mut client, worker) = (net.connect("the client"), net.connect("the worker"));
        beside_bystanders(net, || {
            thread::scope(|scope| {
                scope.spawn(|| work_in_order(worker, count));
                client.send_bytes(lines.as_bytes());
                for id in 0..count {
                    client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
                }
                client.expect_nothing();
            });
        });
    });
}

/// Is sent the jobs in the order in which they were submitted, and ends them so.
fn work_in_order(mut worker: Client, count: usize) {
    worker.send(&format!(r#"{{"cmd":"can_do","types":["t"],"max_jobs":{BATCH}}}"#));
    for first in (0..count).step_by(BATCH) {
        let mut answers = String::new();
        for id in first..first + BATCH {
            let line = worker.line();
            let number = line.strip_prefix(&format!(r#"{{"cmd":"do","id":{id},"type":"t","job":"#));
            let number = number.and_then(|rest| rest.strip_suffix('}'));
            let number = number.unwrap_or_else(|| panic!("job {id} should have been next, not {line}"));
            writeln!(answers, r#"{{"cmd":"did","job":{number},"res":{id}}}"#).unwrap();
        }
        worker.send_bytes(answers.as_bytes());
    }
    worker.expect_nothing();
}
