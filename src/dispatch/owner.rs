//! A shard as the owner of connections: which there are, what each has unsent, and the jobs that were submitted here.
//!
//! The rules are in the modules that extend [`Owner`]: `commands` handles lines, `submitters` begins and ends jobs, `assign`
//! gets jobs for workers, `holding` ends jobs that workers hold, `departures` requeues the jobs of workers that leave,
//! `backpressure` limits memory and stalls, `type_stats` answers queries.

use std::collections::BinaryHeap;

use ahash::RandomState;

use super::capacity::Place;
use super::collections::timers::Timers;
use super::conns::Conns;
use super::ctx::Ctx;
use super::holding::Holding;
use super::ids::{ConnId, PoolId};
use super::losses::Losses;
use super::message::{Closing, MemoryUse};
use super::micros::Micros;
use super::partials::Partials;
use super::pools::{Pools, Starved};
use super::queries::PendingQueries;
use super::tickets::Tickets;
use crate::protocol::Code;
use crate::protocol::reply::Reply;

/// Everything that belongs to this shard's connections.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) conns: Conns,
    pub(super) pools: Pools,
    pub(super) queries: PendingQueries,
    pub(super) losses: Losses,
    pub(super) tickets: Tickets,
    pub(super) holding: Holding,
    /// Pools that changed in this input; may hold one twice.
    pub(super) dirty: Vec<PoolId>,
    /// Workers that can take more than is recorded, and what then happens to their places; may hold one twice.
    pub(super) freed: Vec<(ConnId, Place)>,
    /// Jobs submitted here that are not answered, delayed ones too.
    pub(super) pending: u64,
    /// What the other shards hold.
    pub(super) others: MemoryUse,
    /// When the last turn began. What peers did by then has been handled, as far as a turn reads: see
    /// [`crate::limits::READ_BYTES_PER_TURN`] and [`crate::limits::EVENTS_PER_TURN_MAX`].
    pub(super) last_turn: Micros,
    pub(super) partials: Partials,
    /// When to look at connections that may be stalled.
    pub(super) stall_timers: Timers<ConnId>,
    pub(super) next_lease: u64,
    pub(super) next_starved: u64,
    /// The longest starved types. Empty between uses, and kept so that a job allocates nothing for it.
    pub(super) longest_starved: BinaryHeap<Starved>,
    pub(super) maps: RandomState,
}

impl Owner {
    pub(super) fn new(maps: &RandomState) -> Self {
        Self {
            conns: Conns::default(),
            pools: Pools::new(maps.clone()),
            queries: PendingQueries::new(maps.clone()),
            losses: Losses::new(maps.clone()),
            tickets: Tickets::new(maps.clone()),
            holding: Holding::new(maps.clone()),
            dirty: Vec::new(),
            freed: Vec::new(),
            pending: 0,
            others: MemoryUse::default(),
            last_turn: Micros::default(),
            partials: Partials::default(),
            stall_timers: Timers::default(),
            next_lease: 0,
            next_starved: 0,
            longest_starved: BinaryHeap::new(),
            maps: maps.clone(),
        }
    }

    /// Adds a connection.
    pub(super) fn open(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) {
        self.conns.open(conn, ctx.now);
        ctx.counts.connections_open += 1;
    }

    /// Handles the end of a connection's input. It is closed once its metrics queries are answered.
    pub(super) fn end(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.leaving = true;
        if conn.queries == 0 {
            return self.close(id, Closing::Flushed, ctx);
        }
        self.cancel_all(id, ctx);
        self.remove_worker(id, ctx);
        self.forget_partial(id, ctx);
    }

    /// Ends a connection and forgets it.
    pub(super) fn close(&mut self, id: ConnId, how: Closing, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.conns.get(id) {
            conn.leaving = true; // Answers to its own jobs that end now are dropped.
        }
        self.cancel_all(id, ctx);
        self.remove_worker(id, ctx);
        self.forget_partial(id, ctx);
        if let Some(conn) = self.conns.remove(id) {
            ctx.counts.unsent_bytes -= conn.unsent;
            ctx.counts.connections_open -= 1;
            ctx.effects.close(id, how);
        }
    }

    /// Sends a reply. A connection that has too much unsent with it is paused at once, so of two large jobs in one turn
    /// the second finds the worker paused.
    pub(super) fn send(&mut self, to: ConnId, reply: &Reply<'_>, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(to) else { return };
        let was_paused = conn.is_paused();
        let bytes = ctx.effects.send(to, reply) as u64;
        conn.unsent += bytes;
        ctx.counts.unsent_bytes += bytes;
        if !was_paused && conn.is_paused() {
            self.start_stall_timer(to, ctx);
            self.refresh(to, Place::Kept, ctx);
        }
    }

    /// Answers a line that is refused with an `error` line. Its fault was reported before.
    pub(super) fn refuse(&mut self, to: ConnId, code: Code, text: &str, id: Option<&str>, ctx: &mut Ctx<'_>) {
        ctx.counts.protocol_errors += 1;
        self.send(to, &Reply::Error { code, text, id }, ctx);
    }
}
