//! Jobs that are cancelled, expire, run too long or share a key, with real processes and a server that the system stops.

use std::collections::HashSet;
use std::env;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use socket2::SockAddr;

use super::stopped::stop;
use crate::client::Client;
use crate::figures::show;
use crate::process::{Process, Server};
use crate::scale::scaled;
use crate::server::fixture::net::{Net, everywhere, over_both};
use crate::wait::until;

/// The variable that gives [`a_peer_process`] the path of the server's socket.
const SOCK: &str = "DEPUTY_TEST_PEER_SOCK";
/// The variable that has the path of a file. The process sends its bytes first.
const SAYS: &str = "DEPUTY_TEST_PEER_SAYS";

const PING: &str = r#"{"cmd":"ping"}"#;
const PONG: &str = r#"{"cmd":"pong"}"#;

/// Not a test: a process that sends a file, then answers each job that it gets, until its connection ends.
#[test]
#[ignore = "the peer process of other tests"]
fn a_peer_process() {
    let (Some(sock), Some(says)) = (env::var_os(SOCK), env::var_os(SAYS)) else { return };
    let mut peer = Client::connect("a peer process", &SockAddr::unix(sock).unwrap());
    peer.send_bytes(&fs::read(says).unwrap());
    while let Some(line) = peer.next_line() {
        answer(&mut peer, &line, "late");
    }
}

/// Starts a process that sends these lines, and answers with `"late"` the jobs that it gets.
fn start_peer(server: &Server, lines: &str) -> Process {
    let says = server.folder.path().join("says");
    fs::write(&says, lines).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "system::job_life::a_peer_process"]);
    Process::spawn(command.env(SOCK, &server.sock).env(SAYS, Path::new(&says)), None)
}

