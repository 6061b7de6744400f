//! A connection that waits: for what has to be asked and answered one after the other.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::conn::{Address, Socket};

/// See the module.
#[derive(Debug)]
pub(crate) enum Blocking {
    /// TCP.
    Tcp(TcpStream),
    /// UNIX.
    Unix(UnixStream),
}

impl Blocking {
    /// Connects. A read or write that does not end within `patience` fails.
    pub(crate) fn connect(address: &Address, patience: Duration) -> io::Result<Self> {
        let stream = match address {
            Address::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                Self::Tcp(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(patience))?;
                stream.set_write_timeout(Some(patience))?;
                Self::Unix(stream)
            }
        };
        Ok(stream)
    }

    /// Writes all of it.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }

    /// Reads the next line, its end included, and nothing of what is behind it.
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

    /// Reads so many lines, and does not look at them. Nothing else may be due.
    pub(crate) fn skip_lines(&mut self, lines: usize, buffer: &mut [u8]) -> io::Result<()> {
        let mut left = lines;
        while left > 0 {
            let count = match self {
                Self::Tcp(stream) => stream.read(buffer)?,
                Self::Unix(stream) => stream.read(buffer)?,
            };
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            left = left.saturating_sub(memchr::memchr_iter(b'\n', &buffer[..count]).count());
        }
        Ok(())
    }

    /// Waits no more.
    pub(crate) fn into_socket(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(stream) => Socket::tcp(stream),
            Self::Unix(stream) => Socket::unix(stream),
        }
    }
}
