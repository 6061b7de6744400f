//! Explains in one sentence why jobs of a type are waiting. Pure.
//!
//! While a worker is free, no job of its types waits for longer than a moment (docs/protocol.md). So if jobs are
//! waiting and the type has workers, none of them can take a job: they run jobs of this type or of others, or do not
//! read.

mod clauses;

use super::format::{age, count, counted};
use super::similar::similar_names;
use super::state::lost_lately;
use crate::client::{Metrics, TypeMetrics};
use clauses::{
    ended, losses, memory, oldest_here, passed_on, quoted, spare, spent, suggestion, suspects, waiting, without_waiting,
};

/// Returns the sentence about a type. `row` is the type's row in `metrics`, and `others` are the types among which a
/// correct name is looked for.
pub fn why(row: &TypeMetrics, metrics: &Metrics, others: &[TypeMetrics]) -> String {
    let cause = Cause::of(row, metrics);
    let near = if cause.may_be_misspelt(row) { similar_names(&row.name, others) } else { Vec::new() };
    cause.explain(row, metrics, &near)
}

/// Returns whether the name may be misspelt: then [`why`] needs the other types.
pub fn may_be_misspelt(row: &TypeMetrics, metrics: &Metrics) -> bool {
    Cause::of(row, metrics).may_be_misspelt(row)
}

/// How long a job may wait although a worker is idle before the sentence explains it.
const MOMENT_MS: u64 = 1_000;

/// From this age the oldest running job is part of the sentence.
const LONG_MS: u64 = 10_000;

/// Why jobs of a type are waiting, or that none is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The server is stopping, and sends no more jobs to workers.
    Stopping,
    /// No job is waiting.
    Nothing,
    /// All waiting jobs are durable, and no worker does durable jobs of the type.
    NoDurableWorker,
    /// All waiting jobs are durable, and the workers for them have no free slot, or do not read.
    DurableBusy,
    /// No worker does the type.
    NoWorker,
    /// Some of its workers are idle, and the oldest job came a moment ago.
    AboutToStart,
    /// At least `idle` of its workers are idle, but take no job.
    Stalled { idle: u64 },
    /// All waiting jobs were requeued after the loss of their worker. A worker gets only one such job at a time, so
    /// slots may be free.
    Suspects,
    /// As many of its jobs are running as it has workers, or more.
    Busy,
    /// As `Busy`, if spent slots count too: those of jobs that have ended while their worker still holds them.
    Spent,
    /// Some of its workers hold none of its jobs, but no worker of the server is idle.
    BusyWithOthers,
    /// Some of its workers hold none of its jobs, and whether they hold others is not known.
    SeemBusy,
}

impl Cause {
    fn of(row: &TypeMetrics, metrics: &Metrics) -> Self {
        // `holding` is the number of workers that hold a job. If it is less than that of this type's workers, some of
        // these are idle.
        let holding = metrics.workers.saturating_sub(metrics.workers_idle);
        let idle = row.workers.saturating_sub(holding);
        match row {
            _ if metrics.draining => Self::Stopping,
            row if row.waiting == 0 => Self::Nothing,
            row if row.durable_waiting >= row.waiting && row.durable_workers == 0 => Self::NoDurableWorker,
            row if row.durable_waiting >= row.waiting => Self::DurableBusy,
            row if row.workers == 0 => Self::NoWorker,
            row if idle > 0 && row.oldest_ms < MOMENT_MS => Self::AboutToStart,
            _ if idle > 0 => Self::Stalled { idle },
            row if row.suspects >= row.waiting => Self::Suspects,
            row if row.running >= row.workers => Self::Busy,
            row if row.spent > 0 && row.running.saturating_add(row.spent) >= row.workers => Self::Spent,
            _ if metrics.workers_idle == 0 => Self::BusyWithOthers,
            _ => Self::SeemBusy,
        }
    }

