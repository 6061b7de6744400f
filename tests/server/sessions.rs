//! Jobs and their answers, as they are meant to be used. What a worker takes at once, and which types, is in `slots`.

use std::time::Instant;

use super::script::{everywhere, play};
use crate::client::Client;
use crate::process::{Server, Via};
use crate::wait::PATIENCE;

#[test]
fn a_job_goes_to_a_worker_and_its_result_to_the_submitter() {
    play(
        r#"
        W> {"cmd":"can_do","types":["hash"]}
        C> {"cmd":"do","id":"j1","type":"hash","arg":{"path":"/a"}}
        W< {"cmd":"do","id":"j1","type":"hash","arg":{"path":"/a"}}
        W> {"cmd":"did","id":"j1","res":[1,2]}
        C< {"cmd":"did","id":"j1","res":[1,2]}
        jobs_done = 1
        W quiet
        C quiet
        "#,
    );
}

#[test]
fn a_job_waits_for_a_worker_of_its_type() {
    play(
        r#"
        O> {"cmd":"can_do","types":["other"]}
        C> {"cmd":"do","id":1,"type":"t"}
        jobs_waiting = 1
        O quiet
        W> {"cmd":"can_do","types":["t"]}
        W< {"cmd":"do","id":1,"type":"t"}
        W> {"cmd":"did","id":1}
        C< {"cmd":"did","id":1}
        "#,
    );
}

#[test]
fn null_is_a_value_and_an_absent_one_stays_absent() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":1,"type":"t","arg":null}
        W< {"cmd":"do","id":1,"type":"t","arg":null}
        W> {"cmd":"did","id":1,"res":null}
        C< {"cmd":"did","id":1,"res":null}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":2,"type":"t"}
        W> {"cmd":"did","id":2}
        C< {"cmd":"did","id":2}
        "#,
    );
}

#[test]
fn values_come_out_as_they_went_in() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> { "arg" : {"b" : 1e400, "a":[ -0, 2.50,"\u0041\/\ud800"]} , "type":"\u0074", "x":{}, "id":1 ,"\u0063md":"\u0064o"}
        W< {"cmd":"do","id":1,"type":"t","arg":{"b" : 1e400, "a":[ -0, 2.50,"\u0041\/\ud800"]}}
        W> {"cmd":"did","id":1, "res" : "\u00e9é" }
        C< {"cmd":"did","id":1,"res":"\u00e9é"}
        "#,
    );
}

#[test]
fn a_worker_that_fails_says_how_in_its_own_words() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":1,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        W> {"cmd":"did","id":1,"err":{"why": 7}}
        C< {"cmd":"did","id":1,"err":{"why": 7},"code":"failed"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":2,"type":"t"}
        W> {"cmd":"did","id":2,"err":null}
        C< {"cmd":"did","id":2,"err":null,"code":"failed"}
        jobs_failed = 2
        jobs_running = 0
        "#,
    );
}

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
fn f13_the_result_of_a_submitter_that_left_is_dropped_and_the_worker_goes_on() {
    play(
        r#"
        W> {"cmd":"can_do","types":["t"]}
        C> {"cmd":"do","id":1,"type":"t"}
        C> {"cmd":"do","id":2,"type":"t"}
        W< {"cmd":"do","id":1,"type":"t"}
        jobs_waiting = 1
        C leaves
        connections_open = 2
        W> {"cmd":"did","id":1}
        W< {"cmd":"do","id":2,"type":"t"}
        W> {"cmd":"did","id":2,"err":0}
        results_dropped = 2
        D> {"cmd":"do","id":3,"type":"t"}
        W< {"cmd":"do","id":3,"type":"t"}
        W> {"cmd":"did","id":3}
        D< {"cmd":"did","id":3}
        "#,
    );
}

#[test]
fn f16_a_client_can_work_for_itself() {
    play(
        r#"
        C> {"cmd":"do","id":1,"type":"t","arg":5}
        C> {"cmd":"can_do","types":["t"]}
        C< {"cmd":"do","id":1,"type":"t","arg":5}
        C> {"cmd":"did","id":1,"res":6}
        C< {"cmd":"did","id":1,"res":6}
        "#,
    );
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
