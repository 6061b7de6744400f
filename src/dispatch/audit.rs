//! The books laid open, for the simulation's invariants. Nothing on the path of a job uses it.

use std::sync::Arc;

use super::home::{Home, Queue};
use super::job::Job;
use super::message::{ConnId, ShardId, Submitter};
use super::owner::Owner;
use super::worker::Worker;
use crate::limits::UNSENT_PAUSE_BYTES;

/// Everything that a shard's core remembers.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Connections that it knows.
    pub connections: Vec<ConnId>,
    /// Workers among them: those that gave a type or `max_jobs`.
    pub workers: Vec<WorkerAudit>,
    /// The owner's books, by type.
    pub pools: Vec<PoolAudit>,
    /// The home's books, by type.
    pub queues: Vec<QueueAudit>,
    /// Entries of lists, timers, questions and other places that must be empty when nobody is connected.
    pub leftovers: usize,
}

/// A worker's slots.
#[derive(Clone, Debug)]
pub struct WorkerAudit {
    /// Which connection.
    pub conn: ConnId,
    /// Its slots.
    pub max_jobs: u32,
    /// Slots kept for the answer to an ask.
    pub reserved: u32,
    /// Whether it has too much unsent to be given more.
    pub paused: bool,
    /// The types it takes.
    pub types: Vec<Arc<str>>,
    /// Those of them whose books follow how it stands. The others have it as wholly free.
    pub tracked: Vec<Arc<str>>,
    /// The jobs it holds, with their numbers on the wire.
    pub held: Vec<(Option<u64>, JobAudit)>,
}

/// One type as an owner sees it.
#[derive(Clone, Debug)]
pub struct PoolAudit {
    /// The type.
    pub type_name: Arc<str>,
    /// Workers that take it.
    pub workers: u64,
    /// Their free slots, as far as the books know.
    pub free: u64,
    /// Of the workers with a free slot, those that hold no suspect, as far as the books know.
    pub clean_ready: u64,
    /// Offers sent and not ended.
    pub open: u64,
    /// Whose slot is kept for the answer to an ask.
    pub pull_pending: Option<ConnId>,
    /// Whether a job was turned away for want of a free slot.
    pub starved: bool,
    /// Whether a suspect was refused, and no Welcome sent since.
    pub rejects_suspects: bool,
    /// Jobs of this type that this shard's workers hold.
    pub running: u64,
}

/// One type as its home sees it.
#[derive(Clone, Debug)]
pub struct QueueAudit {
    /// The type.
    pub type_name: Arc<str>,
    /// The line, first to last.
    pub waiting: Vec<JobAudit>,
    /// Offers that stand, summed by shard.
    pub offers: Vec<(ShardId, u64)>,
    /// Shards that take no suspects.
    pub rejects_suspects: Vec<ShardId>,
}

/// A job, as far as tests care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobAudit {
    /// Its id, as it came.
    pub id: String,
    /// Its submitter.
    pub submitter: Submitter,
    /// Its type.
    pub type_name: String,
    /// Its arrival number at home.
    pub arrival: u64,
    /// Whether it was given back.
    pub suspect: bool,
    /// Losses that counted.
    pub attempts: u32,
}

impl Audit {
    pub(super) fn of(home: &Home, owner: &Owner) -> Self {
        let (_, nodes) = owner.pools.sizes();
        let workers = owner.conns.iter().filter_map(|(id, conn)| {
            conn.worker.as_ref().map(|worker| WorkerAudit::of(id, worker, conn.unsent > UNSENT_PAUSE_BYTES, owner))
        });
        Self {
            connections: owner.conns.ids(),
            workers: workers.collect(),
            pools: owner.pools.iter().map(|pool| PoolAudit::of(pool, owner)).collect(),
            queues: home.queues().map(QueueAudit::of).collect(),
            leftovers: nodes + owner.queries.len() + owner.partials.len() + owner.dirty.len() + owner.freed.len(),
        }
    }
}

impl WorkerAudit {
    fn of(conn: ConnId, worker: &Worker, paused: bool, owner: &Owner) -> Self {
        let names =
            |types: &[(u32, u32)]| types.iter().map(|&(pool, _)| Arc::clone(&owner.pools.peek(pool).name)).collect();
        Self {
            conn,
            max_jobs: worker.max_jobs,
            reserved: worker.reserved,
            paused,
            types: names(&worker.types),
            tracked: names(worker.tracked()),
            held: worker.jobs().map(|(number, job)| (number, JobAudit::of(job))).collect(),
        }
    }
}

impl PoolAudit {
    fn of(pool: &super::pools::Pool, owner: &Owner) -> Self {
        Self {
            type_name: Arc::clone(&pool.name),
            workers: u64::from(pool.workers),
            free: pool.free,
            clean_ready: owner.pools.clean_ready(pool),
            open: u64::from(pool.open),
            pull_pending: pool.pull_pending,
            starved: pool.starved_since.is_some(),
            rejects_suspects: pool.rejects_suspects,
            running: pool.running,
        }
    }
}

impl QueueAudit {
    fn of(queue: &Queue) -> Self {
        let bidders = || queue.offers.shards();
        Self {
            type_name: Arc::clone(&queue.name),
            waiting: queue.waiting.iter().map(JobAudit::of).collect(),
            offers: bidders().filter(|&(_, n, _)| n > 0).map(|(shard, n, _)| (shard, u64::from(n))).collect(),
            rejects_suspects: bidders().filter(|&(_, _, refuses)| refuses).map(|(shard, _, _)| shard).collect(),
        }
    }
}

impl JobAudit {
    fn of(job: &Job) -> Self {
        Self {
            id: job.id().to_owned(),
            submitter: job.submitter,
            type_name: job.type_name().to_owned(),
            arrival: job.arrival,
            suspect: job.suspect,
            attempts: job.attempts,
        }
    }
}
