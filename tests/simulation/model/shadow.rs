//! A model that knows only the lines of peers: which peers there are, what each takes and holds, where each job has been.
//! It does not look into the cores.
//!
//! It learns what peers do before the core does. What the core then sends is checked in `received.rs`, and which
//! connections it closes in `closings.rs`. The books of jobs are in `requests.rs`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use deputy::dispatch::message::ConnId;
use deputy::metrics::Faults;
use deputy::protocol::command::Class;

use crate::checks::by_type::{Tallies, TypeTally};
use crate::closings::Bounds;
use crate::give_ups::GiveUps;
use crate::live::Live;
use crate::model::Place;
use crate::model::requests::{DueEnd, End, Job, Request};
use crate::world::{Options, Peer};

/// A slot of a worker that was sent a job.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // They are independent facts, not a state.
pub(crate) struct Held {
    pub(crate) serial: u64,
    pub(crate) id: &'static str,
    pub(crate) lease: Option<u64>,
    pub(crate) suspect: bool,
    /// Whether its worker is spare for it.
    pub(crate) spare: bool,
    /// When the job was sent.
    pub(crate) sent_ms: u64,
    /// When its run limit is over.
    pub(crate) limit_ms: Option<u64>,
    /// Whether the worker has read of it.
    pub(crate) seen: bool,
    /// Whether it received a `cancel` for the job.
    pub(crate) cancelled: bool,
    /// Whether its worker said that it is stored.
    pub(crate) stored: bool,
    /// The type of its job, if that has ended: the worker has not answered yet.
    pub(crate) spent: Option<String>,
}

/// A job went to a worker.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) type_name: String,
    pub(crate) place: Place,
    pub(crate) worker: Peer,
}

/// A connection.
#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // They are independent facts, not a state.
pub(crate) struct Conn {
    pub(crate) shard: u16,
    /// It has left. The core may still owe it answers to metrics questions.
    pub(crate) gone: bool,
    /// The core has forgotten it.
    pub(crate) closed: bool,
    pub(crate) reads: bool,
    /// The types that it takes, and how.
    pub(crate) types: BTreeMap<String, Class>,
    /// The types of which it takes durable jobs.
    pub(crate) durable_types: BTreeSet<String>,
    /// Whether it asked for `ref`.
    pub(crate) wants_ref: bool,
    pub(crate) slots: u32,
    pub(crate) has_leases: bool,
    pub(crate) ever_worker: bool,
    pub(crate) held: Vec<Held>,
    /// What it held when it left and is not requeued yet.
    pub(crate) lost: Vec<Held>,
    /// Whether it held one job alone then.
    pub(crate) lost_alone: bool,
    /// The types for which its loss is counted.
    pub(crate) lost_types: BTreeSet<String>,
    /// Its `do` lines that are not answered.
    pub(crate) requests: BTreeSet<u64>,
    pub(crate) unsent: u64,
    /// When a byte last moved, or its unsent bytes passed the bound.
    pub(crate) moved_ms: u64,
    /// Bytes of half a line, and since when, as a growing number.
    pub(crate) partial: (u64, u64),
    /// Metrics questions without an answer.
    pub(crate) asked: u32,
    /// When it last gave a type or ended a job, as a growing number.
    pub(crate) ready_since: u64,
    /// Whether it was sent that half a line was cut off: it must be closed now.
    pub(crate) cut: bool,
}

impl Conn {
    /// Returns whether it takes a type in this class.
    pub(crate) fn takes_as(&self, type_name: &str, class: Class) -> bool {
        match class {
            Class::Durable => self.durable_types.contains(type_name),
            _ => self.types.get(type_name) == Some(&class),
        }
    }

    /// Returns whether it takes jobs of a type that are durable, or those that are not.
    pub(crate) fn takes(&self, type_name: &str, durable: bool) -> bool {
        if durable { self.durable_types.contains(type_name) } else { self.types.contains_key(type_name) }
    }

