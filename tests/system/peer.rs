//! A peer of a server whose connections may break at any time: it takes the end of a connection as it comes, and never
//! leaves the server in silence for long.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use socket2::{SockAddr, Socket, Type};

use crate::wait::{PATIENCE, until};

/// How long it waits for a line before it makes the server look again.
const SILENCE: Duration = Duration::from_millis(100);

/// A connection, and what came over it that no one has looked at.
pub(crate) struct Peer {
    address: SockAddr,
    socket: Socket,
    unread: Vec<u8>,
    /// Connections that only knocked.
    knocks: Vec<Socket>,
}

impl Peer {
    /// Connects; again, if the server is not to be reached at the first try.
    pub(crate) fn connect(address: &SockAddr) -> Self {
        let socket = until("a connection", || connect(address));
        socket.set_read_timeout(Some(SILENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { address: address.clone(), socket, unread: Vec::new(), knocks: Vec::new() }
    }

    /// Sends a line; whether the connection took it.
    pub(crate) fn send(&mut self, line: &str) -> bool {
        self.socket.write_all(format!("{line}\n").as_bytes()).is_ok()
    }

    /// The next line without its end, or none: the connection has ended, or `enough` says so.
    ///
    /// While nothing comes, it sends an empty line and knocks: an edge-triggered poller that was told a lie (`EAGAIN`
    /// for a socket that has something) looks again when something new comes, and not before.
    pub(crate) fn line(&mut self, enough: impl Fn() -> bool) -> Option<String> {
        let start = Instant::now();
        loop {
            if let Some(at) = self.unread.iter().position(|&byte| byte == b'\n') {
                let rest = self.unread.split_off(at + 1);
                let line = std::mem::replace(&mut self.unread, rest);
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            let mut buffer = [0; 16 << 10];
            match self.socket.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if enough() {
                        return None;
                    }
                    assert!(start.elapsed() < PATIENCE, "waited in vain for a line");
                    self.send("");
                    self.knocks.extend(connect(&self.address));
                }
                Err(_) => return None,
            }
        }
    }
}

fn connect(address: &SockAddr) -> Option<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None).unwrap();
    socket.connect(address).is_ok().then_some(socket)
}
