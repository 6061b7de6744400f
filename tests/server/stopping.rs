//! Asked to stop: what is still answered, what is refused, and when the process ends.

use std::path::Path;
use std::time::Instant;

use rustix::process::Signal;

use super::fixture::net::{Net, everywhere, over_both};
use crate::client::Client;
use crate::figures::show;
use crate::proc::child_of;
use crate::process::{Server, Via};
use crate::programs;
use crate::wait::until;

const SIGNALS: [Signal; 2] = [Signal::TERM, Signal::INT];

/// A worker that holds job 1 of a client, whose job 2 waits.
fn hold_one_and_wait_with_one(net: &Net) -> (Client, Client) {
    let (mut client, mut worker) = (net.connect("the client"), net.connect("the worker"));
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
    worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    client.send(r#"{"cmd":"do","id":2,"type":"t"}"#);
    client.until_metric("jobs_waiting", 1);
    (client, worker)
}

fn expect_shutdown(client: &mut Client, id: u32) {
    let answer = client.line();
    assert!(answer.starts_with(&format!(r#"{{"cmd":"did","id":{id},"err":""#)), "{answer}");
    assert!(answer.ends_with(r#","code":"shutdown"}"#), "{answer}");
}

/// The server must end with this code, without its socket file. Returns its stderr.
fn expect_ended(net: &Net, code: i32) -> String {
    let ended = net.server.process.ended();
    assert_eq!(ended.status.code(), Some(code), "{ended:?}");
    assert!(!net.server.sock.exists() || code != 0, "the socket file is left");
    ended.stderr
}

/// Runs a test over every way to the server, once per signal.
fn each(options: &[&str], signals: &[Signal], test: impl Fn(&Net, Signal)) {
    for &signal in signals {
        everywhere(options, |net| test(net, signal));
    }
}

#[test]
fn f60_a_job_that_is_held_may_finish_and_everything_else_is_answered_shutdown() {
    each(&["--drain-timeout", "60"], &SIGNALS, |net, signal| {
        let (mut client, mut worker) = hold_one_and_wait_with_one(net);
        let mut idle = net.connect("another client");
        idle.expect_nothing();
        net.server.process.signal(signal);
        expect_shutdown(&mut client, 2);
        let metrics = idle.metrics();
        assert_eq!(metrics["draining"], true);
        assert_eq!((&metrics["jobs_running"], &metrics["jobs_waiting"]), (&1.into(), &0.into()));
        assert_eq!((&metrics["jobs_failed"], &metrics["jobs_refused"]), (&1.into(), &0.into()));
        idle.send(r#"{"cmd":"do","id":3,"type":"t"}"#);
        expect_shutdown(&mut idle, 3);
        idle.expect_nothing();
        // Refused, or accepted just before its shard learned of the stop: answered either way, and counted once.
        let metrics = idle.metrics();
        let counted = |name: &str| metrics[name].as_u64().unwrap();
        assert_eq!(counted("jobs_refused") + counted("jobs_failed"), 2, "{metrics}");
        assert!(!net.server.sock.exists());
        assert!(!Client::can_connect(&net.server.address(Via::Tcp)));
        assert!(!Client::can_connect(&net.server.address(Via::Unix)));
        worker.send(r#"{"cmd":"did","id":1,"res":"in time"}"#);
        client.expect(r#"{"cmd":"did","id":1,"res":"in time"}"#);
        client.expect_closed();
        worker.expect_closed();
        idle.expect_closed();
        expect_ended(net, 0);
    });
}

#[test]
fn f60_a_job_that_does_not_finish_in_time_is_answered_shutdown() {
    for drain in ["0", "1"] {
        over_both(&["--threads", "2", "--drain-timeout", drain], |net| {
            let (mut client, mut worker) = hold_one_and_wait_with_one(net);
            net.server.process.signal(Signal::TERM);
            expect_shutdown(&mut client, 2);
            expect_shutdown(&mut client, 1);
            client.expect_closed();
            worker.drain();
            let log = expect_ended(net, 0);
            assert!(log.contains("warning: 1 job that workers still held was answered shutdown"), "{log}");
        });
    }
}

#[test]
fn f60_a_job_that_is_given_back_while_stopping_is_answered_shutdown() {
    everywhere(&["--drain-timeout", "60"], |net| {
        let (mut client, worker) = hold_one_and_wait_with_one(net);
        net.server.process.signal(Signal::TERM);
        expect_shutdown(&mut client, 2);
        drop(worker);
        expect_shutdown(&mut client, 1);
        client.expect_closed();
        expect_ended(net, 0);
    });
}

#[test]
fn f60_a_server_with_nothing_to_do_stops_at_once() {
    each(&["--drain-timeout", "86400"], &SIGNALS, |net, signal| {
        let mut idle = net.connect("an idle worker");
        idle.send(r#"{"cmd":"can_do","types":["t"]}"#);
        idle.expect_nothing();
        let start = Instant::now();
        net.server.process.signal(signal);
        idle.expect_closed();
        expect_ended(net, 0);
        show(format_args!("F60: {:?}: a server with nothing to do ended after {:.2?}", net.via, start.elapsed()));
    });
}

#[test]
fn f60_a_job_whose_submitter_left_does_not_hold_up_the_stop_forever() {
    over_both(&["--threads", "2", "--drain-timeout", "1"], |net| {
        let (client, mut worker) = hold_one_and_wait_with_one(net);
        drop(client);
        net.server.process.signal(Signal::TERM);
        worker.drain();
        expect_ended(net, 0);
    });
}

#[test]
fn f60_a_second_signal_ends_the_server_at_once() {
    for (first, second, code) in [
        (Signal::TERM, Signal::TERM, 143),
        (Signal::INT, Signal::INT, 130),
        (Signal::TERM, Signal::INT, 130),
        (Signal::INT, Signal::TERM, 143),
    ] {
        let server = Server::start(&["--drain-timeout", "86400"]);
        let net = Net { server, via: Via::Unix };
        let (mut client, _worker) = hold_one_and_wait_with_one(&net);
        net.server.process.signal(first);
        expect_shutdown(&mut client, 2);
        net.server.process.signal(second);
        expect_ended(&net, code);
    }
}

#[test]
fn f61_signals_that_say_nothing_to_the_server_do_not_stop_it() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::PIPE] {
            net.server.process.signal(signal);
            client.expect_nothing();
            net.connect("another").expect_nothing();
        }
        assert_eq!(client.metrics()["draining"], false);
    });
}

#[test]
fn f60_a_client_that_reads_late_gets_its_answers_before_the_stop_closes_it() {
    everywhere(&["--drain-timeout", "60"], |net| {
        let mut client = net.connect("the client");
        for id in 0..2_000 {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
        }
        client.until_metric("jobs_waiting", 2_000);
        net.server.process.signal(Signal::TERM);
        let mut answered = vec![false; 2_000];
        while let Some(line) = client.next_line() {
            let answer: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(answer["code"], "shutdown");
            let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
            assert!(!std::mem::replace(&mut answered[id], true), "{id} was answered twice");
        }
        assert!(answered.iter().all(|&answered| answered));
        expect_ended(net, 0);
    });
}

#[test]
fn f60_as_process_one_the_server_stops_as_everywhere() {
    let unshare = ["unshare", "--fork", "--pid", "--kill-child"];
    if !Path::new("/proc/self/task").exists() || !programs::permitted(&[&unshare[..], &["true"]].concat()) {
        return;
    }
    for (signal, times, code) in
        [(Signal::TERM, 1, 0), (Signal::INT, 1, 0), (Signal::TERM, 2, 143), (Signal::INT, 2, 130)]
    {
        let server = Server::start_under(&unshare, &["--drain-timeout", "86400"]);
        let net = Net { server, via: Via::Tcp };
        let (mut client, mut worker) = hold_one_and_wait_with_one(&net);
        let first = until("the server's own process", || child_of(net.server.process.id()));
        let kill = || rustix::process::kill_process(first, signal).unwrap();
        kill();
        expect_shutdown(&mut client, 2);
        if times == 1 {
            worker.send(r#"{"cmd":"did","id":1}"#);
            client.expect(r#"{"cmd":"did","id":1}"#);
        } else {
            kill();
        }
        expect_ended(&net, code);
    }
}
