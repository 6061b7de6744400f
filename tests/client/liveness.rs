//! Servers that accept connections and send nothing, with short times.

use std::time::{Duration, Instant};

use crossbeam_channel::unbounded;
use deputy::client::{Error, Options, Worker};
use rustix::process::Signal;

use crate::fake::Fake;
use crate::fixture::{Running, Soon, next, quick_retry, url};
use crate::process::{Server, Via};
use crate::wait::until;

const SHORT: Duration = Duration::from_millis(30);
const LONG: Duration = Duration::from_secs(600);

const PING: &str = r#"{"cmd":"ping"}"#;

fn quick_to_ping() -> Options {
    quick_retry().ping_after(SHORT).answer_timeout(SHORT)
}

#[test]
fn a_server_that_never_answers_a_ping_loses_the_connection() {
    let (fake, client, mut peer) = Fake::connected(quick_to_ping());
    let job = client.submit::<_, ()>("t", &0);
    peer.next_line();
    peer.expect(PING);
    let error = job.soon().unwrap_err();
    assert!(
        matches!(&error, Error::Disconnected(lost) if lost.reason.contains("has not answered a ping")),
        "{error:?}"
    );
    peer.expect_closed();
    // The client connects again, and the next job is done.
    let mut peer = fake.accept();
    let job = client.submit::<_, u8>("t", &0);
    let id = until("the job", || peer.next_line().filter(|line| line != PING));
    assert!(id.contains(r#""id":2,"#), "{id}");
    peer.send_line(r#"{"cmd":"did","id":2,"res":1}"#);
    assert_eq!(job.soon().unwrap(), 1);
}

#[test]
fn a_server_that_sends_anything_is_alive() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry().ping_after(SHORT).answer_timeout(LONG));
    let job = client.submit::<_, ()>("t", &0);
    peer.next_line();
    for _ in 0..5 {
        // A ping comes after each silence, whether the last line was an answer to a ping or not.
        peer.expect(PING);
        peer.send_line(r#"{"cmd":"pong"}"#);
        peer.expect(PING);
        peer.send_line(r#"{"cmd":"later"}"#);
    }
    assert!(job.try_wait().is_none());
}

#[test]
fn a_server_that_takes_no_bytes_loses_the_connection() {
    let (_fake, client, _peer) = Fake::connected(quick_retry().ping_after(LONG).answer_timeout(SHORT));
    // Many short lines, because before a long one the client asks for the server's limit.
    let arg = "x".repeat(900);
    let jobs: Vec<_> = (0..10_000).map(|_| client.submit::<_, ()>("t", &arg)).collect();
    for job in jobs {
        let error = job.soon().unwrap_err();
        assert!(
            matches!(&error, Error::Disconnected(lost) if lost.reason.contains("takes no more bytes")),
            "{error:?}"
        );
    }
}

#[test]
fn a_question_without_an_answer_times_out_and_its_late_answer_is_dropped() {
    let (_fake, client, mut peer) = Fake::connected(quick_retry().ping_after(LONG).answer_timeout(SHORT));
    assert!(matches!(client.ping(), Err(Error::TimedOut)));
    assert!(matches!(client.metrics(), Err(Error::TimedOut)));
    peer.expect(PING);
    peer.expect(r#"{"cmd":"metrics","types":false}"#);
    let job = client.submit::<_, u8>("t", &0);
    peer.send_line(r#"{"cmd":"pong"}"#);
    peer.send_line(r#"{"cmd":"metrics","metrics":{"jobs_added":1}}"#);
    peer.send_line(r#"{"cmd":"did","id":1,"res":1}"#);
    assert_eq!(job.soon().unwrap(), 1);
    assert!(matches!(client.ping(), Err(Error::TimedOut)));
}

/// Closing waits for up to a second for a server that has jobs to read. So one try in five is far below it.
#[test]
fn closing_does_not_wait_for_a_server_that_hangs() {
    let is_quick = |close: &dyn Fn()| {
        let start = Instant::now();
        close();
        start.elapsed() < Duration::from_millis(900)
    };
    let fake = Fake::start();
    let question_is_open = || {
        let client = quick_retry().answer_timeout(SHORT).connect(&fake.url()).unwrap();
        assert!(matches!(client.ping(), Err(Error::TimedOut)));
    };
    let deadline_is_over = || {
        let client = quick_retry().deadline(Instant::now() + SHORT).connect(&fake.url()).unwrap();
        assert!(matches!(client.submit::<_, ()>("t", &0).wait(), Err(Error::TimedOut)));
        assert!(matches!(client.ping(), Err(Error::TimedOut)));
    };
    for close in [&question_is_open as &dyn Fn(), &deadline_is_over] {
        assert!((0..5).any(|_| is_quick(close)));
    }
}

/// With a real server that is stopped, as a process that hangs. Its machine still takes bytes.
#[test]
fn a_server_that_hangs_is_found_by_client_and_worker_which_come_back_to_it() {
    let server = Server::start(&[]);
    let client = quick_to_ping().outage_timeout(LONG).connect(&url(&server, Via::Unix)).unwrap();
    let (report, events) = unbounded();
    let worker = Worker::new(&url(&server, Via::Tcp))
        .handle_typed("double", |number: u32| Ok::<_, String>(2 * number))
        .on_event(move |event| report.send(event.to_string()).unwrap_or_default())
        .options(quick_to_ping());
    let _worker = Running::start(worker);
    assert_eq!(client.submit::<_, u32>("double", &1).soon().unwrap(), 2);
    let waiting = client.submit::<_, ()>("no worker", &0);
    client.ping().unwrap();
    server.process.signal(Signal::STOP);
    assert!(matches!(waiting.soon().unwrap_err(), Error::Disconnected(_)));
    until("the worker's loss", || Some(next(&events)).filter(|event| event.contains("has not answered a ping")));
    server.process.signal(Signal::CONT);
    until("an answer", || client.submit::<_, u32>("double", &2).soon().ok().filter(|&four| four == 4));
    assert_eq!(client.metrics().unwrap().protocol_errors, 0);
}