    /// Returns whether it is a worker now.
    pub(crate) fn is_worker(&self) -> bool {
        !self.types.is_empty() || !self.durable_types.is_empty()
    }
}

/// What the peer must be sent before the step ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    Pong,
    Error(&'static str),
    Refused(&'static str, &'static str),
    /// A background job was accepted.
    Accepted(&'static str),
}

/// What ever happened, as docs/protocol.md counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) workers_added: u64,
    pub(crate) added: u64,
    pub(crate) dispatched: u64,
    /// Of these, those sent to spare workers.
    pub(crate) spared: u64,
    pub(crate) done: u64,
    /// Results that workers gave, also of unwanted jobs.
    pub(crate) results: u64,
    pub(crate) failed: u64,
    pub(crate) reassigned: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
    pub(crate) errors: u64,
    /// Answers `shutdown` to jobs that had been accepted.
    pub(crate) shutdown: u64,
    pub(crate) cancelled: u64,
    pub(crate) expired: u64,
    pub(crate) timed_out: u64,
    pub(crate) no_worker: u64,
    pub(crate) no_bridge: u64,
    /// Durable jobs whose submitters learned that they are stored.
    pub(crate) stored: u64,
    pub(crate) joined: u64,
    /// The most requests that shared a job.
    pub(crate) members_max: usize,
    /// Answers of workers to jobs that had ended.
    pub(crate) late: u64,
    /// Reports of progress that came to submitters.
    pub(crate) reports: u64,
    /// Jobs that were recalled while they waited, or came back too late.
    pub(crate) too_late: u64,
    pub(crate) faults: Faults,
}

impl Tally {
    /// Counts jobs that ended so.
    pub(crate) fn count(&mut self, end: End, n: u64) {
        match end {
            End::Done => return self.done += n,
            End::Failed | End::GaveUp => {}
            End::Shutdown => self.shutdown += n,
            End::Cancelled => self.cancelled += n,
            End::Expired => self.expired += n,
            End::TimedOut => self.timed_out += n,
            End::NoWorker => self.no_worker += n,
            End::NoBridge => self.no_bridge += n,
        }
        self.failed += n;
    }
}

/// When something happens at a shard if nothing else does, by `do` lines, or by the jobs that its workers hold.
#[derive(Clone, Debug, Default)]
pub(crate) struct Clock {
    pub(crate) delays: BTreeSet<(u64, u64)>,
    pub(crate) deadlines: BTreeSet<(u64, u64)>,
    pub(crate) limits: BTreeSet<(u64, u64)>,
    pub(crate) recalls: BTreeSet<(u64, u64)>,
    /// The number of its next ticket.
    pub(crate) next_ticket: u32,
}

/// The model's state.
pub(crate) struct Shadow {
    pub(crate) requests: BTreeMap<u64, Request>,
    pub(crate) jobs: BTreeMap<u64, Job>,
    /// Requests with a ticket or a key, and jobs that no request waits for: a term of `bound.rs`.
    pub(crate) costly: usize,
    pub(crate) conns: Vec<Conn>,
    /// What the core calls each of them.
    pub(crate) conn_ids: Vec<ConnId>,
    /// Those that have not left.
    pub(crate) live: Live,
    pub(crate) tally: Tally,
    pub(crate) by_type: Tallies,
    pub(crate) bounds: Bounds,
    /// By shard: whether it was stopped.
    pub(crate) stopping: Vec<bool>,
    /// By shard.
    pub(crate) clocks: Vec<Clock>,
    /// By shard.
    pub(crate) give_ups: Vec<GiveUps>,
    pub(crate) attempts_max: u32,
    pub(crate) run_limit_ms: u64,
    next_ready: u64,
    pub(crate) queue_place: u64,
    pub(crate) leases: HashSet<u64>,
    pub(crate) due: Option<(Peer, Due)>,
    pub(crate) due_ends: Vec<DueEnd>,
    /// What is over by then ends in this step, which is a turn.
    pub(crate) time_ends: Option<u64>,
    /// Lines whose deadline ends in this step, though their jobs had ended before it: the answers are on the way.
    pub(crate) ended_before: BTreeSet<u64>,
    /// Jobs whose run limit must be over in this step.
    pub(crate) overdue: BTreeSet<u64>,
    /// Jobs by the tickets of their first lines, by their groups, and by what the log calls them.
    pub(crate) tickets: HashMap<(u16, u32), u64>,
    pub(crate) groups: HashMap<(u16, u32), u64>,
    pub(crate) traces: HashMap<(u16, u64), u64>,
    /// What the log called the job that is sent next.
    pub(crate) sent_trace: Option<(u16, u64)>,
    /// Types of durable jobs that waited in their queues and ended because there was no worker for them, in this step.
    pub(crate) no_bridge: Vec<String>,
    /// Slots whose workers received a `cancel`, and which must be spent in this step.
    pub(crate) cancels_sent: usize,
    /// What started since the model last looked.
    pub(crate) started: Vec<Start>,
    /// The table by type that was sent last.
    pub(crate) table: Option<String>,
}

