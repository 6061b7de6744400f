//! A job that kills its workers, among thousands that do not.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::crew::{POISON, job_line, with_crew};
use super::net::{Net, over_both};
use crate::client::Client;
use crate::figures::show;
use crate::scale::scaled;

/// The id of the poison.
const POISON_ID: usize = 1 << 40;

/// Has so many jobs done, perhaps with a poison half-way. How long it took, and how many workers died.
fn work(net: &Net, crew: &[&str], jobs: usize, poison: bool) -> (Duration, u64) {
    let mut lines: Vec<String> = (0..jobs).map(|id| job_line(id, "t", &id.to_string())).collect();
    if poison {
        lines.insert(jobs / 2, job_line(POISON_ID, "t", POISON));
    }
    let mut client = net.connect("the client");
    let workers_before = workers_added(&mut client);
    let mut took = Duration::ZERO;
    with_crew(net, crew, || {
        client.until_metric("workers", crew.len() as u64);
        let start = Instant::now();
        client.send_bytes(lines.concat().as_bytes());
        expect_results(&mut client, jobs, poison);
        took = start.elapsed();
        client.expect_nothing();
    });
    (took, workers_added(&mut client) - workers_before - crew.len() as u64)
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
fn compare(net: &Net, workers: &str, crew: &[&str]) -> u64 {
    let jobs = scaled(10_000);
    let (without, none) = work(net, crew, jobs, false);
    let (with, deaths) = work(net, crew, jobs, true);
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
