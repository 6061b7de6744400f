//! Whom the server may close, and whom it must: connections to which too much is unsent, those that stalled, and those
//! whose half line was the oldest when the memory budget was passed. Also what each shard holds of unsent bytes and half
//! lines.

use std::collections::{BTreeMap, BTreeSet};

use deputy::dispatch::message::Closing;
use deputy::metrics::Fault;

use super::world::{Options, Peer, World};
use crate::model::shadow::Shadow;

/// Unsent bytes past which a worker gets no job, and a connection has to move: a figure of docs/protocol.md, not of the
/// code.
pub(super) const PAUSE_BYTES: u64 = 1 << 20;

/// What the bounds are, and what is bounded.
pub(crate) struct Bounds {
    unsent_bytes_max: u64,
    stall_ms: u64,
    shards: Vec<Shard>,
    /// Who must be closed in this step, and why.
    must_close: Vec<(Peer, Fault)>,
    /// Half lines that were cut off.
    cuts: u64,
}

/// One shard's part of it.
#[derive(Clone, Default)]
pub(crate) struct Shard {
    pub(crate) now_ms: u64,
    /// When the turn before this one began. All that peers did by then has been handled.
    pub(super) last_turn_ms: u64,
    pub(crate) open: u64,
    unsent: u64,
    partial: u64,
    /// Who has half a line, by since when.
    partials: BTreeMap<u64, Peer>,
    /// Who has so much unsent that it must move.
    paused: BTreeSet<Peer>,
    next_partial: u64,
}

impl Bounds {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            unsent_bytes_max: options.unsent_bytes_max,
            stall_ms: options.stall_ms,
            shards: vec![Shard::default(); options.shards.into()],
            must_close: Vec::new(),
            cuts: 0,
        }
    }

    pub(crate) fn shard(&mut self, shard: u16) -> &mut Shard {
        &mut self.shards[usize::from(shard)]
    }

    /// The time of a shard's last turn.
    pub(crate) fn now_ms(&self, shard: u16) -> u64 {
        self.shards[usize::from(shard)].now_ms
    }

    pub(crate) fn last_turn_ms(&self, shard: u16) -> u64 {
        self.shards[usize::from(shard)].last_turn_ms
    }

    /// The latest time that a shard has seen.
    pub(crate) fn latest_ms(&self) -> u64 {
        self.shards.iter().map(|shard| shard.now_ms).max().expect("there are shards")
    }

    pub(crate) fn cuts(&self) -> u64 {
        self.cuts
    }

    /// Whether the shard has half a line.
    pub(crate) fn has_partials(&self, shard: u16) -> bool {
        !self.shards[usize::from(shard)].partials.is_empty()
    }

    /// The shard's figures are what its peers make of them, and it wants to be called in time.
    pub(crate) fn check(&self, world: &World, shard: u16, shadow: &Shadow) {
        let own = &self.shards[usize::from(shard)];
        let counts = world.counts(shard);
        assert_eq!(counts.unsent_bytes, own.unsent + world.metrics_bytes(shard), "unsent bytes of shard {shard}");
        assert_eq!(counts.partial_bytes, own.partial, "half lines of shard {shard}");
        assert_eq!(counts.connections_open, own.open, "connections of shard {shard}");
        if self.stall_ms > 0 {
            for peer in &own.paused {
                let due_ms = shadow.conn(*peer).moved_ms + self.stall_ms;
                let call_ms = world.next_call_ms(shard);
                assert!(call_ms.is_some_and(|ms| ms <= due_ms), "{peer:?} may stall at {due_ms}: {call_ms:?}");
            }
        }
    }
}

impl Shadow {
    /// A shard's turn is about to begin: those that stand still for too long must be closed in it.
    pub(super) fn look_at_stalls(&mut self, shard: u16, now_ms: u64) {
        let Self { bounds, conns, .. } = self;
        let own = &mut bounds.shards[usize::from(shard)];
        own.last_turn_ms = std::mem::replace(&mut own.now_ms, now_ms);
        let stalls = |peer: &&Peer| conns[peer.0].moved_ms + bounds.stall_ms <= own.last_turn_ms;
        if bounds.stall_ms > 0 {
            bounds.must_close.extend(own.paused.iter().filter(stalls).map(|peer| (*peer, Fault::Stalled)));
        }
    }

