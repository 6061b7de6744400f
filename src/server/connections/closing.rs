//! Ends connections that the core has removed: sends their unsent bytes, lets some linger, and drops them after a time.

use super::Connections;
use crate::dispatch::message::{Closing, ConnId, Micros};
use crate::limits::{LINGER_MS, TIMERS_PER_TURN};
use crate::server::conn::{Connection, Stage};

impl Connections {
    /// Begins to close a connection: only its unsent bytes are still sent.
    pub(super) fn begin_closing(&mut self, id: ConnId, how: Closing) {
        let Some(conn) = self.get(id) else { return };
        conn.stage = Stage::Closing(how);
        let unsent = conn.unsent.len() as u64;
        self.closing_bytes += unsent;
        if how == Closing::Explained {
            self.drop_after(id, Micros::from_ms(LINGER_MS));
        }
        self.mark_dirty(id);
    }

    /// Called after each write to a closing connection. `written` is how many bytes the socket accepted; `empty` says
    /// whether nothing is left.
    pub(super) fn continue_closing(&mut self, id: ConnId, how: Closing, written: u64, empty: bool) {
        if empty && how != Closing::Explained {
            return self.drop_now(id);
        }
        let (now, stall) = (self.now, Micros::from_ms(self.stall_ms));
        let Some(conn) = self.get(id) else { return };
        if empty {
            conn.stream.end_writing();
            conn.stage = Stage::Lingering;
        } else if how == Closing::Flushed && stall > Micros::default() {
            // The deadline is set only now, because nearly all connections are sent everything by the first write, and an
            // entry in `deadlines` stays until it is due.
            if conn.close_by == Micros::default() {
                self.drop_after(id, stall);
            } else if written > 0 {
                conn.close_by = now + stall;
            }
        }
    }

    fn drop_after(&mut self, id: ConnId, time: Micros) {
        let due = self.now + time;
        if let Some(conn) = self.get(id) {
            conn.close_by = due;
            self.deadlines.set(due, id);
        }
    }

    /// Returns when the next closing connection must be checked.
    pub(in crate::server) fn next_deadline(&self) -> Option<Micros> {
        self.deadlines.next_due()
    }

    /// Drops the connections whose time is over. Must be called after the turn's writes, because the shard itself may have
    /// been delayed.
    pub(in crate::server) fn close_overdue(&mut self) {
        let mut budget = TIMERS_PER_TURN;
        while let Some(id) = self.deadlines.pop_due(self.now, &mut budget) {
            let Some(conn) = self.get(id) else { continue };
            let close_by = conn.close_by;
            if close_by > self.now {
                self.deadlines.set(close_by, id); // It has sent bytes meanwhile.
            } else {
                self.drop_now(id);
            }
        }
    }

    /// Closes every connection that has nothing unsent, and with `all` the others as well.
    pub(in crate::server) fn close_sent(&mut self, all: bool) {
        let ends = |conn: &Connection| all || conn.unsent.len() == 0;
        let ids = self.entries.iter().filter(|(_, conn)| ends(conn)).map(|(index, conn)| ConnId {
            index: u32::try_from(index).expect("indices were made from u32"),
            generation: conn.generation,
        });
        for id in ids.collect::<Vec<_>>() {
            if let Some(conn) = self.get(id) {
                conn.stream.end_writing();
            }
            self.drop_now(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use ahash::RandomState;
    use mio::Poll;
    use mio::net::UnixStream;

    use super::*;
    use crate::dispatch::message::{Effects, ShardId};
    use crate::dispatch::{PerTurn, Settings};
    use crate::server::log::line::LogFormat;
    use crate::server::log::{Level, Log};
    use crate::server::mailbox::Outbox;
    use crate::server::shared::Shared;
    use crate::server::stream::Stream;

    const STALL_MS: u64 = 30_000;
    /// More than a socket accepts at once.
    const MUCH_BYTES: usize = 16 << 20;

    fn settings() -> Settings {
        Settings {
            shard: ShardId(0),
            shards: 1,
            attempts_max: 0,
            run_limit_ms: 0,
            memory_bytes_max: 0,
            unsent_bytes_max: 1 << 20,
            stall_ms: STALL_MS,
            trace: false,
            figure_types_max: 0,
            per_turn: PerTurn::default(),
            homes: RandomState::new(),
            maps: RandomState::new(),
        }
    }

    /// Returns a shard's connections with one entry, its id, and its peer.
    fn one_connection() -> (Connections, ConnId, UnixStream) {
        let registry = Poll::new().unwrap().registry().try_clone().unwrap();
        let (log, _thread) = Log::start("deputy", Level::Off, LogFormat::Text).unwrap();
        let outbox = Outbox::new(ShardId(0), Box::default());
        let shared = Arc::new(Shared::new(1, 0, 64));
        let mut connections = Connections::new(shared, outbox, registry, &settings(), log);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let id = connections.open(Stream::Unix(ours)).unwrap();
        (connections, id, theirs)
    }

    #[test]
    fn f46_who_is_sent_the_rest_at_once_leaves_nothing_behind() {
        let (mut connections, id, _peer) = one_connection();
        connections.get(id).unwrap().unsent.use_buffer(b"the rest".to_vec());
        connections.close(id, Closing::Flushed);
        connections.flush(id);
        assert!(connections.is_empty());
        assert_eq!(connections.next_deadline(), None);
    }

    #[test]
    fn who_takes_nothing_of_the_rest_is_given_up_in_the_end() {
        let (mut connections, id, mut peer) = one_connection();
        connections.get(id).unwrap().unsent.use_buffer(vec![b'x'; MUCH_BYTES]);
        connections.close(id, Closing::Flushed);
        connections.flush(id);
        assert_eq!(connections.next_deadline(), Some(Micros::from_ms(STALL_MS)));
        connections.now = Micros::from_ms(1_000);
        while peer.read(&mut vec![0; 64 << 10]).is_ok() {}
        connections.get(id).unwrap().blocked = false;
        connections.flush(id);
        connections.now = Micros::from_ms(STALL_MS);
        connections.close_overdue();
        assert_eq!(connections.next_deadline(), Some(Micros::from_ms(STALL_MS + 1_000)), "it has sent bytes");
        connections.now = Micros::from_ms(STALL_MS + 1_000);
        connections.close_overdue();
        assert!(connections.is_empty() && connections.next_deadline().is_none());
    }
}
