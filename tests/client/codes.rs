//! Every code of docs/protocol.md from the real server, and the jobs that the client refuses itself.

use std::collections::BTreeMap;
use std::time::Duration;

use deputy::client::{Client, Error, Failure, Job, Options, Worker};
use rustix::process::Signal;
use serde_json::value::RawValue;

use crate::fixture::{Running, Soon, connect, url, with_client};
use crate::process::{Server, Via};

/// Returns the error of a job that no worker does.
fn error_of(client: &Client, type_name: &str) -> Error {
    client.submit::<_, ()>(type_name, &0).soon().unwrap_err()
}

#[test]
fn a_failed_job_has_the_workers_value() {
    let server = Server::start(&[]);
    let worker = Worker::new(&url(&server, Via::Tcp))
        .handle("text", |_| Err::<(), _>("no such photo"))
        .handle("json", |_| Err::<(), _>(Failure::json(&BTreeMap::from([("reason", 7)]))));
    let _worker = Running::start(worker);
    let client = connect(&server);
    for (type_name, err) in [("text", r#""no such photo""#), ("json", r#"{"reason":7}"#)] {
        let error = error_of(&client, type_name);
        assert_eq!(error.code(), Some("failed"));
        assert!(matches!(&error, Error::Failed(value) if value.get() == err), "{error:?}");
    }
}

#[test]
fn an_invalid_type_is_bad_request() {
    let (_server, client) = with_client(Server::start(&[]));
    for type_name in ["", &"x".repeat(256)] {
        let error = error_of(&client, type_name);
        assert!(matches!(error, Error::BadRequest(_)) && !error.may_have_run(), "{error:?}");
    }
}

#[test]
fn a_job_that_kills_its_workers_is_given_up() {
    let (server, client) = with_client(Server::start(&["--max-attempts", "1"]));
    let handle = client.submit::<_, ()>("poison", &0);
    let mut worker = server.connect(Via::Tcp, "a worker that goes");
    worker.send(r#"{"cmd":"can_do","types":["poison"]}"#);
    worker.line();
    drop(worker);
    assert!(matches!(handle.soon().unwrap_err(), Error::GaveUp(_)));
}

#[test]
fn a_job_beyond_the_memory_budget_is_queue_full() {
    let (_server, client) = with_client(Server::start(&["--max-memory", "1M"]));
    let arg = "x".repeat(200_000);
    let fitting: Vec<_> = (0..5).map(|_| client.submit::<_, ()>("no worker", &arg)).collect();
    let error = client.submit::<_, ()>("no worker", &arg).soon().unwrap_err();
    assert!(matches!(error, Error::QueueFull(_)) && !error.may_have_run(), "{error:?}");
    assert!(fitting.iter().all(|handle| handle.try_wait().is_none()));
}

#[test]
fn a_server_that_stops_fails_waiting_jobs_with_shutdown() {
    let (server, client) = with_client(Server::start(&[]));
    let waiting = client.submit::<_, ()>("no worker", &0);
    client.ping().unwrap();
    server.process.signal(Signal::TERM);
    assert!(matches!(waiting.soon().unwrap_err(), Error::Shutdown(_)));
}

/// The server's limit is below that of the client.
#[test]
fn a_line_that_the_server_would_refuse_fails_its_job_alone() {
    let (_server, client) = with_client(Server::start(&["--max-line", "64K"]));
    let waiting = client.submit::<_, ()>("no worker", &0);
    let arg = "x".repeat(100_000);
    for _ in 0..2 {
        let error = client.submit::<_, ()>("t", &arg).soon().unwrap_err();
        assert!(matches!(&error, Error::TooLong(text) if text.contains("65536")) && !error.may_have_run(), "{error:?}");
    }
    let names: Vec<String> = (0..1_000).map(|number| format!("{number:0>100}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert!(matches!(client.metrics_of(&names), Err(Error::TooLong(_))));
    client.ping().unwrap();
    assert!(waiting.try_wait().is_none(), "the connection was not lost");
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.protocol_errors, metrics.jobs_added, metrics.max_line), (0, 1, 64 << 10));
}

#[test]
fn a_result_that_the_server_would_refuse_fails_its_job_alone() {
    let server = Server::start(&["--max-line", "64K"]);
    let worker = Worker::new(&url(&server, Via::Tcp))
        .handle_typed("of size", |size: usize| Ok::<_, String>("x".repeat(size)))
        .max_jobs(2);
    let _worker = Running::start(worker);
    let client = connect(&server);
    for size in [100_000, 65_536, 1_000_000] {
        match client.submit::<_, String>("of size", &size).soon() {
            Err(Error::Failed(err)) => assert!(err.get().contains("the limit is 65536"), "{err}"),
            other => panic!("{size}: {other:?}"),
        }
        assert_eq!(client.submit::<_, String>("of size", &60_000).soon().unwrap().len(), 60_000);
    }
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.workers_added, metrics.jobs_reassigned, metrics.protocol_errors), (1, 0, 0));
}

