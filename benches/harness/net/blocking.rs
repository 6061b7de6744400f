//! A blocking connection, for questions that are asked and answered one after the other.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::harness::net::conn::{Address, Socket};

/// A blocking stream, of either kind.
#[derive(Debug)]
pub(crate) enum Blocking {
    /// TCP.
    Tcp(TcpStream),
    /// UNIX.
    Unix(UnixStream),
}

impl Blocking {
    /// Connects. A read or write that takes longer than `timeout` fails.
    pub(crate) fn connect(address: &Address, timeout: Duration) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                Self::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(timeout))?;
                stream.set_write_timeout(Some(timeout))?;
                Self::Unix(stream)
            }
        };
        Ok(stream)
    }

    /// Writes all bytes.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Reads the next line with its end, and nothing after it.
    pub(crate) fn read_line(&mut self) -> io::Result<String> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        while byte != *b"\n" {
            match self {
                Self::Tcp(stream) => stream.read_exact(&mut byte)?,
                Self::Unix(stream) => stream.read_exact(&mut byte)?,
            }
            line.extend_from_slice(&byte);
        }
        String::from_utf8(line).map_err(io::Error::other)
    }

    /// Reads what has arrived, or waits for it. Returns 0 if the peer has ended its side.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }

    /// Reads and discards this many lines. The server may not send anything else meanwhile.
    pub(crate) fn skip_lines(&mut self, lines: usize, buffer: &mut [u8]) -> io::Result<()> {
        let mut left = lines;
        while left > 0 {
            let count = self.read(buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(memchr::memchr_iter(b'\n', &buffer[..count]).count());
        }
        Ok(())
    }

    /// Turns it into a nonblocking socket.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(stream) => Socket::tcp(stream),
            Self::Unix(stream) => Socket::unix(stream),
        }
    }
}
