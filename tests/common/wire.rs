//! A connection that may fail at any time: nothing that the server or the system does to it is an error here, and it can
//! be ended in all the ways that real peers end.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use socket2::{SockAddr, Socket, Type};

use crate::wait::PATIENCE;

/// How long one read waits: how late an actor may notice that its time is over.
const TICK: Duration = Duration::from_millis(5);

/// Bytes that a read asks for, unless it must ask for fewer.
const READ_BYTES: usize = 64 << 10;

/// A connection, and what came over it that no one has looked at.
pub(crate) struct Wire {
    socket: Socket,
    unread: Vec<u8>,
    /// Where in `unread` the next line begins.
    at: usize,
    /// Bytes that a read asks for.
    pub(crate) read_bytes: usize,
}

/// What came.
pub(crate) enum Received {
    Line(String),
    /// Nothing whole, for now.
    Nothing,
    /// The connection is over.
    End,
}

/// How a peer ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// In good order.
    Close,
    /// With a reset, where the transport has one: what is on its way is lost.
    Reset,
}

impl Leave {
    pub(crate) const ALL: [Self; 2] = [Self::Close, Self::Reset];
}

impl Wire {
    /// A new connection, unless the server does not take it.
    pub(crate) fn connect(address: &SockAddr) -> Option<Self> {
        Self::start(Socket::new(address.domain(), Type::STREAM, None).unwrap(), address)
    }

    /// Connects with a small receive buffer, so that little can wait unread. (A smaller buffer that is set later makes the
    /// system drop segments within the old limit, among them acknowledgements.)
    pub(crate) fn connect_narrow(address: &SockAddr) -> Option<Self> {
        let socket = Socket::new(address.domain(), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(16 << 10).unwrap();
        Self::start(socket, address)
    }

    fn start(socket: Socket, address: &SockAddr) -> Option<Self> {
        socket.set_read_timeout(Some(TICK)).unwrap();
        // A server that is stopped for a moment reads on later; one that never does is a fault of its own.
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        socket.connect(address).ok()?;
        Some(Self { socket, unread: Vec::new(), at: 0, read_bytes: READ_BYTES })
    }

    /// Sends bytes; false if the connection is over.
    ///
    /// # Panics
    /// If the server does not take them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        match self.socket.write_all(bytes.as_ref()) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => panic!("the server stopped to read"),
            Err(_) => false,
        }
    }

    /// The next line without its end.
    pub(crate) fn receive(&mut self) -> Received {
        let mut searched = self.at;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.unread[searched..]) {
                let line = String::from_utf8_lossy(&self.unread[self.at..searched + end]).trim_end().to_owned();
                self.at = searched + end + 1;
                return Received::Line(line);
            }
            self.unread.drain(..std::mem::take(&mut self.at));
            searched = self.unread.len();
            match self.read() {
                Ok(0) => return Received::End,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Received::End,
            }
        }
    }

    /// Reads once, and looks at nothing.
    pub(crate) fn read_once(&mut self) {
        // The next one that matters fails as well.
        let _ = self.read();
    }

    /// Ends it.
    pub(crate) fn leave(self, how: Leave) {
        self.will_leave(how);
    }

    fn read(&mut self) -> std::io::Result<usize> {
        let old = self.unread.len();
        self.unread.resize(old + self.read_bytes, 0);
        let read = self.socket.read(&mut self.unread[old..]);
        self.unread.truncate(old + read.as_ref().map_or(0, |&count| count));
        read
    }

    /// Ends one direction. It fails where the connection is over already, which the next read shows.
    pub(crate) fn shut(&mut self, side: Shutdown) {
        let _ = self.socket.shutdown(side);
    }

    /// It will end like this, when it is dropped.
    pub(crate) fn will_leave(&self, how: Leave) {
        if how == Leave::Reset {
            self.socket.set_linger(Some(Duration::ZERO)).unwrap();
        }
    }
}
