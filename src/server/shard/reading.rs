//! Reads events from the poller and bytes from connections, and passes lines to the core.

use std::collections::VecDeque;

use mio::event::Event;

use super::{Phase, Shard, WAKE};
use crate::dispatch::message::{ConnId, Input};
use crate::flag::newly_set;
use crate::limits::{LINES_PER_TURN, LONG_BYTES_PER_TURN, READ_BYTES_PER_TURN, WHOLE_LINE_BYTES_MAX};
use crate::protocol::command::{check_read, next_line};
use crate::server::conn::{Got, Stage};
use crate::server::names::conn_of;

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
        if event.is_writable() && std::mem::take(&mut conn.blocked) {
            self.connections.mark_dirty(id);
        }
    }

    /// Reads from each ready connection, at most [`READ_BYTES_PER_TURN`] and [`LINES_PER_TURN`] lines each, so that
    /// none delays the others. A connection within a long line is read only once, because all bytes of the line are
    /// checked. If there are many such connections, some wait for the next turn, and are then read first.
    pub(super) fn read_ready(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut long_bytes = 0;
        let mut waiting = VecDeque::new();
        for nth in 1..=self.ready.len() {
            let Some(id) = self.ready.pop_front() else { break };
            let Some(conn) = self.connections.get(id) else {
                self.unhandled.remove(&id);
                continue;
            };
            let is_in_long_line = conn.framer.is_in_long_line();
            if is_in_long_line && long_bytes >= LONG_BYTES_PER_TURN {
                waiting.push_back(id);
                continue;
            }
            conn.ready = false;
            let bytes = self.read(id, &mut buffer);
            long_bytes += if is_in_long_line { bytes } else { 0 };
            self.take_mail_between(nth);
        }
        if !waiting.is_empty() {
            waiting.append(&mut self.ready);
            self.ready = waiting;
        }
        self.buffer = buffer;
    }

    /// Returns how many bytes it read.
    fn read(&mut self, id: ConnId, buffer: &mut [u8]) -> usize {
        let (mut total, mut lines) = (0, 0);
        if !self.unhandled.is_empty()
            && let Some(bytes) = self.unhandled.remove(&id)
        {
            lines = self.handle_bytes(id, &bytes, lines);
        }
        while total < READ_BYTES_PER_TURN && lines < LINES_PER_TURN {
            let Some(conn) = self.connections.get(id) else { return total };
            if total > 0 && conn.framer.is_in_long_line() {
                break;
            }
            match conn.read(buffer) {
                Got::Bytes(n) => {
                    lines = self.handle_bytes(id, &buffer[..n], lines);
                    total += n;
                }
                Got::Last(n) => {
                    lines = self.handle_bytes(id, &buffer[..n], lines);
                    total += n;
                    if lines < LINES_PER_TURN {
                        return total;
                    }
                }
                Got::Nothing => return total,
                Got::End => {
                    self.on_end(id);
                    return total;
                }
            }
        }
        if let Some(conn) = self.connections.get(id) {
            conn.ready = true; // No new edge comes for the bytes that are left.
            self.ready.push_back(id);
        }
        total
    }

    /// Cuts bytes into lines and passes them to the core. `lines` were handled in this turn before; those past
    /// [`LINES_PER_TURN`] are kept for the next turn. Discards the bytes of a closing connection. Returns how many lines were
    /// handled in this turn.
    pub(super) fn handle_bytes(&mut self, id: ConnId, mut bytes: &[u8], mut lines: usize) -> usize {
        if matches!(self.phase, Phase::Finishing(_)) || !self.connections.is_open(id) {
            return lines;
        }
        let Some(conn) = self.connections.get(id) else { return lines };
        let mut framer = std::mem::take(&mut conn.framer);
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
