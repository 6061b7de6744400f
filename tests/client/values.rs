//! Every value of the corpus through the library: as arg, as result, as id. A value that Rust cannot read fails its own
//! job and nothing else.

use deputy::client::{Error, Job, Worker};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::corpus;
use crate::fixture::{Running, Soon, connect, url};
use crate::process::{Server, Via};

/// The values that are JSON, without the space around them.
fn values() -> Vec<String> {
    let values = corpus::values().into_iter().filter(|(_, is_value)| *is_value);
    let text = |(bytes, _)| String::from_utf8(bytes).unwrap().trim_matches([' ', '\t']).to_owned();
    values.map(text).collect()
}

/// A worker that returns each arg: as the text that came, and as what serde reads.
fn echo(server: &Server) -> Running {
    let worker = Worker::new(&url(server, Via::Unix))
        .handle("raw", |job: &Job| Ok::<_, String>(job.raw().map(ToOwned::to_owned)))
        .handle("typed", |job: &Job| job.arg::<Value>())
        .max_jobs(4);
    Running::start(worker)
}

#[test]
fn every_value_goes_both_ways_and_one_that_cannot_be_read_fails_its_job_alone() {
    let server = Server::start(&[]);
    let _worker = echo(&server);
    let client = connect(&server);
    let neighbour = client.submit::<_, ()>("no worker", &0);
    let mut unreadable = 0;
    for value in values() {
        let raw = RawValue::from_string(value.clone()).unwrap();
        assert_eq!(client.submit_raw("raw", Some(&raw)).soon().unwrap().get(), value);
        // The result is read by the submitter, and the arg by the worker.
        let read = serde_json::from_str::<Value>(&value);
        let result = client.submit::<_, Value>("raw", &*raw).soon();
        let arg = client.submit::<_, Value>("typed", &*raw).soon();
        if let Ok(read) = read {
            assert_eq!((result.unwrap(), arg.unwrap()), (read.clone(), read), "{value}");
        } else {
            assert!(matches!(result, Err(Error::Result { res, .. }) if res.get() == value), "{value}");
            assert!(matches!(arg, Err(Error::Failed(err)) if err.get().contains("the arg is not of")), "{value}");
            unreadable += 1;
        }
    }
    assert!(unreadable > 2, "{unreadable}");
    assert!(neighbour.try_wait().is_none(), "the connection was not lost");
    let metrics = client.metrics().unwrap();
    assert_eq!((metrics.workers_added, metrics.jobs_reassigned, metrics.protocol_errors), (1, 0, 0));
}

#[test]
fn a_worker_takes_jobs_with_every_id() {
    let server = Server::start(&[]);
    let _worker = echo(&server);
    let mut plain = server.connect(Via::Tcp, "a client");
    let is_id = |id: &String| id.starts_with(['"', '-']) || id.starts_with(|first: char| first.is_ascii_digit());
    for id in values().into_iter().filter(is_id) {
        plain.send(&format!(r#"{{"cmd":"do","id":{id},"type":"raw"}}"#));
        plain.expect(&format!(r#"{{"cmd":"did","id":{id},"res":null}}"#));
    }
}
