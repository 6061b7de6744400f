//! Many clients and workers at once: every answer comes once, to whom it belongs.

use std::collections::HashSet;
use std::thread;

use serde_json::Value;

use crate::client::Client;
use crate::script::{Net, everywhere};

#[test]
fn many_clients_and_workers_get_every_answer_once() {
    everywhere(&["--max-attempts", "0"], |net| {
        thread::scope(|scope| {
            for worker in 0..4 {
                scope.spawn(move || work(net, worker));
            }
            let clients: Vec<_> = (0..4).map(|client| scope.spawn(move || submit(net, client))).collect();
            for client in clients {
                client.join().unwrap();
            }
            let mut last = net.connect("the last client");
            for _ in 0..4 {
                last.send(r#"{"cmd":"do","id":"end","type":"end"}"#);
            }
            for _ in 0..4 {
                last.expect(r#"{"cmd":"did","id":"end"}"#);
            }
        });
    });
}

/// Doubles numbers until it is told to end.
fn work(net: &Net, worker: usize) {
    let mut worker = net.connect(&format!("worker {worker}"));
    worker.send(r#"{"cmd":"can_do","types":["a","b","c"]}"#);
    worker.send(r#"{"cmd":"can_do","types":["end"]}"#);
    loop {
        let job: Value = serde_json::from_str(&worker.line()).unwrap();
        if job["type"] == "end" {
            worker.send(r#"{"cmd":"cant_do","types":["a","b","c","end"]}"#);
            worker.send(r#"{"cmd":"did","id":"end"}"#);
            return worker.expect_nothing();
        }
        let doubled = job["arg"].as_u64().unwrap() * 2;
        worker.send(&format!(r#"{{"cmd":"did","id":{},"res":{doubled}}}"#, job["id"]));
    }
}

/// Submits 200 numbers, and checks that each comes back once.
fn submit(net: &Net, client: u64) {
    let mut client_connection = net.connect(&format!("client {client}"));
    for id in 0..200 {
        let type_name = ["a", "b", "c"][id % 3];
        let arg = client * 1_000 + id as u64;
        client_connection.send(&format!(r#"{{"cmd":"do","id":{id},"type":"{type_name}","arg":{arg}}}"#));
    }
    let mut open: HashSet<u64> = (0..200).collect();
    while !open.is_empty() {
        let answer: Value = serde_json::from_str(&client_connection.line()).unwrap();
        let id = answer["id"].as_u64().unwrap();
        assert_eq!(answer["res"], (client * 1_000 + id) * 2);
        assert!(open.remove(&id), "{id} was answered twice");
    }
    client_connection.expect_nothing();
}

#[test]
fn f12_sixty_four_clients_whose_ids_are_all_one_get_their_own_answers() {
    everywhere(&[], |net| {
        let mut workers = vec![net.connect("a worker of one job"), net.connect("a worker of 64 jobs")];
        workers[0].send(r#"{"cmd":"can_do","types":["t"]}"#);
        workers[1].send(r#"{"cmd":"can_do","types":["t"],"max_jobs":64}"#);
        thread::scope(|scope| {
            let clients: Vec<_> = (0..64).map(|client| scope.spawn(move || submit_as_one(net, client))).collect();
            for worker in workers {
                scope.spawn(|| echo_until_told(worker));
            }
            for client in clients {
                client.join().unwrap();
            }
            let mut last = net.connect("the last client");
            for _ in 0..2 {
                last.send(r#"{"cmd":"do","id":1,"type":"t","arg":"end"}"#);
                last.expect(r#"{"cmd":"did","id":1,"res":"end"}"#);
            }
        });
    });
}

/// Submits five jobs, each as "1", and checks that it gets the five answers.
fn submit_as_one(net: &Net, client: usize) {
    let mut connection = net.connect(&format!("client {client}"));
    let mut expected = Vec::new();
    for job in 0..5 {
        connection.send(&format!(r#"{{"cmd":"do","id":"1","type":"t","arg":"{client}.{job}"}}"#));
        expected.push(format!(r#"{{"cmd":"did","id":"1","res":"{client}.{job}"}}"#));
    }
    let mut got: Vec<String> = (0..5).map(|_| connection.line()).collect();
    got.sort();
    assert_eq!(got, expected);
    connection.expect_nothing();
}

/// Answers each job with its argument; takes no more after the one that says so.
fn echo_until_told(mut worker: Client) {
    loop {
        let line = worker.line();
        let job: Value = serde_json::from_str(&line).unwrap();
        let (name, value) = if job["job"].is_number() { ("job", &job["job"]) } else { ("id", &job["id"]) };
        let end = job["arg"] == "end";
        if end {
            worker.send(r#"{"cmd":"cant_do","types":["t"]}"#);
        }
        worker.send(&format!(r#"{{"cmd":"did","{name}":{value},"res":{}}}"#, job["arg"]));
        if end {
            return worker.expect_nothing();
        }
    }
}
