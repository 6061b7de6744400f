//! Connections that the core has forgotten: they are sent the rest, may linger, and are given up in the end.

use super::Connections;
use crate::dispatch::message::{Closing, ConnId, Micros};
use crate::limits::LINGER_MS;
use crate::server::conn::{Connection, Stage};

impl Connections {
    /// From now on it is only sent what is unsent.
    pub(super) fn begin_closing(&mut self, id: ConnId, how: Closing) {
        let Some(conn) = self.get(id) else { return };
        conn.stage = Stage::Closing(how);
        let unsent = conn.unsent_bytes() as u64;
        self.closing_bytes += unsent;
        if how == Closing::Explained {
            self.give_up_after(id, Micros::from_ms(LINGER_MS));
        }
        self.mark_dirty(id);
    }

    /// A write was tried. It took so many bytes, and perhaps all.
    pub(super) fn go_on_closing(&mut self, id: ConnId, how: Closing, taken: u64, empty: bool) {
        if empty && how != Closing::Explained {
            return self.drop_now(id);
        }
        let (now, stall) = (self.now, Micros::from_ms(self.stall_ms));
        let Some(conn) = self.get(id) else { return };
        if empty {
            conn.stream.end_writing();
            conn.stage = Stage::Lingering;
        } else if how == Closing::Flushed && stall > Micros::default() {
            // Only now: nearly all are sent everything at once, and what is noted of one stays for its whole time.
            if conn.close_by == Micros::default() {
                self.give_up_after(id, stall);
            } else if taken > 0 {
                conn.close_by = now + stall;
            }
        }
    }

    fn give_up_after(&mut self, id: ConnId, time: Micros) {
        let due = self.now + time;
        if let Some(conn) = self.get(id) {
            conn.close_by = due;
            self.deadlines.set(due, id);
        }
    }

    /// When a connection that is being closed wants to be looked at.
    pub(in crate::server) fn next_deadline(&self) -> Option<Micros> {
        self.deadlines.next_due()
    }

    /// Closes those whose time is over. To be called when this turn's writes have been tried: the shard itself may have been
    /// held up.
    pub(in crate::server) fn close_overdue(&mut self) {
        while let Some(id) = self.deadlines.pop_due(self.now) {
            let Some(conn) = self.get(id) else { continue };
            let close_by = conn.close_by;
            if close_by > self.now {
                self.deadlines.set(close_by, id); // Its bytes have moved meanwhile.
            } else {
                self.drop_now(id);
            }
        }
    }

    /// Ends every connection that has nothing unsent; `at_once`: the others too.
    pub(in crate::server) fn close_sent(&mut self, at_once: bool) {
        let sent = |conn: &Connection| at_once || conn.unsent_bytes() == 0;
        let ids = self.entries.iter().filter(|(_, conn)| sent(conn)).map(|(slot, conn)| ConnId {
            index: u32::try_from(slot).expect("slots were given as u32"),
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

    use mio::Poll;
    use mio::net::UnixStream;

    use super::*;
    use crate::dispatch::message::{Effects, ShardId};
    use crate::server::log::{Level, Log};
    use crate::server::mailbox::Outbox;
    use crate::server::shared::Shared;
    use crate::server::stream::Stream;

    const STALL_MS: u64 = 30_000;
    /// More than a socket takes at once.
    const MUCH_BYTES: usize = 16 << 20;

    /// A shard's connections, which are one; its name; and its peer.
    fn one_connection() -> (Connections, ConnId, UnixStream) {
        let registry = Poll::new().unwrap().registry().try_clone().unwrap();
        let (log, _thread) = Log::start(Level::Off).unwrap();
        let outbox = Outbox::new(ShardId(0), Box::default());
        let mut net = Connections::new(0, Arc::new(Shared::new(1, 0, 64)), outbox, registry, STALL_MS, log);
        let (ours, theirs) = UnixStream::pair().unwrap();
        let id = net.open(Stream::Unix(ours)).unwrap();
        (net, id, theirs)
    }

    #[test]
    fn f46_who_is_sent_the_rest_at_once_leaves_nothing_behind() {
        let (mut net, id, _peer) = one_connection();
        net.get(id).unwrap().unsent.extend(b"the rest");
        net.close(id, Closing::Flushed);
        net.flush(id);
        assert!(net.is_empty());
        assert_eq!(net.next_deadline(), None);
    }

    #[test]
    fn who_takes_nothing_of_the_rest_is_given_up_in_the_end() {
        let (mut net, id, mut peer) = one_connection();
        net.get(id).unwrap().unsent = vec![b'x'; MUCH_BYTES];
        net.close(id, Closing::Flushed);
        net.flush(id);
        assert_eq!(net.next_deadline(), Some(Micros::from_ms(STALL_MS)));
        net.now = Micros::from_ms(1_000);
        while peer.read(&mut vec![0; 64 << 10]).is_ok() {}
        net.get(id).unwrap().blocked = false;
        net.flush(id);
        net.now = Micros::from_ms(STALL_MS);
        net.close_overdue();
        assert_eq!(net.next_deadline(), Some(Micros::from_ms(STALL_MS + 1_000)), "its bytes have moved");
        net.now = Micros::from_ms(STALL_MS + 1_000);
        net.close_overdue();
        assert!(net.is_empty() && net.next_deadline().is_none());
    }
}
