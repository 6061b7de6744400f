//! A server's metrics, which docs/protocol.md lists.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::error::Error;
use crate::metrics::{Histogram, Outcomes};

/// A server's metrics. A figure that the server does not send is 0. Figures of later versions are in [`raw`](Self::raw).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Metrics {
    /// When the server started, in milliseconds since 1970.
    pub up_since: u64,
    /// Connections that were accepted since the start.
    pub connections: u64,
    /// Connections that became workers, each once.
    pub workers_added: u64,
    /// Jobs accepted, each once.
    pub jobs_added: u64,
    /// Jobs that were sent to a worker. A job that is requeued counts again.
    pub jobs_dispatched: u64,
    /// Jobs answered with a result.
    pub jobs_done: u64,
    /// Jobs that were requeued because their worker left.
    pub jobs_reassigned: u64,
    /// Accepted jobs that ended without a result.
    pub jobs_failed: u64,
    /// Failed jobs that ended with `cancelled`.
    pub jobs_cancelled: u64,
    /// Failed jobs that ended with `expired`.
    pub jobs_expired: u64,
    /// Failed jobs that ended with `timed_out`.
    pub jobs_timed_out: u64,
    /// Failed jobs that ended with `no_worker`.
    pub jobs_no_worker: u64,
    /// Failed jobs that ended with `no_bridge`.
    pub jobs_no_bridge: u64,
    /// Accepted jobs that joined another one with their key.
    pub jobs_joined: u64,
    /// Jobs that were refused.
    pub jobs_refused: u64,
    /// Answers whose submitter had left.
    pub results_dropped: u64,
    /// Reports of progress that were dropped because their submitter did not read.
    pub progress_dropped: u64,
    /// `error` lines.
    pub protocol_errors: u64,
    /// Connections that were refused because the server was out of file descriptors.
    pub connections_refused: u64,
    /// Messages between shards.
    pub shard_messages: u64,
    /// How often a message woke a shard.
    pub shard_wakes: u64,
    /// Turns of the shards' loops.
    pub shard_turns: u64,
    /// Microseconds from a shard's waking until its sleeping, of all shards.
    pub shard_busy_us: u64,
    /// Faults of peers, by class.
    pub faults: FaultMetrics,
    /// Jobs that wait now.
    pub jobs_waiting: u64,
    /// Jobs that workers hold now.
    pub jobs_running: u64,
    /// Jobs that wait for their delay now.
    pub jobs_delayed: u64,
    /// Slots of workers that are taken now although their job has ended, until the worker answers.
    pub slots_spent: u64,
    /// Connections that offer a type now.
    pub workers: u64,
    /// Workers that hold no job now.
    pub workers_idle: u64,
    /// Connections now.
    pub connections_open: u64,
    /// Bytes that count towards the memory budget now.
    pub bytes_held: u64,
    /// The memory budget in bytes.
    pub bytes_max: u64,
    /// The longest line that the server accepts in bytes, its end not counted.
    pub max_line: u64,
    /// The longest turn of any shard so far in microseconds.
    pub shard_longest_turn_us: u64,
    /// Milliseconds since the server started. Unlike [`up_since`](Self::up_since), it does not depend on the wall clock.
    pub uptime_ms: u64,
    /// Whether the server is stopping.
    pub draining: bool,
    /// Shards.
    pub threads: u64,
    /// The server's version.
    pub version: String,
    /// The table by shard, from shard 0 on. Empty if it was not asked for.
    pub shards: Vec<ShardMetrics>,
    /// The upper bounds of the histograms' buckets in microseconds, as [`BOUNDS_US`](super::BOUNDS_US). Empty if no
    /// histograms were asked for.
    pub bounds_us: Vec<u64>,
    /// The sum of the types that have no figures of their own ([`TypeMetrics::has_figures`]), with the figures of their
    /// jobs. Zeros unless [`metrics_in_full`](super::Client::metrics_in_full) was called.
    pub other_types: TypeMetrics,
    /// The table by type, in the server's order. If all types were asked for, those with the most waiting and running
    /// jobs come first. Empty if no type was asked for.
    #[serde(deserialize_with = "rows")]
    pub types: Vec<TypeMetrics>,
    /// The whole answer as it came, a JSON object.
    #[serde(skip)]
    pub raw: String,
}

