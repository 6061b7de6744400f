//! Workers on a real server: handlers, their failures, and workers that the server refuses.

mod lost;
mod stop;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Barrier, Mutex};

use deputy::client::{Client, Error, Failure, Job, RunError, Worker};
use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::fixture::{Running, Soon, connect, url};
use crate::process::{Server, Via};

fn worker(server: &Server) -> Worker {
    Worker::new(&url(server, Via::Unix))
}

/// Returns the `err` of a job that fails.
fn err_of(client: &Client, type_name: &str, arg: &str) -> String {
    match client.submit::<_, Value>(type_name, arg).soon() {
        Err(Error::Failed(err)) => err.get().to_owned(),
        other => panic!("{type_name} {arg:?}: {other:?}"),
    }
}

#[test]
fn a_handler_sees_the_job_as_it_was_submitted() {
    let server = Server::start(&[]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = Arc::clone(&seen);
    let worker = worker(&server).handle("see \"é\"", move |job: &Job| {
        let raw = job.raw().map(|raw| raw.get().to_owned());
        note.lock().unwrap().push((job.type_name().to_owned(), job.id().to_owned(), job.number(), raw, job.is_lost()));
        job.arg::<Option<Value>>().map(|_| ())
    });
    let _worker = Running::start(worker);
    let mut plain = server.connect(Via::Tcp, "a client");
    for (id, arg) in [(r#""\u0061""#, Some("{ \"b\":1e0 }")), ("2.50", None), ("3", Some("null"))] {
        let member = arg.map(|arg| format!(",\"arg\":{arg}")).unwrap_or_default();
        plain.send(&format!(r#"{{"cmd":"do","id":{id},"type":"see \"\u00e9\""{member}}}"#));
        plain.expect(&format!(r#"{{"cmd":"did","id":{id},"res":null}}"#));
        let (type_name, seen_id, _, raw, lost) = seen.lock().unwrap().last().unwrap().clone();
        assert_eq!((type_name.as_str(), seen_id.as_str(), lost), ("see \"é\"", id, false));
        assert_eq!(raw.as_deref(), arg);
    }
    let mut numbers: Vec<u64> = seen.lock().unwrap().iter().map(|seen| seen.2).collect();
    numbers.dedup();
    assert_eq!(numbers.len(), 3, "each job has a number of its own");
}

#[test]
fn what_a_handler_returns_is_the_answer() {
    let server = Server::start(&[]);
    let worker = worker(&server)
        .handle("nothing", |_| Ok::<_, Failure>(()))
        .handle("raw", |_| RawValue::from_string("[ 1e400 ]".to_owned()))
        .handle("io", |_| Err::<(), _>(std::io::Error::other("no such photo")))
        .handle("boxed", |_| Err::<(), Box<dyn std::error::Error>>("boxed".into()))
        .handle("question", |job| -> Result<u32, Failure> {
            let text: &str = job.arg()?;
            Ok(text.parse::<u32>()?)
        });
    let _worker = Running::start(worker);
    let client = connect(&server);
    client.submit::<_, ()>("nothing", &0).soon().unwrap();
    assert_eq!(client.submit_raw("raw", None).soon().unwrap().get(), "[ 1e400 ]");
    assert_eq!(err_of(&client, "io", ""), r#""no such photo""#);
    assert_eq!(err_of(&client, "boxed", ""), r#""boxed""#);
    assert_eq!(client.submit::<_, u32>("question", "17").soon().unwrap(), 17);
    assert_eq!(err_of(&client, "question", "x"), r#""invalid digit found in string""#);
}

#[test]
fn an_arg_of_another_type_fails_the_job_and_says_why() {
    let server = Server::start(&[]);
    let called = Arc::new(AtomicU32::new(0));
    let calls = Arc::clone(&called);
    let worker =
        worker(&server).handle("reads it", |job| job.arg::<u32>()).handle_typed("is given it", move |number: u32| {
            calls.fetch_add(1, Ordering::Relaxed);
            Ok::<_, String>(number)
        });
    let _worker = Running::start(worker);
    let client = connect(&server);
    for type_name in ["reads it", "is given it"] {
        let err = err_of(&client, type_name, "seven");
        assert!(err.contains("the arg is not of the type expected") && err.contains("seven"), "{err}");
        let error = client.submit_raw(type_name, None).soon().unwrap_err().to_string();
        assert!(error.contains("the job needs an arg"), "{error}");
        assert_eq!(client.submit::<_, u32>(type_name, &7).soon().unwrap(), 7);
    }
    assert_eq!(called.load(Ordering::Relaxed), 1);
}

/// The value of a panic, whose drop panics with another one.
struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        std::panic::panic_any(Self);
    }
}

/// A result that panics when it is written, or when it is dropped.
struct PanicsAsResult {
    in_drop: bool,
}

impl Serialize for PanicsAsResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.in_drop, "while it is written");
        serializer.serialize_unit()
    }
}

impl Drop for PanicsAsResult {
    fn drop(&mut self) {
        assert!(!self.in_drop, "while it is dropped");
    }
}

#[test]
fn a_panic_fails_its_job_alone() {
    let server = Server::start(&[]);
    let worker = worker(&server)
        .handle_typed("panic", |text: String| -> Result<(), String> { panic!("cannot do {text}") })
        .handle("constant", |_| -> Result<(), String> { panic!("never") })
        .handle("value", |_| -> Result<(), String> { std::panic::panic_any(7) })
        .handle("value that panics when it is dropped", |_| -> Result<(), String> {
            std::panic::panic_any(PanicsInDrop)
        })
        .handle_typed("result that panics", |in_drop: bool| Ok::<_, String>(PanicsAsResult { in_drop }))
        .handle("go on", |_| Ok::<_, String>("still here"));
    let _worker = Running::start(worker);
    let client = connect(&server);
    assert_eq!(err_of(&client, "panic", "this"), r#""the handler panicked: cannot do this""#);
    assert_eq!(err_of(&client, "constant", ""), r#""the handler panicked: never""#);
    assert_eq!(err_of(&client, "value", ""), r#""the handler panicked: without a text""#);
    assert_eq!(
        err_of(&client, "value that panics when it is dropped", ""),
        r#""the handler panicked: without a text""#
    );
    for (in_drop, text) in [(false, "while it is written"), (true, "while it is dropped")] {
        let error = client.submit::<_, ()>("result that panics", &in_drop).soon().unwrap_err().to_string();
        assert!(error.contains("the handler panicked") && error.ends_with(text), "{error}");
    }
    assert_eq!(client.submit::<_, String>("go on", &0).soon().unwrap(), "still here");
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.workers_added, metrics.jobs_reassigned), (1, 0));
}

#[test]
fn an_answer_that_no_line_can_carry_fails_the_job() {
    let server = Server::start(&["--max-line", "4096"]);
    let deep = || RawValue::from_string("[".repeat(128) + &"]".repeat(128));
    let options = deputy::client::Options::new().max_line(4_096);
    let worker = worker(&server)
        .handle("deep", move |_| deep())
        .handle("long", |_| Ok::<_, String>("x".repeat(5_000)))
        .handle("long err", |_| Err::<(), _>("x".repeat(5_000)))
        .handle("nan", |_| Ok::<_, String>(vec![Some(1.0), None, Some(f64::NAN)]))
        .handle("infinity", |_| Ok::<_, String>(f64::INFINITY))
        .handle("nan err", |_| Err::<(), _>(Failure::json(&f64::NAN)))
        .handle("no json", |_| Ok::<_, String>(std::collections::BTreeMap::from([([1], 1)])))
        .handle("lines", |_| RawValue::from_string("[\n1\r\n]".to_owned()))
        .options(options);
    let _worker = Running::start(worker);
    let client = connect(&server);
    for (type_name, why) in [
        ("deep", "may nest 127 objects and arrays"),
        ("long", "bytes"),
        ("long err", "bytes"),
        ("nan", "the result cannot be written as JSON: JSON has no number NaN"),
        ("infinity", "the result cannot be written as JSON: JSON has no number inf"),
        ("nan err", "the err cannot be written as JSON: JSON has no number NaN"),
        ("no json", "the result cannot be written as JSON"),
    ] {
        let err = err_of(&client, type_name, "");
        assert!(err.contains(why), "{type_name}: {err}");
    }
    assert_eq!(client.submit_raw("lines", None).soon().unwrap().get(), "[ 1  ]");
    assert_eq!(client.metrics().unwrap().protocol_errors, 0);
}

#[test]
fn as_many_handlers_as_asked_for_run_at_once() {
    let server = Server::start(&[]);
    let meeting = Arc::new(Barrier::new(5));
    let handler = move |_: &Job| {
        meeting.wait(); // Only five together get past it.
        Ok::<_, String>(())
    };
    let _worker = Running::start(worker(&server).handle("meet", handler).max_jobs(5));
    let client = connect(&server);
    let handles: Vec<_> = (0..25).map(|n| client.submit::<_, ()>("meet", &n)).collect();
    for handle in handles {
        handle.soon().unwrap();
    }
}

#[test]
fn the_last_handler_of_a_type_counts() {
    let server = Server::start(&[]);
    let worker = worker(&server).handle("t", |_| Ok::<_, String>(1)).handle("t", |_| Ok::<_, String>(2));
    let _worker = Running::start(worker);
    assert_eq!(connect(&server).submit::<_, u8>("t", &0).soon().unwrap(), 2);
}

#[test]
fn a_fault_that_reconnecting_cannot_fix_ends_a_worker() {
    let server = Server::start(&[]);
    let nothing = |_: &Job| Ok::<_, String>(());
    let refused = |worker: Worker| match Running::start(worker).ended() {
        Err(RunError::Refused(error)) => error,
        other => panic!("{other:?}"),
    };
    let too_many = (0..1_025).fold(worker(&server), |worker, n| worker.handle(&n.to_string(), nothing));
    assert!(matches!(refused(too_many), Error::BadRequest(_)));
    assert!(matches!(refused(worker(&server).handle("", nothing)), Error::BadRequest(_)));
    let small = Server::start(&["--max-line", "64"]);
    assert!(matches!(refused(worker(&small).handle(&"x".repeat(100), nothing)), Error::TooLong(_)));
    assert!(matches!(worker(&server).run(), Err(RunError::NoHandler)));
    let spare = worker(&server).handle_typed("a", |(): ()| Ok::<_, String>(())).spare("a").spare("b");
    assert!(matches!(spare.run(), Err(RunError::NoSpareHandler(name)) if name == "b"));
    for max_jobs in [0, 65_536] {
        let outcome = worker(&server).handle("t", nothing).max_jobs(max_jobs).run();
        assert!(matches!(outcome, Err(RunError::MaxJobs(given)) if given == max_jobs));
    }
    let outcome = Worker::new("http://127.0.0.1").handle("t", nothing).run();
    assert!(matches!(&outcome, Err(RunError::Url(error)) if error.to_string().contains("http://127.0.0.1")));
}
