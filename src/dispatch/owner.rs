//! A shard as the owner of connections: who is there, what each has unsent, and the jobs that were submitted here.
//!
//! What connections say is handled in `commands`; jobs are won for workers in `assign`; what a connection may take of the
//! memory and how long it may stand still is judged in `backpressure`; metrics questions by type are in `type_stats`.

use std::collections::{BTreeMap, BinaryHeap};

use ahash::RandomState;

use super::conns::Conns;
use super::ctx::Ctx;
use super::job::{Answer, End, Job};
use super::message::{Closing, ConnId, JobEvent, MemoryUse, Submitter};
use super::pools::Pools;
use super::type_stats::PendingQueries;
use crate::limits::UNSENT_PAUSE_BYTES;
use crate::protocol::Code;
use crate::protocol::reply::Reply;

/// Everything that belongs to this shard's connections.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) conns: Conns,
    pub(super) pools: Pools,
    pub(super) queries: PendingQueries,
    /// Types whose books changed in this input; may hold one twice.
    pub(super) dirty: Vec<u32>,
    /// Workers that have more free than the books know, and whether each goes to the back; may hold one twice.
    pub(super) freed: Vec<(ConnId, bool)>,
    /// Jobs submitted here that are not answered.
    pub(super) pending: u64,
    /// What the other shards hold.
    pub(super) others: MemoryUse,
    /// When the last turn began: what peers did by then has been told.
    pub(super) last_turn_ms: u64,
    /// Connections with half a line, by how long they have had it.
    pub(super) partials: BTreeMap<u64, ConnId>,
    pub(super) next_partial: u64,
    /// When to look at connections that may be stalled. Soonest first.
    pub(super) stall_timers: BinaryHeap<std::cmp::Reverse<(u64, ConnId)>>,
    pub(super) next_lease: u64,
    pub(super) next_starved: u64,
    pub(super) maps: RandomState,
}

impl Owner {
    pub(super) fn new(maps: &RandomState) -> Self {
        Self {
            conns: Conns::default(),
            pools: Pools::new(maps.clone()),
            queries: PendingQueries::default(),
            dirty: Vec::new(),
            freed: Vec::new(),
            pending: 0,
            others: MemoryUse::default(),
            last_turn_ms: 0,
            partials: BTreeMap::new(),
            next_partial: 0,
            stall_timers: BinaryHeap::new(),
            next_lease: 0,
            next_starved: 0,
            maps: maps.clone(),
        }
    }

    /// A connection has come.
    pub(super) fn open(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) {
        self.conns.open(conn, ctx.now_ms);
        ctx.counts.connections_open += 1;
    }

    /// Its input has ended. What it is still owed is what it asked of the metrics.
    pub(super) fn end(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.leaving = true;
        if conn.queries == 0 {
            return self.close(id, Closing::Flushed, ctx);
        }
        self.remove_worker(id, ctx);
        self.forget_partial(id, ctx);
    }

    /// Ends a connection and forgets it.
    pub(super) fn close(&mut self, id: ConnId, how: Closing, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.conns.get(id) {
            conn.leaving = true; // Answers to its own jobs that end now are dropped.
        }
        self.remove_worker(id, ctx);
        self.forget_partial(id, ctx);
        if let Some(conn) = self.conns.remove(id) {
            ctx.counts.unsent_bytes -= conn.unsent;
            ctx.counts.connections_open -= 1;
            ctx.effects.close(id, how);
        }
    }

    /// Sends a reply. Past the bound of unsent bytes the connection's slots are free no more: so of two large jobs in one
    /// turn the second finds the worker paused.
    pub(super) fn send(&mut self, to: ConnId, reply: &Reply<'_>, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(to) else { return };
        let before = conn.unsent;
        conn.unsent += reply.len() as u64;
        ctx.counts.unsent_bytes += conn.unsent - before;
        let passed = before <= UNSENT_PAUSE_BYTES && conn.unsent > UNSENT_PAUSE_BYTES;
        ctx.effects.send(to, reply);
        if passed {
            self.start_stall_timer(to, ctx);
            self.refresh(to, false, ctx);
        }
    }

    /// Tells a connection that its line was not obeyed, for a fault that was told before.
    pub(super) fn refuse(&mut self, to: ConnId, code: Code, text: &str, id: Option<&str>, ctx: &mut Ctx<'_>) {
        ctx.counts.protocol_errors += 1;
        self.send(to, &Reply::Error { code, text, id }, ctx);
    }

    /// Ends a job. Where its submitter is here too, the answer is written straight from the worker's line.
    pub(super) fn finish(&mut self, job: Job, end: End<'_>, ctx: &mut Ctx<'_>) {
        if job.submitter.shard == ctx.settings.shard {
            ctx.trace(&job, JobEvent::Finished(end.word()));
            let (to, bytes) = (job.submitter, job.bytes());
            self.answer(to, &end.reply(job.id()), bytes, ctx);
        } else {
            ctx.end(job, end);
        }
    }

    /// The answer to a job that was submitted here.
    pub(super) fn deliver(&mut self, to: Submitter, answer: &Answer, ctx: &mut Ctx<'_>) {
        self.answer(to, &answer.reply(), answer.job_bytes, ctx);
    }

    fn answer(&mut self, to: Submitter, reply: &Reply<'_>, job_bytes: u64, ctx: &mut Ctx<'_>) {
        self.pending -= 1;
        ctx.counts.job_bytes -= job_bytes;
        match reply {
            Reply::Done { .. } => ctx.counts.jobs_done += 1,
            _ => ctx.counts.jobs_failed += 1,
        }
        if self.conns.get(to.conn).is_some_and(|conn| !conn.leaving) {
            self.send(to.conn, reply, ctx);
        } else {
            ctx.counts.results_dropped += 1;
        }
    }
}