/// Faults of the peers of a server, by class.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct FaultMetrics {
    /// Lines refused with this code, without those of `first_line`.
    pub bad_json: u64,
    /// Lines refused with this code, including jobs.
    pub bad_request: u64,
    /// Lines refused with this code.
    pub unknown_cmd: u64,
    /// Lines refused with this code.
    pub not_holding: u64,
    /// Jobs refused with this code.
    pub queue_full: u64,
    /// Connections closed because they did not begin with a JSON object.
    pub first_line: u64,
    /// Connections closed because a line was too long.
    pub too_long: u64,
    /// Connections closed because they had the oldest unfinished line when memory was short.
    pub half_line: u64,
    /// Connections closed because too much data was unsent.
    pub unsent: u64,
    /// Connections closed because no byte moved for too long.
    pub stalled: u64,
    /// Connections whose peer no longer answered the system's probes.
    pub silent: u64,
    /// Connections that were reset, or failed otherwise.
    pub broken: u64,
    /// Workers that left while they held jobs.
    pub left_holding: u64,
    /// Jobs that ended with this code.
    pub gave_up: u64,
    /// Jobs that a worker held for longer than their run limit, each time.
    pub overdue: u64,
}

/// The metrics of a type.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct TypeMetrics {
    /// The type.
    #[serde(skip)]
    pub name: String,
    /// Jobs that wait.
    pub waiting: u64,
    /// Jobs that workers hold.
    pub running: u64,
    /// Connections that do the type. Those that do only its durable jobs are in `durable_workers`.
    pub workers: u64,
    /// Jobs done since the type last had no worker.
    pub done: u64,
    /// The age of the oldest waiting job in milliseconds, or 0.
    pub oldest_ms: u64,
    /// Waiting jobs that were requeued because their worker was lost.
    pub suspects: u64,
    /// Workers lost while they held a job of the type, as far as the server remembers.
    pub lost: u64,
    /// Milliseconds since the last of them was lost, or 0.
    pub last_lost_ms: u64,
    /// Jobs that wait for their delay.
    pub delayed: u64,
    /// Slots that are taken although their job of this type has ended, until the worker answers.
    pub spent: u64,
    /// Free slots of the type's ordinary workers. A slot of a worker of several types counts in each. 0 while the
    /// server stops.
    pub free: u64,
    /// Of `workers`, those that are spare: they get only jobs that no ordinary worker can take.
    pub spare_workers: u64,
    /// Of the jobs that wait, those that are durable: they wait for a durable worker.
    pub durable_waiting: u64,
    /// Connections that do the type's durable jobs.
    pub durable_workers: u64,
    /// Of the running jobs, those that their workers pass on, as deputy-bridge does: they run or wait elsewhere. 0 from
    /// an older server.
    pub passed_on: u64,
    /// Milliseconds since the oldest running job was sent to its worker, or 0.
    pub oldest_running_ms: u64,
    /// The same without jobs that are passed on. 0 from an older server; see [`TypeMetrics::oldest_here`].
    pub oldest_here_ms: u64,
    /// The address of the worker of the oldest running job, as the server's log prints it. `None` if no job runs.
    pub oldest_running_worker: Option<String>,
    /// The same of the jobs that are not passed on.
    pub oldest_here_worker: Option<String>,
    /// In [`Metrics::other_types`]: the number of types in use without figures of their own. 0 in the row of a type.
    pub types: u64,
    /// Whether the server sent `outcomes`, `wait` and `run`: they were asked for, and the type has figures of its own. The
    /// first 4,096 types with a job have, as long as the server runs. Jobs of other types are counted in
    /// [`Metrics::other_types`].
    pub has_figures: bool,
    /// How jobs ended since the server started.
    pub outcomes: Outcomes,
    /// How long jobs waited until a worker was first sent them, since the server started.
    pub wait: Histogram,
    /// How long workers had jobs that they answered, since the server started.
    pub run: Histogram,
}

/// The metrics of a shard, a thread of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ShardMetrics {
    /// Turns of its loop.
    pub turns: u64,
    /// Messages that it sent to other shards.
    pub messages: u64,
    /// How often such a message woke another shard.
    pub wakes: u64,
    /// Microseconds from its waking until its sleeping, without the turn under way.
    pub busy_us: u64,
    /// Its longest turn so far in microseconds.
    pub longest_turn_us: u64,
    /// Its connections now.
    pub connections: u64,
    /// Jobs that wait in its queues now.
    pub waiting: u64,
    /// Jobs that its workers hold now.
    pub running: u64,
}

