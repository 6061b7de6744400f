//! The metrics by name. The wire is generated from this table; tests compare it with the client's reader and the docs.

use Kind::{Counter, Gauge, Info};

use super::{Counts, Faults};

/// One member of the metrics object.
#[derive(Debug)]
pub struct Metric {
    /// Its name on the wire.
    pub name: &'static str,
    /// How its value changes.
    pub kind: Kind,
    /// What it counts.
    pub help: &'static str,
    /// Returns its value.
    pub get: fn(&Totals) -> Value,
}

/// How a metric changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the server runs.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It is constant while the server runs.
    Info,
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// True or false.
    Flag(bool),
    /// A text.
    Text(&'static str),
    /// An object with a number per class.
    Faults(Faults),
}

/// The totals in a metrics reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// When the server started, in milliseconds since 1970.
    pub up_since_ms: u64,
    /// Connections ever accepted.
    pub connections: u64,
    /// Connections refused because no file descriptor was left.
    pub connections_refused: u64,
    /// The sum of all shards.
    pub counts: Counts,
    /// The faults of peers, in all shards.
    pub faults: Faults,
    /// The memory budget.
    pub bytes_max: u64,
    /// The longest line that the server accepts, in bytes, its end not counted.
    pub line_bytes_max: u64,
    /// Milliseconds since the server started, on the monotonic clock.
    pub uptime_ms: u64,
    /// Whether the server is stopping.
    pub draining: bool,
    /// Shards.
    pub threads: usize,
    /// How long all shards together have been busy, in microseconds: from waking up until they slept again.
    pub shard_busy_us: u64,
    /// The longest turn of any shard so far, in microseconds.
    pub shard_longest_turn_us: u64,
}

impl Totals {
    fn bytes_held(&self) -> u64 {
        self.counts.job_bytes + self.counts.unsent_bytes + self.counts.partial_bytes
    }
}

