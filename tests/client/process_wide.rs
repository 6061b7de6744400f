//! What the library does to the process that it is in: signals and threads.

use std::net::Shutdown;
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use deputy::client::{Error, RunError, Worker};
use rustix::process::{Resource, Rlimit, setrlimit};
use signal_hook::consts::SIGPIPE;

use crate::alone;
use crate::fixture::{Soon, connect, quick_retry, url};
use crate::process::{Server, Via};

#[test]
fn a_lost_server_sends_the_process_no_sigpipe() {
    alone::run(&[], "process_wide::a_write_to_a_peer_that_reads_no_more");
}

/// A program may have set the signal to its default, which ends the process.
#[test]
#[ignore = "run by a_lost_server_sends_the_process_no_sigpipe"]
fn a_write_to_a_peer_that_reads_no_more() {
    let is_raised = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGPIPE, Arc::clone(&is_raised)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sock");
    let listener = UnixListener::bind(&path).unwrap();
    let client = quick_retry().connect(&format!("unix:{}", path.display())).unwrap();
    let (peer, _) = listener.accept().unwrap();
    // The reader notices nothing, so the write fails.
    peer.shutdown(Shutdown::Read).unwrap();
    let error = client.submit::<_, ()>("t", &0).soon().unwrap_err();
    assert!(matches!(&error, Error::Disconnected(lost) if lost.reason.contains("Broken pipe")), "{error:?}");
    assert!(!is_raised.load(Ordering::Relaxed), "SIGPIPE was raised");
}

#[test]
#[cfg(target_os = "linux")]
fn a_worker_that_cannot_start_its_threads_takes_no_job() {
    alone::run(&[], "process_wide::threads_beyond_the_address_space");
}

#[test]
#[cfg(target_os = "linux")]
#[ignore = "run by a_worker_that_cannot_start_its_threads_takes_no_job"]
fn threads_beyond_the_address_space() {
    let server = Server::start(&[]);
    let client = connect(&server);
    let jobs: Vec<_> = (0..10).map(|n| client.submit::<_, ()>("t", &n)).collect();
    client.ping().unwrap();
    let limit = Rlimit { current: Some(4 << 30), maximum: Some(4 << 30) };
    setrlimit(Resource::As, limit).unwrap();
    let worker = Worker::connect(&url(&server, Via::Unix)).handle("t", |_| Ok::<_, String>(())).max_jobs(65_535);
    let error = worker.run().unwrap_err();
    assert!(matches!(error, RunError::Thread(_)), "{error}");
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.workers_added, metrics.jobs_dispatched, metrics.jobs_reassigned), (0, 0, 0));
    drop(jobs);
}
