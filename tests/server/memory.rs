//! What a backlog takes of the system's memory, and that it is given back, also by a server that has nothing more to do.
#![cfg(target_os = "linux")]

use std::fmt::Write;
use std::fs;

use crate::client::Client;
use crate::process::{Server, Via};
use crate::scale::scaled;
use crate::wait::until;

const JOBS: u64 = 100_000;
/// Jobs that the worker answers with one write.
const BATCH: u64 = 100;

/// Bytes of the server that are in the machine's memory.
fn resident_bytes(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process.id())).unwrap();
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix("kB")).unwrap();
    kilobytes.trim().parse::<u64>().unwrap() * 1_024
}

/// Submits jobs with 50 bytes of text, and goes away.
fn submit(server: &Server, jobs: u64) {
    let mut lines = String::new();
    for id in 0..jobs {
        writeln!(lines, r#"{{"cmd":"do","id":"{id:014}","type":"t0","arg":"{:030}"}}"#, 0).unwrap();
    }
    let mut client = server.connect(Via::Tcp, "the client");
    client.send_bytes(lines.as_bytes());
    client.until_metric("jobs_waiting", jobs);
}

/// Does so many jobs, `BATCH` at a time.
fn work(mut worker: Client, jobs: u64) {
    worker.send(&format!(r#"{{"cmd":"can_do","types":["t0"],"max_jobs":{BATCH}}}"#));
    for _ in 0..jobs / BATCH {
        let mut answers = String::new();
        for _ in 0..BATCH {
            let job = worker.line();
            let number = job.split_once(r#""job":"#).and_then(|(_, rest)| rest.split_once(',')).unwrap().0;
            writeln!(answers, r#"{{"cmd":"did","job":{number}}}"#).unwrap();
        }
        worker.send_bytes(answers.as_bytes());
    }
}

#[test]
fn a_backlog_takes_little_memory_and_gives_it_back() {
    let server = Server::start(&["--threads", "1"]);
    let before = resident_bytes(&server);
    submit(&server, JOBS);
    let each = (resident_bytes(&server) - before) / JOBS;
    assert!(each <= 160, "a waiting job takes {each} bytes");
    work(server.connect(Via::Tcp, "the worker"), JOBS);
    until("the backlog's memory", || (resident_bytes(&server) <= before + (4 << 20)).then_some(()));
}

#[test]
fn f09_a_can_do_repeated_without_end_takes_no_memory() {
    let times = scaled(100_000);
    let repeated = "{\"cmd\":\"can_do\",\"types\":[\"t\",\"u\"]}\n".repeat(times);
    let in_one_list = format!("{{\"cmd\":\"can_do\",\"types\":[{}\"t\"]}}\n", "\"t\",".repeat(times));
    let server = Server::start(&["--threads", "1"]);
    let mut worker = server.connect(Via::Tcp, "the worker");
    let mut say_it_all = || {
        worker.send_bytes(repeated.as_bytes());
        worker.send_bytes(in_one_list.as_bytes());
        worker.expect_nothing();
    };
    // What the allocator keeps in hand it has after the first times.
    (0..2).for_each(|_| say_it_all());
    let before = resident_bytes(&server);
    (0..2).for_each(|_| say_it_all());
    // At full size that is three bytes for each time that it was said.
    until("memory as before", || (resident_bytes(&server) < before + (1 << 20)).then_some(()));
    let metrics = worker.metrics();
    assert_eq!((&metrics["workers"], &metrics["workers_added"]), (&1.into(), &1.into()));
}
