//! Jobs and their answers, as they are meant to be used. What a worker takes at once, and which types, is in `slots`.

use std::time::Instant;

use super::fixture::net::everywhere;
use crate::client::Client;
use crate::process::{Server, Via};
use crate::wait::PATIENCE;

#[test]
fn jobs_of_one_type_start_in_the_order_in_which_they_arrived() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        for id in 0..200 {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        }
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for id in 0..200 {
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
        }
    });
}

#[test]
fn a_worker_of_several_types_lets_none_starve() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        let submit = |client: &mut Client, job: usize| {
            client.send(&format!(r#"{{"cmd":"do","id":{job},"type":"t{job}"}}"#));
        };
        (0..50).for_each(|job| submit(&mut client, job % 5));
        worker.send(r#"{"cmd":"can_do","types":["t0","t1","t2","t3","t4"]}"#);
        // No queue ever runs dry, and yet each type has its turn again and again.
        let (mut starts, begun) = ([0; 5], Instant::now());
        while starts.iter().any(|&count| count < 20) {
            assert!(begun.elapsed() < PATIENCE, "{starts:?}");
            let job: serde_json::Value = serde_json::from_str(&worker.line()).unwrap();
            let job = usize::try_from(job["id"].as_u64().unwrap()).unwrap();
            starts[job] += 1;
            submit(&mut client, job);
            worker.send(&format!(r#"{{"cmd":"did","id":{job}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{job}}}"#));
        }
    });
}

#[test]
fn after_the_pong_every_earlier_job_is_accepted_and_no_withdrawn_type_comes() {
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        for round in 0..50 {
            worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
            worker.expect_nothing();
            worker.send(r#"{"cmd":"cant_do","types":["t"]}"#);
            client.send(&format!(r#"{{"cmd":"do","id":{round},"type":"t"}}"#));
            worker.send(r#"{"cmd":"ping"}"#);
            // The job may still have come before the type was taken back, but not after the pong.
            if worker.line() != r#"{"cmd":"pong"}"# {
                worker.expect(r#"{"cmd":"pong"}"#);
                worker.send(&format!(r#"{{"cmd":"did","id":{round}}}"#));
                client.expect(&format!(r#"{{"cmd":"did","id":{round}}}"#));
                continue;
            }
            client.expect_nothing();
            worker.expect_nothing();
            worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
            worker.expect(&format!(r#"{{"cmd":"do","id":{round},"type":"t"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{round}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{round}}}"#));
        }
    });
}

/// Its shard posts to the home before it answers, so whatever follows from the answer comes later.
#[test]
fn after_the_pong_no_job_finds_that_there_is_no_worker() {
    everywhere(&[], |net| {
        let mut worker = net.connect("the worker");
        let mut clients = [(); 4].map(|()| net.connect("a client"));
        for round in 0..50 {
            worker.send(&format!(r#"{{"cmd":"can_do","types":["t{round}"]}}"#));
            worker.send(r#"{"cmd":"ping"}"#);
            worker.expect(r#"{"cmd":"pong"}"#);
            let client = &mut clients[round % 4];
            client.send(&format!(r#"{{"cmd":"do","id":{round},"type":"t{round}","need_worker":true}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{round},"type":"t{round}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{round}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{round}}}"#));
        }
    });
}

#[test]
fn a_client_over_tcp_and_a_worker_over_a_unix_socket_meet() {
    let server = Server::start(&["--threads", "2"]);
    let mut worker = server.connect(Via::Unix, "the worker");
    let mut client = server.connect(Via::Tcp, "the client");
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    worker.send(r#"{"cmd":"did","id":1,"res":true}"#);
    client.expect(r#"{"cmd":"did","id":1,"res":true}"#);
}
