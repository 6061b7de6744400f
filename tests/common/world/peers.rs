//! What peers of a [`World`] can do: connect, send, read, stop reading, leave. Nothing has an effect on a closed
//! connection.

use std::collections::VecDeque;

use deputy::dispatch::message::{Closing, ConnId, Input};
use deputy::limits::{LINE_BYTES_MAX, READ_BUFFER_BYTES, WHOLE_LINE_BYTES_MAX};
use deputy::protocol::CheckedLines;
use deputy::protocol::command::{self, Command, Refusal, WorkerOptions, next_line};
use deputy::protocol::frame::Framer;

use super::fake_shell::{Conn, Event};
use super::{Peer, World};

impl World {
    /// Opens a connection at `shard`, with the index that was freed last if there is one.
    pub(crate) fn open(&mut self, shard: u16) -> Peer {
        let peer = Peer(self.shell.conns.len());
        let slots = &mut self.shell.slots[usize::from(shard)];
        let slot = self.shell.free[usize::from(shard)].pop().unwrap_or_else(|| {
            slots.push((None, 0));
            slots.len() - 1
        });
        let generation = slots[slot].1 + 1;
        slots[slot] = (Some(peer), generation);
        let id = ConnId { index: u32::try_from(slot).expect("few slots"), generation };
        self.shell.conns.push(Conn {
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

    /// Opens a connection at `shard` and sends `can_do`.
    pub(crate) fn worker(&mut self, shard: u16, types: &[&str], max_jobs: Option<u32>) -> Peer {
        let peer = self.open(shard);
        self.can_do(peer, types, max_jobs);
        peer
    }

    /// Sends one line, decoded as a shard decodes it.
    pub(crate) fn send_line(&mut self, peer: Peer, line: &str) {
        if line.len() > WHOLE_LINE_BYTES_MAX {
            return self.send_long_line(peer, line);
        }
        match command::decode(line.as_bytes()) {
            Ok(command) => self.command(peer, &command),
            Err(refusal) => self.refused(peer, &refusal),
        }
    }

    /// Sends a line that is checked as it arrives.
    fn send_long_line(&mut self, peer: Peer, line: &str) {
        let mut framer = Framer::default();
        for mut piece in line.as_bytes().chunks(READ_BUFFER_BYTES).chain([&b"\n"[..]]) {
            let checked = CheckedLines::default();
            while let Some(line) = next_line(&mut framer, &mut piece, checked, LINE_BYTES_MAX, WHOLE_LINE_BYTES_MAX) {
                self.decoded(peer, &line);
            }
        }
    }

    /// Sends a line, given what it was decoded to.
    pub(crate) fn decoded(&mut self, peer: Peer, line: &Result<Command<'_>, Refusal<'_>>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step_of_line(shard, from, Input::of_line(from, line));
        }
    }

    pub(crate) fn command(&mut self, peer: Peer, command: &Command<'_>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step_of_line(shard, from, Input::Command { from, command });
        }
    }

    pub(crate) fn refused(&mut self, peer: Peer, refusal: &Refusal<'_>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step_of_line(shard, from, Input::Refused { from, refusal });
        }
    }

    pub(crate) fn can_do(&mut self, peer: Peer, types: &[&str], max_jobs: Option<u32>) {
        self.can_do_with(peer, types, max_jobs, WorkerOptions::default());
    }

    pub(crate) fn can_do_with(&mut self, peer: Peer, types: &[&str], max_jobs: Option<u32>, options: WorkerOptions) {
        self.command(peer, &Command::CanDo { types: names(types), max_jobs, options, id: None });
    }

    pub(crate) fn cant_do(&mut self, peer: Peer, types: &[&str]) {
        self.command(peer, &Command::CantDo { types: names(types) });
    }

    /// From now on, all lines are of one read.
    pub(crate) fn begin_read(&mut self) {
        self.lines_of_read = Some(0);
    }

