//! Reads events from the poller and bytes from connections, and passes lines to the core.

use std::collections::VecDeque;
use std::mem;

use mio::event::Event;

use super::{Phase, Shard, WAKE};
use crate::dispatch::message::{ConnId, Input};
use crate::flag::newly_set;
use crate::limits::{
    CONNECTIONS_PER_MAIL, LINES_PER_TURN, LONG_BYTES_PER_TURN, READ_BYTES, READ_BYTES_PER_TURN, WHOLE_LINE_BYTES_MAX,
};
use crate::protocol::command::{check_read, next_line};
use crate::server::conn::{Got, Stage};
use crate::server::names::conn_of;

/// The first read from a connection in a turn.
pub(super) struct FirstRead {
    id: ConnId,
    /// `None` if nothing was read yet, because bytes that an earlier turn kept come first.
    got: Option<Got>,
    /// The connection was within a long line.
    in_long_line: bool,
}

impl FirstRead {
    fn bytes(&self) -> usize {
        match self.got {
            Some(Got::Bytes(n) | Got::Last(n)) => n,
            Some(Got::Nothing | Got::End) | None => 0,
        }
    }
}

impl Shard {
    /// Records an event. Reading and writing come later in the turn.
    pub(super) fn on_event(&mut self, event: &Event) {
        if event.token() == WAKE {
            return;
        }
        let id = conn_of(event.token());
        let Some(conn) = self.connections.get(id) else { return };
        conn.ending |= event.is_read_closed() || event.is_error();
        if (event.is_readable() || conn.ending) && newly_set(&mut conn.ready) {
            self.ready.push_back(id);
        }
        if event.is_writable() && mem::take(&mut conn.blocked) {
            self.connections.mark_dirty(id);
        }
    }

    /// Reads from each ready connection, at most [`READ_BYTES_PER_TURN`] and [`LINES_PER_TURN`] lines each, so that
    /// none delays the others. A connection within a long line is read only once, because all bytes of the line are
    /// checked. If there are many such connections, some wait for the next turn, and are then read first.
    ///
    /// The connections are handled in batches: first all are read from, then their lines are handled. So the code for each
    /// of the two stays in the processor's cache (docs/decisions.md has figures).
    pub(super) fn read_ready(&mut self) {
        let mut buffer = mem::take(&mut self.buffer);
        let mut batch = mem::take(&mut self.batch);
        let (mut left, mut handled, mut long_bytes) = (self.ready.len(), 0, 0);
        let mut waiting = VecDeque::new();
        while left > 0 {
            left -= self.read_batch(left, &mut batch, &mut buffer, &mut waiting, long_bytes >= LONG_BYTES_PER_TURN);
            let mut at = 0;
            for first in batch.drain(..) {
                let bytes = self.handle_read(&first, &mut buffer, at);
                long_bytes += if first.in_long_line { bytes } else { 0 };
                at += first.bytes();
                handled += 1;
                self.take_mail_between(handled);
            }
        }
        if !waiting.is_empty() {
            waiting.append(&mut self.ready);
            self.ready = waiting;
        }
        (self.buffer, self.batch) = (buffer, batch);
    }

    /// Reads once from each of the next ready connections, at most `most` and as many as the mailbox may wait for. Their
    /// bytes lie in `buffer` one after the other. A connection that may have more ends the batch. Returns how many
    /// connections it took from `ready`; those that must wait are in `waiting`.
    fn read_batch(
        &mut self,
        most: usize,
        batch: &mut Vec<FirstRead>,
        buffer: &mut [u8],
        waiting: &mut VecDeque<ConnId>,
        long_lines_wait: bool,
    ) -> usize {
        let (mut taken, mut at) = (0, 0);
        while taken < most && batch.len() < CONNECTIONS_PER_MAIL && at <= buffer.len() - READ_BYTES {
            let Some(id) = self.ready.pop_front() else { break };
            taken += 1;
            let Some(conn) = self.connections.get(id) else {
                self.unhandled.remove(&id);
                continue;
            };
            let in_long_line = conn.framer.is_in_long_line();
            if in_long_line && long_lines_wait {
                waiting.push_back(id);
                continue;
            }
            conn.ready = false;
            if !self.unhandled.is_empty() && self.unhandled.contains_key(&id) {
                batch.push(FirstRead { id, got: None, in_long_line });
                break;
            }
            let got = conn.read(&mut buffer[at..at + READ_BYTES]);
            let may_have_more = matches!(got, Got::Bytes(_));
            let first = FirstRead { id, got: Some(got), in_long_line };
            at += first.bytes();
            batch.push(first);
            if may_have_more {
                break;
            }
        }
        taken
    }

