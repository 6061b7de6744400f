//! Workers whose connection is lost.

use std::time::Duration;

use crossbeam_channel::{Receiver, bounded, unbounded};
use deputy::client::{Job, Worker};

use crate::fake::{Fake, Peer};
use crate::fixture::{Running, Soon, connect, next, quick_retry, url};
use crate::process::{Server, Via};
use crate::wait::{PATIENCE, until};

/// A worker whose handlers report when they begin, and whether their job is lost when the test lets them end.
struct Slow {
    begun: Receiver<u64>,
    release: crossbeam_channel::Sender<()>,
    lost: Receiver<bool>,
    events: Receiver<String>,
    /// Dropped last: it waits for the handlers, which wait for `release`.
    _running: Running,
}

impl Slow {
    /// Lets one handler end, and returns whether its job was lost.
    fn end_one(&self) -> bool {
        self.release.send_timeout((), PATIENCE).unwrap();
        next(&self.lost)
    }
}

fn slow(url: &str, max_jobs: u32) -> Slow {
    let ((begins, begun), (release, released)) = (unbounded(), bounded::<()>(0));
    let ((report_lost, lost), (report, events)) = (unbounded(), unbounded());
    let worker = Worker::new(url)
        .handle("slow", move |job: &Job| {
            begins.send(job.number()).unwrap();
            let _ = released.recv(); // It fails at the end of the test.
            report_lost.send(job.is_lost()).unwrap_or_default();
            Ok::<_, String>("done")
        })
        .max_jobs(max_jobs)
        .options(quick_retry())
        .on_event(move |event| report.send(event.to_string()).unwrap_or_default());
    Slow { begun, release, lost, events, _running: Running::start(worker) }
}

/// Accepts a worker that offers `slots`.
fn accept(fake: &Fake, slots: u32) -> Peer {
    let mut peer = fake.accept();
    peer.expect(&format!(r#"{{"cmd":"can_do","types":["slow"],"max_jobs":{slots}}}"#));
    peer.expect(r#"{"cmd":"ping"}"#);
    peer.send_line(r#"{"cmd":"pong"}"#);
    peer
}

fn give(peer: &mut Peer, number: u64) {
    peer.send_line(&format!(r#"{{"cmd":"do","id":1,"type":"slow","job":{number}}}"#));
}

#[test]
fn a_worker_offers_its_types_again_and_drops_the_results_of_the_lost_connection() {
    let fake = Fake::start();
    let worker = slow(&fake.url(), 2);
    let mut peer = accept(&fake, 2);
    give(&mut peer, 1);
    assert_eq!(next(&worker.begun), 1);
    drop(peer);
    // One of its threads still runs the job of the lost connection.
    let mut peer = accept(&fake, 1);
    give(&mut peer, 2);
    assert_eq!(next(&worker.begun), 2);
    assert_ne!(worker.end_one(), worker.end_one(), "one of the two is lost");
    let mut lines = [peer.next_line().unwrap(), peer.next_line().unwrap()];
    lines.sort_unstable();
    let again = r#"{"cmd":"can_do","types":["slow"],"max_jobs":2}"#;
    assert_eq!(lines, [again, r#"{"cmd":"did","job":2,"res":"done"}"#]);
    let events = [(); 3].map(|()| next(&worker.events));
    assert_eq!((events[0].as_str(), events[2].as_str()), ("connected", "connected"));
    assert!(events[1].contains("was lost: the server closed the connection"), "{events:?}");
    drop(fake);
}

#[test]
fn a_server_that_comes_back_gets_no_result_of_an_unknown_job() {
    for via in [Via::Tcp, Via::Unix] {
        let server = Server::start(&[]);
        let worker = slow(&url(&server, via), 2);
        let client = quick_retry().outage_timeout(Duration::from_secs(600)).connect(&url(&server, Via::Unix)).unwrap();
        let lost = [client.submit::<_, String>("slow", &0), client.submit::<_, String>("slow", &0)];
        next(&worker.begun);
        next(&worker.begun);
        server.kill();
        for handle in lost {
            handle.soon().unwrap_err();
        }
        let _server = server.come_back();
        let again = client.submit::<_, String>("slow", &0);
        assert!(worker.end_one(), "both threads still ran jobs of the lost connection");
        next(&worker.begun);
        // Either of the two that run now may end first.
        assert_ne!(worker.end_one(), worker.end_one());
        assert_eq!(again.soon().unwrap(), "done");
        let metrics = client.metrics().unwrap();
        assert_eq!((metrics.jobs_added, metrics.jobs_done, metrics.protocol_errors), (1, 1, 0));
    }
}

#[test]
fn a_worker_waits_for_a_server_that_is_not_there_yet() {
    let server = Server::start(&[]);
    server.kill();
    let worker = slow(&url(&server, Via::Unix), 1);
    let event = next(&worker.events);
    assert!(
        event.contains("cannot connect to unix:") && event.contains("no server accepts connections there"),
        "{event}"
    );
    let _server = server.come_back();
    let client = connect(&server);
    let job = client.submit::<_, String>("slow", &0);
    assert!(!worker.end_one());
    assert_eq!(job.soon().unwrap(), "done");
}

#[test]
fn a_worker_leaves_a_server_that_breaks_the_contract_and_tries_again() {
    for (line, why) in [
        (r#"{"cmd":"do","id":1,"type":"slow"}"#, "lacks a member"),
        (r#"{"cmd":"do","id":1,"type":"slow","job":"1"}"#, "lacks a member"),
        ("hello", "is not one of a deputy server"),
        (r#"{"cmd":"can_do","types":["slow"],"max_jobs":1}"#, "sends back what it receives"),
        (
            "{\"cmd\":\"do\",\"id\":1,\"type\":\"slow\",\"job\":1}\r\n{\"cmd\":\"do\",\"id\":1,\"type\":\"slow\",\"job\":2}",
            "more jobs came than there are slots",
        ),
    ] {
        let fake = Fake::start();
        let worker = slow(&fake.url(), 1);
        let mut peer = accept(&fake, 1);
        peer.send_line(line);
        peer.expect_closed();
        let lost = until("the loss", || Some(next(&worker.events)).filter(|event| event != "connected"));
        assert!(lost.contains(why), "{line}: {lost}");
        fake.accept();
        drop(fake); // So that the worker ends without a server.
    }
}

#[test]
fn other_errors_are_events_and_the_worker_goes_on() {
    let fake = Fake::start();
    let worker = slow(&fake.url(), 1);
    let mut peer = accept(&fake, 1);
    for code in ["not_holding", "later"] {
        peer.send_line(&format!(r#"{{"cmd":"error","code":"{code}","error":"x"}}"#));
        let event = until("the event", || Some(next(&worker.events)).filter(|event| event != "connected"));
        assert_eq!(event, format!("the server refused a line: {code}: x"));
    }
    peer.send_line(r#"{"cmd":"do","id":1,"type":"another","job":1}"#);
    peer.expect(r#"{"cmd":"did","job":1,"err":"this worker does not do this type"}"#);
    give(&mut peer, 2);
    assert!(!worker.end_one());
    peer.expect(r#"{"cmd":"did","job":2,"res":"done"}"#);
    drop(fake);
}
