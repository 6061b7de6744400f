//! A connection as its shard keeps it: the socket, the partial line, the unsent bytes.

use std::io::{self, ErrorKind, Read, Write};

use super::connections::spare_buffers::BufferSize;
use super::stream::Peer;
use super::stream::Stream;
use super::unsent::Unsent;
use crate::dispatch::message::{Closing, Micros};
use crate::protocol::frame::Framer;

/// One connection.
#[expect(clippy::struct_excessive_bools, reason = "independent facts: two of the socket's, two of the shard's lists")]
pub(super) struct Connection {
    pub(super) stream: Stream,
    pub(super) peer: Peer,
    pub(super) generation: u32,
    pub(super) framer: Framer,
    /// Bytes for the peer. The buffer comes from the shard's spare buffers, so that an idle connection has none.
    pub(super) unsent: Unsent,
    /// The size of the buffer that it gets next.
    pub(super) buffer_size: BufferSize,
    pub(super) stage: Stage,
    /// The socket accepted no more bytes; an event comes when it accepts bytes again.
    pub(super) blocked: bool,
    /// A write failed. What the peer sent before is read first; then the connection ends.
    pub(super) failed: bool,
    /// The error of a read or write. A peer that has closed its end is not an error.
    pub(super) failure: Option<io::Error>,
    /// When a closing connection is dropped; 0 while no time is set.
    pub(super) close_by: Micros,
    /// The connection is on the shard's list of connections to write to.
    pub(super) dirty: bool,
    /// The connection is on the shard's list of connections to read from.
    pub(super) ready: bool,
    /// An event has announced the end of the input: a short read is not the last one.
    pub(super) ending: bool,
}

/// The stages of a connection, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The core knows it.
    Open,
    /// The core has removed it. What is unsent is still being sent.
    Closing(Closing),
    /// Everything was sent. Its input is discarded for a while.
    Lingering,
}

/// The outcome of a read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Got {
    /// This many bytes; more may be available.
    Bytes(usize),
    /// This many bytes, and no more for now: an event follows when there are more.
    Last(usize),
    /// No bytes for now.
    Nothing,
    /// The end of the input, or the connection is broken.
    End,
}

impl Connection {
    pub(super) fn new(stream: Stream, generation: u32) -> Self {
        Self {
            peer: stream.peer(),
            stream,
            generation,
            framer: Framer::default(),
            unsent: Unsent::default(),
            buffer_size: BufferSize::default(),
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

    /// Reads once. A short read has emptied the socket (epoll(7)), unless the end has been announced.
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

    /// Writes until the socket has accepted `share` bytes, or no more. Returns how many bytes it accepted; see also `failed`.
    pub(super) fn write(&mut self, share: usize) -> u64 {
        let mut written = 0;
        while !self.blocked && !self.failed && written < share {
            let next = self.unsent.next(share - written);
            if next.is_empty() {
                break;
            }
            match self.stream.write(next) {
                Ok(n) => {
                    self.unsent.advance(n);
                    written += n;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.blocked = true,
                Err(error) => {
                    self.failed = true;
                    self.fail(error);
                }
            }
        }
        self.unsent.compact();
        written as u64
    }

    /// Records why the connection broke. The first error that the system reports is the real one.
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
        conn.unsent.use_buffer(b"too late".to_vec());
        assert_eq!((conn.write(usize::MAX), conn.failed), (0, true));
        let mut buffer = [0; 64];
        assert!(matches!(conn.read(&mut buffer), Got::Last(3) | Got::Bytes(3)));
        assert!(matches!(conn.read(&mut buffer), Got::End));
    }

    #[test]
    fn a_connection_that_broke_has_an_end_even_if_nothing_reports_it() {
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
        conn.unsent.use_buffer(vec![7; 16 << 20]);
        let written = usize::try_from(conn.write(usize::MAX)).unwrap();
        assert!(conn.blocked && !conn.failed && (1..16 << 20).contains(&written));
        assert_eq!(conn.unsent.len(), (16 << 20) - written);
        let mut read = vec![0; written];
        theirs.read_exact(&mut read).unwrap();
        conn.blocked = false;
        assert!(conn.write(usize::MAX) > 0 && read.iter().all(|&byte| byte == 7));
    }
}
