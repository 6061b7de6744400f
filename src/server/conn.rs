//! A connection as its shard's shell has it: the socket, the unfinished line, the unsent bytes.

use std::io::{self, ErrorKind, Read, Write};

use super::stream::Peer;
use super::stream::Stream;
use crate::dispatch::message::{Closing, Micros};
use crate::protocol::frame::Framer;

/// One connection.
#[expect(clippy::struct_excessive_bools, reason = "independent facts: two of the socket's, two of the shard's lists")]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) generation: u32,
    pub(super) framer: Framer,
    /// Bytes for the peer. Borrowed from the shard's spare buffers, so that an idle connection holds none.
    pub(super) unsent: Vec<u8>,
    /// How many of them were taken already.
    pub(super) sent: usize,
    pub(super) stage: Stage,
    /// The socket took no more; an event will come when it does.
    pub(super) blocked: bool,
    /// A write failed. What the peer had sent before is still to be read; then it ends.
    pub(super) failed: bool,
    /// What reading or writing failed with. A peer that has closed its end is no failure.
    pub(super) failure: Option<io::Error>,
    /// When one that is being closed is given up; 0: no time is set.
    pub(super) close_by: Micros,
    /// It is on the shard's list of connections to write to.
    pub(super) dirty: bool,
    /// It is on the shard's list of connections to read from.
    pub(super) ready: bool,
    /// The peer's end has been announced: a short read is not the last one.
    pub(super) ending: bool,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The core knows it.
    Open,
    /// The core has forgotten it, and it is being sent the rest.
    Closing(Closing),
    /// It has been sent everything; its input passes unread for a while.
    Lingering,
}

/// What came of a read.
pub(super) enum Got {
    /// So many bytes; more may be there.
    Bytes(usize),
    /// So many bytes, and no more for now: an event will tell.
    Last(usize),
    /// Nothing for now.
    Nothing,
    /// The end, or the connection broke.
    End,
}

impl Connection {
    pub(super) fn new(stream: Stream, generation: u32) -> Self {
        Self {
            peer: stream.peer(),
            stream,
            generation,
            framer: Framer::default(),
            unsent: Vec::new(),
            sent: 0,
            stage: Stage::Open,
            close_by: Micros::default(),
            blocked: false,
            failed: false,
            failure: None,
            dirty: false,
            ready: false,
            ending: false,
        }
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.unsent.len() - self.sent
    }

    /// One read. A short one has emptied the socket (epoll(7)), unless the end has been announced.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Got {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Got::End,
                Ok(n) if n < buffer.len() && !self.ending => return Got::Last(n),
                Ok(n) => return Got::Bytes(n),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.failed => return Got::Nothing,
                Err(error) => {
                    self.fail(error);
                    return Got::End;
                }
            }
        }
    }

    /// Writes until the socket takes no more. Returns what it took; see also `broken`.
    pub(super) fn write(&mut self) -> u64 {
        let before = self.sent;
        while !self.blocked && !self.failed && self.sent < self.unsent.len() {
            match self.stream.write(&self.unsent[self.sent..]) {
                Ok(n) => self.sent += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(error) => {
                    self.failed = true;
                    self.fail(error);
                }
            }
        }
        let taken = self.sent - before;
        // Moving the rest down once it is the smaller half costs each byte at most one copy more.
        if self.sent > self.unsent.len() / 2 {
            self.unsent.drain(..self.sent);
            self.sent = 0;
        }
        taken as u64
    }

    /// The peer is gone, for this reason. The first that the system tells is the real one.
    fn fail(&mut self, error: io::Error) {
        if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::WouldBlock) {
            self.failure.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_before_a_write_failed_is_still_read() {
        let (ours, mut theirs) = mio::net::UnixStream::pair().unwrap();
        let mut conn = Connection::new(Stream::Unix(ours), 0);
        theirs.write_all(b"{}\n").unwrap();
        drop(theirs);
        conn.unsent.extend(b"too late");
        assert_eq!((conn.write(), conn.failed), (0, true));
        let mut buffer = [0; 64];
        assert!(matches!(conn.read(&mut buffer), Got::Last(3) | Got::Bytes(3)));
        assert!(matches!(conn.read(&mut buffer), Got::End));
    }

    #[test]
    fn a_connection_that_broke_has_an_end_even_if_nothing_tells_of_it() {
        let (ours, _theirs) = mio::net::UnixStream::pair().unwrap();
        let mut conn = Connection::new(Stream::Unix(ours), 0);
        assert!(matches!(conn.read(&mut [0; 64]), Got::Nothing));
        conn.failed = true;
        assert!(matches!(conn.read(&mut [0; 64]), Got::End));
    }

    #[test]
    fn a_full_socket_takes_a_part_and_says_so() {
        let (ours, mut theirs) = mio::net::UnixStream::pair().unwrap();
        let mut conn = Connection::new(Stream::Unix(ours), 0);
        conn.unsent = vec![7; 16 << 20];
        let taken = usize::try_from(conn.write()).unwrap();
        assert!(conn.blocked && !conn.failed && (1..16 << 20).contains(&taken));
        assert_eq!(conn.unsent_bytes(), (16 << 20) - taken);
        let mut read = vec![0; taken];
        theirs.read_exact(&mut read).unwrap();
        conn.blocked = false;
        assert!(conn.write() > 0 && read.iter().all(|&byte| byte == 7));
    }
}
