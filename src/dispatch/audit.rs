//! A copy of the core's state, for the invariants that tests check. Nothing on the path of a job uses it.

mod of;

use std::sync::Arc;

use super::ids::{ConnId, GroupId, PoolId, ShardId, Submitter, TicketId};
use super::micros::Micros;
use crate::metrics::Figures;
use crate::protocol::command::Class;

/// A copy of the whole state of a shard's core.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    /// Connections that it knows.
    pub connections: Vec<ConnId>,
    /// The workers among them: connections that gave a type or `max_jobs`.
    pub workers: Vec<WorkerAudit>,
    /// Workers that were lost, and whose jobs are not all requeued.
    pub lost: Vec<LostAudit>,
    /// The owner's pools.
    pub pools: Vec<PoolAudit>,
    /// The number of pools that wait for a later turn. Some of them may no longer exist.
    pub postponed: usize,
    /// The home's queues.
    pub queues: Vec<QueueAudit>,
    /// The tickets of jobs that were submitted here.
    pub tickets: Vec<TicketAudit>,
    /// The groups of keys whose home this is.
    pub groups: Vec<GroupAudit>,
    /// The tickets and groups of jobs that are doomed at this home.
    pub doomed: Vec<Submitter>,
    /// The numbers of these: jobs that the home can find by their submitter; jobs that the owner of their workers can
    /// find so; members of groups that may leave; tickets that can be cancelled.
    pub revocable: [usize; 4],
    /// The numbers of timers of tickets and of run limits.
    pub timers: [usize; 2],
    /// The figures of types with their own figures at this shard, by name.
    pub figures: Vec<(Arc<str>, Figures)>,
    /// The figures of all other types' jobs.
    pub other_figures: Figures,
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
    /// Whether it is paused because of too many unsent bytes.
    pub paused: bool,
    /// The types that it takes, each with its class.
    pub types: Vec<(Arc<str>, Class)>,
    /// The types whose pools track it. All other pools assume that it is idle.
    pub tracked: Vec<(Arc<str>, Class)>,
    /// The free slots that each of these pools has recorded.
    pub recorded: Vec<u32>,
    /// The jobs it holds, each with its lease, and the class in which it was given.
    pub held: Vec<HeldAudit>,
    /// Its spent slots.
    pub spent: Vec<SpentAudit>,
    /// Whether a job that it holds, or one of a spent slot, is a suspect.
    pub holds_suspect: bool,
}

/// A job that a worker holds: its lease, and the class in which it was given.
pub type HeldAudit = (Option<u64>, JobAudit, Class);

/// A lost worker.
#[derive(Clone, Debug)]
pub struct LostAudit {
    /// Which connection it was.
    pub conn: ConnId,
    /// The jobs that are still to be requeued, each with its lease, and the class in which it was given.
    pub held: Vec<HeldAudit>,
    /// Its spent slots.
    pub spent: Vec<SpentAudit>,
}

/// A spent slot.
#[derive(Clone, Debug)]
pub struct SpentAudit {
    /// The lease of its job, if it had one.
    pub lease: Option<u64>,
    /// The type of its job.
    pub of: Arc<str>,
    /// The class in which it was given.
    pub class: Class,
}

/// A ticket.
#[derive(Clone, Debug)]
pub struct TicketAudit {
    /// Its name.
    pub id: TicketId,
    /// Who sent the `do`.
    pub conn: ConnId,
    /// The job, while it is delayed.
    pub delayed: Option<JobAudit>,
    /// Whether its `did` was sent.
    pub answered: bool,
    /// Whether its `do` has a key.
    pub keyed: bool,
}

/// A group.
#[derive(Clone, Debug)]
pub struct GroupAudit {
    /// Its name.
    pub id: GroupId,
    /// Whether further lines may join it.
    pub is_open: bool,
    /// Whether its job has ended, and its members wait for the answer.
    pub has_ended: bool,
    /// The type, and the key.
    pub of: (String, String),
    /// Its members: their submitters, and their ids.
    pub members: Vec<(Submitter, String)>,
}

/// One type and class as an owner sees it.
#[derive(Clone, Debug)]
pub struct PoolAudit {
    /// The id that offers and Pulls carry.
    pub id: PoolId,
    /// The type.
    pub type_name: Arc<str>,
    /// The class of its workers.
    pub class: Class,
    /// Workers that take it.
    pub workers: u64,
    /// Their free slots, as far as the pool knows.
    pub free: u64,
    /// Of the workers with a free slot, those that hold no suspect, as far as the pool knows.
    pub clean_ready: u64,
    /// Offers sent and not ended.
    pub open: u64,
    /// Whether a later turn offers its free slots.
    pub is_postponed: bool,
    /// The worker whose slot is reserved for the answer to a Pull.
    pub pull_pending: Option<ConnId>,
    /// Whether a job was requeued because no slot was free.
    pub starved: bool,
    /// Whether a suspect was rejected, and no `AcceptSuspects` sent since.
    pub rejects_suspects: bool,
    /// Jobs of this type that this shard's workers hold.
    pub running: u64,
    /// Slots of this type that are spent.
    pub spent: u32,
}

/// One type as its home sees it.
#[derive(Clone, Debug)]
pub struct QueueAudit {
    /// The type.
    pub type_name: Arc<str>,
    /// Whether it is the queue of the type's durable jobs.
    pub durable: bool,
    /// Whether a later turn continues its assignments.
    pub is_postponed: bool,
    /// The waiting jobs, first to last.
    pub waiting: Vec<JobAudit>,
    /// Open offers, summed by shard and class.
    pub offers: Vec<(ShardId, Class, u64)>,
    /// Shards whose workers of a class take no suspects.
    pub rejects_suspects: Vec<(ShardId, Class)>,
    /// Shards that have workers of a class, with the owner's pool of them.
    pub present: Vec<(ShardId, Class, PoolId)>,
}

/// The parts of a job that tests need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobAudit {
    /// Its id, as received.
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
    /// Its priority.
    pub priority: i8,
    /// Its key, if it has one.
    pub key: Option<String>,
    /// Whether it can be revoked.
    pub revocable: bool,
    /// Whether it is stored; `None` if it is not durable.
    pub durable: Option<bool>,
    /// Until when it may wait for a worker, if that is limited; 0 if it may not wait at all.
    pub waits_until: Option<Micros>,
}