/// Answers a line that is a numbered job. Returns whether it was one.
fn answer(worker: &mut Client, line: &str, res: &str) -> bool {
    let received: Value = serde_json::from_str(line).unwrap();
    let is_job = received["cmd"] == "do";
    if is_job {
        worker.send(&format!(r#"{{"cmd":"did","job":{},"res":"{res}"}}"#, received["job"]));
    }
    is_job
}

fn count(metrics: &Value, name: &str) -> u64 {
    metrics[name].as_u64().unwrap_or_else(|| panic!("no metric {name} in {metrics}"))
}

#[test]
fn a_job_whose_worker_process_hangs_goes_to_another_worker_after_its_run_limit() {
    everywhere(&["--max-attempts", "0"], |net| lose_a_job_to_another(net, r#","run_limit_ms":200"#));
}

#[test]
fn a_job_whose_worker_process_hangs_goes_to_another_worker_after_the_servers_run_limit() {
    over_both(&["--threads", "2", "--max-attempts", "0", "--run-limit", "1"], |net| lose_a_job_to_another(net, ""));
}

/// A process is stopped, is given a job, and goes on when another worker has done it.
fn lose_a_job_to_another(net: &Net, limit: &str) {
    let (mut client, mut observer) = (net.connect("the client"), net.connect("the observer"));
    let hangs = start_peer(&net.server, "{\"cmd\":\"can_do\",\"types\":[\"t\",\"own\"],\"max_jobs\":1}\n");
    observer.until_metric("workers", 1);
    stop(&hangs);
    client.send(&format!(r#"{{"cmd":"do","id":1,"type":"t"{limit}}}"#));
    observer.until_metric("slots_spent", 1);
    let mut other = net.connect("the other worker");
    other.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":100}"#);
    // A slow machine may take longer than the limit here, too: then the job comes again.
    until("the job done by the other worker", || {
        other.send(PING);
        loop {
            let line = other.line();
            if line == PONG {
                break;
            }
            answer(&mut other, &line, "in time");
        }
        (observer.metrics()["jobs_done"] == 1).then_some(())
    });
    client.expect(r#"{"cmd":"did","id":1,"res":"in time"}"#);
    // It answers the job that it has lost. No peer notices, and its slot is free.
    hangs.signal(Signal::CONT);
    observer.until_metric("slots_spent", 0);
    client.send(r#"{"cmd":"do","id":2,"type":"own"}"#);
    client.expect(r#"{"cmd":"did","id":2,"res":"late"}"#);
    client.expect_nothing();
    observer.until_metric("workers_idle", 2);
    let metrics = observer.metrics();
    let overdue = count(&metrics["faults"], "overdue");
    assert!(overdue > 0, "{metrics}");
    assert_eq!(count(&metrics, "results_dropped"), overdue, "{metrics}");
    let ends = ["jobs_done", "jobs_failed", "jobs_reassigned", "protocol_errors"].map(|name| count(&metrics, name));
    assert_eq!(ends, [2, 0, 0, 0], "{metrics}");
    hangs.signal(Signal::KILL);
}

#[test]
fn ten_thousand_equal_keyed_jobs_from_a_hundred_connections_run_once() {
    const CLIENTS: usize = 100;
    const EACH: usize = 100;
    everywhere(&[], |net| {
        let mut clients: Vec<Client> = (0..CLIENTS).map(|_| net.connect("a client")).collect();
        let lines = (0..EACH).fold(String::new(), |mut lines, id| {
            writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"t","arg":"page","key":"k"}}"#).unwrap();
            lines
        });
        let (early, late) = clients.split_at_mut(CLIENTS / 2);
        for client in early {
            client.send_bytes(lines.as_bytes());
        }
        let (mut worker, mut observer) = (net.connect("the worker"), net.connect("the observer"));
        observer.until_metric("jobs_added", (CLIENTS / 2 * EACH) as u64);
        worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1000}"#);
        let job: Value = serde_json::from_str(&worker.line()).unwrap();
        assert_eq!((&job["cmd"], &job["arg"]), (&"do".into(), &"page".into()));
        // While one half waits, the other half joins.
        for client in late {
            client.send_bytes(lines.as_bytes());
        }
        observer.until_metric("jobs_joined", (CLIENTS * EACH - 1) as u64);
        worker.expect_nothing();
        worker.send(&format!(r#"{{"cmd":"did","job":{},"res":"answer"}}"#, job["job"]));
        for client in &mut clients {
            let answers: HashSet<String> = (0..EACH).map(|_| client.line()).collect();
            let expected = (0..EACH).map(|id| format!(r#"{{"cmd":"did","id":{id},"res":"answer"}}"#)).collect();
            assert_eq!(answers, expected);
            client.expect_nothing();
        }
        worker.expect_nothing();
        let all = (CLIENTS * EACH) as u64;
        for (metric, value) in
            [("jobs_done", all), ("jobs_added", all), ("jobs_joined", all - 1), ("jobs_dispatched", 1)]
        {
            observer.until_metric(metric, value);
        }
    });
}

#[test]
fn a_killed_callers_cancellable_jobs_are_gone() {
    let jobs = scaled(100_000);
    everywhere(&[], |net| {
        let mut observer = net.connect("the observer");
        let lines = (0..jobs).fold(String::new(), |mut lines, id| {
            writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"t","cancellable":true}}"#).unwrap();
            lines
        });
        let caller = start_peer(&net.server, &lines);
        observer.until_metric("jobs_waiting", jobs as u64);
        let killed = Instant::now();
        caller.signal(Signal::KILL);
        observer.until_metric("jobs_waiting", 0);
        show(format_args!("{jobs} cancellable jobs are gone {:?} after their caller was killed", killed.elapsed()));
        observer.until_metric("jobs_cancelled", jobs as u64);
        observer.until_metric("connections_open", 1);
        observer.until_little_is_held();
    });
}

#[test]
fn while_ten_thousand_deadlines_are_due_at_once_others_are_served() {
    const JOBS: usize = 10_000;
    const DEADLINE: Duration = Duration::from_millis(500);
    over_both(&["--threads", "1"], |net| {
        let (mut client, mut pings) = (net.connect("the client"), net.connect("who pings"));
        let lines = (0..JOBS).fold(String::new(), |mut lines, id| {
            writeln!(lines, r#"{{"cmd":"do","id":{id},"type":"t","deadline_ms":{}}}"#, DEADLINE.as_millis()).unwrap();
            lines
        });
        client.send_bytes(lines.as_bytes());
        // In time or not: the server has accepted all jobs.
        pings.until_metric("jobs_added", JOBS as u64);
        // Stopped past all deadlines, the server finds them due in one turn.
        let accepted = Instant::now();
        stop(&net.server.process);
        until("all deadlines", || (accepted.elapsed() > DEADLINE).then_some(()));
        pings.send(r#"{"cmd":"metrics"}"#);
        net.server.process.signal(Signal::CONT);
        let pongs = thread::scope(|scope| {
            let pinging = scope.spawn(|| {
                let first: Value = serde_json::from_str(&pings.line()).unwrap();
                assert_eq!(first["metrics"]["jobs_added"], JOBS);
                let mut pongs = 0;
                while pings.metrics()["jobs_expired"] != JOBS {
                    pings.expect_nothing();
                    pongs += 1;
                }
                pings.expect_nothing();
                (pongs, count(&first["metrics"], "jobs_expired"))
            });
            let ended: HashSet<String> = (0..JOBS).map(|_| expired(&client.line())).collect();
            assert_eq!(ended.len(), JOBS);
            pinging.join().unwrap()
        });
        client.expect_nothing();
        show(format_args!("pings answered while {JOBS} jobs expired: {}, {} before", pongs.0, pongs.1));
        assert_eq!(pings.metrics()["jobs_waiting"], 0);
        pings.until_little_is_held();
    });
}

/// Returns the id of a job that has expired.
fn expired(line: &str) -> String {
    let did: Value = serde_json::from_str(line).unwrap();
    assert_eq!((&did["cmd"], &did["code"]), (&"did".into(), &"expired".into()), "{line}");
    did["id"].to_string()
}
