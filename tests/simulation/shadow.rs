//! A model that knows only the lines of peers: which peers there are, what each takes and holds, where each job has been.
//! It does not look into the cores.
//!
//! It learns what peers do before the core does. What the core then sends is checked in `received.rs`, and which connections it
//! closes in `closings.rs`.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use deputy::metrics::{Fault, Faults};

use super::closings::Bounds;
use super::live::Live;
use super::world::{Options, Peer};

/// How a job ended, before its submitter learned of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Failed,
    GaveUp,
    Shutdown,
}

/// Where a job is, as far as peers can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// In a queue or on its way.
    Inside,
    /// A worker was sent it.
    Held(Peer),
    /// Its answer is on the way.
    Ended(End),
}

/// A job that has not been answered.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) submitter: Peer,
    pub(crate) id: &'static str,
    pub(crate) type_name: String,
    pub(crate) big: bool,
    pub(crate) state: State,
    pub(crate) suspect: bool,
    pub(crate) attempts: u32,
    pub(crate) bytes: u64,
    pub(crate) accepted_ms: u64,
}

/// A job at a worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) serial: u64,
    pub(crate) number: Option<u64>,
    /// Whether the worker has read of it.
    pub(crate) seen: bool,
}

/// A job went to a worker.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) serial: u64,
    pub(crate) type_name: String,
    pub(crate) suspect: bool,
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
    pub(crate) types: BTreeSet<String>,
    pub(crate) slots: u32,
    pub(crate) numbered: bool,
    pub(crate) ever_worker: bool,
    pub(crate) held: Vec<Held>,
    /// Its jobs that are not answered.
    pub(crate) jobs: BTreeSet<u64>,
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
    pub(super) cut: bool,
}

/// What the peer must be sent before the step ends.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Due {
    Pong,
    Error(&'static str),
    Refused(&'static str, &'static str),
}

/// What ever happened, as docs/protocol.md counts it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) workers_added: u64,
    pub(crate) added: u64,
    pub(crate) dispatched: u64,
    pub(crate) done: u64,
    pub(crate) failed: u64,
    pub(crate) reassigned: u64,
    pub(crate) refused: u64,
    pub(crate) dropped: u64,
    pub(crate) errors: u64,
    /// Answers `shutdown` to jobs that had been accepted.
    pub(crate) shutdown: u64,
    pub(crate) faults: Faults,
}

/// The model's state.
pub(crate) struct Shadow {
    pub(crate) jobs: BTreeMap<u64, Job>,
    pub(crate) conns: Vec<Conn>,
    /// Those that have not left.
    pub(crate) live: Live,
    pub(crate) tally: Tally,
    pub(crate) bounds: Bounds,
    /// By shard: whether it was stopped.
    pub(crate) stopping: Vec<bool>,
    attempts_max: u32,
    next_ready: u64,
    pub(super) numbers: HashSet<u64>,
    pub(super) due: Option<(Peer, Due)>,
    /// What started since the model last looked.
    pub(crate) started: Vec<Start>,
    /// The table by type that was sent last.
    pub(crate) table: Option<String>,
}

impl Shadow {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            jobs: BTreeMap::new(),
            conns: Vec::new(),
            live: Live::default(),
            tally: Tally::default(),
            bounds: Bounds::new(options),
            stopping: vec![false; options.shards.into()],
            attempts_max: options.attempts_max,
            next_ready: 0,
            numbers: HashSet::new(),
            due: None,
            started: Vec::new(),
            table: None,
        }
    }

    pub(crate) fn open(&mut self, peer: Peer, shard: u16) {
        assert_eq!(peer.0, self.conns.len(), "peers come in order");
        let moved_ms = self.bounds.shard(shard).now_ms;
        self.conns.push(Conn { shard, reads: true, slots: 1, moved_ms, ..Conn::default() });
        self.bounds.shard(shard).open += 1;
        self.live.insert(peer);
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

    /// A peer submits a job that must be accepted.
    pub(crate) fn submit(&mut self, serial: u64, job: Job) {
        self.tally.added += 1;
        self.conns[job.submitter.0].jobs.insert(serial);
        self.jobs.insert(serial, job);
    }

    /// A job is answered, or its submitter is gone.
    pub(super) fn forget(&mut self, serial: u64) -> Option<Job> {
        let job = self.jobs.remove(&serial)?;
        self.conns[job.submitter.0].jobs.remove(&serial);
        Some(job)
    }

    /// A peer's connection ends. What it holds is requeued, in the order in which it came.
    pub(crate) fn leave(&mut self, peer: Peer) {
        let stops = self.stops(peer);
        let conn = &mut self.conns[peer.0];
        if std::mem::replace(&mut conn.gone, true) {
            return;
        }
        self.live.remove(peer);
        conn.types.clear();
        let held = std::mem::take(&mut conn.held);
        let alone = held.len() == 1;
        if !held.is_empty() {
            self.tally.faults.count(Fault::LeftHolding);
        }
        for Held { serial, .. } in held {
            self.requeue(serial, alone, stops);
        }
        let jobs: Vec<u64> = self.conns[peer.0].jobs.iter().copied().collect();
        for serial in jobs {
            if matches!(self.jobs[&serial].state, State::Ended(_)) {
                self.forget(serial);
                self.tally.dropped += 1;
            }
        }
    }

    fn requeue(&mut self, serial: u64, alone: bool, stops: bool) {
        let job = self.jobs.get_mut(&serial).expect("a job that is held is not answered");
        job.attempts += u32::from(alone || job.suspect);
        job.suspect = true;
        if stops {
            self.end(serial, End::Shutdown);
        } else if self.attempts_max > 0 && job.attempts >= self.attempts_max {
            self.tally.faults.count(Fault::GaveUp);
            self.end(serial, End::GaveUp);
        } else {
            job.state = State::Inside;
            self.tally.reassigned += 1;
        }
    }

    /// A worker answers a job that it holds.
    pub(crate) fn complete(&mut self, worker: Peer, serial: u64, end: End) {
        let held = &mut self.conns[worker.0].held;
        let at = held.iter().position(|held| held.serial == serial).expect("only what it holds");
        held.remove(at);
        self.is_ready_anew(worker);
        self.end(serial, end);
    }

    /// A worker gave a type, or ended a job: it is behind all that are ready.
    pub(crate) fn is_ready_anew(&mut self, worker: Peer) {
        self.next_ready += 1;
        self.conns[worker.0].ready_since = self.next_ready;
    }

    fn end(&mut self, serial: u64, end: End) {
        match end {
            End::Done => self.tally.done += 1,
            _ => self.tally.failed += 1,
        }
        let job = self.jobs.get_mut(&serial).expect("it is not answered");
        job.state = State::Ended(end);
        if self.conns[job.submitter.0].gone {
            self.forget(serial);
            self.tally.dropped += 1;
        }
    }

    /// The drain time-out of this shard has passed.
    pub(crate) fn drain_over(&mut self, shard: u16) {
        for peer in 0..self.conns.len() {
            if self.conns[peer].shard == shard {
                for Held { serial, .. } in std::mem::take(&mut self.conns[peer].held) {
                    self.end(serial, End::Shutdown);
                }
            }
        }
    }
}
