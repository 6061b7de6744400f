//! A server that runs out of descriptors.

use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::leak_check::LeakCheck;
use crate::client::Client;
use crate::figures::show;
use crate::proc;
use crate::process::{Ended, Server, Via, sentence, start_process};
use crate::programs;
use crate::scale::scaled;
use crate::wait::until;

/// Starts a server that may have this many descriptors.
fn start_with(descriptors: u32) -> Server {
    let script = format!(r#"ulimit -n {descriptors} && exec "$@""#);
    Server::start_under(&["sh", "-c", &script, "sh"], &["--threads", "2"])
}

/// Returns the soft and hard limit in /proc/PID/limits.
fn descriptor_limits(server: &Server) -> (u64, u64) {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).unwrap();
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let mut words = row.split_whitespace().map(|word| word.parse().unwrap_or(u64::MAX));
    (words.next().unwrap(), words.next().unwrap())
}

#[test]
fn f50_the_soft_limit_is_raised_to_the_hard_one_at_the_start() {
    let server = Server::start_under(&["sh", "-c", r#"ulimit -Sn 64 && exec "$@""#, "sh"], &[]);
    let (soft, hard) = descriptor_limits(&server);
    assert_eq!(soft, hard);
    assert!(hard > 64);
    let mut clients: Vec<_> = (0..100).map(|_| server.connect(Via::Tcp, "one of many")).collect();
    clients.iter_mut().for_each(Client::expect_nothing);
}

/// A client and a worker that were connected before.
struct Old {
    client: Client,
    worker: Client,
}

impl Old {
    fn connect(server: &Server, via: Via) -> Self {
        let (client, mut worker) = (server.connect(via, "the client"), server.connect(via, "the worker"));
        worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
        worker.expect_nothing();
        Self { client, worker }
    }

    /// Does one job.
    fn do_a_job(&mut self) {
        self.client.send(r#"{"cmd":"do","id":1,"type":"t"}"#);
        self.worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        self.worker.send(r#"{"cmd":"did","id":1}"#);
        self.client.expect(r#"{"cmd":"did","id":1}"#);
    }
}

/// Connects until a connection is closed unanswered. Returns those that were accepted.
fn fill(server: &Server, via: Via) -> Vec<Client> {
    let mut taken = Vec::new();
    loop {
        let mut client = server.connect(via, "one of the crowd");
        if !client.try_send_bytes(b"{\"cmd\":\"ping\"}\n") || client.next_line().is_none() {
            return taken;
        }
        taken.push(client);
    }
}

/// Connections that arrive together while all descriptors are in use.
const BATCH: usize = 64;

/// Returns how many lines of the log contain `words`.
fn lines_that_say(server: &Server, words: &str) -> u64 {
    server.process.stderr().lines().filter(|line| line.contains(words)).count() as u64
}

#[test]
fn f50_out_of_descriptors_who_comes_is_refused_and_counted_and_who_is_there_is_served() {
    for via in [Via::Tcp, Via::Unix] {
        let server = start_with(40);
        let rest = LeakCheck::of(&server);
        let mut old = Old::connect(&server, via);
        let start = Instant::now();
        let mut crowd = fill(&server, via);
        let (full, used) = (Instant::now(), proc::processor_time(server.process.id()));
        let batches = scaled(50);
        for _ in 0..batches {
            let mut batch: Vec<_> = (0..BATCH).map(|_| server.connect(via, "one too many")).collect();
            assert!(batch.iter_mut().all(|client| client.drain() == 0));
        }
        let used = proc::processor_time(server.process.id()).saturating_sub(used);
        let took = full.elapsed();
        show(format_args!("F50, {via:?}: {} refused in {took:.2?}, {used:?} of processor time", batches * BATCH));
        let tenths = took.as_millis() / 100;
        assert!((batches * BATCH) as u128 <= (2 + tenths) * 64, "who was refused cut the rest short");
        old.do_a_job();
        assert_eq!(old.client.metrics()["connections_refused"], 1 + batches * BATCH);
        let lines = lines_that_say(&server, "refusing connections");
        let seconds = start.elapsed().as_secs();
        assert!((1..=1 + seconds).contains(&lines), "{lines} lines in {seconds} s");

        crowd.pop();
        old.client.until_metric("connections_open", 2 + crowd.len() as u64);
        server.connect(via, "a later client").expect_nothing();
        drop((old, crowd));
        rest.comes_back(&server);
    }
}

#[test]
fn f50_without_dev_null_connections_are_refused_all_the_same() {
    let script = r#"mount -t tmpfs none /dev && ulimit -n 40 && exec "$@""#;
    let wrapper = ["unshare", "-rm", "sh", "-c", script, "sh"];
    if !programs::permitted(&[&wrapper[..], &["true"]].concat()) {
        return;
    }
    let server = Server::start_under(&wrapper, &["--threads", "2"]);
    let mut crowd = fill(&server, Via::Unix);
    assert_ne!(crowd[0].metrics()["connections_refused"], 0);
}

/// Sets the soft limit of a running server.
fn limit_descriptors(server: &Server, soft: u64) {
    let process = Pid::from_raw(i32::try_from(server.process.id()).unwrap());
    let (_, hard) = descriptor_limits(server);
    prlimit(process, Resource::Nofile, Rlimit { current: Some(soft), maximum: Some(hard) }).unwrap();
}

#[test]
fn f50_who_waited_while_there_was_no_descriptor_is_accepted_when_there_is_one() {
    let server = Server::start(&["--threads", "2"]);
    let rest = LeakCheck::of(&server);
    let mut old = Old::connect(&server, Via::Unix);
    let (soft, _) = descriptor_limits(&server);
    // Not even the spare descriptor can be used, so no connection can be refused, and the listener's edge is used up.
    limit_descriptors(&server, 3);
    let start = Instant::now();
    let mut waiting = [Via::Tcp, Via::Unix].map(|via| server.connect(via, "who waits"));
    for client in &mut waiting {
        client.send(r#"{"cmd":"ping"}"#);
    }
    until("the failure", || (lines_that_say(&server, "cannot accept connections") > 0).then_some(()));
    let used = proc::processor_time(server.process.id());
    for _ in 0..scaled(100) {
        old.do_a_job();
    }
    // The attempts within a second are logged once.
    until("a second line", || (lines_that_say(&server, "cannot accept connections") > 1).then_some(()));
    let used = proc::processor_time(server.process.id()).saturating_sub(used);
    let (lines, seconds) = (lines_that_say(&server, "cannot accept connections"), start.elapsed().as_secs());
    assert!(lines <= 1 + seconds, "{lines} lines in {seconds} s");
    let metrics = old.client.metrics();
    assert_eq!((&metrics["connections_open"], &metrics["connections_refused"]), (&2.into(), &0.into()));
    show(format_args!("F50 stuck: {used:?} of processor time in {:?}", start.elapsed()));

    let free = Instant::now();
    limit_descriptors(&server, soft);
    for client in &mut waiting {
        client.expect(r#"{"cmd":"pong"}"#);
    }
    show(format_args!("F50 stuck: accepted {:?} after a descriptor came free", free.elapsed()));
    drop((old, waiting));
    rest.comes_back(&server);
}

/// Returns how a server with this many descriptors ends, or `None` if it can listen.
fn refused_with(descriptors: u32, sock: &str) -> Option<Ended> {
    let script = format!(r#"ulimit -n {descriptors} && exec "$@""#);
    let options = ["-p", "0", "-s", sock, "--threads", "2"];
    let process = start_process(&["sh", "-c", &script, "sh"], &options);
    process.listens().is_none().then(|| process.ended())
}

#[test]
fn f50_a_server_that_has_too_few_descriptors_to_start_says_which_limit_to_raise() {
    let folder = tempfile::TempDir::new().unwrap();
    let sock = folder.path().join("sock");
    let mut reasons = BTreeSet::new();
    for ended in (6..).map_while(|descriptors| refused_with(descriptors, sock.to_str().unwrap())) {
        assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(1), 1), "{ended:?}");
        assert!(ended.stderr.contains("raise the limit of open files (ulimit -n"), "{ended:?}");
        assert!(!sock.exists());
        reasons.insert(sentence(&ended.stderr).to_owned());
    }
    show(format_args!("{reasons:#?}"));
    assert!(reasons.len() >= 4, "signals, listeners, shards, acceptor: {reasons:?}");
}