/// Lines up to 1,024 bytes are sent without a question for the limit.
#[test]
fn a_short_line_that_only_the_server_finds_too_long_loses_the_connection_with_its_code() {
    let (server, client) = with_client(Server::start(&["--max-line", "500"]));
    let error = client.submit::<_, ()>("t", &"x".repeat(500)).soon().unwrap_err();
    assert!(matches!(&error, Error::Disconnected(lost) if lost.code.as_deref() == Some("too_long")), "{error:?}");
    assert!(error.to_string().contains("too_long") && error.to_string().contains(&client.url().to_string()), "{error}");
    // A client that knows the limit refuses the job itself, and its connection stays open.
    let client = Options::new().max_line(500).connect(&url(&server, Via::Tcp)).unwrap();
    assert!(matches!(client.submit::<_, ()>("t", &"x".repeat(500)).soon().unwrap_err(), Error::TooLong(_)));
    client.ping().unwrap();
    assert_eq!(client.metrics().unwrap().protocol_errors, 1);
}

/// A line that another client may send, because its own limit is that of the server.
#[test]
fn a_line_that_is_longer_than_this_client_accepts_fails_its_job_alone() {
    let server = Server::start(&["--max-line", "32M"]);
    let large = Options::new().max_line(32 << 20).connect(&url(&server, Via::Tcp)).unwrap();
    let echo = || Worker::new(&url(&server, Via::Unix)).handle("echo", |job: &Job| job.arg::<String>()).max_jobs(2);
    let text = "x".repeat(25 << 20);
    let small = Options::new().max_line(1 << 20);
    {
        let _worker = Running::start(echo().options(small.clone()));
        match large.submit::<_, String>("echo", &text).soon() {
            Err(Error::Failed(err)) => assert!(err.get().contains("raise its max_line"), "{err}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(large.submit::<_, String>("echo", "short").soon().unwrap(), "short");
    }
    let worker = echo()
        .options(Options::new().max_line(32 << 20))
        .handle_typed("of size", |size: usize| Ok::<_, String>("x".repeat(size)));
    let _worker = Running::start(worker);
    let small = small.connect(&url(&server, Via::Tcp)).unwrap();
    let neighbour = small.submit::<_, ()>("no worker", &0);
    let error = small.submit::<_, String>("of size", &(25 << 20)).soon().unwrap_err();
    assert!(matches!(&error, Error::ResultTooLong(_)) && error.may_have_run(), "{error:?}");
    assert_eq!(small.submit::<_, String>("of size", &5).soon().unwrap(), "xxxxx");
    assert!(neighbour.try_wait().is_none(), "the connection was not lost");
    assert_eq!(small.metrics().unwrap().jobs_reassigned, 0);
}

#[test]
fn a_job_that_no_line_can_carry_is_refused_before_it_is_sent() {
    let (_server, client) = with_client(Server::start(&[]));
    let deep = RawValue::from_string("[".repeat(128) + &"]".repeat(128)).unwrap();
    let error = client.submit_raw("t", Some(&deep)).soon().unwrap_err();
    assert!(matches!(error, Error::BadJson(_)) && !error.may_have_run(), "{error:?}");
    let error = client.submit::<_, ()>("t", &BTreeMap::from([([1], 1)])).soon().unwrap_err();
    assert!(matches!(error, Error::Arg(_)) && !error.may_have_run(), "{error:?}");
    client.ping().unwrap();
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.jobs_added, metrics.jobs_refused, metrics.protocol_errors), (0, 0, 0));
}

#[test]
fn a_failed_connect_names_the_address_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let none = format!("unix:{}", folder.path().join("none").display());
    let error = Options::new().connect_timeout(Duration::from_secs(1)).connect(&none).unwrap_err();
    assert!(error.to_string().contains(&none) && error.to_string().contains("--sock"), "{error}");
    let error = Client::connect("nonsense://x").unwrap_err();
    assert!(error.to_string().contains("nonsense://x"), "{error}");
}