impl Shadow {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            requests: BTreeMap::new(),
            jobs: BTreeMap::new(),
            costly: 0,
            conns: Vec::new(),
            conn_ids: Vec::new(),
            live: Live::default(),
            tally: Tally::default(),
            by_type: Tallies::new(),
            bounds: Bounds::new(options),
            stopping: vec![false; options.shards.into()],
            clocks: vec![Clock::default(); options.shards.into()],
            give_ups: (0..options.shards).map(|_| GiveUps::new(options.give_ups_per_turn)).collect(),
            attempts_max: options.attempts_max,
            run_limit_ms: options.run_limit_ms,
            next_ready: 0,
            queue_place: 0,
            leases: HashSet::new(),
            due: None,
            due_ends: Vec::new(),
            time_ends: None,
            ended_before: BTreeSet::new(),
            overdue: BTreeSet::new(),
            tickets: HashMap::new(),
            groups: HashMap::new(),
            traces: HashMap::new(),
            sent_trace: None,
            no_bridge: Vec::new(),
            cancels_sent: 0,
            started: Vec::new(),
            table: None,
        }
    }

    pub(crate) fn open(&mut self, peer: Peer, shard: u16, id: ConnId) {
        assert_eq!(peer.0, self.conns.len(), "peers come in order");
        let moved_ms = self.bounds.shard(shard).now_ms;
        self.conns.push(Conn { shard, reads: true, slots: 1, moved_ms, ..Conn::default() });
        self.conn_ids.push(id);
        self.bounds.shard(shard).open += 1;
        self.live.insert(peer);
    }

    /// What is counted of a type.
    pub(crate) fn tally_of(&mut self, type_name: &str) -> &mut TypeTally {
        self.by_type.entry(type_name.to_owned()).or_default()
    }

    pub(crate) fn conn(&self, peer: Peer) -> &Conn {
        &self.conns[peer.0]
    }

    pub(crate) fn conn_mut(&mut self, peer: Peer) -> &mut Conn {
        &mut self.conns[peer.0]
    }

    /// Returns whether the shard of a peer was stopped.
    pub(crate) fn stops(&self, peer: Peer) -> bool {
        self.stopping[usize::from(self.conn(peer).shard)]
    }

    /// The peer is about to send a line that must be answered at once.
    pub(crate) fn expect(&mut self, peer: Peer, due: Due) {
        self.due = Some((peer, due));
    }

    /// A worker gave a type, or ended a job: it is behind all that are ready.
    pub(crate) fn mark_ready(&mut self, worker: Peer) {
        self.next_ready += 1;
        self.conns[worker.0].ready_since = self.next_ready;
    }

    /// The place in its queue of what comes from now on.
    pub(crate) fn next_queue_place(&mut self) -> u64 {
        self.queue_place += 1;
        self.queue_place
    }
}