impl TypeMetrics {
    /// Returns the milliseconds since the oldest job that is not passed on was sent to its worker, or 0, and that
    /// worker. An older server includes jobs that are passed on.
    pub fn oldest_here(&self) -> (u64, Option<&str>) {
        if self.passed_on == 0 {
            return (self.oldest_running_ms, self.oldest_running_worker.as_deref());
        }
        (self.oldest_here_ms, self.oldest_here_worker.as_deref())
    }

    /// Returns the same for the oldest running job if that job is passed on.
    pub fn oldest_passed_on(&self) -> Option<(u64, Option<&str>)> {
        let is_passed_on = self.passed_on > 0 && self.oldest_running_ms > self.oldest_here_ms;
        is_passed_on.then_some((self.oldest_running_ms, self.oldest_running_worker.as_deref()))
    }
}

impl Metrics {
    /// Reads the server's answer.
    pub(super) fn read(raw: Box<RawValue>) -> Result<Self, Error> {
        match serde_json::from_str::<Self>(raw.get()) {
            Ok(metrics) => Ok(Self { raw: Box::<str>::from(raw).into(), ..metrics }),
            Err(error) => Err(Error::Result { reason: error.to_string(), res: raw }),
        }
    }
}

fn rows<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<TypeMetrics>, D::Error> {
    struct Rows;

    impl<'de> Visitor<'de> for Rows {
        type Value = Vec<TypeMetrics>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table by type")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut rows = Vec::new();
            while let Some((name, row)) = map.next_entry::<String, TypeMetrics>().map_err(A::Error::custom)? {
                rows.push(TypeMetrics { name, ..row });
            }
            Ok(rows)
        }
    }

    deserializer.deserialize_map(Rows)
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use serde::Deserialize;
    use serde::de::value::Error;
    use serde::de::{Deserializer, Error as _, Visitor};

    use super::*;
    use crate::metrics::{Fault, METRICS, ShardRow, TypeRow};

    /// A deserializer without a value. Its error lists the fields of the struct.
    struct Fields;

    impl<'de> Deserializer<'de> for Fields {
        type Error = Error;

        fn deserialize_struct<V: Visitor<'de>>(
            self,
            _: &'static str,
            fields: &'static [&'static str],
            _: V,
        ) -> Result<V::Value, Error> {
            Err(Error::custom(fields.join(" ")))
        }

        fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
            Err(Error::custom("not a struct"))
        }

        serde::forward_to_deserialize_any! {
            bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
            newtype_struct seq tuple tuple_struct map enum identifier ignored_any
        }
    }

    /// Returns the fields that a struct is read from, in order.
    fn fields<T: for<'de> Deserialize<'de> + fmt::Debug>() -> Vec<String> {
        let error = T::deserialize(Fields).expect_err("there is no value");
        error.to_string().split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_oldest_job_is_distinguished_from_those_that_are_passed_on() {
        let worker = |name: &str| Some(name.to_owned());
        let old_server =
            TypeMetrics { oldest_running_ms: 9, oldest_running_worker: worker("a"), ..TypeMetrics::default() };
        assert_eq!((old_server.oldest_here(), old_server.oldest_passed_on()), ((9, Some("a")), None));
        let mixed =
            TypeMetrics { passed_on: 1, oldest_here_ms: 5, oldest_here_worker: worker("b"), ..old_server.clone() };
        assert_eq!((mixed.oldest_here(), mixed.oldest_passed_on()), ((5, Some("b")), Some((9, Some("a")))));
        let older_here = TypeMetrics { oldest_here_ms: 9, ..mixed };
        assert_eq!(older_here.oldest_passed_on(), None);
    }

    #[test]
    fn the_client_reads_each_metric_that_the_server_has() {
        let names = METRICS.iter().map(|metric| metric.name).chain(["shards", "bounds_us", "other_types", "types"]);
        assert_eq!(fields::<Metrics>(), names.collect::<Vec<_>>());
        assert_eq!(fields::<FaultMetrics>(), Fault::ALL.iter().map(|fault| fault.name()).collect::<Vec<_>>());
        let row = TypeRow::default().members().map(|(name, _)| name);
        let figures =
            ["oldest_running_worker", "oldest_here_worker", "types", "has_figures", "outcomes", "wait", "run"];
        assert_eq!(fields::<TypeMetrics>(), row.into_iter().chain(figures).collect::<Vec<_>>());
        assert_eq!(fields::<Outcomes>(), Outcomes::default().members().map(|(name, _)| name));
        assert_eq!(fields::<ShardMetrics>(), ShardRow::default().members().map(|(name, _)| name));
    }
}
