//! What a backlog takes of the system's memory, and that it is given back, also by a server that has nothing more to do.
#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::client::Client;
use crate::figures::show;
use crate::proc;
use crate::process::{Server, Via};
use crate::scale::scaled;
use crate::wait::until;

/// Jobs that the worker answers with one write.
const BATCH: u64 = 100;

/// Bytes of the server that are in the machine's memory.
fn resident_bytes(server: &Server) -> u64 {
    proc::status_bytes(server.process.id(), "VmRSS")
}

/// The most that they ever were.
fn resident_bytes_peak(server: &Server) -> u64 {
    proc::status_bytes(server.process.id(), "VmHWM")
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

/// Does this many jobs, `BATCH` at a time.
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
fn f44_a_backlog_takes_little_memory_and_gives_it_back() {
    let jobs = scaled(1_000_000) as u64;
    let server = Server::start(&["--threads", "1"]);
    let before = resident_bytes(&server);
    submit(&server, jobs);
    let each = (resident_bytes(&server) - before) / jobs;
    show(format_args!("F44, {jobs} jobs that wait take {each} bytes each"));
    assert!(each <= 160, "a waiting job takes {each} bytes");
    work(server.connect(Via::Tcp, "the worker"), jobs);
    until("the backlog's memory", || (resident_bytes(&server) <= before + (4 << 20)).then_some(()));
}

#[test]
fn f21_a_line_that_never_ends_takes_no_more_memory_than_the_longest_line() {
    const LIMIT_BYTES: u64 = 4 << 20;
    let server = Server::start(&["--threads", "1", "--max-line", "4M"]);
    let before = resident_bytes_peak(&server);
    let mut client = server.connect(Via::Tcp, "the endless client");
    client.send_bytes(br#"{"cmd":"do","id":1,"type":"t","arg":""#);
    client.try_send_bytes(&vec![b'x'; 64 << 20]);
    client.expect_error("too_long", None);
    client.expect_closed();
    // While a line's room grows both the old and the new are there.
    let taken = resident_bytes_peak(&server) - before;
    assert!(taken <= 2 * LIMIT_BYTES, "a line that may have {LIMIT_BYTES} bytes took {taken}");
    show(format_args!("of 64 MiB without an end, {taken} bytes at most were in memory"));
}

/// Workers of 1,024 of these types each, who have done the one job of each. `client` submitted them.
fn work_at_all(server: &Server, client: &mut Client, types: usize) -> Vec<Client> {
    let work = |first: usize| {
        let own = first..types.min(first + 1_024);
        let names: Vec<String> = own.clone().map(|name| format!("\"type {name}\"")).collect();
        let mut worker = server.connect(Via::Tcp, "a worker of many types");
        worker.send(&format!(r#"{{"cmd":"can_do","types":[{}],"max_jobs":1024}}"#, names.join(",")));
        let mut answers = String::new();
        for _ in own.clone() {
            let job: serde_json::Value = serde_json::from_str(&worker.line()).unwrap();
            writeln!(answers, r#"{{"cmd":"did","job":{}}}"#, job["job"]).unwrap();
        }
        worker.send_bytes(answers.as_bytes());
        let answered: BTreeSet<String> = own.clone().map(|_| client.line()).collect();
        assert_eq!(answered, own.map(|id| format!(r#"{{"cmd":"did","id":{id}}}"#)).collect());
        worker
    };
    (0..types).step_by(1_024).map(work).collect()
}

#[test]
fn f42_the_memory_of_types_that_nobody_uses_any_more_comes_back() {
    let types = scaled(1_000_000);
    let server = Server::start(&["--threads", "2"]);
    let (mut client, mut stays) = (server.connect(Via::Tcp, "the client"), server.connect(Via::Tcp, "who stays"));
    stays.send(r#"{"cmd":"can_do","types":["always"]}"#);
    stays.expect_nothing();
    let before = resident_bytes(&server);
    let mut lines = String::new();
    for id in 0..types {
        writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"type {id}"}}"#).unwrap();
    }
    client.send_bytes(lines.as_bytes());
    client.until_metric("jobs_waiting", types as u64);
    let waiting = resident_bytes(&server) - before;
    let workers = work_at_all(&server, &mut client, types);
    let with_workers = resident_bytes(&server) - before;
    drop(workers);
    client.until_metric("connections_open", 2);
    // The allocator and the shards keep some megabytes in hand, however many types there were.
    let left = until("the memory of the types", || {
        let left = resident_bytes(&server).saturating_sub(before);
        (left <= 32 << 20).then_some(left)
    });
    show(format_args!("{types} types: {waiting} bytes with a job of each, {with_workers} with workers, {left} left"));
    stays.expect_nothing();
}

#[test]
fn f09_a_can_do_repeated_without_end_takes_no_memory() {
    let times = scaled(100_000);
    let repeated = "{\"cmd\":\"can_do\",\"types\":[\"t\",\"u\"]}\n".repeat(times);
    let in_one_list = format!("{{\"cmd\":\"can_do\",\"types\":[{}\"t\"]}}\n", "\"t\",".repeat(times));
    let server = Server::start(&["--threads", "1"]);
    let mut worker = server.connect(Via::Tcp, "the worker");
    let mut send_all = || {
        worker.send_bytes(repeated.as_bytes());
        worker.send_bytes(in_one_list.as_bytes());
        worker.expect_nothing();
    };
    // What the allocator keeps in hand it has after the first times.
    (0..2).for_each(|_| send_all());
    let before = resident_bytes(&server);
    (0..2).for_each(|_| send_all());
    // At full size that is three bytes for each time that it was sent.
    until("memory as before", || (resident_bytes(&server) < before + (1 << 20)).then_some(()));
    let metrics = worker.metrics();
    assert_eq!((&metrics["workers"], &metrics["workers_added"]), (&1.into(), &1.into()));
}
