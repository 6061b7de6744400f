//! The metrics by name: the one table from which the wire is made, and against which the client's reader and the docs are
//! checked.

use std::sync::Arc;

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

/// Everything in a metrics reply except the table by type.
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
    /// What peers did wrong, in all shards.
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
    Metric { name: "jobs_joined", kind: Counter, help: "Of the jobs accepted, those that joined another one with their key.", get: |totals| Value::Number(totals.counts.jobs_joined) },
    Metric { name: "jobs_refused", kind: Counter, help: "Lines `do` that were refused.", get: |totals| Value::Number(totals.counts.jobs_refused) },
    Metric { name: "results_dropped", kind: Counter, help: "Answers whose submitter had left.", get: |totals| Value::Number(totals.counts.results_dropped) },
    Metric { name: "progress_dropped", kind: Counter, help: "Progress dropped because its submitter does not read.", get: |totals| Value::Number(totals.counts.progress_dropped) },
    Metric { name: "protocol_errors", kind: Counter, help: "Lines `error` sent.", get: |totals| Value::Number(totals.counts.protocol_errors) },
    Metric { name: "connections_refused", kind: Counter, help: "Connections refused because no file descriptor was left.", get: |totals| Value::Number(totals.connections_refused) },
    Metric { name: "shard_messages", kind: Counter, help: "Messages posted to other shards.", get: |totals| Value::Number(totals.counts.shard_messages) },
    Metric { name: "shard_wakes", kind: Counter, help: "Shards woken for them.", get: |totals| Value::Number(totals.counts.shard_wakes) },
    Metric { name: "shard_turns", kind: Counter, help: "Turns of the shards' loops.", get: |totals| Value::Number(totals.counts.shard_turns) },
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
    Metric { name: "uptime_ms", kind: Gauge, help: "Milliseconds since the server started, on the monotonic clock.", get: |totals| Value::Number(totals.uptime_ms) },
    Metric { name: "draining", kind: Gauge, help: "Whether the server is stopping.", get: |totals| Value::Flag(totals.draining) },
    Metric { name: "threads", kind: Info, help: "Shards.", get: |totals| Value::Number(totals.threads as u64) },
    Metric { name: "version", kind: Info, help: "The server's version.", get: |_| Value::Text(env!("CARGO_PKG_VERSION")) },
];

/// Rows of the table by type, each with its type's canonical name.
pub type TypeRows = Vec<(Arc<str>, TypeRow)>;

/// What is known of a type, at one shard or, added up, at all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TypeRow {
    /// Jobs in the queue.
    pub waiting: u64,
    /// Jobs that workers hold.
    pub running: u64,
    /// Jobs that wait for their delay.
    pub delayed: u64,
    /// Slots taken by jobs that have ended, whose workers have not answered.
    pub spent: u64,
    /// Connections that take jobs of this type.
    pub workers: u64,
    /// Jobs answered with a result since the type last had no worker.
    pub done: u64,
    /// Age of the oldest waiting job in milliseconds, or 0.
    pub oldest_ms: u64,
    /// Waiting jobs that are suspects: they were requeued because their worker was lost.
    pub suspects: u64,
    /// Workers lost while they held a job of this type, as far as the shards remember.
    pub lost: u64,
    /// Milliseconds since the last of them was lost, or 0.
    pub last_lost_ms: u64,
    /// The job that a worker holds longest.
    pub oldest_running: Option<OldestRunning>,
}

/// The oldest running job of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldestRunning {
    /// Milliseconds since it was sent.
    pub ms: u64,
    /// The worker, as the log prints it.
    pub worker: String,
}

impl TypeRow {
    /// Returns the members of a row that are numbers: names on the wire, and values.
    pub fn members(&self) -> [(&'static str, u64); 11] {
        [
            ("waiting", self.waiting),
            ("running", self.running),
            ("workers", self.workers),
            ("done", self.done),
            ("oldest_ms", self.oldest_ms),
            ("suspects", self.suspects),
            ("lost", self.lost),
            ("last_lost_ms", self.last_lost_ms),
            ("delayed", self.delayed),
            ("spent", self.spent),
            ("oldest_running_ms", self.oldest_running.as_ref().map_or(0, |oldest| oldest.ms)),
        ]
    }

    /// Returns whether the type has jobs or workers.
    pub fn is_in_use(&self) -> bool {
        self.waiting + self.running + self.workers + self.delayed + self.spent > 0
    }

    /// Adds what another shard knows.
    pub fn add(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.running += other.running;
        self.workers += other.workers;
        self.delayed += other.delayed;
        self.spent += other.spent;
        self.done += other.done;
        self.oldest_ms = self.oldest_ms.max(other.oldest_ms);
        self.suspects += other.suspects;
        self.last_lost_ms = match (self.lost, other.lost) {
            (0, _) => other.last_lost_ms,
            (_, 0) => self.last_lost_ms,
            _ => self.last_lost_ms.min(other.last_lost_ms),
        };
        self.lost += other.lost;
        let runs_longer = |oldest: &OldestRunning| self.oldest_running.as_ref().is_none_or(|own| own.ms < oldest.ms);
        if let Some(oldest) = other.oldest_running.filter(runs_longer) {
            self.oldest_running = Some(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_metrics_have_one_name_and_docs_name_each() {
        let docs = include_str!("../../docs/protocol.md");
        for (i, metric) in METRICS.iter().enumerate() {
            assert!(METRICS[..i].iter().all(|other| other.name != metric.name), "{}", metric.name);
            assert!(docs.contains(&format!("`{}`", metric.name)), "docs/protocol.md does not name {}", metric.name);
        }
        assert!(docs.contains("`oldest_running_worker`"), "docs/protocol.md does not name oldest_running_worker");
        for (name, _) in TypeRow::default().members() {
            assert!(docs.contains(&format!("`{name}`")), "docs/protocol.md does not name {name}");
        }
    }

    #[test]
    fn rows_add_up_and_keep_the_extremes() {
        let oldest = |ms, worker: &str| Some(OldestRunning { ms, worker: worker.to_owned() });
        let lost = |lost, last_lost_ms| TypeRow { lost, last_lost_ms, ..TypeRow::default() };
        let mut row = TypeRow { waiting: 1, suspects: 1, oldest_ms: 5, ..TypeRow::default() };
        row.add(TypeRow { oldest_running: oldest(7, "b"), oldest_ms: 3, ..lost(2, 40) });
        row.add(TypeRow { oldest_running: oldest(6, "c"), suspects: 2, ..lost(1, 50) });
        row.add(lost(0, 0));
        assert_eq!((row.waiting, row.suspects, row.oldest_ms), (1, 3, 5));
        assert_eq!((row.lost, row.last_lost_ms, row.oldest_running), (3, 40, oldest(7, "b")));
    }
}
