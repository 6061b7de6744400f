//! Jobs that are taken back, at a server that the test plays: what the submitter sends, and what the worker sees.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, unbounded};
use deputy::client::{Client, Error, Failure, Job, Worker};

use crate::fake::{Fake, Peer};
use crate::fixture::{Running, Soon, next, quick_retry};
use crate::wait::until;

/// Shows that nothing else was sent.
fn expect_no_more(client: Client, mut peer: Peer) {
    drop(client);
    peer.expect_closed();
}

const DO: &str = r#"{"cmd":"do","id":1,"type":"t","cancellable":true,"arg":0}"#;

#[test]
fn a_cancellable_job_is_taken_back_once() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let handle = client.job("t", &0).cancellable().submit::<()>();
    let control = handle.control();
    peer.expect(DO);
    handle.cancel().unwrap();
    handle.cancel().unwrap();
    thread::spawn(move || control.cancel()).join().unwrap().unwrap();
    peer.expect(r#"{"cmd":"cancel","id":1}"#);
    assert!(handle.try_wait().is_none(), "the server's answer counts");
    peer.send_line(r#"{"cmd":"did","id":1,"err":"it was taken back","code":"cancelled"}"#);
    let error = handle.soon().unwrap_err();
    assert!(matches!(error, Error::Cancelled(_)) && error.may_have_run());
    handle.cancel().unwrap();
    expect_no_more(client, peer);
    handle.cancel().unwrap();
}

#[test]
fn another_job_is_not_taken_back() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    for handle in [client.submit::<_, ()>("t", &0), client.job("t", &0).progress().submit()] {
        assert!(matches!(handle.cancel(), Err(Error::BadRequest(text)) if text == "the job is not cancellable"));
        peer.next_line().unwrap();
        drop(handle.cancel_on_drop());
    }
    drop(client.job("t", &0).cancellable().submit::<()>());
    peer.next_line().unwrap();
    expect_no_more(client, peer);
}