    /// A line goes to a peer; what was unsent before it.
    pub(super) fn sent(&mut self, peer: Peer, bytes: u64) -> u64 {
        let conn = &mut self.conns[peer.0];
        let own = self.bounds.shard(conn.shard);
        let before = conn.unsent;
        conn.unsent += bytes;
        own.unsent += bytes;
        if before <= PAUSE_BYTES && conn.unsent > PAUSE_BYTES {
            conn.moved_ms = own.now_ms;
            own.paused.insert(peer);
        }
        before
    }

    /// A write was tried.
    pub(super) fn took(&mut self, peer: Peer, bytes: u64) {
        let conn = &mut self.conns[peer.0];
        let own = &mut self.bounds.shards[usize::from(conn.shard)];
        conn.unsent -= bytes;
        own.unsent -= bytes;
        if bytes > 0 {
            conn.moved_ms = own.now_ms;
        }
        if conn.unsent <= PAUSE_BYTES {
            own.paused.remove(&peer);
        }
        if conn.unsent > self.bounds.unsent_bytes_max {
            self.bounds.must_close.push((peer, Fault::Unsent));
        }
    }

    /// Bytes are about to come from a peer, and `bytes` of them are half a line.
    pub(crate) fn bytes_read(&mut self, peer: Peer, bytes: u64) {
        let conn = &mut self.conns[peer.0];
        let own = self.bounds.shard(conn.shard);
        conn.moved_ms = own.now_ms;
        let (before, since) = conn.partial;
        own.partial = own.partial + bytes - before;
        match (before, bytes) {
            (0, 0) => {}
            (0, _) => {
                own.next_partial += 1;
                own.partials.insert(own.next_partial, peer);
                conn.partial = (bytes, own.next_partial);
            }
            (_, 0) => {
                own.partials.remove(&since);
                conn.partial = (0, 0);
            }
            _ => conn.partial.0 = bytes,
        }
    }

    /// A peer sends a whole line.
    pub(crate) fn line_read(&mut self, peer: Peer) {
        self.line_ended(peer);
        let conn = &mut self.conns[peer.0];
        conn.moved_ms = self.bounds.shard(conn.shard).now_ms;
    }

    /// A peer has no unfinished line any more.
    pub(crate) fn line_ended(&mut self, peer: Peer) {
        let conn = &mut self.conns[peer.0];
        let (bytes, since) = std::mem::take(&mut conn.partial);
        let own = self.bounds.shard(conn.shard);
        own.partial -= bytes;
        own.partials.remove(&since);
    }

    /// The core reports a fault. Of those that close a connection it must be the time.
    pub(super) fn on_fault(&mut self, peer: Peer, fault: Fault) {
        match fault {
            Fault::Unsent | Fault::Stalled => {
                let due = self.bounds.must_close.contains(&(peer, fault));
                assert!(due, "{fault:?} without a reason: {:?}", self.conn(peer));
                self.tally.faults.count(fault);
            }
            Fault::HalfLine => {
                let oldest = self.bounds.shard(self.conns[peer.0].shard).partials.first_key_value();
                assert_eq!(oldest.map(|(_, peer)| *peer), Some(peer), "not the oldest half line");
                self.conns[peer.0].cut = true;
                self.bounds.cuts += 1;
                self.tally.faults.count(fault);
            }
            _ => {} // Counted when its cause is known.
        }
    }

    /// The core closes a connection.
    pub(super) fn closed(&mut self, peer: Peer, how: Closing) {
        let due = self.bounds.must_close.iter().position(|(due, _)| *due == peer);
        let dropped = due.map(|at| self.bounds.must_close.swap_remove(at)).is_some();
        let conn = &self.conns[peer.0];
        assert!(dropped || conn.cut || conn.gone, "closed without a reason: {conn:?}");
        assert_eq!(dropped, how == Closing::Dropped, "{peer:?} is {how:?}");
        assert!(!conn.closed, "closed twice: {conn:?}");
        self.leave(peer);
        self.line_ended(peer);
        let conn = &mut self.conns[peer.0];
        conn.closed = true;
        let own = self.bounds.shard(conn.shard);
        own.open -= 1;
        own.unsent -= std::mem::take(&mut conn.unsent);
        own.paused.remove(&peer);
    }

    /// Nothing that must be closed at once may be left.
    pub(super) fn check_closed(&mut self) {
        let left = std::mem::take(&mut self.bounds.must_close);
        assert!(left.is_empty(), "must be closed: {left:?}");
    }
}
