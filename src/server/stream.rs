//! A connection's socket, TCP or UNIX, as one type that the shards read, write and register; and the name of its peer.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Duration;

use mio::event::Source;
use mio::{Interest, Registry, Token};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use socket2::{SockRef, TcpKeepalive};

use super::config::Keepalive;

/// A connected socket that never blocks.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Stream {
    /// Ends the sending direction. The peer reads what was sent, then the end, and may still send.
    pub(crate) fn end_writing(&self) {
        let ended = match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        };
        // It fails if the peer is gone, which the next read reports as well.
        drop(ended);
    }

    /// Returns the name of the program at the other end.
    pub(super) fn peer(&self) -> Peer {
        match self {
            Self::Tcp(stream) => stream.peer_addr().map_or(Peer::Gone, Peer::Tcp),
            Self::Unix(stream) => Peer::Unix(process_of(stream)),
        }
    }

    /// Sets the options of a TCP connection. Small lines are sent without delay. A peer that disappeared silently is
    /// detected in two ways: by keepalive while nothing is sent, by the user timeout while sent bytes are unacknowledged.
    /// A UNIX socket needs neither, because its peer cannot disappear silently.
    pub(crate) fn tune(&self, keepalive: &Keepalive) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        let socket = SockRef::from(stream);
        socket.set_tcp_nodelay(true)?;
        let probes = TcpKeepalive::new()
            .with_time(Duration::from_secs(keepalive.idle_seconds.into()))
            .with_interval(Duration::from_secs(keepalive.interval_seconds.into()))
            .with_retries(keepalive.count);
        socket.set_tcp_keepalive(&probes)?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(keepalive.user_timeout().min(USER_TIMEOUT_MAX)))?;
        Ok(())
    }
}

/// Returns the process that connected.
#[cfg(target_os = "linux")]
fn process_of(stream: &mio::net::UnixStream) -> Option<i32> {
    rustix::net::sockopt::socket_peercred(stream).ok().map(|peer| peer.pid.as_raw_nonzero().get())
}

/// Returns `None`, because not every other system names the process.
#[cfg(not(target_os = "linux"))]
fn process_of(_: &mio::net::UnixStream) -> Option<i32> {
    None
}

/// The kernel keeps the user timeout as a signed number of milliseconds.
#[cfg(target_os = "linux")]
const USER_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

/// A peer that is gone is an error of the write, not a signal. Where the flag is missing, the process ignores the signal.
#[cfg(not(target_vendor = "apple"))]
const SEND_FLAGS: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const SEND_FLAGS: SendFlags = SendFlags::empty();

/// Reads and writes go to the system directly. The functions of the C library, which std calls, first see to the
/// cancellation of threads, which takes more than 1% of a busy server's time.
impl Read for Stream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (n, _) = match self {
            Self::Tcp(stream) => recv(stream, into, RecvFlags::empty()),
            Self::Unix(stream) => recv(stream, into, RecvFlags::empty()),
        }?;
        Ok(n)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(match self {
            Self::Tcp(stream) => send(stream, bytes, SEND_FLAGS),
            Self::Unix(stream) => send(stream, bytes, SEND_FLAGS),
        }?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(()) // Sockets buffer nothing here.
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.register(registry, token, interest),
            Self::Unix(stream) => stream.register(registry, token, interest),
        }
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.reregister(registry, token, interest),
            Self::Unix(stream) => stream.reregister(registry, token, interest),
        }
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.deregister(registry),
            Self::Unix(stream) => stream.deregister(registry),
        }
    }
}

/// The program at the other end. It is read when a connection opens, because a broken connection no longer has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// Its address.
    Tcp(SocketAddr),
    /// Its process, if the system names it.
    Unix(Option<i32>),
    /// Unknown: it had already left.
    Gone,
}

/// Formats `10.0.0.7:51234`, `[::1]:51234` or `unix peer 4242` (its process).
impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(Some(process)) => write!(f, "unix peer {process}"),
            Self::Unix(None) => f.write_str("unix peer"),
            Self::Gone => f.write_str("a peer that had left"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Returns a TCP stream as the acceptor makes it, and its peer.
    fn tcp_pair() -> (Stream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (accepted, _) = listener.accept().unwrap();
        accepted.set_nonblocking(true).unwrap();
        (Stream::Tcp(mio::net::TcpStream::from_std(accepted)), peer)
    }

    fn unix_pair() -> (Stream, UnixStream) {
        let (own, peer) = UnixStream::pair().unwrap();
        own.set_nonblocking(true).unwrap();
        (Stream::Unix(mio::net::UnixStream::from_std(own)), peer)
    }

    #[test]
    fn f03_a_tuned_tcp_stream_finds_silent_peers() {
        let (stream, _peer) = tcp_pair();
        stream.tune(&Keepalive { idle_seconds: 7, interval_seconds: 2, count: 4 }).unwrap();
        let Stream::Tcp(inner) = &stream else { unreachable!() };
        let socket = SockRef::from(inner);
        assert!(socket.keepalive().unwrap() && socket.tcp_nodelay().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(7));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(2));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 4);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(15)));
    }

    #[test]
    fn the_longest_keepalive_is_taken() {
        let (stream, _peer) = tcp_pair();
        stream.tune(&Keepalive { idle_seconds: 32_767, interval_seconds: 32_767, count: 127 }).unwrap();
    }

    #[test]
    fn the_end_of_writing_reaches_the_peer_who_may_still_send() {
        fn check(mut stream: Stream, mut peer: impl Read + Write) {
            stream.tune(&Keepalive::default()).unwrap();
            assert_eq!(stream.write(b"last\r\n").unwrap(), 6);
            stream.end_writing();
            let mut read = String::new();
            peer.read_to_string(&mut read).unwrap();
            assert_eq!(read, "last\r\n");
            peer.write_all(b"x").unwrap();
            drop(peer);
            let mut into = [0; 8];
            while stream.read(&mut into).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock) {
                std::thread::yield_now();
            }
            assert_eq!(into[0], b'x');
            stream.end_writing();
        }
        let (stream, peer) = tcp_pair();
        check(stream, peer);
        let (stream, peer) = unix_pair();
        check(stream, peer);
    }

    #[test]
    fn a_peer_is_named_so_that_it_can_be_found() {
        let tcp = |text: &str| Peer::Tcp(text.parse().unwrap()).to_string();
        assert_eq!([tcp("10.0.0.7:51234"), tcp("[::1]:2")], ["10.0.0.7:51234", "[::1]:2"]);
        assert_eq!(Peer::Unix(Some(4242)).to_string(), "unix peer 4242");
        assert_eq!([Peer::Unix(None), Peer::Gone].map(|peer| peer.to_string()), ["unix peer", "a peer that had left"]);
    }
}
