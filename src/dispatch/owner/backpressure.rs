//! Limits the memory that a connection may use, and the time for which it may move no byte.

use super::Owner;
use super::capacity::Place;
use super::partials::Partial;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::ConnId;
use crate::dispatch::message::{Closing, MemoryUse};
use crate::dispatch::micros::Micros;
use crate::flag::newly_set;
use crate::limits::TIMERS_PER_TURN;
use crate::metrics::Fault;
use crate::protocol::Code;

impl Owner {
    /// Returns whether a job of this size fits: the jobs and unsent bytes of all shards, with it, stay within the budget.
    pub(in crate::dispatch) fn fits(&self, bytes: u64, ctx: &Ctx<'_>) -> bool {
        self.memory(ctx).committed + bytes <= ctx.settings.memory_bytes_max
    }

    /// Returns the memory use of all shards.
    fn memory(&self, ctx: &Ctx<'_>) -> MemoryUse {
        MemoryUse {
            committed: self.others.committed + ctx.counts.job_bytes + ctx.counts.unsent_bytes,
            partial: self.others.partial + ctx.counts.partial_bytes,
        }
    }

    /// Called after each try to write to a connection, with the number of bytes that it accepted.
    pub(in crate::dispatch) fn written(&mut self, id: ConnId, bytes: u64, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        let was_paused = conn.is_paused();
        conn.unsent -= bytes;
        ctx.counts.unsent_bytes -= bytes;
        if bytes > 0 {
            conn.moved = ctx.now;
        }
        if conn.unsent > ctx.settings.unsent_bytes_max {
            ctx.effects.fault(id, Fault::Unsent);
            self.close(id, Closing::Dropped, ctx);
        } else if was_paused && !conn.is_paused() {
            self.refresh(id, Place::Kept, ctx);
        }
    }

    /// Called after bytes were read, of which `partial_bytes` belong to an unfinished line.
    pub(in crate::dispatch) fn bytes_read(&mut self, id: ConnId, partial_bytes: u64, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.moved = ctx.now;
        let Partial { bytes: before, age } = conn.partial;
        if before == partial_bytes {
            return;
        }
        ctx.counts.partial_bytes = ctx.counts.partial_bytes + partial_bytes - before;
        conn.partial.bytes = partial_bytes;
        if before == 0 {
            conn.partial.age = self.partials.add(id);
        } else if partial_bytes == 0 {
            self.partials.remove(age);
        }
        if partial_bytes > before {
            self.cut_partials(ctx);
        }
    }

    /// Closes the connections with the oldest unfinished lines, while the budget is exceeded and unfinished lines are more
    /// than a quarter of it.
    pub(in crate::dispatch) fn cut_partials(&mut self, ctx: &mut Ctx<'_>) {
        let max = ctx.settings.memory_bytes_max;
        loop {
            let MemoryUse { committed, partial } = self.memory(ctx);
            if committed + partial <= max || partial <= max / 4 {
                return;
            }
            let Some(oldest) = self.partials.oldest() else { return };
            let text = "the server's memory budget does not allow half a line more";
            ctx.effects.fault(oldest, Fault::HalfLine);
            self.refuse(oldest, Code::QueueFull, text, None, ctx);
            self.close(oldest, Closing::Explained, ctx);
        }
    }

    /// Called when a connection's line has ended, before the line is handled. The following bytes are a new line, with
    /// a new age. Returns whether to handle the line: the caller may have lines left of a connection that is closed.
    pub(in crate::dispatch) fn line_ended(&mut self, id: ConnId, ctx: &mut Ctx<'_>) -> bool {
        self.forget_partial(id, ctx);
        self.conns.get(id).is_some_and(|conn| !conn.leaving)
    }

    pub(in crate::dispatch) fn forget_partial(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        let Partial { bytes, age } = std::mem::take(&mut conn.partial);
        if bytes > 0 {
            ctx.counts.partial_bytes -= bytes;
            self.partials.remove(age);
        }
    }

    /// Called when a connection has too many unsent bytes: from now on, its bytes must move.
    pub(in crate::dispatch) fn start_stall_timer(&mut self, id: ConnId, ctx: &Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.moved = ctx.now;
        if ctx.settings.stall_ms > 0 && newly_set(&mut conn.has_stall_timer) {
            self.stall_timers.set(ctx.now + Micros::from_ms(ctx.settings.stall_ms), id);
        }
    }

    /// Closes the connections that are stalled. A connection that has moved bytes is checked again when it could be
    /// stalled.
    ///
    /// The time of the last turn is used. In this turn no byte has been read or written yet, and a shard that was
    /// itself stopped or without a processor must first read what its peers have sent meanwhile.
    pub(in crate::dispatch) fn close_stalled(&mut self, ctx: &mut Ctx<'_>) {
        let mut budget = TIMERS_PER_TURN;
        while let Some(id) = self.stall_timers.pop_due(self.last_turn, &mut budget) {
            let Some(conn) = self.conns.get(id) else { continue };
            let due = conn.moved + Micros::from_ms(ctx.settings.stall_ms);
            if !conn.is_paused() {
                conn.has_stall_timer = false;
            } else if due > self.last_turn {
                self.stall_timers.set(due, id);
            } else {
                ctx.effects.fault(id, Fault::Stalled);
                self.close(id, Closing::Dropped, ctx);
            }
        }
    }
}
