//! How a shard reads: events from its poller, bytes from connections, and lines for the core.

use mio::event::Event;

use super::{Phase, Shard, WAKE};
use crate::dispatch::message::{ConnId, Input};
use crate::flag::newly_set;
use crate::limits::{READ_BYTES_PER_TURN, WHOLE_LINE_BYTES_MAX};
use crate::protocol::command::decode_frame;
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

    /// Reads from each ready connection, at most [`READ_BYTES_PER_TURN`] each so that none delays the others. One read must
    /// do for a long line, whose bytes are all checked: a turn then takes as long as with small lines.
    pub(super) fn read_ready(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for nth in 1..=self.ready.len() {
            let Some(id) = self.ready.pop_front() else { break };
            let Some(conn) = self.connections.get(id) else { continue };
            conn.ready = false;
            self.read(id, &mut buffer);
            self.take_mail_between(nth);
        }
        self.buffer = buffer;
    }

    fn read(&mut self, id: ConnId, buffer: &mut [u8]) {
        let mut total = 0;
        while total < READ_BYTES_PER_TURN {
            let Some(conn) = self.connections.get(id) else { return };
            if total > 0 && conn.framer.is_in_long_line() {
                break;
            }
            match conn.read(buffer) {
                Got::Bytes(n) => {
                    self.handle_bytes(id, &buffer[..n]);
                    total += n;
                }
                Got::Last(n) => return self.handle_bytes(id, &buffer[..n]),
                Got::Nothing => return,
                Got::End => return self.on_end(id),
            }
        }
        if let Some(conn) = self.connections.get(id) {
            conn.ready = true; // No new edge comes for the bytes that are left.
            self.ready.push_back(id);
        }
    }

    /// Cuts bytes into lines and passes them to the core. Discards the bytes of a closing connection.
    pub(super) fn handle_bytes(&mut self, id: ConnId, mut bytes: &[u8]) {
        if matches!(self.phase, Phase::Finishing(_)) || !self.connections.is_open(id) {
            return;
        }
        let Some(conn) = self.connections.get(id) else { return };
        let mut framer = std::mem::take(&mut conn.framer);
        while let Some(frame) = framer.next_checked(&mut bytes, self.line_bytes_max, WHOLE_LINE_BYTES_MAX) {
            self.core.step(Input::of_line(id, decode_frame(frame)), &mut self.connections);
            if !self.connections.is_open(id) {
                return;
            }
        }
        let partial_bytes = framer.partial_bytes() as u64;
        if let Some(conn) = self.connections.get(id) {
            conn.framer = framer;
        }
        self.step(Input::BytesRead { conn: id, partial_bytes });
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
