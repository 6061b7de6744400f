//! A shard as the owner of connections: their unsent bytes, the jobs that they submitted, and the workers among them.
//!
//! | file | state |
//! |---|---|
//! | `conns`, `partials` | the connections, and their unfinished lines |
//! | `tickets` | jobs that were submitted here, and may end before a worker answers them |
//! | `worker`, `slots`, `capacity`, `pools`, `pool`, `losses` | workers: their slots, their capacity, pools by type, and lost workers |
//!
//! | file | rules, which extend [`Owner`] |
//! |---|---|
//! | `commands` | lines |
//! | `submitters`, `answers` | the begin and end of jobs that were submitted here |
//! | `give_ups` | giving up many jobs of a client |
//! | `offering`, `assign` | offers of free slots, and jobs for workers |
//! | `holding` | jobs that end while a worker holds them |
//! | `departures`, `lost_workers` | workers that leave, and their jobs |
//! | `backpressure` | limits of memory, and stalls |
//! | `queries` | metrics by type: gathering tables for peers, and answering other shards |

mod answers;
mod assign;
mod backpressure;
mod capacity;
mod commands;
mod conns;
mod departures;
mod give_ups;
mod holding;
mod losses;
pub(in crate::dispatch) mod lost_workers;
mod offering;
mod partials;
pub(in crate::dispatch) mod pool;
pub(in crate::dispatch) mod pools;
mod queries;
pub(in crate::dispatch) mod slots;
mod submitters;
pub(in crate::dispatch) mod tickets;
pub(in crate::dispatch) mod worker;

use std::collections::{BinaryHeap, VecDeque};

use ahash::RandomState;

use crate::dispatch::collections::timers::Timers;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, PoolId};
use crate::dispatch::message::{Closing, MemoryUse};
use crate::dispatch::micros::Micros;
use crate::protocol::Code;
use crate::protocol::reply::Reply;
use capacity::Place;
use conns::Conns;
use give_ups::GiveUps;
use holding::Holding;
use losses::Losses;
use lost_workers::LostWorkers;
use partials::Partials;
use pool::Starved;
use pools::Pools;
use queries::PendingQueries;
use queries::scan::{Scans, Work};
use tickets::Tickets;

/// The state of this shard's connections.
#[derive(Debug)]
pub(in crate::dispatch) struct Owner {
    pub(in crate::dispatch) conns: Conns,
    pub(in crate::dispatch) pools: Pools,
    pub(in crate::dispatch) queries: PendingQueries,
    pub(in crate::dispatch) scans: Scans,
    /// The remaining work of this turn for metrics by type.
    pub(in crate::dispatch) work: Work,
    pub(in crate::dispatch) losses: Losses,
    pub(in crate::dispatch) lost_workers: LostWorkers,
    pub(in crate::dispatch) tickets: Tickets,
    pub(in crate::dispatch) give_ups: GiveUps,
    pub(in crate::dispatch) holding: Holding,
    /// Pools that changed since offers were last made. A pool may be in it twice.
    pub(in crate::dispatch) dirty: Vec<PoolId>,
    /// Pools that changed, and are handled in later turns: each once. Some may no longer exist.
    pub(in crate::dispatch) postponed: VecDeque<PoolId>,
    /// Workers that can take more than is recorded, with the change of their places. A worker may be in it twice.
    pub(in crate::dispatch) freed: Vec<(ConnId, Place)>,
    /// Jobs submitted here that are not answered, delayed ones too.
    pub(in crate::dispatch) pending: u64,
    /// The memory use of the other shards.
    pub(in crate::dispatch) others: MemoryUse,
    /// When the last turn began. All input up to then has been handled, within the limits of a turn: see
    /// [`crate::limits::READ_BYTES_PER_TURN`] and [`crate::limits::EVENTS_PER_TURN_MAX`].
    pub(in crate::dispatch) last_turn: Micros,
    pub(in crate::dispatch) partials: Partials,
    /// The timers of connections that may be stalled.
    pub(in crate::dispatch) stall_timers: Timers<ConnId>,
    pub(in crate::dispatch) next_lease: u64,
    pub(in crate::dispatch) next_starved: u64,
    /// The longest starved types. Empty between uses, and kept so that a job allocates nothing for it.
    pub(in crate::dispatch) longest_starved: BinaryHeap<Starved>,
}

impl Owner {
    pub(in crate::dispatch) fn new(maps: &RandomState) -> Self {
        Self {
            conns: Conns::default(),
            pools: Pools::default(),
            queries: PendingQueries::new(maps.clone()),
            scans: Scans::default(),
            work: Work::of_turn(0),
            losses: Losses::new(maps.clone()),
            lost_workers: LostWorkers::default(),
            tickets: Tickets::new(maps.clone()),
            give_ups: GiveUps::default(),
            holding: Holding::new(maps.clone()),
            dirty: Vec::new(),
            postponed: VecDeque::new(),
            freed: Vec::new(),
            pending: 0,
            others: MemoryUse::default(),
            last_turn: Micros::default(),
            partials: Partials::default(),
            stall_timers: Timers::default(),
            next_lease: 0,
            next_starved: 0,
            longest_starved: BinaryHeap::new(),
        }
    }

    /// Adds a connection.
    pub(in crate::dispatch) fn open(&mut self, conn: ConnId, ctx: &mut Ctx<'_>) {
        self.conns.open(conn, ctx.now);
        ctx.counts.connections_open += 1;
    }

    /// Handles the end of a connection's input. The connection is closed when its metrics queries are answered.
    pub(in crate::dispatch) fn end(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
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
    pub(in crate::dispatch) fn close(&mut self, id: ConnId, how: Closing, ctx: &mut Ctx<'_>) {
        if let Some(conn) = self.conns.get(id) {
            conn.leaving = true; // Answers to jobs of this connection that end now are dropped.
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

    /// Sends a reply. If the connection then has too many unsent bytes, it is paused at once. So of two large jobs in
    /// one turn, the second finds the worker paused.
    #[inline(always)]
    pub(in crate::dispatch) fn send(&mut self, to: ConnId, reply: &Reply<'_>, ctx: &mut Ctx<'_>) {
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

    /// Answers a refused line with an `error` line. The fault was reported before.
    pub(in crate::dispatch) fn refuse(
        &mut self,
        to: ConnId,
        code: Code,
        text: &str,
        id: Option<&str>,
        ctx: &mut Ctx<'_>,
    ) {
        ctx.counts.protocol_errors += 1;
        self.send(to, &Reply::Error { code, text, id }, ctx);
    }
}
