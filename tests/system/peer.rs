//! A peer of a server whose connections may break at any time. It accepts the end of a connection, and is never silent for
//! long.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use socket2::{SockAddr, Socket, Type};

use crate::wait::{PATIENCE, until};

/// How long it waits for a line before it sends something.
const SILENCE: Duration = Duration::from_millis(100);

/// A connection, and the bytes that were received and not yet read as lines.
pub(crate) struct Peer {
    address: SockAddr,
    socket: Socket,
    unread: Vec<u8>,
    /// Connections that only woke the server.
    knocks: Vec<Socket>,
}

impl Peer {
    /// Connects, and tries again while the server cannot be reached.
    pub(crate) fn connect(address: &SockAddr) -> Self {
        let socket = until("a connection", || connect(address));
        socket.set_read_timeout(Some(SILENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { address: address.clone(), socket, unread: Vec::new(), knocks: Vec::new() }
    }

    /// Sends a line. Returns whether the connection accepted it.
    pub(crate) fn send(&mut self, line: &str) -> bool {
        self.socket.write_all(format!("{line}\n").as_bytes()).is_ok()
    }

    /// Returns the next line without its end, or `None` if the connection has ended or `enough` returns true.
    ///
    /// While nothing arrives, it sends an empty line and connects again: an edge-triggered poller that got a false `EAGAIN`
    /// looks again only when something new arrives.
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
