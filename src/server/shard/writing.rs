//! Ends a turn: posts messages to other shards, and writes to connections.

use std::mem;

use super::Shard;
use crate::dispatch::message::{ConnId, Input};
use crate::flag::newly_set;
use crate::limits::LONG_BYTES_PER_TURN;

impl Shard {
    /// Posts the messages, and writes to the connections that have unsent bytes. A write may resume a paused worker, to
    /// which the core then sends a job, and messages that come meanwhile may cause lines. These lines are written in
    /// the next turn, so that this turn ends even if other shards keep posting.
    ///
    /// Connections with many unsent bytes come last, so that a large result delays a small one by at most a turn's
    /// share. If there are many such connections, some wait for the next turn. Messages are posted before the lines are
    /// written that they precede. So what a peer learns from a line is known at the other shards before anything that
    /// follows from it.
    pub(super) fn flush_and_post(&mut self) {
        self.post();
        let mut last = mem::take(&mut self.connections.unfinished);
        let mut written_to = 0;
        for id in mem::take(&mut self.connections.dirty) {
            let (open, has_much) = self.connections.before_flush(id);
            if has_much {
                last.push(id);
            } else {
                self.flush(id, open);
                written_to += 1;
                self.take_mail_between(written_to);
            }
        }
        let (mut last, mut bytes) = (last.into_iter(), 0);
        while bytes < LONG_BYTES_PER_TURN
            && let Some(id) = last.next()
        {
            let (open, _) = self.connections.before_flush(id);
            bytes += self.flush(id, open);
            written_to += 1;
            self.take_mail_between(written_to);
        }
        // The next turn begins with the connections that this turn did not reach.
        self.connections.unfinished.splice(0..0, last);
        self.connections.close_overdue();
        self.post();
    }

    /// Writes to a connection. Returns how many bytes its socket accepted.
    fn flush(&mut self, id: ConnId, open: bool) -> usize {
        let bytes = self.connections.flush(id);
        if open {
            self.step(Input::Written { conn: id, bytes });
            self.read_on_if_failed(id);
        }
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// Reads a connection whose write failed to its end in the next turn, because lines that arrived before are handled.
    fn read_on_if_failed(&mut self, id: ConnId) {
        if let Some(conn) = self.connections.get(id)
            && conn.failed
            && newly_set(&mut conn.ready)
        {
            conn.ending = true;
            self.ready.push_back(id);
        }
    }

    /// Publishes the counts, and posts the messages.
    pub(super) fn post(&mut self) {
        self.connections.publish(self.core.counts());
        self.connections.post_all();
    }
}
