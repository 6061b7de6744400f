//! A shard as the owner of connections: who is there, what each has unsent, and the jobs that were submitted here.
//!
//! What connections say is obeyed in `obey`; jobs are won for workers in `supply`; what a connection may take of the
//! memory and how long it may stand still is judged in `bounds`; metrics questions by type are in `census`.

use std::collections::{BTreeMap, BinaryHeap};

use ahash::RandomState;

use super::bids::Bids;
use super::census::Questions;
use super::conns::Conns;
use super::job::{Answer, End, Job};
use super::message::{Closing, ConnId, Held, Passage, Submitter};
use super::step::Step;
use crate::limits::UNSENT_PAUSE_BYTES;
use crate::protocol::Code;
use crate::protocol::reply::Reply;

/// Everything that belongs to this shard's connections.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) conns: Conns,
    pub(super) bids: Bids,
    pub(super) questions: Questions,
    /// Types whose books changed in this input; may hold one twice.
    pub(super) touched: Vec<u32>,
    /// Workers that have more free than the books know, and whether each goes to the back; may hold one twice.
    pub(super) risen: Vec<(ConnId, bool)>,
    /// Jobs submitted here that are not answered.
    pub(super) pending: u64,
    /// What the other shards hold.
    pub(super) others: Held,
    /// When the last turn began: what peers did by then has been told.
    pub(super) told_until_ms: u64,
    /// Connections with half a line, by how long they have had it.
    pub(super) partials: BTreeMap<u64, ConnId>,
    pub(super) next_partial: u64,
    /// When to look at connections that may be stalled. Soonest first.
    pub(super) watches: BinaryHeap<std::cmp::Reverse<(u64, ConnId)>>,
    pub(super) next_job_number: u64,
    pub(super) next_wanted: u64,
    pub(super) maps: RandomState,
}

impl Owner {
    pub(super) fn new(maps: &RandomState) -> Self {
        Self {
            conns: Conns::default(),
            bids: Bids::new(maps.clone()),
            questions: Questions::default(),
            touched: Vec::new(),
            risen: Vec::new(),
            pending: 0,
            others: Held::default(),
            told_until_ms: 0,
            partials: BTreeMap::new(),
            next_partial: 0,
            watches: BinaryHeap::new(),
            next_job_number: 0,
            next_wanted: 0,
            maps: maps.clone(),
        }
    }

    /// A connection has come.
    pub(super) fn open(&mut self, conn: ConnId, step: &mut Step<'_>) {
        self.conns.open(conn, step.now_ms);
        step.counts.connections_open += 1;
    }

    /// Its input has ended. What it is still owed is what it asked of the metrics.
    pub(super) fn end(&mut self, id: ConnId, step: &mut Step<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.leaving = true;
        if conn.questions == 0 {
            return self.close(id, Closing::Flushed, step);
        }
        self.depart(id, step);
        self.forget_partial(id, step);
    }

    /// Ends a connection and forgets it.
    pub(super) fn close(&mut self, id: ConnId, how: Closing, step: &mut Step<'_>) {
        if let Some(conn) = self.conns.get(id) {
            conn.leaving = true; // Answers to its own jobs that end now are dropped.
        }
        self.depart(id, step);
        self.forget_partial(id, step);
        if let Some(conn) = self.conns.remove(id) {
            step.counts.unsent_bytes -= conn.unsent;
            step.counts.connections_open -= 1;
            step.effects.close(id, how);
        }
    }

    /// Sends a reply. Past the bound of unsent bytes the connection's slots are free no more: so of two large jobs in one
    /// turn the second finds the worker paused.
    pub(super) fn send(&mut self, to: ConnId, reply: &Reply<'_>, step: &mut Step<'_>) {
        let Some(conn) = self.conns.get(to) else { return };
        let before = conn.unsent;
        conn.unsent += reply.len() as u64;
        step.counts.unsent_bytes += conn.unsent - before;
        let passed = before <= UNSENT_PAUSE_BYTES && conn.unsent > UNSENT_PAUSE_BYTES;
        step.effects.send(to, reply);
        if passed {
            self.watch(to, step);
            self.refresh(to, false, step);
        }
    }

    /// Tells a connection that its line was not obeyed, for a fault that was told before.
    pub(super) fn refuse(&mut self, to: ConnId, code: Code, text: &str, id: Option<&str>, step: &mut Step<'_>) {
        step.counts.protocol_errors += 1;
        self.send(to, &Reply::Error { code, text, id }, step);
    }

    /// Ends a job. Where its submitter is here too, the answer is written straight from the worker's line.
    pub(super) fn finish(&mut self, job: Job, end: End<'_>, step: &mut Step<'_>) {
        if job.submitter.shard == step.settings.shard {
            step.trace(&job, Passage::Ended(end.word()));
            let (to, bytes) = (job.submitter, job.bytes());
            self.tell(to, &end.reply(job.id()), bytes, step);
        } else {
            step.end(job, end);
        }
    }

    /// The answer to a job that was submitted here.
    pub(super) fn deliver(&mut self, to: Submitter, answer: &Answer, step: &mut Step<'_>) {
        self.tell(to, &answer.reply(), answer.job_bytes, step);
    }

    fn tell(&mut self, to: Submitter, reply: &Reply<'_>, job_bytes: u64, step: &mut Step<'_>) {
        self.pending -= 1;
        step.counts.job_bytes -= job_bytes;
        match reply {
            Reply::Done { .. } => step.counts.jobs_done += 1,
            _ => step.counts.jobs_failed += 1,
        }
        if self.conns.get(to.conn).is_some_and(|conn| !conn.leaving) {
            self.send(to.conn, reply, step);
        } else {
            step.counts.results_dropped += 1;
        }
    }
}