    /// Whether the name may be misspelt: the type has neither workers nor running jobs, and has lost no worker.
    fn may_be_misspelt(self, row: &TypeMetrics) -> bool {
        let is_used = row.workers + row.durable_workers + row.running + row.lost > 0;
        matches!(self, Self::Nothing | Self::NoWorker | Self::NoDurableWorker) && !is_used
    }

    /// Returns the sentence, with the names in `near` as suggestions.
    fn explain(self, row: &TypeMetrics, metrics: &Metrics, near: &[&str]) -> String {
        let name = quoted(&row.name);
        let reason = match self {
            Self::Stopping => {
                format!(
                    "No job of type {name} is started: the server is stopping, and answers waiting jobs with shutdown"
                )
            }
            Self::Nothing => format!("No job of type {name} is waiting{}", without_waiting(row)),
            _ => waiting(row, &name) + &self.reason(row),
        };
        let (facts, memory) = match self {
            Self::Stopping => (String::new(), String::new()),
            _ => (self.facts(row), memory(metrics)),
        };
        reason + &facts + &memory + &suggestion(near)
    }

    /// Returns the clause that follows the number of waiting jobs.
    fn reason(self, row: &TypeMetrics) -> String {
        let some = if row.running == 0 { "" } else { ", some of them" };
        match (self, row.workers) {
            (Self::NoDurableWorker, _) => {
                ", because no worker does durable jobs of that type, such as deputy-bridge".to_owned()
            }
            (Self::DurableBusy, _) if row.durable_workers == 1 => {
                ", because its only durable worker has no free slot, or does not read".to_owned()
            }
            (Self::DurableBusy, _) => format!(
                ", because its {} durable workers have no free slot, or do not read",
                count(row.durable_workers)
            ),
            (Self::NoWorker, _) => ", because no worker does that type".to_owned(),
            (Self::Busy, 1) => {
                format!(", because its only worker is busy or does not read: it holds {}", counted(row.running, "job"))
            }
            (Self::Busy, workers) => {
                format!(
                    ", because all its {} workers are busy or do not read: they hold {}",
                    count(workers),
                    count(row.running)
                )
            }
            (Self::Spent, _) => spent(row),
            (Self::BusyWithOthers, 1) => {
                ", because its only worker is busy with jobs of other types, or does not read".to_owned()
            }
            (Self::BusyWithOthers, workers) => {
                format!(
                    ", because all its {} workers are busy{some} with jobs of other types, or do not read",
                    count(workers)
                )
            }
            (Self::SeemBusy, 1) => {
                ": its only worker seems to be busy with jobs of other types, or not to read".to_owned()
            }
            (Self::SeemBusy, workers) => {
                format!(
                    ": its {} workers seem to be busy{some} with jobs of other types, or not to read",
                    count(workers)
                )
            }
            (Self::Suspects, _) => suspects(row),
            (Self::Stalled { .. }, 1) => {
                ", though its only worker is idle: it seems not to read what the server sends".to_owned()
            }
            (Self::Stalled { idle }, workers) => format!(
                ", though of its {} workers at least {} {} idle: they seem not to read what the server sends",
                count(workers),
                count(idle),
                if idle == 1 { "is" } else { "are" }
            ),
            (Self::Stopping | Self::Nothing | Self::AboutToStart, _) => ": a worker is about to take it".to_owned(),
        }
    }

    /// Whether there are waiting jobs for the type's workers, except the spare ones.
    fn is_of_workers(self) -> bool {
        match self {
            Self::Stopping | Self::Nothing | Self::NoWorker | Self::NoDurableWorker | Self::DurableBusy => false,
            Self::AboutToStart
            | Self::Stalled { .. }
            | Self::Suspects
            | Self::Busy
            | Self::Spent
            | Self::BusyWithOthers
            | Self::SeemBusy => true,
        }
    }

