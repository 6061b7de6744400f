//! A shard's connections, and the effects that the core asks for: it appends replies, gathers messages and closes
//! connections.

mod closing;
mod metrics_line;
pub(super) mod spare_buffers;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use metrics_line::MetricsLine;
use mio::{Interest, Registry};
use slab::Slab;
use spare_buffers::SpareBuffers;

use super::conn::{Connection, Stage};
use super::log::Log;
use super::log::event::Event;
use super::log::fault_log::{FaultLog, fault_of};
use super::log::line::Value;
use super::mailbox::Outbox;
use super::names::{Named, token, trace};
use super::pulse::Pulse;
use super::shared::Shared;
use super::stream::Peer;
use super::stream::Stream;
use crate::dispatch::Settings;
use crate::dispatch::collections::timers::Timers;
use crate::dispatch::message::{Closing, ConnId, Effects, JobEvent, Message, Micros, PoolId, ShardId, TraceId};
use crate::flag::newly_set;
use crate::limits::{MUCH_UNSENT_BYTES, WRITE_BYTES_OF_MUCH, WRITE_BYTES_PER_TURN};
use crate::metrics::{Counts, Fault, ShardRow, Totals};
use crate::protocol::reply::Reply;

/// Everything of a shard except its core, its poller and its mailbox.
pub(super) struct Connections {
    pub(super) shard: usize,
    pub(super) now: Micros,
    pub(super) shared: Arc<Shared>,
    outbox: Outbox,
    /// Turns of this shard.
    pub(super) turns: u64,
    /// Wakes that this shard has sent to others.
    wakes: u64,
    /// Connections to write to before the turn ends.
    pub(super) dirty: Vec<ConnId>,
    /// Connections with more unsent bytes than their share of the last turn. They count as dirty, but are not in
    /// `dirty`.
    pub(super) unfinished: Vec<ConnId>,
    /// Boxed, so that the table stays small: it doubles when it grows, and the memory of the old table stays in the
    /// allocator.
    entries: Slab<Box<Connection>>,
    registry: Registry,
    next_generation: u32,
    /// Unsent bytes of connections that the core has removed.
    closing_bytes: u64,
    /// When to look at closing connections again.
    deadlines: Timers<ConnId>,
    spare: SpareBuffers,
    /// How long a closing connection may send nothing before it is dropped; 0 means without limit.
    stall_ms: u64,
    /// Unsent bytes past which the core closes a connection.
    unsent_bytes_max: usize,
    metrics_line: MetricsLine,
    log: Log,
    fault_log: FaultLog,
}

impl Connections {
    pub(super) fn new(shared: Arc<Shared>, outbox: Outbox, registry: Registry, settings: &Settings, log: Log) -> Self {
        Self {
            shard: usize::from(settings.shard.0),
            now: Micros::default(),
            shared,
            outbox,
            turns: 0,
            wakes: 0,
            dirty: Vec::new(),
            unfinished: Vec::new(),
            entries: Slab::new(),
            registry,
            next_generation: 0,
            closing_bytes: 0,
            deadlines: Timers::default(),
            spare: SpareBuffers::default(),
            stall_ms: settings.stall_ms,
            // A limit larger than the address space is no limit.
            unsent_bytes_max: usize::try_from(settings.unsent_bytes_max).unwrap_or(usize::MAX),
            metrics_line: MetricsLine::default(),
            fault_log: FaultLog::new(log.clone()),
            log,
        }
    }

    pub(super) fn get(&mut self, id: ConnId) -> Option<&mut Connection> {
        find(&mut self.entries, id)
    }

    /// Returns whether the core knows the connection.
    pub(super) fn is_open(&mut self, id: ConnId) -> bool {
        self.get(id).is_some_and(|conn| conn.stage == Stage::Open)
    }

