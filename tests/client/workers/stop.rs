//! Workers that stop: they finish what they hold, and no job is lost or requeued.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{bounded, unbounded};
use deputy::client::{FaultMetrics, Job, Worker};

use crate::fake::Fake;
use crate::fixture::{Running, Soon, connect, next, quick_retry, url, with_client};
use crate::process::{Server, Via};
use crate::wait::until;

#[test]
fn a_stopped_worker_finishes_what_it_holds_and_takes_nothing_else() {
    let server = Server::start(&[]);
    let (started, starts) = unbounded();
    let (release, released) = bounded::<()>(0);
    let worker = Worker::new(&url(&server, Via::Tcp)).handle("slow", move |job: &Job| {
        started.send(()).unwrap();
        let _ = released.recv(); // Until the test lets all of them go.
        job.arg::<u32>()
    });
    let running = Running::start(worker.max_jobs(2));
    let client = connect(&server);
    let handles: Vec<_> = (0..5).map(|n| client.submit::<_, u32>("slow", &n)).collect();
    next(&starts);
    next(&starts);
    running.stopper.stop();
    running.stopper.stop();
    // It has withdrawn its offer, and still holds two jobs.
    until("its withdrawal", || (client.metrics().unwrap().workers == 0).then_some(()));
    assert_eq!(client.metrics().unwrap().jobs_running, 2);
    drop(release);
    running.ended().unwrap();
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.jobs_added, metrics.jobs_done, metrics.jobs_reassigned), (5, 2, 0));
    for (handle, n) in handles.into_iter().zip(0..2) {
        assert_eq!(handle.soon().unwrap(), n);
    }
}

#[test]
fn a_stopped_worker_does_not_wait_for_a_server_that_does_not_answer() {
    let fake = Fake::start();
    let (long, short) = (Duration::from_secs(600), Duration::from_millis(30));
    let options = quick_retry().ping_after(long).answer_timeout(short);
    let running = Running::start(Worker::new(&fake.url()).handle("t", |_: &Job| Ok::<_, String>(())).options(options));
    let mut peer = fake.accept();
    peer.next_line();
    running.stopper.stop();
    running.ended().unwrap();
    // Its last lines, and then the end.
    while peer.next_line().is_some() {}
}

/// Workers come and go all the time, and no job is lost, done twice or requeued.
#[test]
fn workers_that_stop_under_load_lose_nothing() {
    const JOBS: u64 = 3_000;
    let (server, client) = with_client(Server::start(&["--threads", "2"]));
    let done = Arc::new(AtomicU64::new(0));
    let worker = || {
        let count = Arc::clone(&done);
        let handler = move |number: u64| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, String>(number + 1)
        };
        Running::start(Worker::new(&url(&server, Via::Unix)).handle_typed("count", handler).max_jobs(4))
    };
    thread::scope(|scope| {
        let submitting = scope.spawn(|| {
            let handles: Vec<_> = (0..JOBS).map(|number| client.submit::<_, u64>("count", &number)).collect();
            for (handle, number) in handles.into_iter().zip(0..) {
                assert_eq!(handle.soon().unwrap(), number + 1);
            }
        });
        while !submitting.is_finished() {
            let before = done.load(Ordering::Relaxed);
            let running = worker();
            until("some jobs", || {
                (done.load(Ordering::Relaxed) > before + JOBS / 20 || submitting.is_finished()).then_some(())
            });
            running.stopper.stop();
            running.ended().unwrap();
        }
        submitting.join().unwrap();
    });
    let metrics = client.metrics().unwrap();
    assert_eq!((done.load(Ordering::Relaxed), metrics.jobs_done), (JOBS, JOBS));
    assert_eq!((metrics.jobs_reassigned, metrics.results_dropped, metrics.protocol_errors), (0, 0, 0));
    assert_eq!(metrics.faults, FaultMetrics::default());
}

#[test]
fn a_limit_of_jobs_is_kept_exactly() {
    for (limit, max_jobs) in [(1, 1), (1, 4), (7, 3), (8, 8), (20, 3)] {
        let (server, client) = with_client(Server::start(&[]));
        let handles: Vec<_> = (0..20).map(|n| client.submit::<_, ()>("t", &n)).collect();
        client.ping().unwrap();
        let worker = Worker::new(&url(&server, Via::Unix)).handle("t", |_| Ok::<_, String>(()));
        Running::start(worker.limit(limit).max_jobs(max_jobs)).ended().unwrap();
        let metrics = client.metrics().unwrap();
        assert_eq!((metrics.jobs_done, metrics.jobs_dispatched, metrics.jobs_reassigned), (limit, limit, 0));
        drop(handles);
    }
}

#[test]
fn a_worker_can_be_stopped_before_it_runs_and_without_a_server() {
    let worker = || Worker::new("127.0.0.1:1").handle("t", |_| Ok::<_, String>(()));
    let stopped = worker();
    stopped.stopper().stop();
    stopped.run().unwrap();
    let stopper = stopped_after_it_tried(worker());
    stopper.stop(); // Nothing happens: the worker has ended.
}

/// Stops a worker once it has tried to connect.
fn stopped_after_it_tried(worker: Worker) -> deputy::client::Stopper {
    let (sender, tries) = unbounded();
    let running = Running::start(worker.on_event(move |event| sender.send(event.to_string()).unwrap()));
    let event = next(&tries);
    assert!(event.contains("cannot connect to tcp://127.0.0.1:1"), "{event}");
    let stopper = running.stopper.clone();
    stopper.stop();
    running.ended().unwrap();
    stopper
}

#[test]
fn a_worker_that_stops_sends_the_lines_of_the_protocol() {
    let fake = Fake::start();
    let worker = Worker::new(&fake.url()).handle("a", |_| Ok::<_, String>(1)).handle("b", |_| Err::<(), _>("no"));
    let running = Running::start(worker);
    let mut peer = fake.accept();
    peer.expect(r#"{"cmd":"can_do","types":["a","b"],"max_jobs":1}"#);
    peer.expect(r#"{"cmd":"ping"}"#);
    peer.send_line(r#"{"cmd":"pong"}"#);
    peer.send_line(r#"{"cmd":"do","id":"x","type":"a","job":17}"#);
    peer.expect(r#"{"cmd":"did","job":17,"res":1}"#);
    running.stopper.stop();
    peer.expect(r#"{"cmd":"cant_do","types":["a","b"]}"#);
    peer.expect(r#"{"cmd":"ping"}"#);
    // This job was on its way.
    peer.send_line(r#"{"cmd":"do","id":"x","type":"b","job":18}"#);
    peer.send_line(r#"{"cmd":"pong"}"#);
    peer.expect(r#"{"cmd":"did","job":18,"err":"no"}"#);
    peer.expect(r#"{"cmd":"ping"}"#);
    peer.send_line(r#"{"cmd":"pong"}"#);
    peer.expect_closed();
    drop(peer);
    running.ended().unwrap();
}
