//! `deputy work`: signals.

use rustix::process::Signal;

use crate::kit::{ask, check, start, wait_for, work};
use crate::process::{Process, Server};
use crate::wait::until;

/// A file that a command or the test makes in the server's folder.
fn path(server: &Server, file: &str) -> std::path::PathBuf {
    server.folder.path().join(file)
}

/// A worker whose command has begun with a job, and the submitter of that.
fn busy(server: &Server, script: &str) -> (Process, Process) {
    let worker = work(server, &["t"], script);
    let submitter = start(server, &["do", "-r", "t"]);
    until("the command", || path(server, "begun").exists().then_some(()));
    (worker, submitter)
}

#[test]
fn the_first_signal_lets_it_finish_what_it_has() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start(&[]);
        let (worker, submitter) = busy(&server, &format!("touch begun; {}; echo done", wait_for("go")));
        worker.signal(signal);
        until_stopping(&server);
        let mut asker = ask(&server);
        let next = start(&server, &["do", "t"]);
        asker.until_metric("jobs_waiting", 1);
        std::fs::write(path(&server, "go"), "").unwrap();
        check(&submitter.ended(), 0, "done\n", "");
        check(&worker.ended(), 0, "", "connected");
        assert_eq!((asker.metrics()["jobs_waiting"].clone(), next.status()), (1.into(), None));
    }
}

#[test]
fn an_idle_worker_leaves_at_once() {
    let server = Server::start(&[]);
    let worker = work(&server, &["t"], "echo done");
    worker.signal(Signal::TERM);
    check(&worker.ended(), 0, "", "connected");
}

#[test]
fn a_worker_without_a_server_leaves_at_once() {
    let server = Server::start(&[]);
    let worker = work(&server, &["t"], "echo done");
    drop(server);
    until("the worker to see it", || worker.stderr().contains("was lost").then_some(()));
    worker.signal(Signal::INT);
    check(&worker.ended(), 0, "", "was lost");
}

#[test]
fn further_signals_go_to_the_commands() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT")] {
        let server = Server::start(&[]);
        let script = format!("trap 'echo stopped; exit 0' {name}; touch begun; {}", wait_for("never"));
        let (worker, submitter) = busy(&server, &script);
        worker.signal(Signal::TERM);
        until_stopping(&server);
        worker.signal(signal);
        check(&submitter.ended(), 0, "stopped\n", "");
        check(&worker.ended(), 130, "", "connected");
    }
}

#[test]
fn a_command_that_a_signal_ends_fails_its_job() {
    let server = Server::start(&[]);
    let (worker, submitter) = busy(&server, &format!("touch begun; {}", wait_for("never")));
    worker.signal(Signal::INT);
    until_stopping(&server);
    worker.signal(Signal::TERM);
    check(&submitter.ended(), 1, "", "the command was ended by signal 15\n");
    check(&worker.ended(), 130, "", "connected");
}

/// Waits until the worker has received the first signal: two that come at once may be one.
fn until_stopping(server: &Server) {
    let mut asker = ask(server);
    until("its offer taken back", || {
        let metrics = asker.metrics_with(r#","types":["t"]"#);
        (metrics["types"]["t"]["workers"] == 0).then_some(())
    });
}