#[test]
fn a_dropped_handle_takes_its_job_back_if_it_was_asked_to() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let handle = client.job("t", &0).cancellable().submit::<u8>().cancel_on_drop();
    peer.expect(DO);
    assert!(matches!(handle.wait_timeout(Duration::ZERO), Err(Error::TimedOut)));
    drop(handle);
    peer.expect(r#"{"cmd":"cancel","id":1}"#);
    // One that has ended is left alone.
    let handle = client.job("t", &0).cancellable().submit::<u8>().cancel_on_drop();
    peer.next_line().unwrap();
    peer.send_line(r#"{"cmd":"did","id":2,"res":7}"#);
    assert_eq!(handle.wait().unwrap(), 7);
    expect_no_more(client, peer);
}

#[test]
fn a_job_can_be_taken_back_before_there_is_a_connection() {
    let fake = Fake::start();
    let client = quick_retry().outage_timeout(Duration::from_secs(600)).connect(&fake.url()).unwrap();
    let lost = client.job("t", &0).cancellable().submit::<()>();
    drop(fake.accept());
    assert!(matches!(lost.soon(), Err(Error::Disconnected(_))));
    // It is not open any more.
    lost.cancel().unwrap();
    let handle = client.job("t", &0).cancellable().submit::<()>();
    handle.cancel().unwrap();
    let mut peer = fake.accept();
    peer.expect(r#"{"cmd":"do","id":2,"type":"t","cancellable":true,"arg":0}"#);
    peer.expect(r#"{"cmd":"cancel","id":2}"#);
    drop(handle);
    expect_no_more(client, peer);
}

#[test]
fn an_older_server_ends_the_wait_for_a_job_that_is_taken_back() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry());
    let handle = client.job("t", &0).cancellable().submit::<u8>();
    peer.expect(DO);
    handle.cancel().unwrap();
    peer.expect(r#"{"cmd":"cancel","id":1}"#);
    peer.send_line(r#"{"cmd":"error","code":"unknown_cmd","error":"cmd must be can_do","id":1}"#);
    let error = handle.soon().unwrap_err();
    assert!(matches!(error, Error::UnknownCmd(_)) && error.may_have_run());
    // The job's own answer is ignored.
    peer.send_line(r#"{"cmd":"did","id":1,"res":7}"#);
    let other = client.submit::<_, u8>("t", &0);
    peer.next_line().unwrap();
    peer.send_line(r#"{"cmd":"did","id":2,"res":8}"#);
    assert_eq!(other.soon().unwrap(), 8);
}

/// A worker with two slots whose handlers wait until they are cancelled or released. Then they say which.
struct Patient {
    begun: Receiver<u64>,
    release: crossbeam_channel::Sender<()>,
    /// Dropped last: it waits for the handlers.
    running: Running,
}

fn patient(fake: &Fake) -> (Patient, Peer) {
    let ((begins, begun), (release, released)) = (unbounded(), bounded::<()>(0));
    let handler = move |job: &Job| {
        begins.send(job.number()).unwrap();
        let is_released = || released.try_recv().is_ok();
        until("a cancel or the release", || (job.is_cancelled() || is_released()).then_some(()));
        Ok::<_, String>(if job.is_cancelled() { "cancelled" } else { "released" })
    };
    let running = Running::start(Worker::new(&fake.url()).handle("t", handler).max_jobs(2));
    let mut peer = fake.accept();
    peer.expect(r#"{"cmd":"can_do","types":["t"],"max_jobs":2}"#);
    peer.expect(r#"{"cmd":"ping"}"#);
    peer.send_line(r#"{"cmd":"pong"}"#);
    (Patient { begun, release, running }, peer)
}

#[test]
fn the_handler_of_a_cancelled_job_sees_it_and_is_answered_for() {
    let fake = Fake::start();
    let (worker, mut peer) = patient(&fake);
    for number in [1, 2] {
        peer.send_line(&format!(r#"{{"cmd":"do","id":"x","type":"t","job":{number}}}"#));
        assert_eq!(next(&worker.begun), number);
    }
    peer.send_line(r#"{"cmd":"cancel","job":2}"#);
    peer.expect(r#"{"cmd":"did","job":2,"res":"cancelled"}"#);
    // These lines may cross the answer, or be for a job of another connection.
    peer.send_line("{\"cmd\":\"cancel\",\"job\":2}\r\n{\"cmd\":\"cancel\",\"job\":9}");
    peer.send_line(r#"{"cmd":"do","id":"x","type":"t","job":3}"#);
    assert_eq!(next(&worker.begun), 3);
    for _ in 0..2 {
        worker.release.send(()).unwrap();
    }
    let mut lines = [peer.next_line().unwrap(), peer.next_line().unwrap()];
    lines.sort_unstable();
    assert_eq!(lines, [1, 3].map(|number| format!(r#"{{"cmd":"did","job":{number},"res":"released"}}"#)));
    drop((fake, peer, worker.running));
}

#[test]
fn a_report_ends_the_handler_of_a_cancelled_or_lost_job() {
    let fake = Fake::start();
    let (begins, begun) = unbounded();
    let (ends, ended) = unbounded();
    let handler = move |job: &Job| -> Result<(), Failure> {
        begins.send(()).unwrap();
        let error = until("the end", || job.keep_alive().err());
        ends.send(format!("{error:?}")).unwrap();
        Err(error.into())
    };
    let worker = Running::start(Worker::new(&fake.url()).handle("t", handler).options(quick_retry()));
    for (number, start) in [(1, "Cancelled"), (2, "Disconnected")] {
        let mut peer = fake.accept();
        peer.expect(r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#);
        peer.send_line(&format!(r#"{{"cmd":"pong"}}{}{{"cmd":"do","id":1,"type":"t","job":{number}}}"#, "\r\n"));
        next(&begun);
        if number == 1 {
            peer.send_line(r#"{"cmd":"cancel","job":1}"#);
        } else {
            peer.end_output();
        }
        let error = next(&ended);
        assert!(error.starts_with(start), "{error}");
        if number == 1 {
            let did = until("the answer", || peer.next_line().filter(|line| line.contains("did")));
            assert!(did.contains(r#""job":1,"err":"cancelled: "#), "{did}");
        }
    }
    drop((fake, worker));
}