    /// Returns further facts about the type: losses, requeued jobs among others, spent slots, delayed jobs, jobs with a
    /// bridge, and the oldest running job.
    fn facts(self, row: &TypeMetrics) -> String {
        let is_lost = self == Self::NoWorker || self == Self::Suspects || row.suspects > 0 || lost_lately(row);
        let lost = (row.lost > 0 && is_lost).then(|| match (self, row.lost) {
            (Self::Suspects, 1) => format!("that was {} ago", age(row.last_lost_ms)),
            _ => losses(row),
        });
        let requeued = (row.suspects > 0 && row.suspects < row.waiting).then(|| {
            let were = if row.suspects == 1 { "was" } else { "were" };
            let suspects = count(row.suspects);
            format!("{suspects} of them {were} requeued after a loss, for a worker that holds no other such job")
        });
        let durable = (row.durable_waiting > 0 && row.durable_waiting < row.waiting).then(|| {
            let (are, wait) = if row.durable_waiting == 1 { ("is", "waits") } else { ("are", "wait") };
            format!("{} of them {are} durable, and {wait} for a durable worker", count(row.durable_waiting))
        });
        let spare = (row.spare_workers > 0 && self.is_of_workers()).then(|| spare(row));
        let spent = (row.spent > 0 && self != Self::Spent).then(|| match row.spent {
            1 => format!("1 slot is taken by a job that {}, but its worker has not answered", ended(1)),
            more => format!(
                "{} slots are taken by jobs that {}, but their workers have not answered",
                count(more),
                ended(more)
            ),
        });
        let delayed = (row.delayed > 0).then(|| match row.delayed {
            1 => "1 is delayed".to_owned(),
            delayed => format!("{} are delayed", count(delayed)),
        });
        let passed_on = (row.passed_on > 0).then(|| passed_on(row));
        let oldest = oldest_here(row);
        let facts: Vec<String> =
            [Some(String::new()), spare, lost, requeued, durable, spent, delayed, passed_on, oldest]
                .into_iter()
                .flatten()
                .collect();
        facts.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::monitor::state::tests::{metrics, row};

    /// Explains a row (waiting, running, workers, age of the oldest) of a server with `workers`, of which `workers_idle` are
    /// idle.
    fn sentence(jobs: [u64; 4], [workers, workers_idle]: [u64; 2]) -> String {
        let [waiting, running, doing, oldest_ms] = jobs;
        let row =
            row("resize", json!({ "waiting": waiting, "running": running, "workers": doing, "oldest_ms": oldest_ms }));
        let metrics = metrics(json!({ "workers": workers, "workers_idle": workers_idle }));
        Cause::of(&row, &metrics).explain(&row, &metrics, &[])
    }

    #[test]
    fn durable_jobs_wait_for_durable_workers() {
        for (numbers, expected) in [
            (
                json!({ "waiting": 1, "durable_waiting": 1, "workers": 3, "oldest_ms": 5_000 }),
                "1 job of type \"resize\" has waited for 5.0 s, because no worker does durable jobs of that type, \
                 such as deputy-bridge.",
            ),
            (
                json!({ "waiting": 2, "durable_waiting": 2, "durable_workers": 1, "workers": 3, "oldest_ms": 5_000 }),
                "2 jobs of type \"resize\" are waiting, the oldest for 5.0 s, because its only durable worker has no free \
                 slot, or does not read.",
            ),
            (
                json!({ "waiting": 2, "durable_waiting": 2, "durable_workers": 2, "oldest_ms": 5_000 }),
                "2 jobs of type \"resize\" are waiting, the oldest for 5.0 s, because its 2 durable workers have no free \
                 slot, or do not read.",
            ),
            (
                json!({ "waiting": 3, "durable_waiting": 1, "durable_workers": 1, "oldest_ms": 5_000 }),
                "3 jobs of type \"resize\" are waiting, the oldest for 5.0 s, because no worker does that type; 1 of them is \
                 durable, and waits for a durable worker.",
            ),
            (
                json!({ "waiting": 3, "durable_waiting": 2, "running": 4, "workers": 1, "oldest_ms": 5_000 }),
                "3 jobs of type \"resize\" are waiting, the oldest for 5.0 s, because its only worker is busy or does not \
                 read: it holds 4 jobs; 2 of them are durable, and wait for a durable worker.",
            ),
            (
                json!({ "durable_workers": 1 }),
                "No job of type \"resize\" is waiting; 1 worker does durable jobs of that type, and no other.",
            ),
        ] {
            let row = row("resize", numbers);
            let metrics = metrics(json!({ "workers": 3, "workers_idle": 0 }));
            let cause = Cause::of(&row, &metrics);
            assert_eq!(cause.explain(&row, &metrics, &[]), expected);
            assert!(!cause.may_be_misspelt(&row));
        }
    }

    #[test]
    fn each_cause_has_one_sentence() {
        for (jobs, workers, expected) in [
            ([0, 0, 0, 0], [0, 0], "No job of type \"resize\" is waiting, and no worker does that type."),
            ([0, 0, 1, 0], [1, 1], "No job of type \"resize\" is waiting; 1 worker does that type."),
            ([0, 0, 2_000, 0], [2_000, 0], "No job of type \"resize\" is waiting; 2,000 workers do that type."),
            ([0, 1, 1, 0], [1, 0], "No job of type \"resize\" is waiting; 1 is running."),
            ([0, 2, 1, 0], [1, 0], "No job of type \"resize\" is waiting; 2 are running."),
            (
                [1, 0, 0, 3_200],
                [4, 4],
                "1 job of type \"resize\" has waited for 3.2 s, because no worker does that type.",
            ),
            (
                [1_234, 1, 1, 200_000],
                [1, 0],
                "1,234 jobs of type \"resize\" are waiting, the oldest for 3 min 20 s, because its only worker is busy or does \
                 not read: it holds 1 job.",
            ),
            (
                [2, 8, 2, 100],
                [5, 3],
                "2 jobs of type \"resize\" are waiting, the oldest for 0.1 s, because all its 2 workers are busy or do \
                 not read: they hold 8.",
            ),
            (
                [2, 0, 1, 0],
                [3, 0],
                "2 jobs of type \"resize\" are waiting, the oldest for less than 0.1 s, because its only worker is busy \
                 with jobs of other types, or does not read.",
            ),
            (
                [2, 1, 2, 0],
                [3, 0],
                "2 jobs of type \"resize\" are waiting, the oldest for less than 0.1 s, because all its 2 workers are busy, some of \
                 them with jobs of other types, or do not read.",
            ),
            (
                [2, 0, 1, 5_000],
                [3, 2],
                "2 jobs of type \"resize\" are waiting, the oldest for 5.0 s: its only worker seems to be busy with jobs of other \
                 types, or not to read.",
            ),
            (
                [2, 0, 2, 5_000],
                [4, 2],
                "2 jobs of type \"resize\" are waiting, the oldest for 5.0 s: its 2 workers seem to be busy with jobs of other \
                 types, or not to read.",
            ),
            ([1, 0, 1, 999], [1, 1], "1 job of type \"resize\" has waited for 0.9 s: a worker is about to take it."),
            (
                [1, 0, 1, 1_000],
                [1, 1],
                "1 job of type \"resize\" has waited for 1.0 s, though its only worker is idle: it seems not to read \
                 what the server sends.",
            ),
            (
                [5, 1, 3, 60_000],
                [3, 1],
                "5 jobs of type \"resize\" are waiting, the oldest for 1 min, though of its 3 workers at least 1 is idle: they seem \
                 not to read what the server sends.",
            ),
        ] {
            assert_eq!(sentence(jobs, workers), expected);
        }
    }

    #[test]
    fn losses_and_hung_jobs_are_part_of_the_sentence() {
        let busy = json!({ "workers": 2, "workers_idle": 0 });
        for (members, server, expected) in [
            (
                json!({ "waiting": 1, "oldest_ms": 3_000, "suspects": 1, "lost": 3, "last_lost_ms": 2_000 }),
                json!({}),
                "1 job of type \"t\" has waited for 3.0 s, because no worker does that type; 3 workers were lost while they \
                 held a job of that type, the last 2.0 s ago.",
            ),
            (
                json!({ "waiting": 2, "running": 1, "workers": 1, "oldest_ms": 3_000, "suspects": 2, "lost": 1,
                    "last_lost_ms": 900_000 }),
                json!({ "workers": 1 }),
                "2 jobs of type \"t\" are waiting, the oldest for 3.0 s, because a worker was lost while it held each of \
                 them: a worker gets such jobs one at a time, and the only one holds one or has no free slot; that was 15 min ago.",
            ),
            (
                json!({ "waiting": 5, "running": 2, "workers": 2, "oldest_ms": 3_000, "suspects": 1, "lost": 1,
                    "last_lost_ms": 900_000, "oldest_running_ms": 720_000, "oldest_running_worker": "127.0.0.1:5" }),
                busy.clone(),
                "5 jobs of type \"t\" are waiting, the oldest for 3.0 s, because all its 2 workers are busy or do not read: \
                 they hold 2; a worker was lost while it held a job of that type, 15 min ago; 1 of them was requeued after a loss, for a \
                 worker that holds no other such job; the oldest running job was sent to worker 127.0.0.1:5 12 min ago.",
            ),
            (
                json!({ "running": 1, "workers": 1, "lost": 2, "last_lost_ms": 1_000, "oldest_running_ms": 10_000 }),
                busy.clone(),
                "No job of type \"t\" is waiting; 1 is running; 2 workers were lost while they held a job of that type, the \
                 last 1.0 s ago; the oldest running job was sent 10 s ago.",
            ),
            (
                json!({ "running": 3, "workers": 1, "passed_on": 3, "oldest_running_ms": 720_000,
                    "oldest_running_worker": "127.0.0.1:5" }),
                busy.clone(),
                "No job of type \"t\" is waiting; 3 are running; 3 of the running jobs are with a bridge, on other machines or \
                 waiting in its stream; the oldest of these was sent to bridge 127.0.0.1:5 12 min ago.",
            ),
            (
                json!({ "running": 2, "workers": 2, "passed_on": 1, "oldest_running_ms": 720_000, "oldest_here_ms": 60_000,
                    "oldest_running_worker": "127.0.0.1:5", "oldest_here_worker": "127.0.0.1:6" }),
                busy.clone(),
                "No job of type \"t\" is waiting; 2 are running; 1 of the running jobs is with a bridge, on other machines or \
                 waiting in its stream; the oldest of these was sent to bridge 127.0.0.1:5 12 min ago; the oldest job that runs \
                 here was sent to worker 127.0.0.1:6 1 min ago.",
            ),
            // A loss long ago is not the reason.
            (
                json!({ "running": 1, "workers": 1, "lost": 2, "last_lost_ms": 600_001, "oldest_running_ms": 9_999 }),
                busy,
                "No job of type \"t\" is waiting; 1 is running.",
            ),
        ] {
            let (row, metrics) = (row("t", members), metrics(server));
            assert_eq!(Cause::of(&row, &metrics).explain(&row, &metrics, &[]), expected);
        }
    }

    #[test]
    fn spare_workers_are_part_of_the_sentence_while_jobs_wait_for_workers() {
        for (members, expected) in [
            (
                json!({ "waiting": 1, "running": 2, "workers": 2, "spare_workers": 1 }),
                "1 job of type \"t\" has waited for less than 0.1 s, because all its 2 workers are busy or do not read: they \
                 hold 2; 1 of these workers is spare, and takes no job with wait_ms.",
            ),
            (
                json!({ "waiting": 1, "running": 1, "workers": 1, "spare_workers": 1 }),
                "1 job of type \"t\" has waited for less than 0.1 s, because its only worker is busy or does not read: it \
                 holds 1 job; this worker is spare, and takes no job with wait_ms.",
            ),
            (
                json!({ "waiting": 1, "workers": 5, "spare_workers": 2, "oldest_ms": 5_000 }),
                "1 job of type \"t\" has waited for 5.0 s, though of its 5 workers at least 3 are idle: they seem not to read \
                 what the server sends; 2 of these workers are spare, and take no job with wait_ms.",
            ),
            (
                json!({ "waiting": 1, "workers": 5, "spare_workers": 5 }),
                "1 job of type \"t\" has waited for less than 0.1 s: a worker is about to take it; these workers are spare, and \
                 take no job with wait_ms.",
            ),
            (json!({ "workers": 2, "spare_workers": 1 }), "No job of type \"t\" is waiting; 2 workers do that type."),
        ] {
            let (row, metrics) = (row("t", members), metrics(json!({ "workers": 5, "workers_idle": 3 })));
            assert_eq!(Cause::of(&row, &metrics).explain(&row, &metrics, &[]), expected);
        }
    }

    #[test]
    fn spent_slots_and_delayed_jobs_are_part_of_the_sentence() {
        let busy = json!({ "workers": 2 });
        for (members, expected) in [
            (
                json!({ "waiting": 1, "workers": 1, "spent": 1 }),
                "1 job of type \"t\" has waited for less than 0.1 s, because its only worker's slots are taken by 1 job that has \
                 ended (cancelled, expired or past its run limit), but the worker has not answered.",
            ),
            (
                json!({ "waiting": 2, "workers": 2, "running": 1, "spent": 3, "delayed": 1 }),
                "2 jobs of type \"t\" are waiting, the oldest for less than 0.1 s, because its 2 workers' slots are taken \
                 by 3 jobs that have ended (cancelled, expired or past their run limit), but the workers have not answered, \
                 and by 1 that runs; 1 is delayed.",
            ),
            (
                json!({ "waiting": 2, "workers": 1, "running": 1, "spent": 1 }),
                "2 jobs of type \"t\" are waiting, the oldest for less than 0.1 s, because its only worker is busy or does \
                 not read: it holds 1 job; 1 slot is taken by a job that has ended (cancelled, expired or past its run \
                 limit), but its worker has not answered.",
            ),
            (
                json!({ "delayed": 1_200 }),
                "No job of type \"t\" is waiting, and no worker does that type; 1,200 are delayed.",
            ),
            (
                json!({ "workers": 2, "spent": 2 }),
                "No job of type \"t\" is waiting; 2 workers do that type; 2 slots are taken by jobs that have ended (cancelled, \
                 expired or past their run limit), but their workers have not answered.",
            ),
        ] {
            let (row, metrics) = (row("t", members), metrics(busy.clone()));
            assert_eq!(Cause::of(&row, &metrics).explain(&row, &metrics, &[]), expected);
        }
    }

    #[test]
    fn a_stopping_server_is_the_first_cause_and_a_full_one_is_added() {
        let row = row("a\nb", json!({ "waiting": 1, "oldest_ms": 1_000 }));
        let full = json!({ "bytes_held": 100, "bytes_max": 100 });
        let stopping = json!({ "draining": true, "bytes_held": 100, "bytes_max": 100 });
        for (metrics, end) in [
            (
                metrics(full),
                "because no worker does that type; 100 % of the server's memory budget is used: new jobs are refused; \
                 did you mean \"a b\", \"b\" or \"c\"?",
            ),
            (
                metrics(stopping),
                "\"a\\nb\" is started: the server is stopping, and answers waiting jobs with shutdown.",
            ),
        ] {
            let cause = Cause::of(&row, &metrics);
            let near = if cause.may_be_misspelt(&row) { &["a b", "b", "c"][..] } else { &[] };
            let sentence = cause.explain(&row, &metrics, near);
            assert!(sentence.ends_with(end), "{sentence}");
        }
    }

    #[test]
    fn impossible_numbers_cause_no_panic() {
        let most = u64::MAX;
        for jobs in [[most; 4], [most, 0, 1, most], [most, 1, most, 0]] {
            for workers in [[0, most], [most, 0], [most, most]] {
                assert!(sentence(jobs, workers).ends_with('.'));
            }
        }
    }
}
