//! Workers that die with a job: processes that are killed or stopped, thousands in one instant, and a job that kills its
//! workers.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::client::Client;
use crate::figures::{Spread, show};
use crate::scale::scaled;
use crate::server::fixture::echo_workers::{POISON, job_line, job_lines, with_echo_workers};
use crate::server::fixture::killable_worker::start_workers;
use crate::server::fixture::net::{Net, everywhere, over_both};

#[test]
fn f01_the_job_of_a_killed_worker_process_is_next_in_line() {
    everywhere(&[], |net| {
        let mut client = net.connect("the client");
        client.send(r#"{"cmd":"do","id":1,"type":"t","arg":"first"}"#);
        let killable = start_workers(net, 1);
        client.until_metric("jobs_running", 1);
        client.send(r#"{"cmd":"do","id":2,"type":"t","arg":"second"}"#);
        client.until_metric("jobs_waiting", 1);
        killable.signal(Signal::KILL);
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
            let killable = start_workers(net, 1);
            client.until_metric("jobs_running", 1);
            spare.send(r#"{"cmd":"can_do","types":["t"]}"#);
            spare.expect_nothing();
            let killed = Instant::now();
            killable.signal(Signal::KILL);
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

#[test]
fn f08_the_jobs_of_workers_that_die_in_one_instant_start_again_in_order_of_arrival() {
    let workers = scaled(10_000);
    over_both(&["--threads", "2"], |net| {
        let mut client = net.connect("the client");
        let crowd = start_workers(net, workers);
        client.until_metric("workers", workers as u64);
        client.send_bytes(job_lines(workers).as_bytes());
        client.until_metric("jobs_running", workers as u64);
        let killed = Instant::now();
        crowd.signal(Signal::KILL);
        client.until_metric("jobs_waiting", workers as u64);
        let given_back = killed.elapsed();
        let metrics = client.metrics();
        assert_eq!((&metrics["workers"], &metrics["jobs_reassigned"]), (&0.into(), &workers.into()));
        let mut next = net.connect("the next worker");
        next.send(r#"{"cmd":"can_do","types":["t"]}"#);
        for id in 0..workers {
            next.expect(&format!(r#"{{"cmd":"do","id":{id},"type":"t","arg":{id}}}"#));
            next.send(&format!(r#"{{"cmd":"did","id":{id}}}"#));
            client.expect(&format!(r#"{{"cmd":"did","id":{id}}}"#));
        }
        show(format_args!(
            "F08, {workers} workers killed over {:?}: all jobs back in line after {given_back:.2?}",
            net.via
        ));
    });
}

/// The id of the poison.
const POISON_ID: usize = 1 << 40;

/// Has this many jobs done, perhaps with a poisoned job half-way. Returns how long they took and how many workers died.
fn work(net: &Net, can_dos: &[&str], jobs: usize, poison: bool) -> (Duration, u64) {
    let mut lines: Vec<String> = (0..jobs).map(|id| job_line(id, "t", &id.to_string())).collect();
    if poison {
        lines.insert(jobs / 2, job_line(POISON_ID, "t", POISON));
    }
    let mut client = net.connect("the client");
    let workers_before = workers_added(&mut client);
    let mut took = Duration::ZERO;
    with_echo_workers(net, can_dos, || {
        client.until_metric("workers", can_dos.len() as u64);
        let start = Instant::now();
        client.send_bytes(lines.concat().as_bytes());
        expect_results(&mut client, jobs, poison);
        took = start.elapsed();
        client.expect_nothing();
    });
    (took, workers_added(&mut client) - workers_before - can_dos.len() as u64)
}

fn workers_added(client: &mut Client) -> u64 {
    client.metrics()["workers_added"].as_u64().unwrap()
}

/// Each job must be answered once, by its own number; the poison is given up.
fn expect_results(client: &mut Client, jobs: usize, poison: bool) {
    let mut answered = vec![false; jobs];
    for _ in 0..jobs + usize::from(poison) {
        let answer: Value = serde_json::from_str(&client.line()).unwrap();
        if poison && answer["id"] == POISON_ID {
            assert_eq!(answer["code"], "gave_up");
            continue;
        }
        assert_eq!(answer["res"], answer["id"], "{answer}");
        let id = usize::try_from(answer["id"].as_u64().unwrap()).unwrap();
        assert!(!std::mem::replace(&mut answered[id], true), "answered twice: {answer}");
    }
}

/// Has jobs done without a poison and beside one; how many workers it killed.
fn compare(net: &Net, workers: &str, can_dos: &[&str]) -> u64 {
    let jobs = scaled(10_000);
    let (without, none) = work(net, can_dos, jobs, false);
    let (with, deaths) = work(net, can_dos, jobs, true);
    assert_eq!(none, 0);
    let share = 100.0 * without.as_secs_f64() / with.as_secs_f64();
    show(format_args!(
        "F07, {jobs} jobs over {:?} by {workers}: {without:.2?}, beside a poison {with:.2?}, {share:.0}% of the throughput",
        net.via
    ));
    deaths
}

#[test]
fn f07_jobs_beside_a_poison_are_all_done() {
    over_both(&["--threads", "2"], |net| {
        let deaths = compare(net, "16 workers of one job", &[r#""types":["t"]"#; 16]);
        assert_eq!(deaths, 3, "one for each attempt");
    });
}

#[test]
fn f07_jobs_that_share_their_worker_with_a_poison_do_not_give_up() {
    over_both(&["--threads", "2"], |net| {
        let deaths = compare(net, "4 workers of 100 jobs", &[r#""types":["t"],"max_jobs":100"#; 4]);
        assert!((3..=4).contains(&deaths), "one for each attempt, and a loss in company is none: {deaths}");
    });
}
