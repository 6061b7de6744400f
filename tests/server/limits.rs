//! The bounds on lines, types and memory. What is not read by its peer has a file of its own.

use super::net::everywhere;
use crate::client::Client;

/// A `ping` of so many bytes, its end not counted.
fn ping_of(bytes: usize) -> String {
    let rest = bytes - r#"{"cmd":"ping","":""}"#.len();
    format!(r#"{{"cmd":"ping","":"{}"}}"#, "x".repeat(rest))
}

#[test]
fn f21_the_tail_of_a_line_that_is_too_long_is_never_obeyed() {
    everywhere(&["--max-line", "1K"], |net| {
        let mut client = net.connect("the client");
        client.expect_nothing();
        let job = r#"{"cmd":"do","id":1,"type":"t"}"#;
        client.send_bytes(format!("{}{}\n{job}\n", " ".repeat(1000), ping_of(100)).as_bytes());
        client.expect_error("too_long", None);
        client.try_send_bytes(format!("{job}\n").repeat(1000).as_bytes());
        client.expect_closed();
        let metrics = net.connect("the observer").metrics();
        assert_eq!(metrics["jobs_added"], 0);
        assert_eq!(metrics["protocol_errors"], 1);
    });
}

#[test]
fn a_job_of_many_megabytes_goes_through_and_back() {
    let payload = "0123456789abcdef".repeat(128 << 10);
    everywhere(&[], |net| {
        let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t","arg":"{payload}"}}"#));
        worker.expect(&format!(r#"{{"cmd":"do","id":1,"type":"t","arg":"{payload}"}}"#));
        worker.send(&format!(r#"{{"cmd":"did","id":1,"res":"{payload}"}}"#));
        client.expect(&format!(r#"{{"cmd":"did","id":1,"res":"{payload}"}}"#));
        client.until_metric("jobs_running", 0);
        client.until_little_is_held();
    });
}

fn submit(client: &mut Client, id: usize, arg: &str) {
    client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
}

#[test]
fn a_job_beyond_the_memory_budget_is_refused_and_what_waits_is_done() {
    let arg = "x".repeat(100 << 10);
    everywhere(&["--max-memory", "1M"], |net| {
        let mut client = net.connect("the client");
        for id in 0..20 {
            submit(&mut client, id, &arg);
        }
        let refused: Vec<usize> = (0..20).filter(|&id| id >= 10).collect();
        for id in &refused {
            let answer = client.line();
            assert!(answer.starts_with(&format!(r#"{{"cmd":"did","id":{id},"err":""#)), "{answer}");
            assert!(answer.ends_with(r#","code":"queue_full"}"#), "{answer}");
        }
        client.expect_nothing();
        client.until_metric("jobs_waiting", 10);
        let metrics = client.metrics();
        assert_eq!(metrics["jobs_refused"], refused.len());
        let (held, budget) = (metrics["bytes_held"].as_u64().unwrap(), metrics["bytes_max"].as_u64().unwrap());
        assert!((10 * arg.len() as u64..=budget).contains(&held), "{held} of {budget}");

        let mut worker = net.connect("the worker");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for id in 0..10 {
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        submit(&mut client, 20, &arg);
        worker.expect(&format!(r#"{{"cmd":"do","id":20,"type":"t","arg":"{arg}"}}"#));
    });
}

#[test]
fn other_work_goes_on_while_the_queue_is_full() {
    let arg = "x".repeat(200 << 10);
    everywhere(&["--max-memory", "1M"], |net| {
        let (mut client, mut other) = (net.connect("the client"), net.connect("the other client"));
        let mut worker = net.connect("the other worker");
        worker.send(r#"{"cmd":"can_do","types":["small"]}"#);
        for id in 0..6 {
            submit(&mut client, id, &arg);
        }
        assert!(client.line().ends_with(r#","code":"queue_full"}"#));
        for id in 0..50 {
            other.send(&format!(r#"{{"cmd":"do","id":{id},"type":"small"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"small"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            other.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
    });
}

#[test]
fn f22_half_a_line_beyond_the_memory_budget_is_cut_off_and_others_live_on() {
    everywhere(&["--max-memory", "1M"], |net| {
        let mut idle: Vec<_> = (0..4).map(|_| net.connect("an idle client")).collect();
        idle.iter_mut().for_each(Client::expect_nothing);
        let mut greedy = net.connect("the greedy client");
        greedy.expect_nothing();
        greedy.send_bytes(br#"{"cmd":"do","id":1,"type":"t","arg":""#);
        greedy.try_send_bytes(&vec![b'x'; 3 << 20]);
        greedy.expect_error("queue_full", None);
        greedy.expect_closed();
        idle.iter_mut().for_each(Client::expect_nothing);
        idle[0].until_metric("connections_open", 4);
        idle[0].until_little_is_held();
        assert_eq!(idle[0].metrics()["jobs_added"], 0);
    });
}
