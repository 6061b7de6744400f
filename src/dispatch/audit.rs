//! A copy of the core's state, for the invariants that tests check. Nothing on the path of a job uses it.

use std::sync::Arc;

use super::home::{Home, Queue};
use super::ids::{ConnId, Membership, ShardId, Submitter};
use super::job::Job;
use super::owner::Owner;
use super::pools::Pool;
use super::worker::Worker;

/// Everything that a shard's core remembers.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Connections that it knows.
    pub connections: Vec<ConnId>,
    /// Workers among them: those that gave a type or `max_jobs`.
    pub workers: Vec<WorkerAudit>,
    /// The owner's pools.
    pub pools: Vec<PoolAudit>,
    /// The home's queues.
    pub queues: Vec<QueueAudit>,
    /// Entries of lists, timers, queries and other places that must be empty when no peer is connected.
    pub leftovers: usize,
}

/// A worker's slots.
#[derive(Clone, Debug)]
pub struct WorkerAudit {
    /// Which connection.
    pub conn: ConnId,
    /// Its slots.
    pub max_jobs: u32,
    /// Slots reserved for the answers to Pulls.
    pub reserved: u32,
    /// Whether it has too much unsent to be sent more.
    pub paused: bool,
    /// The types it takes.
    pub types: Vec<Arc<str>>,
    /// Those of them whose pools track it. The others assume that it is idle.
    pub tracked: Vec<Arc<str>>,
    /// The jobs it holds, each with its lease.
    pub held: Vec<(Option<u64>, JobAudit)>,
}

/// One type as an owner sees it.
#[derive(Clone, Debug)]
pub struct PoolAudit {
    /// The type.
    pub type_name: Arc<str>,
    /// Workers that take it.
    pub workers: u64,
    /// Their free slots, as far as the pool knows.
    pub free: u64,
    /// Of the workers with a free slot, those that hold no suspect, as far as the pool knows.
    pub clean_ready: u64,
    /// Offers sent and not ended.
    pub open: u64,
    /// The worker whose slot is reserved for the answer to a Pull.
    pub pull_pending: Option<ConnId>,
    /// Whether a job was requeued because no slot was free.
    pub starved: bool,
    /// Whether a suspect was rejected, and no `AcceptSuspects` sent since.
    pub rejects_suspects: bool,
    /// Jobs of this type that this shard's workers hold.
    pub running: u64,
}

/// One type as its home sees it.
#[derive(Clone, Debug)]
pub struct QueueAudit {
    /// The type.
    pub type_name: Arc<str>,
    /// The waiting jobs, first to last.
    pub waiting: Vec<JobAudit>,
    /// Open offers, summed by shard.
    pub offers: Vec<(ShardId, u64)>,
    /// Shards that take no suspects.
    pub rejects_suspects: Vec<ShardId>,
}

/// A job, as far as tests need it.
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
    /// Whether a worker was lost while it held the job.
    pub suspect: bool,
    /// Lost attempts that count.
    pub attempts: u32,
}

impl Audit {
    pub(super) fn of(home: &Home, owner: &Owner) -> Self {
        let (_, nodes) = owner.pools.sizes();
        let workers = owner.conns.iter().filter_map(|(id, conn)| {
            conn.worker.as_ref().map(|worker| WorkerAudit::of(id, worker, conn.is_paused(), owner))
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
        let name = |member: &Membership| Arc::clone(&owner.pools.peek(member.pool).of.name);
        Self {
            conn,
            max_jobs: worker.max_jobs,
            reserved: worker.slots.reserved(),
            paused,
            types: worker.types().iter().map(name).collect(),
            tracked: worker.tracked().iter().map(name).collect(),
            held: worker.slots.iter().map(|(lease, slot)| (lease, JobAudit::of(&slot.job))).collect(),
        }
    }
}

impl PoolAudit {
    fn of(pool: &Pool, owner: &Owner) -> Self {
        Self {
            type_name: Arc::clone(&pool.of.name),
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
        let shards = || queue.offers.shards();
        Self {
            type_name: Arc::clone(&queue.of.name),
            waiting: queue.waiting.iter().map(JobAudit::of).collect(),
            offers: shards().filter(|&(_, n, _)| n > 0).map(|(shard, n, _)| (shard, u64::from(n))).collect(),
            rejects_suspects: shards().filter(|&(_, _, rejects)| rejects).map(|(shard, _, _)| shard).collect(),
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
