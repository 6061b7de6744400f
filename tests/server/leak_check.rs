//! What every test must leave of itself in the server: nothing. [`over_both`](super::net::over_both) asks for it.
//!
//! When a test is over its clients are gone. Then no job is held, each that was accepted has ended or waits, and when a
//! worker has done those that wait, every gauge and table is empty and every descriptor is closed again.

use serde_json::Value;

use super::crew::Job;
use crate::client::Client;
use crate::proc;
use crate::process::{Server, Via};
use crate::wait::until;

/// How a server was before anybody came.
pub(crate) struct LeakCheck {
    descriptors: Option<usize>,
}

impl LeakCheck {
    /// Of a server that nobody is connected to.
    pub(crate) fn of(server: &Server) -> Self {
        Self { descriptors: proc::descriptors(server.process.id()) }
    }

    /// Fails unless the server comes to rest again. One that has ended or is about to has nothing to be asked.
    pub(crate) fn expect(&self, server: &Server) {
        if !Client::can_connect(&server.address(Via::Unix)) {
            return;
        }
        let mut observer = server.connect(Via::Unix, "the observer of the rest");
        observer.until_metric("connections_open", 1);
        do_what_waits(server, &mut observer);
        for gauge in ["workers", "workers_idle", "jobs_waiting", "jobs_running"] {
            observer.until_metric(gauge, 0);
        }
        observer.until_metric("connections_open", 1);
        observer.until_little_is_held();
        let metrics = observer.metrics_with(r#","types":true"#);
        assert_eq!(metrics["types"], Value::Object(serde_json::Map::new()), "types that nobody needs");
        let count = |name: &str| metrics[name].as_u64().unwrap();
        assert_eq!(count("jobs_added"), count("jobs_done") + count("jobs_failed"), "{metrics}");
        drop(observer);
        until("the descriptors of all that were connected", || {
            (proc::descriptors(server.process.id()) == self.descriptors).then_some(())
        });
    }
}

/// Workers come and do every job that is left.
fn do_what_waits(server: &Server, observer: &mut Client) {
    observer.until_metric("jobs_running", 0);
    until("the end of all jobs", || {
        // What was given back may still be on its way to its home: so what has not ended is counted, not what waits.
        let metrics = observer.metrics_with(r#","types":true"#);
        let count = |name: &str| metrics[name].as_u64().unwrap();
        if count("jobs_added") == count("jobs_done") + count("jobs_failed") {
            return Some(());
        }
        let mut worker = server.connect(Via::Unix, "a worker of the rest");
        for name in metrics["types"].as_object().unwrap().keys() {
            let name = serde_json::to_string(name).unwrap();
            worker.send(&format!(r#"{{"cmd":"can_do","types":[{name}]}}"#));
        }
        do_all_that_comes(&mut worker);
        None
    });
}

/// Ends jobs until none comes.
fn do_all_that_comes(worker: &mut Client) {
    loop {
        worker.send(r#"{"cmd":"ping"}"#);
        let line = worker.line();
        if line == r#"{"cmd":"pong"}"# {
            return;
        }
        worker.send(&Job::of(&line).echo());
        worker.expect(r#"{"cmd":"pong"}"#);
    }
}