    /// Ends the read that brought lines of a peer.
    pub(crate) fn end_read(&mut self, peer: Peer) {
        let lines = self.lines_of_read.take();
        if let Some((shard, conn)) = self.open_id(peer)
            && lines.is_some_and(|lines| lines > 0)
        {
            self.end_read_of(shard, conn);
        }
    }

    /// Returns whether further lines follow in the same read.
    pub(crate) fn is_reading(&self) -> bool {
        self.lines_of_read.is_some()
    }

    /// Reports that bytes were read, of which `partial_bytes` belong to an unfinished line.
    pub(crate) fn bytes_read(&mut self, peer: Peer, partial_bytes: u64) {
        if let Some((shard, conn)) = self.open_id(peer) {
            self.step(shard, Input::BytesRead { conn, partial_bytes });
        }
    }

    /// Ends the peer's input. The connection ends with it, once its queries are answered.
    pub(crate) fn end(&mut self, peer: Peer) {
        if let Some((shard, conn)) = self.open_id(peer) {
            self.step(shard, Input::Ended { conn });
        }
    }

    /// Makes the peer stop reading.
    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        self.shell.conns[peer.0].reads = false;
    }

    /// Makes the peer read all that is unsent, and go on reading.
    pub(crate) fn read_on(&mut self, peer: Peer) {
        self.shell.conns[peer.0].reads = true;
        self.shell.dirty.push(peer);
        self.write_dirty();
    }

    /// Makes a peer that stopped read `bytes` of what is unsent, and no more.
    pub(crate) fn read_some(&mut self, peer: Peer, bytes: u64) {
        self.shell.conns[peer.0].reads = true;
        self.write(peer, bytes);
        self.shell.conns[peer.0].reads = false;
        self.write_dirty();
    }

    /// Records what the cores ask for, for [`World::take_log`].
    pub(crate) fn keep_log(&mut self) {
        self.shell.log = Some(Vec::new());
    }

    /// Discards the lines that peers receive from now on, for worlds too large to keep them.
    pub(crate) fn drop_lines(&mut self) {
        self.shell.keeps_lines = false;
    }

    /// Returns what the cores asked for since the last call, in order.
    pub(crate) fn take_log(&mut self) -> Vec<Event> {
        self.shell.log.replace(Vec::new()).expect("keep_log comes first")
    }

    /// Takes the lines that the peer has received since the last call, without their ends.
    pub(crate) fn take_lines(&mut self, peer: Peer) -> Vec<String> {
        std::mem::take(&mut self.shell.conns[peer.0].inbox)
    }

    /// Returns the lines that [`World::take_lines`] would take.
    pub(crate) fn lines(&self, peer: Peer) -> &[String] {
        &self.shell.conns[peer.0].inbox
    }

    pub(crate) fn unsent_bytes(&self, peer: Peer) -> u64 {
        self.shell.conns[peer.0].unsent_bytes
    }

    pub(crate) fn is_open(&self, peer: Peer) -> bool {
        self.shell.conns[peer.0].closed.is_none()
    }

    /// Returns how the connection was closed, if it was.
    pub(crate) fn closed(&self, peer: Peer) -> Option<Closing> {
        self.shell.conns[peer.0].closed
    }

    /// Returns the peer's shard and its id there, also after it has left.
    pub(crate) fn conn_id(&self, peer: Peer) -> (u16, ConnId) {
        let conn = &self.shell.conns[peer.0];
        (conn.shard, conn.id)
    }

    /// Returns the peer that has this id now.
    pub(crate) fn peer(&self, shard: u16, id: ConnId) -> Option<Peer> {
        self.shell.peer(shard, id)
    }

    fn open_id(&self, peer: Peer) -> Option<(u16, ConnId)> {
        self.is_open(peer).then(|| self.conn_id(peer))
    }
}

fn names<'a>(types: &[&'a str]) -> Vec<command::TypeName<'a>> {
    types.iter().map(|&name| name.into()).collect()
}