    /// Returns whether the core knows the connection, and whether others are written to before it.
    pub(super) fn before_flush(&mut self, id: ConnId) -> (bool, bool) {
        self.get(id).map_or((false, false), |conn| {
            (conn.stage == Stage::Open, conn.unsent.len() > MUCH_UNSENT_BYTES && !conn.blocked)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a connection. Closes it and returns `None` if the poller refuses it.
    pub(super) fn open(&mut self, mut stream: Stream) -> Option<ConnId> {
        let index = u32::try_from(self.entries.vacant_key()).expect("descriptors run out first");
        let id = ConnId { index, generation: self.next_generation };
        if let Err(error) = self.registry.register(&mut stream, token(id), Interest::READABLE | Interest::WRITABLE) {
            let text = format_args!("closed a connection: cannot poll it: {error}");
            self.log.event(Event::PollFailed, text, &[("error", Value::Text(&error))]);
            self.release_load();
            return None;
        }
        self.next_generation = self.next_generation.wrapping_add(1);
        let conn = Box::new(Connection::new(stream, id.generation));
        self.log_connection(Event::ConnectionOpened, "opened", conn.peer, id);
        self.entries.insert(conn);
        Some(id)
    }

    /// Closes a connection at once, whatever is unsent.
    pub(super) fn drop_now(&mut self, id: ConnId) {
        let Some(conn) = self.get(id) else { return };
        let unsent = conn.unsent.len() as u64;
        if conn.stage != Stage::Open {
            self.closing_bytes -= unsent;
        }
        let mut conn = self.entries.remove(id.index as usize);
        // It fails if the poller does not know the socket, and closing the socket has the same effect.
        let _ = self.registry.deregister(&mut conn.stream);
        self.spare.keep(conn.unsent.take_buffer(), &mut conn.buffer_size);
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
        }
        self.release_load();
        self.log_connection(Event::ConnectionClosed, "closed", conn.peer, id);
    }

    /// Writes unsent bytes, up to a turn's share, until the socket accepts no more, and continues to close a closing
    /// connection. Returns how many bytes the socket accepted.
    ///
    /// The share is larger when more is unsent than a connection may have. So the core closes a connection for that only if
    /// its socket accepts no more.
    pub(super) fn flush(&mut self, id: ConnId) -> u64 {
        let Some(conn) = find(&mut self.entries, id) else { return 0 };
        let unsent = conn.unsent.len();
        let share = if unsent > MUCH_UNSENT_BYTES { WRITE_BYTES_OF_MUCH } else { WRITE_BYTES_PER_TURN };
        let share = share.max(unsent.saturating_sub(self.unsent_bytes_max));
        let written = conn.write(share);
        let (stage, failed, empty) = (conn.stage, conn.failed, conn.unsent.len() == 0);
        conn.dirty = !empty && !conn.blocked && !failed;
        if conn.dirty {
            self.unfinished.push(id);
        } else if empty {
            self.spare.keep(conn.unsent.take_buffer(), &mut conn.buffer_size);
        }
        if let Stage::Closing(how) = stage {
            self.closing_bytes -= written;
            if failed {
                self.drop_now(id);
            } else {
                self.continue_closing(id, how, written, empty);
            }
        }
        written
    }

    /// Counts and logs the error that broke a connection, if there was one.
    pub(super) fn log_failure(&mut self, id: ConnId) {
        if let Some(conn) = self.get(id)
            && let Some(error) = conn.failure.take()
        {
            let (peer, fault) = (conn.peer, fault_of(&error));
            self.shared.faults[self.shard].count(fault);
            self.fault_log.log(peer, fault, Some(&error));
        }
    }

    /// Publishes the shard's counts. Must be called before replies and messages that depend on them are sent or posted.
    pub(super) fn publish(&self, counts: &Counts) {
        self.shared.blocks[self.shard].publish(&Counts {
            unsent_bytes: counts.unsent_bytes + self.closing_bytes,
            shard_wakes: self.wakes,
            shard_turns: self.turns,
            ..*counts
        });
    }

    /// Returns the published times of this shard's turns.
    pub(super) fn pulse(&self) -> &Pulse {
        &self.shared.pulses[self.shard]
    }

    /// Delivers to each other shard with at least `min` messages without waking it; [`post_all`](Self::post_all) must follow in
    /// the turn.
    pub(super) fn deliver(&mut self, min: usize) {
        self.outbox.deliver(min);
    }

    /// Posts the turn's messages to other shards.
    pub(super) fn post_all(&mut self) {
        self.wakes += self.outbox.post();
    }

    /// Keeps the memory of a batch of messages that were handled, for the next one.
    pub(super) fn reuse(&mut self, handled: Vec<Message>) {
        self.outbox.reuse(handled);
    }

    /// Puts a connection on the list of those to write to, unless it is there.
    pub(super) fn mark_dirty(&mut self, id: ConnId) {
        if let Some(conn) = self.get(id)
            && newly_set(&mut conn.dirty)
        {
            self.dirty.push(id);
        }
    }

    fn log_connection(&self, event: Event, what: &str, peer: Peer, id: ConnId) {
        let name = Named(self.shard, id);
        let members = [("peer", Value::Text(&peer)), ("connection", Value::Text(&name))];
        self.log.event(event, format_args!("{peer}: connection {name} {what}"), &members);
    }

    fn release_load(&self) {
        self.shared.loads[self.shard].fetch_sub(1, Ordering::Relaxed);
    }
}

/// Finds a connection. Borrows only the table, not all of [`Connections`].
#[inline]
fn find(entries: &mut Slab<Box<Connection>>, id: ConnId) -> Option<&mut Connection> {
    entries.get_mut(id.index as usize).map(AsMut::as_mut).filter(|conn| conn.generation == id.generation)
}

impl Effects for Connections {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize {
        let Some(conn) = find(&mut self.entries, to) else { return 0 };
        if !conn.unsent.has_buffer() {
            conn.unsent.use_buffer(self.spare.take(conn.buffer_size));
        }
        let bytes = match reply {
            Reply::Metrics { totals, tables, types: None } if tables.is_empty() => {
                conn.unsent.push_line(self.metrics_line.of(totals))
            }
            _ => conn.unsent.push(reply),
        };
        if newly_set(&mut conn.dirty) {
            self.dirty.push(to);
        }
        bytes
    }

    fn post(&mut self, to: ShardId, message: Message) {
        self.outbox.push(to, message);
    }

    fn add_to_offer(&mut self, to: ShardId, pool: PoolId, n: u32) -> bool {
        self.outbox.add_to_offer(to, pool, n)
    }

    fn close(&mut self, id: ConnId, how: Closing) {
        if how == Closing::Dropped {
            self.drop_now(id);
        } else {
            self.begin_closing(id, how);
        }
    }

    fn fault(&mut self, id: ConnId, fault: Fault) {
        self.shared.faults[self.shard].count(fault);
        let peer = self.get(id).map_or(Peer::Gone, |conn| conn.peer);
        self.fault_log.log(peer, fault, None);
    }

    fn trace(&mut self, job: TraceId, event: JobEvent) {
        trace(&self.log, self.shard, job, event);
    }

    fn peer_name(&mut self, conn: ConnId) -> String {
        self.get(conn).map_or(Peer::Gone, |conn| conn.peer).to_string()
    }

    fn totals(&mut self, own: &Counts) -> Totals {
        self.publish(own);
        self.shared.totals()
    }

    fn shards(&mut self, own: &Counts) -> Vec<ShardRow> {
        self.publish(own);
        self.shared.shards()
    }
}
