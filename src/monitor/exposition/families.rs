//! All families of a server, in the order of the text.

use super::Facts;
use super::text::Kind::{self, Counter, Gauge};
use super::text::Number::{self, Count, Flag, Ms, Us};
use super::text::Text;
use crate::client::{FaultMetrics, Histogram, Metrics, Outcomes, ShardMetrics, TypeMetrics};
use crate::metrics::Fault;
use crate::monitor::labels::ByType;

/// A family of samples.
pub(super) struct Family {
    /// The family's name; that of a counter lacks `_total`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
    samples: Samples,
}

/// Where samples come from.
enum Samples {
    /// One sample, even while the server does not answer.
    Always(fn(&Facts<'_>) -> Number),
    /// One sample, from the totals.
    Total(fn(&Metrics) -> Number),
    /// The server's version.
    Version,
    /// One sample per class of faults.
    Faults,
    /// One per type.
    Type(fn(&TypeMetrics) -> Number),
    /// One sample per type and per outcome of its jobs.
    Outcomes,
    /// Buckets, sum and count per type.
    Histogram(fn(&TypeMetrics) -> &Histogram),
    /// One per shard.
    Shard(fn(&ShardMetrics) -> Number),
    /// One sample per shard whose state is known.
    Stuck,
}

use Samples::{Always, Faults, Shard, Total, Type, Version};

/// All families.
#[rustfmt::skip]
pub(super) const FAMILIES: &[Family] = &[
    Family { name: "deputy_up", kind: Gauge, help: "Whether the server answers.", samples: Always(|facts| Flag(facts.is_up())) },
    Family { name: "deputy_ready", kind: Gauge, help: "Whether the server accepts jobs.", samples: Always(|facts| Flag(facts.health.not_ready.is_none())) },
    Family { name: "deputy_build_info", kind: Gauge, help: "The server's version.", samples: Version },
    Family { name: "deputy_uptime_seconds", kind: Gauge, help: "Time since the server started.", samples: Total(|totals| Ms(totals.uptime_ms)) },
    Family { name: "deputy_draining", kind: Gauge, help: "Whether the server is stopping.", samples: Total(|totals| Flag(totals.draining)) },
    Family { name: "deputy_connections", kind: Counter, help: "Connections accepted.", samples: Total(|totals| Count(totals.connections)) },
    Family { name: "deputy_connections_refused", kind: Counter, help: "Connections refused because no file descriptor was left.", samples: Total(|totals| Count(totals.connections_refused)) },
    Family { name: "deputy_connections_open", kind: Gauge, help: "Connections that are open.", samples: Total(|totals| Count(totals.connections_open)) },
    Family { name: "deputy_workers_added", kind: Counter, help: "Connections that became workers, each once.", samples: Total(|totals| Count(totals.workers_added)) },
    Family { name: "deputy_worker_connections", kind: Gauge, help: "Connections with a type.", samples: Total(|totals| Count(totals.workers)) },
    Family { name: "deputy_worker_connections_idle", kind: Gauge, help: "Workers that hold no job.", samples: Total(|totals| Count(totals.workers_idle)) },
    Family { name: "deputy_jobs_accepted", kind: Counter, help: "Jobs accepted, each once.", samples: Total(|totals| Count(totals.jobs_added)) },
    Family { name: "deputy_jobs_dispatched", kind: Counter, help: "Jobs sent to a worker, each time.", samples: Total(|totals| Count(totals.jobs_dispatched)) },
    Family { name: "deputy_jobs_requeued", kind: Counter, help: "Jobs requeued because their worker was lost.", samples: Total(|totals| Count(totals.jobs_reassigned)) },
    Family { name: "deputy_jobs_refused", kind: Counter, help: "Jobs refused.", samples: Total(|totals| Count(totals.jobs_refused)) },
    Family { name: "deputy_jobs_joined", kind: Counter, help: "Jobs that joined another one with their key.", samples: Total(|totals| Count(totals.jobs_joined)) },
    Family { name: "deputy_results_dropped", kind: Counter, help: "Answers whose submitter had left.", samples: Total(|totals| Count(totals.results_dropped)) },
    Family { name: "deputy_progress_dropped", kind: Counter, help: "Progress dropped because its submitter does not read, or later progress took its place.", samples: Total(|totals| Count(totals.progress_dropped)) },
    Family { name: "deputy_protocol_errors", kind: Counter, help: "Lines of peers that were answered with an error.", samples: Total(|totals| Count(totals.protocol_errors)) },
    Family { name: "deputy_jobs", kind: Counter, help: "Jobs that ended, by type and outcome.", samples: Samples::Outcomes },
    Family { name: "deputy_workers_lost", kind: Counter, help: "Workers lost while they held a job of the type.", samples: Type(|row| Count(row.outcomes.workers_lost)) },
    Family { name: "deputy_jobs_waiting", kind: Gauge, help: "Jobs in queues.", samples: Type(|row| Count(row.waiting)) },
    Family { name: "deputy_jobs_running", kind: Gauge, help: "Jobs that workers hold.", samples: Type(|row| Count(row.running)) },
    Family { name: "deputy_jobs_delayed", kind: Gauge, help: "Jobs that wait for their delay.", samples: Type(|row| Count(row.delayed)) },
    Family { name: "deputy_slots_spent", kind: Gauge, help: "Workers' slots taken by jobs that have ended.", samples: Type(|row| Count(row.spent)) },
    Family { name: "deputy_slots_free", kind: Gauge, help: "Ordinary workers' free slots. One of a worker of several types counts in each.", samples: Type(|row| Count(row.free)) },
    Family { name: "deputy_workers_spare", kind: Gauge, help: "Of the type's workers, those that get only what no ordinary worker may take.", samples: Type(|row| Count(row.spare_workers)) },
    Family { name: "deputy_workers_durable", kind: Gauge, help: "Workers that take the durable jobs of the type.", samples: Type(|row| Count(row.durable_workers)) },
    Family { name: "deputy_durable_waiting", kind: Gauge, help: "Jobs in queues that are durable.", samples: Type(|row| Count(row.durable_waiting)) },
    Family { name: "deputy_jobs_passed_on", kind: Gauge, help: "Of the jobs that workers hold, those that the workers pass on, as deputy-bridge does.", samples: Type(|row| Count(row.passed_on)) },
    Family { name: "deputy_suspects_waiting", kind: Gauge, help: "Jobs in queues whose worker was lost.", samples: Type(|row| Count(row.suspects)) },
    Family { name: "deputy_workers", kind: Gauge, help: "Workers of the type.", samples: Type(|row| Count(row.workers)) },
    Family { name: "deputy_oldest_waiting_seconds", kind: Gauge, help: "Age of the oldest waiting job, or 0.", samples: Type(|row| Ms(row.oldest_ms)) },
    Family { name: "deputy_oldest_running_seconds", kind: Gauge, help: "Time since the oldest running job was sent to its worker, or 0.", samples: Type(|row| Ms(row.oldest_running_ms)) },
    Family { name: "deputy_oldest_here_seconds", kind: Gauge, help: "The same without jobs that are passed on.", samples: Type(|row| Ms(row.oldest_here().0)) },
    Family { name: "deputy_job_wait_seconds", kind: Kind::Histogram, help: "Time from when a job was accepted, or its delay was over, until a worker was first sent it.", samples: Samples::Histogram(|row| &row.wait) },
    Family { name: "deputy_job_run_seconds", kind: Kind::Histogram, help: "Time from when a job was sent to a worker until that worker answered it.", samples: Samples::Histogram(|row| &row.run) },
    Family { name: "deputy_faults", kind: Counter, help: "What peers did wrong, by class.", samples: Faults },
    Family { name: "deputy_memory_held_bytes", kind: Gauge, help: "Bytes that count in the memory budget.", samples: Total(|totals| Count(totals.bytes_held)) },
    Family { name: "deputy_memory_budget_bytes", kind: Gauge, help: "The memory budget.", samples: Total(|totals| Count(totals.bytes_max)) },
    Family { name: "deputy_line_max_bytes", kind: Gauge, help: "The longest line that the server accepts.", samples: Total(|totals| Count(totals.max_line)) },
    Family { name: "deputy_shard_turns", kind: Counter, help: "Turns of the shard's loop.", samples: Shard(|shard| Count(shard.turns)) },
    Family { name: "deputy_shard_messages", kind: Counter, help: "Messages that the shard sent to other shards.", samples: Shard(|shard| Count(shard.messages)) },
    Family { name: "deputy_shard_wakes", kind: Counter, help: "How often such a message woke another shard.", samples: Shard(|shard| Count(shard.wakes)) },
    Family { name: "deputy_shard_busy_seconds", kind: Counter, help: "Time from the shard's waking until its sleeping.", samples: Shard(|shard| Us(shard.busy_us)) },
    Family { name: "deputy_shard_longest_turn_seconds", kind: Gauge, help: "The shard's longest turn so far.", samples: Shard(|shard| Us(shard.longest_turn_us)) },
    Family { name: "deputy_shard_connections", kind: Gauge, help: "The shard's open connections.", samples: Shard(|shard| Count(shard.connections)) },
    Family { name: "deputy_shard_stuck", kind: Gauge, help: "Whether the shard has been in one turn for more than 5 s.", samples: Samples::Stuck },
];

impl Family {
    /// Adds the samples of a server.
    pub(super) fn put(&self, facts: &Facts<'_>, text: &mut Text) {
        if let Always(number) = self.samples {
            text.put(&[], number(facts));
        } else if facts.is_up() {
            self.put_answered(facts, text);
        }
    }

    /// Adds the samples of a server that answers.
    fn put_answered(&self, facts: &Facts<'_>, text: &mut Text) {
        let totals = &*facts.view.totals;
        let types = || facts.by_type.iter().flat_map(ByType::rows);
        let shards = || facts.view.shards.iter().enumerate().map(|(index, (shard, _))| (index.to_string(), shard));
        match self.samples {
            Always(_) => {}
            Total(number) => text.put(&[], number(totals)),
            Version => text.put(&[("version", &totals.version)], Count(1)),
            Faults => {
                for &fault in Fault::ALL {
                    text.put(&[("kind", fault.name())], Count(count_of(&totals.faults, fault)));
                }
            }
            Type(number) => types().for_each(|(name, row)| text.put(&[("type", name)], number(row))),
            Samples::Outcomes => {
                for (name, row) in types() {
                    for (outcome, jobs) in ends(&row.outcomes) {
                        text.put(&[("type", name), ("outcome", outcome)], Count(jobs));
                    }
                }
            }
            Samples::Histogram(of) => types().for_each(|(name, row)| text.put_histogram(Some(("type", name)), of(row))),
            Shard(number) => shards().for_each(|(index, shard)| text.put(&[("shard", &index)], number(shard))),
            Samples::Stuck => {
                for (index, stuck) in facts.health.stuck.iter().enumerate() {
                    text.put(&[("shard", &index.to_string())], Flag(*stuck));
                }
            }
        }
    }
}

/// Returns the outcomes that end jobs. A lost worker does not end its jobs.
fn ends(outcomes: &Outcomes) -> impl Iterator<Item = (&'static str, u64)> {
    outcomes.members().into_iter().filter(|(name, _)| *name != "workers_lost")
}

/// Returns how often a class of faults occurred.
fn count_of(faults: &FaultMetrics, fault: Fault) -> u64 {
    match fault {
        Fault::BadJson => faults.bad_json,
        Fault::BadRequest => faults.bad_request,
        Fault::UnknownCmd => faults.unknown_cmd,
        Fault::NotHolding => faults.not_holding,
        Fault::QueueFull => faults.queue_full,
        Fault::FirstLine => faults.first_line,
        Fault::TooLong => faults.too_long,
        Fault::HalfLine => faults.half_line,
        Fault::Unsent => faults.unsent,
        Fault::Stalled => faults.stalled,
        Fault::Silent => faults.silent,
        Fault::Broken => faults.broken,
        Fault::LeftHolding => faults.left_holding,
        Fault::GaveUp => faults.gave_up,
        Fault::Overdue => faults.overdue,
    }
}
