//! A server that is killed, and comes back at the same address.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use deputy::client::{Client, Error, JobHandle};

use crate::fixture::{Soon, quick_retry, url, with_client};
use crate::process::{Server, Via};
use crate::wait::until;

const LONG: Duration = Duration::from_secs(600);

#[test]
fn open_jobs_fail_and_later_ones_are_accepted() {
    for via in [Via::Tcp, Via::Unix] {
        let server = Server::start(&[]);
        let client = quick_retry().outage_timeout(LONG).connect(&url(&server, via)).unwrap();
        let open: Vec<_> = (0..100).map(|n| client.submit::<_, ()>("no worker", &n)).collect();
        client.ping().unwrap();
        server.kill();
        for handle in open {
            let error = handle.soon().unwrap_err();
            assert!(matches!(&error, Error::Disconnected(_)) && error.may_have_run(), "{error:?}");
            assert!(error.to_string().contains(&client.url().to_string()), "{error}");
        }
        // Waits for the connection.
        let waiting = client.submit::<_, ()>("no worker", &0);
        let _server = server.come_back();
        client.ping().unwrap();
        assert!(waiting.try_wait().is_none());
        let metrics = client.metrics().unwrap();
        assert_eq!((metrics.jobs_added, metrics.protocol_errors), (1, 0), "nothing is submitted twice");
    }
}

#[test]
fn with_no_outage_timeout_jobs_fail_at_once() {
    let server = Server::start(&[]);
    let client = quick_retry().outage_timeout(Duration::ZERO).connect(&url(&server, Via::Unix)).unwrap();
    let open = client.submit::<_, ()>("no worker", &0);
    client.ping().unwrap();
    server.kill();
    assert!(matches!(open.soon().unwrap_err(), Error::Disconnected(_)));
    let error = client.submit::<_, ()>("t", &0).try_wait().unwrap().unwrap_err();
    assert!(matches!(&error, Error::NotConnected(_)) && !error.may_have_run(), "{error:?}");
    assert!(error.to_string().contains(&client.url().to_string()), "{error}");
    assert!(matches!(client.ping(), Err(Error::NotConnected(_))));
    assert!(matches!(client.metrics(), Err(Error::NotConnected(_))));
    let _server = server.come_back();
    until("the connection", || client.ping().ok());
}

#[test]
fn after_the_outage_timeout_waiting_and_later_jobs_fail() {
    let server = Server::start(&[]);
    let client = quick_retry().outage_timeout(Duration::from_millis(50)).connect(&url(&server, Via::Tcp)).unwrap();
    client.ping().unwrap();
    let open = client.submit::<_, ()>("no worker", &0);
    server.kill();
    assert!(matches!(open.soon().unwrap_err(), Error::Disconnected(_)));
    let waiting = [client.submit::<_, ()>("t", &1), client.submit::<_, ()>("t", &2)];
    for handle in waiting {
        let error = handle.soon().unwrap_err();
        let text = error.to_string();
        assert!(matches!(&error, Error::NotConnected(_)) && text.contains("cannot connect to tcp://"), "{error:?}");
    }
    let late = client.submit::<_, ()>("t", &3);
    assert!(matches!(late.try_wait(), Some(Err(Error::NotConnected(_)))));
    let _server = server.come_back();
    until("the connection", || client.ping().ok());
    assert_eq!(client.metrics().unwrap().jobs_added, 0);
}

/// Each job either fails as disconnected, or the server that came back has it. None is submitted twice or forgotten.
#[test]
fn submitting_goes_on_through_an_outage() {
    let server = Server::start(&[]);
    let client = quick_retry().outage_timeout(LONG).connect(&url(&server, Via::Unix)).unwrap();
    let over = AtomicBool::new(false);
    let is_lost = |handle: &JobHandle<()>| match handle.try_wait() {
        None => false,
        Some(Err(Error::Disconnected(_))) => true,
        other => panic!("{other:?}"),
    };
    let submit = || {
        let mut handles = Vec::new();
        while !over.load(Ordering::Relaxed) {
            handles.push(client.submit::<_, ()>("no worker", &0));
            let _ = client.ping(); // It fails when the connection is lost.
        }
        handles
    };
    let (open, metrics) = thread::scope(|scope| {
        let submitting: Vec<_> = (0..4).map(|_| scope.spawn(submit)).collect();
        let until_some_jobs = || until("some jobs", || (client.metrics().ok()?.jobs_added > 100).then_some(()));
        until_some_jobs();
        server.kill();
        let _server = server.come_back();
        until_some_jobs();
        over.store(true, Ordering::Relaxed);
        let handles: Vec<_> = submitting.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        client.ping().unwrap();
        let open = handles.iter().filter(|handle| !is_lost(handle)).count() as u64;
        (open, client.metrics().unwrap())
    });
    assert_eq!((metrics.jobs_added, metrics.jobs_refused, metrics.protocol_errors), (open, 0, 0));
}

#[test]
fn a_client_that_is_dropped_in_an_outage_ends_at_once() {
    let (server, client) = with_client(Server::start(&[]));
    client.ping().unwrap();
    let open = client.submit::<_, ()>("no worker", &0);
    server.kill();
    assert!(matches!(open.soon().unwrap_err(), Error::Disconnected(_)));
    let waiting = client.submit::<_, ()>("no worker", &0);
    drop(client);
    assert!(matches!(waiting.soon().unwrap_err(), Error::Closed));
}

#[test]
fn the_first_connection_is_tried_once() {
    let server = Server::start(&[]);
    server.kill();
    for via in [Via::Tcp, Via::Unix] {
        let url = url(&server, via);
        let error = Client::connect(&url).unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("no server accepts connections there"), "{error}");
    }
}
