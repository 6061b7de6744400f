//! The tables of a metrics reply: rows by type, and rows by shard.

use std::sync::Arc;

use super::{Counts, Figures};

/// Rows of the table by type, each with its type's canonical name.
pub type TypeRows = Vec<(Arc<str>, TypeRow)>;

/// The figures of a type, at one shard or summed over all shards.
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
    /// Free slots of its ordinary workers, reserved ones too.
    pub free: u64,
    /// Workers that get only jobs that no ordinary worker can take.
    pub spare_workers: u64,
    /// Connections that take jobs of this type, without those that take only durable ones.
    pub workers: u64,
    /// Connections that take its durable jobs.
    pub durable_workers: u64,
    /// Jobs in the queue that are durable.
    pub durable_waiting: u64,
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
    /// Of the running jobs, those that their workers pass on: durable workers, and spare ones that asked for `ref`.
    pub passed_on: u64,
    /// The job that a worker holds longest.
    pub oldest_running: Option<OldestRunning>,
    /// Of the jobs that are not passed on, the one that a worker holds longest.
    pub oldest_here: Option<OldestRunning>,
    /// What was counted since the server started, if it was asked for and the type has figures of its own.
    pub figures: Option<Box<Figures>>,
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
    pub fn members(&self) -> [(&'static str, u64); 17] {
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
            ("free", self.free),
            ("spare_workers", self.spare_workers),
            ("durable_waiting", self.durable_waiting),
            ("durable_workers", self.durable_workers),
            ("passed_on", self.passed_on),
            ("oldest_running_ms", self.oldest_running.as_ref().map_or(0, |oldest| oldest.ms)),
            ("oldest_here_ms", self.oldest_here.as_ref().map_or(0, |oldest| oldest.ms)),
        ]
    }

    /// Returns whether the type has jobs or workers now.
    pub fn is_in_use(&self) -> bool {
        self.waiting + self.running + self.workers + self.durable_workers + self.delayed + self.spent > 0
    }

    /// Adds the figures of another shard.
    pub fn add(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.running += other.running;
        self.workers += other.workers;
        self.delayed += other.delayed;
        self.spent += other.spent;
        self.free += other.free;
        self.spare_workers += other.spare_workers;
        self.durable_waiting += other.durable_waiting;
        self.passed_on += other.passed_on;
        self.durable_workers += other.durable_workers;
        self.done += other.done;
        self.oldest_ms = self.oldest_ms.max(other.oldest_ms);
        self.suspects += other.suspects;
        self.last_lost_ms = match (self.lost, other.lost) {
            (0, _) => other.last_lost_ms,
            (_, 0) => self.last_lost_ms,
            _ => self.last_lost_ms.min(other.last_lost_ms),
        };
        self.lost += other.lost;
        keep_oldest(&mut self.oldest_running, other.oldest_running);
        keep_oldest(&mut self.oldest_here, other.oldest_here);
        if let Some(figures) = other.figures {
            self.figures.get_or_insert_default().add(&figures);
        }
    }
}

fn keep_oldest(own: &mut Option<OldestRunning>, other: Option<OldestRunning>) {
    let runs_longer = |oldest: &OldestRunning| own.as_ref().is_none_or(|own| own.ms < oldest.ms);
    if let Some(oldest) = other.filter(runs_longer) {
        *own = Some(oldest);
    }
}

/// The figures of a shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShardRow {
    /// Its counters and gauges.
    pub counts: Counts,
    /// How long it has been busy, in microseconds: from waking up until it slept again. The turn under way is not included.
    pub busy_us: u64,
    /// Its longest turn so far, in microseconds.
    pub longest_turn_us: u64,
}

impl ShardRow {
    /// Returns all members of a row: names on the wire, and values.
    pub fn members(&self) -> [(&'static str, u64); 8] {
        [
            ("turns", self.counts.shard_turns),
            ("messages", self.counts.shard_messages),
            ("wakes", self.counts.shard_wakes),
            ("busy_us", self.busy_us),
            ("longest_turn_us", self.longest_turn_us),
            ("connections", self.counts.connections_open),
            ("waiting", self.counts.jobs_waiting),
            ("running", self.counts.jobs_running),
        ]
    }
}

/// The requested tables of a metrics reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tables {
    /// The table by shard, from shard 0 on.
    pub shards: Option<Vec<ShardRow>>,
    /// The rows of types that were named.
    pub types: Option<TypeRows>,
    /// Whether the rows by type have outcomes and histograms.
    pub histograms: bool,
}

/// The types that have no figures of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherTypes {
    /// The number of them that are in use.
    pub in_use: u64,
    /// Their sum, with the figures of their jobs.
    pub sum: TypeRow,
}

impl Tables {
    /// Returns whether no table was requested.
    pub fn is_empty(&self) -> bool {
        self.shards.is_none() && self.types.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Outcomes;

    #[test]
    fn rows_add_up_and_keep_the_extremes() {
        let oldest = |ms, worker: &str| Some(OldestRunning { ms, worker: worker.to_owned() });
        let lost = |lost, last_lost_ms| TypeRow { lost, last_lost_ms, ..TypeRow::default() };
        let mut row =
            TypeRow { waiting: 1, suspects: 1, free: 2, spare_workers: 1, oldest_ms: 5, ..TypeRow::default() };
        row.add(TypeRow { oldest_running: oldest(7, "b"), oldest_ms: 3, free: 3, spare_workers: 6, ..lost(2, 40) });
        row.add(TypeRow {
            oldest_running: oldest(6, "c"),
            oldest_here: oldest(6, "c"),
            passed_on: 2,
            suspects: 2,
            ..lost(1, 50)
        });
        row.add(lost(0, 0));
        let figures = |done| {
            let outcomes = Outcomes { done, ..Outcomes::default() };
            Some(Box::new(Figures { outcomes, ..Figures::default() }))
        };
        row.add(TypeRow { figures: figures(2), ..TypeRow::default() });
        row.add(TypeRow { figures: figures(3), ..TypeRow::default() });
        assert_eq!((row.waiting, row.suspects, row.oldest_ms, row.free, row.spare_workers), (1, 3, 5, 5, 7));
        assert_eq!((row.lost, row.last_lost_ms, row.oldest_running), (3, 40, oldest(7, "b")));
        assert_eq!((row.passed_on, row.oldest_here), (2, oldest(6, "c")));
        assert_eq!(row.figures, figures(5));
    }
}
