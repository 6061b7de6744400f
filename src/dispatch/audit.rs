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
    pub bids: Vec<BidAudit>,
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
    pub kept: u32,
    /// Whether it has too much unsent to be given more.
    pub paused: bool,
    /// The types it takes.
    pub types: Vec<Arc<str>>,
    /// Those of them whose books follow how it stands. The others have it as wholly free.
    pub followed: Vec<Arc<str>>,
    /// The jobs it holds, with their numbers on the wire.
    pub held: Vec<(Option<u64>, JobAudit)>,
}

/// One type as an owner sees it.
#[derive(Clone, Debug)]
pub struct BidAudit {
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
    pub asking: Option<ConnId>,
    /// Whether a job was turned away for want of a free slot.
    pub wanted: bool,
    /// Whether a suspect was refused, and no Welcome sent since.
    pub refusing: bool,
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
    pub refuses: Vec<ShardId>,
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
    pub number: u64,
    /// Whether it was given back.
    pub suspect: bool,
    /// Losses that counted.
    pub attempts: u32,
}

impl Audit {
    pub(super) fn of(home: &Home, owner: &Owner) -> Self {
        let (_, nodes) = owner.bids.sizes();
        let workers = owner.conns.iter().filter_map(|(id, conn)| {
            conn.worker.as_ref().map(|worker| WorkerAudit::of(id, worker, conn.unsent > UNSENT_PAUSE_BYTES, owner))
        });
        Self {
            connections: owner.conns.ids(),
            workers: workers.collect(),
            bids: owner.bids.iter().map(|bid| BidAudit::of(bid, owner)).collect(),
            queues: home.queues().map(QueueAudit::of).collect(),
            leftovers: nodes + owner.questions.len() + owner.partials.len() + owner.touched.len() + owner.risen.len(),
        }
    }
}

impl WorkerAudit {
    fn of(conn: ConnId, worker: &Worker, paused: bool, owner: &Owner) -> Self {
        let names =
            |types: &[(u32, u32)]| types.iter().map(|&(bid, _)| Arc::clone(&owner.bids.peek(bid).name)).collect();
        Self {
            conn,
            max_jobs: worker.max_jobs,
            kept: worker.kept,
            paused,
            types: names(&worker.types),
            followed: names(worker.followed()),
            held: worker.jobs().map(|(number, job)| (number, JobAudit::of(job))).collect(),
        }
    }
}

impl BidAudit {
    fn of(bid: &super::bids::Bid, owner: &Owner) -> Self {
        Self {
            type_name: Arc::clone(&bid.name),
            workers: u64::from(bid.workers),
            free: bid.free,
            clean_ready: owner.bids.clean_ready(bid),
            open: u64::from(bid.open),
            asking: bid.asking,
            wanted: bid.wanted.is_some(),
            refusing: bid.refusing,
            running: bid.running,
        }
    }
}

impl QueueAudit {
    fn of(queue: &Queue) -> Self {
        let bidders = || queue.offers.bidders();
        Self {
            type_name: Arc::clone(&queue.name),
            waiting: queue.line.iter().map(JobAudit::of).collect(),
            offers: bidders().filter(|&(_, n, _)| n > 0).map(|(shard, n, _)| (shard, u64::from(n))).collect(),
            refuses: bidders().filter(|&(_, _, refuses)| refuses).map(|(shard, _, _)| shard).collect(),
        }
    }
}

impl JobAudit {
    fn of(job: &Job) -> Self {
        Self {
            id: job.id().to_owned(),
            submitter: job.submitter,
            type_name: job.type_name().to_owned(),
            number: job.number,
            suspect: job.suspect,
            attempts: job.attempts,
        }
    }
}
