//! A nonblocking connection over TCP or a UNIX socket: complete messages in, batched bytes out.
//!
//! Sockets are edge-triggered: registered once, read until a short read, written once per turn.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use mio::net::{TcpStream, UnixStream};
use mio::{Interest, Registry, Token};

/// Where a server listens.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// A TCP address.
    Tcp(SocketAddr),
    /// The path of a UNIX socket.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
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
    /// Connects; returns when the server's system has accepted the connection.
    pub(crate) fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => Self::tcp(std::net::TcpStream::connect(address)?),
            Address::Unix(path) => Self::unix(std::os::unix::net::UnixStream::connect(path)?),
        }
    }

    /// Connects with a small TCP receive buffer, so that the system holds few unread bytes.
    pub(crate) fn connect_narrow(address: &Address) -> io::Result<Self> {
        const RECEIVE_BYTES: usize = 16 << 10;
        let Address::Tcp(address) = address else { return Self::connect(address) };
        let socket = socket2::Socket::new(socket2::Domain::for_address(*address), socket2::Type::STREAM, None)?;
        socket.set_recv_buffer_size(RECEIVE_BYTES)?;
        socket.connect(&(*address).into())?;
        Self::tcp(socket.into())
    }

    /// Wraps a connected stream.
    pub(crate) fn tcp(stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Self::Tcp(TcpStream::from_std(stream)))
    }

    /// Wraps a connected stream.
    pub(crate) fn unix(stream: std::os::unix::net::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self::Unix(UnixStream::from_std(stream)))
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

/// Whether the peer may send more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// It may.
    Open,
    /// It has ended its side.
    Ended,
}

/// Bytes that one system call may read or write.
const CALL_BYTES: usize = 64 << 10;

/// The bytes of one read, shared by the connections of a thread.
pub(crate) type Chunk = Box<[u8]>;

/// Returns a buffer for reads.
pub(crate) fn chunk() -> Chunk {
    vec![0; CALL_BYTES].into_boxed_slice()
}

/// A socket with the incomplete message that arrived and the bytes that wait to be sent.
#[derive(Debug)]
pub(crate) struct Conn {
    socket: Socket,
    /// The beginning of a message whose end has not arrived.
    partial: Vec<u8>,
    /// Bytes to send: append here, [`Conn::flush`] sends them.
    pub(crate) unsent: Vec<u8>,
    /// How many bytes of `unsent` were sent already.
    sent: usize,
}

impl Conn {
    /// Registers a socket with the poller, once and for both directions.
    pub(crate) fn register(mut socket: Socket, registry: &Registry, token: Token) -> io::Result<Self> {
        socket.register(registry, token)?;
        Ok(Self { socket, partial: Vec::new(), unsent: Vec::new(), sent: 0 })
    }

    /// Reads what has arrived. `may_end` says whether a message may end in these bytes, which arrived last. `take` takes
    /// complete messages off the front of its input and appends to the unsent bytes; what it leaves is kept.
    pub(crate) fn read<E: From<io::Error>>(
        &mut self,
        chunk: &mut [u8],
        may_end: impl Fn(&[u8]) -> bool,
        mut take: impl FnMut(&mut &[u8], &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Input, E> {
        loop {
            match self.socket.read(chunk) {
                Ok(0) => return Ok(Input::Ended),
                Ok(count) => {
                    let fresh = &chunk[..count];
                    if self.partial.is_empty() {
                        let mut rest = fresh;
                        take(&mut rest, &mut self.unsent)?;
                        self.partial.extend_from_slice(rest);
                    } else {
                        self.partial.extend_from_slice(fresh);
                        if may_end(fresh) {
                            let mut rest = &self.partial[..];
                            take(&mut rest, &mut self.unsent)?;
                            let taken = self.partial.len() - rest.len();
                            self.partial.drain(..taken);
                        }
                    }
                    if count < chunk.len() {
                        return Ok(Input::Open);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Input::Open),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sends what the system takes of the unsent bytes; the rest waits for a writable event. Returns whether it took any.
    ///
    /// A system call sends a part only: some kernels interrupt no call, and the call of a large job would hold up the threads
    /// on the same core that measure the small ones.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        let sent_before = self.sent;
        while self.sent < self.unsent.len() {
            let end = self.unsent.len().min(self.sent + CALL_BYTES);
            match self.socket.write(&self.unsent[self.sent..end]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let progress = self.sent > sent_before;
        // Moving the rest only when it is the smaller part keeps the cost of a large backlog linear.
        if self.sent > self.unsent.len() / 2 {
            self.unsent.drain(..self.sent);
            self.sent = 0;
        }
        Ok(progress)
    }
}
