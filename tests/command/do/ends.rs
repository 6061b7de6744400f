//! `deputy do`: what becomes of jobs when the command ends before they do.

use rustix::process::Signal;

use crate::client::Client;
use crate::kit::{ask, check, run, shell, start, start_shell};
use crate::process::{Server, Via};
use crate::wait::until;

/// A worker that holds one job of type `t`, which the test ends.
fn holder(server: &Server) -> Client {
    let mut worker = server.connect(Via::Tcp, "worker");
    worker.send(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
    worker.expect_nothing();
    worker
}

#[test]
fn every_signal_that_ends_it_cancels_the_job_that_waits() {
    let server = Server::start(&[]);
    let mut asker = ask(&server);
    for (signal, cancelled) in [(Signal::INT, 1), (Signal::TERM, 2), (Signal::KILL, 3)] {
        let waiting = start(&server, &["do", "t"]);
        asker.until_metric("jobs_waiting", 1);
        // SIGINT may be ignored here, as whatever a script starts in the background ignores it.
        waiting.signal(signal);
        if signal == Signal::INT {
            waiting.signal(Signal::TERM);
        }
        assert!(!waiting.ended().status.success());
        asker.until_metric("jobs_cancelled", cancelled);
        assert_eq!(asker.metrics()["jobs_waiting"], 0);
    }
}

#[test]
fn a_signal_cancels_the_job_that_a_worker_holds_and_all_of_a_batch() {
    let server = Server::start(&[]);
    let mut worker = holder(&server);
    let batch = start_shell(&server, "seq 3 > lines; exec $DEPUTY do -l t < lines");
    assert!(worker.line().starts_with(r#"{"cmd":"do""#));
    let mut asker = ask(&server);
    asker.until_metric("jobs_waiting", 2);
    batch.signal(Signal::TERM);
    assert!(worker.line().starts_with(r#"{"cmd":"cancel","job":"#));
    asker.until_metric("jobs_cancelled", 3);
}

#[test]
fn its_time_limit_cancels_the_job() {
    let server = Server::start(&[]);
    let mut worker = holder(&server);
    check(&run(&server, &["do", "-t", "0.2", "t"]), 124, "", "no answer came in time");
    assert!(worker.line().starts_with(r#"{"cmd":"do""#));
    assert!(worker.line().starts_with(r#"{"cmd":"cancel""#));
    ask(&server).until_metric("jobs_cancelled", 1);
}

#[test]
fn the_time_limit_of_a_line_cancels_its_job_alone() {
    let server = Server::start(&[]);
    let mut worker = holder(&server);
    // The input stays open, and with it the command.
    let batch = start_shell(&server, "mkfifo fifo; exec 3<> fifo; seq 2 >&3; exec $DEPUTY do -l -t 0.2 t <&3");
    assert!(worker.line().starts_with(r#"{"cmd":"do""#));
    assert!(worker.line().starts_with(r#"{"cmd":"cancel""#));
    ask(&server).until_metric("jobs_cancelled", 2);
    until("both reports", || (batch.stderr().matches("no answer came in time").count() == 2).then_some(()));
    assert_eq!(batch.status(), None);
}

#[test]
fn with_keep_the_job_goes_on_without_it() {
    let server = Server::start(&[]);
    let mut asker = ask(&server);
    check(&run(&server, &["do", "--keep", "-t", "0.05", "t"]), 124, "", "no answer came in time");
    let waiting = start(&server, &["do", "--keep", "t"]);
    asker.until_metric("jobs_waiting", 2);
    waiting.signal(Signal::TERM);
    waiting.ended();
    check(&shell(&server, "seq 2 | $DEPUTY do --keep -l -t 0.5 t"), 124, "", "2 of 2 jobs had no answer in time");
    asker.until_metric("connections_open", 1);
    let metrics = asker.metrics();
    assert_eq!((&metrics["jobs_waiting"], &metrics["jobs_cancelled"]), (&4.into(), &0.into()));
}
