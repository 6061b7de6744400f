//! A server that the system stops for a while.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::leak_check::LeakCheck;
use super::load::{self, Load};
use crate::process::{Process, Server, Via};
use crate::wait::until;

/// Returns whether the process is stopped. Its state follows the program's name in brackets.
fn is_stopped(process: &Process) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    stat.rsplit_once(") ").unwrap().1.starts_with('T')
}

/// Stops a process, and waits until it is.
pub(super) fn stop(process: &Process) {
    process.signal(Signal::STOP);
    until("the stop", || is_stopped(process).then_some(()));
}

#[test]
fn f62_a_server_that_is_stopped_again_and_again_loses_nothing() {
    let server = Server::start(&["--threads", "2", "--max-attempts", "0"]);
    let rest = LeakCheck::of(&server);
    let done = AtomicBool::new(false);
    let stops = thread::scope(|scope| {
        let stopping = scope.spawn(|| {
            let mut stops = 0;
            while !done.load(Ordering::Relaxed) || stops == 0 {
                stop(&server.process);
                server.process.signal(Signal::CONT);
                stops += 1;
            }
            stops
        });
        load::run(&server, &Load { clients: 4, jobs_each: 1_000, workers: 4 });
        done.store(true, Ordering::Relaxed);
        stopping.join().unwrap()
    });
    crate::figures::show(format_args!("F62: stopped {stops} times"));
    rest.comes_back(&server);
}

/// A shard that was stopped while it slept first handles what came meanwhile.
#[test]
fn f62_what_came_while_the_server_was_stopped_came_in_time() {
    const LIMIT: Duration = Duration::from_secs(1);
    let server = Server::start(&["--threads", "2"]);
    let (mut client, mut worker) = (server.connect(Via::Unix, "the client"), server.connect(Via::Unix, "the worker"));
    worker.send(r#"{"cmd":"can_do","types":["t"]}"#);
    for round in 0.. {
        assert!(round < 100, "the system is too slow to stop a server within a second");
        let begun = Instant::now();
        client.send(r#"{"cmd":"do","id":1,"type":"t","run_limit_ms":1000,"attempts":1}"#);
        worker.expect(r#"{"cmd":"do","id":1,"type":"t"}"#);
        stop(&server.process);
        let in_time = begun.elapsed() < LIMIT;
        worker.send(r#"{"cmd":"did","id":1,"res":5}"#);
        until("the end of the run limit", || (begun.elapsed() > 2 * LIMIT).then_some(()));
        server.process.signal(Signal::CONT);
        let answer = client.line();
        if in_time {
            return assert_eq!(answer, r#"{"cmd":"did","id":1,"res":5}"#);
        }
    }
}