/// All metrics, in the order of docs/protocol.md.
#[rustfmt::skip]
pub const METRICS: &[Metric] = &[
    Metric { name: "up_since", kind: Info, help: "When the server started, in milliseconds since 1970.", get: |totals| Value::Number(totals.up_since_ms) },
    Metric { name: "connections", kind: Counter, help: "Connections accepted.", get: |totals| Value::Number(totals.connections) },
    Metric { name: "workers_added", kind: Counter, help: "Connections that became workers, each once.", get: |totals| Value::Number(totals.counts.workers_added) },
    Metric { name: "jobs_added", kind: Counter, help: "Jobs accepted, each once.", get: |totals| Value::Number(totals.counts.jobs_added) },
    Metric { name: "jobs_dispatched", kind: Counter, help: "Jobs sent to a worker, each time.", get: |totals| Value::Number(totals.counts.jobs_dispatched) },
    Metric { name: "jobs_done", kind: Counter, help: "Jobs answered with a result.", get: |totals| Value::Number(totals.counts.jobs_done) },
    Metric { name: "jobs_reassigned", kind: Counter, help: "Jobs requeued because their worker was lost.", get: |totals| Value::Number(totals.counts.jobs_reassigned) },
    Metric { name: "jobs_failed", kind: Counter, help: "Accepted jobs that ended without a result.", get: |totals| Value::Number(totals.counts.jobs_failed) },
    Metric { name: "jobs_cancelled", kind: Counter, help: "Of the jobs that failed, those that ended with `cancelled`.", get: |totals| Value::Number(totals.counts.jobs_cancelled) },
    Metric { name: "jobs_expired", kind: Counter, help: "Of the jobs that failed, those that ended with `expired`.", get: |totals| Value::Number(totals.counts.jobs_expired) },
    Metric { name: "jobs_timed_out", kind: Counter, help: "Of the jobs that failed, those that ended with `timed_out`.", get: |totals| Value::Number(totals.counts.jobs_timed_out) },
    Metric { name: "jobs_no_worker", kind: Counter, help: "Of the jobs that failed, those that ended with `no_worker`.", get: |totals| Value::Number(totals.counts.jobs_no_worker) },
    Metric { name: "jobs_no_bridge", kind: Counter, help: "Of the jobs that failed, those that ended with `no_bridge`.", get: |totals| Value::Number(totals.counts.jobs_no_bridge) },
    Metric { name: "jobs_joined", kind: Counter, help: "Of the jobs accepted, those that joined another one with their key.", get: |totals| Value::Number(totals.counts.jobs_joined) },
    Metric { name: "jobs_refused", kind: Counter, help: "Lines `do` that were refused.", get: |totals| Value::Number(totals.counts.jobs_refused) },
    Metric { name: "results_dropped", kind: Counter, help: "Answers whose submitter had left.", get: |totals| Value::Number(totals.counts.results_dropped) },
    Metric { name: "progress_dropped", kind: Counter, help: "Progress dropped because its submitter does not read, or later progress took its place.", get: |totals| Value::Number(totals.counts.progress_dropped) },
    Metric { name: "protocol_errors", kind: Counter, help: "Lines `error` sent.", get: |totals| Value::Number(totals.counts.protocol_errors) },
    Metric { name: "connections_refused", kind: Counter, help: "Connections refused because no file descriptor was left.", get: |totals| Value::Number(totals.connections_refused) },
    Metric { name: "shard_messages", kind: Counter, help: "Messages posted to other shards.", get: |totals| Value::Number(totals.counts.shard_messages) },
    Metric { name: "shard_wakes", kind: Counter, help: "Shards woken for them.", get: |totals| Value::Number(totals.counts.shard_wakes) },
    Metric { name: "shard_turns", kind: Counter, help: "Turns of the shards' loops.", get: |totals| Value::Number(totals.counts.shard_turns) },
    Metric { name: "shard_busy_us", kind: Counter, help: "Microseconds from a shard's waking until its sleeping, of all shards.", get: |totals| Value::Number(totals.shard_busy_us) },
    Metric { name: "faults", kind: Counter, help: "What peers did wrong, by class.", get: |totals| Value::Faults(totals.faults) },
    Metric { name: "jobs_waiting", kind: Gauge, help: "Jobs in queues.", get: |totals| Value::Number(totals.counts.jobs_waiting) },
    Metric { name: "jobs_running", kind: Gauge, help: "Jobs that workers hold.", get: |totals| Value::Number(totals.counts.jobs_running) },
    Metric { name: "jobs_delayed", kind: Gauge, help: "Jobs that wait for their delay.", get: |totals| Value::Number(totals.counts.jobs_delayed) },
    Metric { name: "slots_spent", kind: Gauge, help: "Workers' slots taken by jobs that have ended.", get: |totals| Value::Number(totals.counts.slots_spent) },
    Metric { name: "workers", kind: Gauge, help: "Connections with a type.", get: |totals| Value::Number(totals.counts.workers) },
    Metric { name: "workers_idle", kind: Gauge, help: "Workers that hold no job.", get: |totals| Value::Number(totals.counts.workers_idle) },
    Metric { name: "connections_open", kind: Gauge, help: "Connections that are open.", get: |totals| Value::Number(totals.counts.connections_open) },
    Metric { name: "bytes_held", kind: Gauge, help: "Bytes that count in the memory budget.", get: |totals| Value::Number(totals.bytes_held()) },
    Metric { name: "bytes_max", kind: Info, help: "The memory budget in bytes.", get: |totals| Value::Number(totals.bytes_max) },
    Metric { name: "max_line", kind: Info, help: "The longest line that the server accepts, in bytes.", get: |totals| Value::Number(totals.line_bytes_max) },
    Metric { name: "shard_longest_turn_us", kind: Gauge, help: "The longest turn of any shard so far, in microseconds.", get: |totals| Value::Number(totals.shard_longest_turn_us) },
    Metric { name: "uptime_ms", kind: Gauge, help: "Milliseconds since the server started, on the monotonic clock.", get: |totals| Value::Number(totals.uptime_ms) },
    Metric { name: "draining", kind: Gauge, help: "Whether the server is stopping.", get: |totals| Value::Flag(totals.draining) },
    Metric { name: "threads", kind: Info, help: "Shards.", get: |totals| Value::Number(totals.threads as u64) },
    Metric { name: "version", kind: Info, help: "The server's version.", get: |_| Value::Text(env!("CARGO_PKG_VERSION")) },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Outcomes, ShardRow, TypeRow};

    #[test]
    fn no_two_metrics_have_one_name_and_docs_name_each() {
        let docs = include_str!("../../docs/protocol.md");
        for (i, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..i].iter().all(|other| other.name != metric.name), "{}", metric.name);
            assert!(docs.contains(&format!("`{}`", metric.name)), "docs/protocol.md does not name {}", metric.name);
        }
        assert!(docs.contains("`oldest_running_worker`"), "docs/protocol.md does not name oldest_running_worker");
        let (row, outcomes) = (TypeRow::default().members(), Outcomes::default().members());
        let shard = ShardRow::default().members();
        for (name, _) in row.into_iter().chain(outcomes).chain(shard) {
            assert!(docs.contains(&format!("`{name}`")), "docs/protocol.md does not name {name}");
        }
    }
}
