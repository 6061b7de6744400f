//! A connection that does not block: whole lines in, batched bytes out. TCP or UNIX alike.
//!
//! Sockets are edge-triggered: registered once, read until a short read, written once a turn.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

/// A stream of either kind.
#[derive(Debug)]
pub(crate) enum Socket {
    /// TCP.
    Tcp(TcpStream),
    /// UNIX.
    Unix(UnixStream),
}

impl Socket {
    /// Connects, and returns when the server's system has taken the connection.
    pub(crate) fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let stream = std::net::TcpStream::connect(address)?;
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                Ok(Self::Tcp(TcpStream::from_std(stream)))
            }
            Address::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_nonblocking(true)?;
                Ok(Self::Unix(UnixStream::from_std(stream)))
            }
        }
    }

    fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        match self {
            Self::Tcp(stream) => registry.register(stream, token, interest),
            Self::Unix(stream) => registry.register(stream, token, interest),
        }
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(into),
            Self::Unix(stream) => stream.read(into),
        }
    }

    fn write(&mut self, from: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(from),
            Self::Unix(stream) => stream.write(from),
        }
    }
}

/// Whether the peer may still send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// There may be more.
    Open,
    /// It has ended.
    Ended,
}

/// What the connections of a thread share: the bytes of one read, and the whole lines of one connection's turn.
#[derive(Debug)]
pub(crate) struct Inbox {
    chunk: Vec<u8>,
    /// Ends with a line's end, or is empty.
    pub(crate) lines: Vec<u8>,
}

impl Inbox {
    const CHUNK_BYTES: usize = 64 << 10;

    /// An empty one.
    pub(crate) fn new() -> Self {
        Self { chunk: vec![0; Self::CHUNK_BYTES], lines: Vec::new() }
    }
}

/// A socket with what is unfinished in both directions.
#[derive(Debug)]
pub(crate) struct Conn {
    socket: Socket,
    partial: Vec<u8>,
    /// Append here; [`Conn::flush`] sends it.
    pub(crate) unsent: Vec<u8>,
    /// How much of `unsent` was sent already.
    sent: usize,
}

impl Conn {
    /// Puts a socket under the poller's eye, for both directions and for good.
    pub(crate) fn register(mut socket: Socket, registry: &Registry, token: Token) -> io::Result<Self> {
        socket.register(registry, token)?;
        Ok(Self { socket, partial: Vec::new(), unsent: Vec::new(), sent: 0 })
    }

    /// Reads what is there, and leaves its whole lines in `inbox.lines`.
    pub(crate) fn read_lines(&mut self, inbox: &mut Inbox) -> io::Result<Input> {
        inbox.lines.clear();
        loop {
            match self.socket.read(&mut inbox.chunk) {
                Ok(0) => return Ok(Input::Ended),
                Ok(count) => {
                    self.sort(&inbox.chunk[..count], &mut inbox.lines);
                    if count < inbox.chunk.len() {
                        return Ok(Input::Open);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Input::Open),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn sort(&mut self, bytes: &[u8], lines: &mut Vec<u8>) {
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |line_end| line_end + 1);
        if whole > 0 {
            lines.append(&mut self.partial);
            lines.extend_from_slice(&bytes[..whole]);
        }
        self.partial.extend_from_slice(&bytes[whole..]);
    }

    /// Sends what the system takes of the unsent bytes; the rest waits for a writable event. Says whether it took any.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let sent_before = self.sent;
        while self.sent < self.unsent.len() {
            match self.socket.write(&self.unsent[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let progress = self.sent > sent_before;
        // Moving the rest forward only when it is the smaller part keeps large backlogs linear.
        if self.sent > self.unsent.len() / 2 {
            self.unsent.drain(..self.sent);
            self.sent = 0;
        }
        Ok(progress)
    }
}