    /// Handles what the first read of a connection brought, which begins at `at`, and reads on. Returns how many bytes were read.
    fn handle_read(&mut self, first: &FirstRead, buffer: &mut [u8], mut at: usize) -> usize {
        let (id, mut got) = (first.id, first.got);
        let (mut total, mut lines) = (0, 0);
        loop {
            match got {
                None => {
                    if let Some(bytes) = self.unhandled.remove(&id) {
                        lines = self.handle_bytes(id, &bytes, lines);
                    }
                }
                Some(Got::Bytes(n)) => {
                    lines = self.handle_bytes(id, &buffer[at..at + n], lines);
                    total += n;
                }
                Some(Got::Last(n)) => {
                    lines = self.handle_bytes(id, &buffer[at..at + n], lines);
                    total += n;
                    if lines < LINES_PER_TURN {
                        return total;
                    }
                }
                Some(Got::Nothing) => return total,
                Some(Got::End) => {
                    self.on_end(id);
                    return total;
                }
            }
            let Some(conn) = self.connections.get(id) else { return total };
            let is_share_read = total >= READ_BYTES_PER_TURN || (total > 0 && conn.framer.is_in_long_line());
            if is_share_read || lines >= LINES_PER_TURN {
                conn.ready = true; // No new edge comes for the bytes that are left.
                self.ready.push_back(id);
                return total;
            }
            at = 0;
            got = Some(conn.read(&mut buffer[..READ_BYTES]));
        }
    }

    /// Cuts bytes into lines and passes them to the core. `lines` were handled in this turn before; those past
    /// [`LINES_PER_TURN`] are kept for the next turn. Discards the bytes of a closing connection. Returns how many lines were
    /// handled in this turn.
    pub(super) fn handle_bytes(&mut self, id: ConnId, mut bytes: &[u8], mut lines: usize) -> usize {
        if matches!(self.phase, Phase::Finishing(_)) || !self.connections.is_open(id) {
            return lines;
        }
        let Some(conn) = self.connections.get(id) else { return lines };
        let mut framer = mem::take(&mut conn.framer);
        let checked = check_read(&framer, bytes);
        while lines < LINES_PER_TURN
            && let Some(line) = next_line(&mut framer, &mut bytes, checked, self.line_bytes_max, WHOLE_LINE_BYTES_MAX)
        {
            self.core.step(Input::of_line(id, &line), &mut self.connections);
            lines += 1;
            if !self.connections.is_open(id) {
                return lines;
            }
        }
        if !bytes.is_empty() {
            self.unhandled.insert(id, bytes.to_vec());
        }
        let partial_bytes = framer.partial_bytes() as u64;
        if let Some(conn) = self.connections.get(id) {
            conn.framer = framer;
        }
        self.step(Input::BytesRead { conn: id, partial_bytes });
        lines
    }

    fn on_end(&mut self, id: ConnId) {
        self.connections.log_failure(id);
        let Some(conn) = self.connections.get(id) else { return };
        match conn.stage {
            Stage::Open => self.step(Input::Ended { conn: id }),
            Stage::Closing(_) => {} // Bytes are still being sent; if the connection is broken, writing fails.
            Stage::Lingering => self.connections.drop_now(id),
        }
    }
}
