//! What peers of a [`World`] can do: come, say, hear, read, stop reading, go. Nothing that is done to a connection that
//! is closed has an effect.

use std::collections::VecDeque;

use deputy::dispatch::message::{Closing, ConnId, Input};
use deputy::protocol::command::{self, Command, Refusal, decode_frame};
use deputy::protocol::frame::Frame;

use super::outside::{Conn, Event};
use super::{Peer, World};

impl World {
    /// A connection comes to `shard`, in the slot that was left last if there is one.
    pub(crate) fn open(&mut self, shard: u16) -> Peer {
        let peer = Peer(self.outside.conns.len());
        let slots = &mut self.outside.slots[usize::from(shard)];
        let slot = self.outside.free[usize::from(shard)].pop().unwrap_or_else(|| {
            slots.push((None, 0));
            slots.len() - 1
        });
        let generation = slots[slot].1 + 1;
        slots[slot] = (Some(peer), generation);
        let id = ConnId { index: u32::try_from(slot).expect("few slots"), generation };
        self.outside.conns.push(Conn {
            shard,
            id,
            reads: true,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            taken_bytes: 0,
            inbox: Vec::new(),
            closed: None,
        });
        self.step(shard, Input::Opened { conn: id });
        peer
    }

    /// A worker comes to `shard` and says `can_do`.
    pub(crate) fn worker(&mut self, shard: u16, types: &[&str], max_jobs: Option<u32>) -> Peer {
        let peer = self.open(shard);
        self.can_do(peer, types, max_jobs);
        peer
    }

    /// Says one line, as the wire would decode it. Nothing happens if the connection is closed.
    pub(crate) fn say(&mut self, peer: Peer, line: &str) {
        match command::decode(line.as_bytes()) {
            Ok(command) => self.command(peer, command),
            Err(refusal) => self.refused(peer, refusal),
        }
    }

    /// Says what a framer found.
    pub(crate) fn frame(&mut self, peer: Peer, frame: Frame<'_>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step(shard, Input::of_line(from, decode_frame(frame)));
        }
    }

    pub(crate) fn command(&mut self, peer: Peer, command: Command<'_>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step(shard, Input::Command { from, command });
        }
    }

    pub(crate) fn refused(&mut self, peer: Peer, refusal: Refusal<'_>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step(shard, Input::Refused { from, refusal });
        }
    }

    pub(crate) fn can_do(&mut self, peer: Peer, types: &[&str], max_jobs: Option<u32>) {
        self.command(peer, Command::CanDo { types: names(types), max_jobs, id: None });
    }

    pub(crate) fn cant_do(&mut self, peer: Peer, types: &[&str]) {
        self.command(peer, Command::CantDo { types: names(types) });
    }

    /// Bytes came; `partial_bytes` of an unfinished line are kept.
    pub(crate) fn heard(&mut self, peer: Peer, partial_bytes: u64) {
        if let Some((shard, conn)) = self.open_id(peer) {
            self.step(shard, Input::BytesRead { conn, partial_bytes });
        }
    }

    /// The peer's input ends, and with it the connection, once its queries are answered.
    pub(crate) fn end(&mut self, peer: Peer) {
        if let Some((shard, conn)) = self.open_id(peer) {
            self.step(shard, Input::Ended { conn });
        }
    }

    /// From now on the peer takes nothing.
    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        self.outside.conns[peer.0].reads = false;
    }

    /// The peer takes all that is unsent, and what comes.
    pub(crate) fn read_on(&mut self, peer: Peer) {
        self.outside.conns[peer.0].reads = true;
        self.outside.touched.push(peer);
        self.write_touched();
    }

    /// A peer that stopped takes `bytes` of what is unsent, and no more.
    pub(crate) fn read_some(&mut self, peer: Peer, bytes: u64) {
        self.outside.conns[peer.0].reads = true;
        self.write(peer, bytes);
        self.outside.conns[peer.0].reads = false;
        self.write_touched();
    }

    /// From now on what the cores ask for is kept for [`World::take_log`].
    pub(crate) fn keep_log(&mut self) {
        self.outside.log = Some(Vec::new());
    }

    /// From now on what peers take is not kept, because the world is too large for it.
    pub(crate) fn drop_lines(&mut self) {
        self.outside.keeps_lines = false;
    }

    /// What the cores asked for since the last call, in order.
    pub(crate) fn take_log(&mut self) -> Vec<Event> {
        self.outside.log.replace(Vec::new()).expect("keep_log comes first")
    }

    /// Takes the lines that the peer has received since the last call, without their ends.
    pub(crate) fn take_lines(&mut self, peer: Peer) -> Vec<String> {
        std::mem::take(&mut self.outside.conns[peer.0].inbox)
    }

    /// The lines that wait for [`World::take_lines`].
    pub(crate) fn lines(&self, peer: Peer) -> &[String] {
        &self.outside.conns[peer.0].inbox
    }

    pub(crate) fn unsent_bytes(&self, peer: Peer) -> u64 {
        self.outside.conns[peer.0].unsent_bytes
    }

    pub(crate) fn is_open(&self, peer: Peer) -> bool {
        self.outside.conns[peer.0].closed.is_none()
    }

    /// How the connection was closed, if it was.
    pub(crate) fn closed(&self, peer: Peer) -> Option<Closing> {
        self.outside.conns[peer.0].closed
    }

    /// The peer's shard, and its name there, also when it is gone.
    pub(crate) fn conn_id(&self, peer: Peer) -> (u16, ConnId) {
        let conn = &self.outside.conns[peer.0];
        (conn.shard, conn.id)
    }

    /// The peer that has this name now.
    pub(crate) fn peer(&self, shard: u16, id: ConnId) -> Option<Peer> {
        self.outside.peer(shard, id)
    }

    fn open_id(&self, peer: Peer) -> Option<(u16, ConnId)> {
        self.is_open(peer).then(|| self.conn_id(peer))
    }
}

fn names<'a>(types: &[&'a str]) -> Vec<command::TypeName<'a>> {
    types.iter().map(|&name| name.into()).collect()
}
