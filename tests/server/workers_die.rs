//! Workers that go away with a job: as closed connections, and as processes that are killed or stopped.

use std::time::Instant;

use rustix::process::Signal;

use super::doomed::start_workers;
use super::net::{everywhere, over_both};
use crate::figures::{Spread, show};
use crate::scale::scaled;

#[test]
fn f01_the_job_of_a_killed_worker_process_is_next_in_line() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t","arg":"first"}"#);
        let doomed = start_workers(net, 1);
        client.until_metric("jobs_running", 1);
        client.send(r#"{"cmd":"do","id":2,"type":"t","arg":"second"}"#);
        client.until_metric("jobs_waiting", 1);
        doomed.signal(Signal::KILL);
        client.until_metric("jobs_waiting", 2);
        assert_eq!(client.metrics()["jobs_reassigned"], 1);
        let mut worker = net.connect("the next worker");
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for (id, arg) in [(1, "first"), (2, "second")] {
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":"{arg}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id},"res":"{arg}"}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":"{arg}"}}"#));
        }
        let metrics = client.metrics();
        assert_eq!((&metrics["jobs_added"], &metrics["jobs_done"]), (&2.into(), &2.into()));
        assert_eq!(metrics["jobs_dispatched"], 3);
    });
}

#[test]
fn f01_each_job_of_a_killed_worker_process_goes_to_the_worker_that_is_free() {
    let kills = scaled(500);
    over_both(&["--threads", "2"], |net| {
        let (mut client, mut spare) = (net.connect("the client"), net.connect("the spare worker"));
        let mut took = Vec::new();
        for id in 0..kills {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            let doomed = start_workers(net, 1);
            client.until_metric("jobs_running", 1);
            spare.send(r#"{"cmd":"can_do","types":["t"]}"#);
            spare.expect_nothing();
            let killed = Instant::now();
            doomed.signal(Signal::KILL);
            spare.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t"}}"#));
            took.push(killed.elapsed());
            spare.send(r#"{"cmd":"cant_do","types":["t"]}"#);
            spare.send(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id},"res":{id}}}"#));
        }
        show(format_args!("F01, from a kill to the next worker over {:?}: {}", net.via, Spread::of(took)));
    });
}

#[test]
fn f02_the_job_of_a_stopped_worker_process_stays_held_and_others_go_on() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        let stopped = start_workers(net, 1);
        client.until_metric("jobs_running", 1);
        stopped.signal(Signal::STOP);
        let mut worker = net.connect("the other worker");
        worker.send(r#"{"cmd":"can_do","types":["t","u","v"]}"#);
        for (id, name) in (2..20).zip(["t", "u", "v"].into_iter().cycle()) {
            client.send(&format!(r#"{{"cmd":"do","id":{id},"type":"{name}"}}"#));
            worker.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"{name}"}}"#));
            worker.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        assert_eq!(client.metrics()["jobs_running"], 1);
        stopped.signal(Signal::KILL);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
    });
}
