//! Jobs and their answers, through the real server.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use deputy::client::{Client, Error, Job, Worker};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::fixture::{Running, Soon, connect, url, with_client};
use crate::process::{Server, Via};
use crate::wait::until;

/// A worker that returns each arg as the text that came.
fn echo(server: &Server) -> Running {
    let worker = Worker::new(&url(server, Via::Unix));
    Running::start(worker.handle("echo", |job: &Job| Ok::<_, String>(job.raw().map(ToOwned::to_owned))).max_jobs(4))
}

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

#[test]
fn a_typed_job_has_a_typed_result_over_either_transport() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Photo {
        name: String,
        sizes: BTreeMap<String, u32>,
        tags: Option<Vec<char>>,
    }
    let server = Server::start(&["--threads", "2"]);
    let _worker = echo(&server);
    let photo = Photo { name: "caté\n\"".to_owned(), sizes: BTreeMap::from([("w".to_owned(), 640)]), tags: None };
    for via in [Via::Tcp, Via::Unix] {
        let client = Client::connect(&url(&server, via)).unwrap();
        assert_eq!(client.submit::<_, Photo>("echo", &photo).soon().unwrap(), photo);
        assert_eq!(client.submit::<_, Option<u8>>("echo", &()).soon().unwrap(), None);
    }
}

#[test]
fn raw_values_are_carried_untouched() {
    let server = Server::start(&[]);
    let _worker = echo(&server);
    let client = connect(&server);
    for text in ["1e400", "-0", "2.50", r#""\u0000\/\ud800""#, r#"{ "b":1 , "a": [ ], "a":2 }"#, "null", "\"\u{2028}\""]
    {
        assert_eq!(client.submit_raw("echo", Some(&raw(text))).soon().unwrap().get(), text);
    }
    let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
    assert_eq!(client.submit_raw("echo", Some(&raw(&deepest))).soon().unwrap().get(), deepest);
    assert_eq!(client.submit_raw("echo", Some(&raw("[\n1,\r\n\"\\n\"]"))).soon().unwrap().get(), "[ 1,  \"\\n\"]");
    assert_eq!(client.submit_raw("echo", None).soon().unwrap().get(), "null");
}

#[test]
fn an_arg_of_megabytes_goes_both_ways() {
    let server = Server::start(&[]);
    let _worker = echo(&server);
    let text = "é".repeat(4 << 20);
    assert!(connect(&server).submit::<_, String>("echo", &text).soon().unwrap() == text);
}

#[test]
fn the_error_for_a_result_of_another_type_has_the_result() {
    let server = Server::start(&[]);
    let _worker = echo(&server);
    let error = connect(&server).submit::<_, u32>("echo", "seven").soon().unwrap_err();
    assert!(matches!(&error, Error::Result { res, .. } if res.get() == "\"seven\""), "{error:?}");
    assert!(error.to_string().contains("invalid type"), "{error}");
}

/// A type whose reading panics, in the caller's thread.
#[derive(Debug)]
struct Panics;

impl<'de> Deserialize<'de> for Panics {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        panic!("while it is read")
    }
}

#[test]
fn a_caller_that_panics_or_drops_its_handle_breaks_nothing_else() {
    let server = Server::start(&[]);
    let _worker = echo(&server);
    let client = connect(&server);
    let handle = client.submit::<_, Panics>("echo", &1);
    drop(client.submit::<_, Panics>("echo", &2));
    for _ in 0..2 {
        let panic = catch_unwind(AssertUnwindSafe(|| handle.soon().map(drop))).unwrap_err();
        assert_eq!(panic.downcast_ref(), Some(&"while it is read"));
    }
    client.ping().unwrap();
    assert_eq!(client.submit::<_, u32>("echo", &3).soon().unwrap(), 3);
}

#[test]
fn a_handle_can_be_asked_again_and_the_job_stays_queued() {
    let (server, client) = with_client(Server::start(&[]));
    let handle = client.submit::<_, String>("echo", "hello");
    assert!(handle.try_wait().is_none());
    assert!(matches!(handle.wait_timeout(Duration::from_millis(1)), Err(Error::TimedOut)));
    assert_eq!(client.metrics_of(&["echo"]).unwrap().types[0].waiting, 1);
    let _worker = echo(&server);
    for _ in 0..2 {
        assert_eq!(handle.wait_timeout(Duration::MAX).unwrap(), "hello");
        assert_eq!(handle.try_wait().unwrap().unwrap(), "hello");
    }
    assert_eq!(handle.wait().unwrap(), "hello");
}

#[test]
fn after_a_ping_every_earlier_job_is_accepted_or_refused() {
    let (_server, client) = with_client(Server::start(&["--threads", "4"]));
    for round in 1..=20 {
        let accepted = client.submit::<_, ()>(&format!("type {round}"), &0);
        let refused = client.submit::<_, ()>("", &0);
        client.ping().unwrap();
        assert!(accepted.try_wait().is_none());
        assert!(matches!(refused.try_wait(), Some(Err(Error::BadRequest(_)))));
        assert_eq!(client.metrics().unwrap().jobs_added, round);
    }
}

#[test]
fn a_dropped_client_has_sent_its_jobs_and_its_open_handles_fail() {
    let server = Server::start(&["--threads", "2"]);
    let watcher = connect(&server);
    let client = connect(&server);
    let other = client.clone();
    let handles: Vec<_> = (0..1_000).map(|n| client.submit::<_, ()>("no worker", &n)).collect();
    drop(client);
    assert!(handles[0].try_wait().is_none(), "a clone keeps the connection");
    drop(other);
    for handle in handles {
        assert!(matches!(handle.soon(), Err(Error::Closed)));
    }
    until("all jobs", || (watcher.metrics().unwrap().jobs_added == 1_000).then_some(()));
}

#[test]
fn answers_on_their_way_do_not_lose_the_jobs_of_a_dropped_client() {
    const JOBS: u64 = 200;
    let server = Server::start(&["--threads", "2"]);
    let _worker = echo(&server);
    let watcher = connect(&server);
    for round in 1..=10 {
        let client = connect(&server);
        let arg = "x".repeat(10_000);
        (0..JOBS).for_each(|_| drop(client.submit::<_, String>("echo", &arg)));
        drop(client);
        until("all jobs", || (watcher.metrics().unwrap().jobs_done == round * JOBS).then_some(()));
    }
}
