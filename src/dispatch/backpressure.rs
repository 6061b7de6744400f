//! What a connection may take of the memory, and how long it may stand still.

use std::cmp::Reverse;

use super::ctx::Ctx;
use super::message::{Closing, ConnId};
use super::owner::Owner;
use crate::limits::UNSENT_PAUSE_BYTES;
use crate::metrics::Fault;
use crate::protocol::Code;

impl Owner {
    /// Whether a job of so many bytes fits: the jobs and unsent bytes of all shards, with it, stay within the budget.
    pub(super) fn fits(&self, bytes: u64, ctx: &Ctx<'_>) -> bool {
        let firm = self.others.committed + ctx.counts.job_bytes + ctx.counts.unsent_bytes;
        firm + bytes <= ctx.settings.memory_bytes_max
    }

    /// The turn's write was tried.
    pub(super) fn written(&mut self, id: ConnId, bytes: u64, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        let before = conn.unsent;
        conn.unsent -= bytes;
        ctx.counts.unsent_bytes -= bytes;
        if bytes > 0 {
            conn.moved_ms = ctx.now_ms;
        }
        if conn.unsent > ctx.settings.unsent_bytes_max {
            ctx.effects.fault(id, Fault::Unsent);
            self.close(id, Closing::Dropped, ctx);
        } else if before > UNSENT_PAUSE_BYTES && conn.unsent <= UNSENT_PAUSE_BYTES {
            self.refresh(id, false, ctx);
        }
    }

    /// Bytes came, and so many of them are half a line.
    pub(super) fn bytes_read(&mut self, id: ConnId, partial_bytes: u64, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.moved_ms = ctx.now_ms;
        let (before, since) = conn.partial;
        if before == partial_bytes {
            return;
        }
        ctx.counts.partial_bytes = ctx.counts.partial_bytes + partial_bytes - before;
        match (before, partial_bytes) {
            (0, _) => {
                conn.partial = (partial_bytes, self.next_partial);
                self.partials.insert(self.next_partial, id);
                self.next_partial += 1;
            }
            (_, 0) => {
                conn.partial.0 = 0;
                self.partials.remove(&since);
            }
            _ => conn.partial.0 = partial_bytes,
        }
        if partial_bytes > before {
            self.cut_partials(ctx);
        }
    }

    /// Cuts off the oldest half-lines while the budget is passed and half-lines are more than a quarter of it.
    pub(super) fn cut_partials(&mut self, ctx: &mut Ctx<'_>) {
        let max = ctx.settings.memory_bytes_max;
        loop {
            let firm = self.others.committed + ctx.counts.job_bytes + ctx.counts.unsent_bytes;
            let partial = self.others.partial + ctx.counts.partial_bytes;
            if firm + partial <= max || partial <= max / 4 {
                return;
            }
            let Some((_, &oldest)) = self.partials.first_key_value() else { return };
            ctx.effects.fault(oldest, Fault::HalfLine);
            self.refuse(
                oldest,
                Code::QueueFull,
                "the server's memory budget does not allow half a line more",
                None,
                ctx,
            );
            self.close(oldest, Closing::Explained, ctx);
        }
    }

    /// A connection's line is whole: what comes after it is another one, and younger. Returns whether the connection is
    /// still listened to; the shell may have lines left of one that is gone.
    pub(super) fn line_ended(&mut self, id: ConnId, ctx: &mut Ctx<'_>) -> bool {
        self.forget_partial(id, ctx);
        self.conns.get(id).is_some_and(|conn| !conn.leaving)
    }

    pub(super) fn forget_partial(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        let (bytes, since) = std::mem::take(&mut conn.partial);
        if bytes > 0 {
            ctx.counts.partial_bytes -= bytes;
            self.partials.remove(&since);
        }
    }

    /// More than the bound is unsent to a connection from now on: its bytes have to move.
    pub(super) fn start_stall_timer(&mut self, id: ConnId, ctx: &Ctx<'_>) {
        let Some(conn) = self.conns.get(id) else { return };
        conn.moved_ms = ctx.now_ms;
        if ctx.settings.stall_ms > 0 && !std::mem::replace(&mut conn.has_stall_timer, true) {
            self.stall_timers.push(Reverse((ctx.now_ms + ctx.settings.stall_ms, id)));
        }
    }

    /// Closes the connections that are stalled. One that moved is looked at again when it could be.
    ///
    /// What the last turn told counts, and not the time of this one, which has told nothing yet: a shard that was held up
    /// itself (stopped, or without a processor) first looks what its peers did meanwhile.
    pub(super) fn close_stalled(&mut self, ctx: &mut Ctx<'_>) {
        while self.stall_timers.peek().is_some_and(|&Reverse((due_ms, _))| due_ms <= self.last_turn_ms) {
            let Some(Reverse((_, id))) = self.stall_timers.pop() else { return };
            let Some(conn) = self.conns.get(id) else { continue };
            let due_ms = conn.moved_ms + ctx.settings.stall_ms;
            if conn.unsent <= UNSENT_PAUSE_BYTES {
                conn.has_stall_timer = false;
            } else if due_ms > self.last_turn_ms {
                self.stall_timers.push(Reverse((due_ms, id)));
            } else {
                ctx.effects.fault(id, Fault::Stalled);
                self.close(id, Closing::Dropped, ctx);
            }
        }
    }
}
