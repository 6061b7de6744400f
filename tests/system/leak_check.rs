//! The state of an idle server, and the check that a server returns to it.

use serde_json::Value;

use super::peer::Peer;
use crate::proc;
use crate::process::{Server, Via};
use crate::wait::until;

/// The most that an idle server holds, because the question itself counts.
const LITTLE_BYTES: u64 = 1_024;

/// The descriptors of a server without connections.
pub(crate) struct LeakCheck {
    descriptors: Option<usize>,
}

impl LeakCheck {
    /// Reads them from a server without connections.
    pub(crate) fn of(server: &Server) -> Self {
        Self { descriptors: proc::descriptors(server.process.id()) }
    }

    /// Waits until no job and no connection is left, and checks the sums: each job ended once, and each time that it was
    /// sent to a worker it was answered or requeued.
    pub(crate) fn comes_back(&self, server: &Server) {
        let metrics = until("a server at rest", || {
            let metrics = metrics(server);
            is_at_rest(&metrics).then_some(metrics)
        });
        let count = |name: &str| metrics[name].as_u64().unwrap();
        assert_eq!(count("jobs_added"), count("jobs_done") + count("jobs_failed"), "{metrics}");
        assert_eq!(count("jobs_dispatched"), count("jobs_done") + count("jobs_reassigned"), "{metrics}");
        let open = || proc::descriptors(server.process.id());
        until("the closing of all descriptors", || (open() == self.descriptors).then_some(()));
    }
}

/// Returns whether the only connection is that of the question.
fn is_at_rest(metrics: &Value) -> bool {
    metrics["connections_open"] == 1
        && ["jobs_waiting", "jobs_running", "workers", "workers_idle"].iter().all(|&gauge| metrics[gauge] == 0)
        && metrics["bytes_held"].as_u64().unwrap() < LITTLE_BYTES
}

/// Asks for the metrics, each time on a new connection, until one lives long enough for the answer.
pub(crate) fn metrics(server: &Server) -> Value {
    until("the metrics", || {
        let mut observer = Peer::connect(&server.address(Via::Unix));
        observer.send(r#"{"cmd":"metrics"}"#);
        let line = observer.line(|| false)?;
        Some(serde_json::from_str::<Value>(&line).unwrap()["metrics"].take())
    })
}
