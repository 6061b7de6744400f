//! A server that the test plays: it sends exactly the given bytes, and closes on demand.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use deputy::client::{Client, Options};

use crate::wait::{PATIENCE, until};

/// A port that listens.
pub(crate) struct Fake(TcpListener);

impl Fake {
    pub(crate) fn start() -> Self {
        Self::of(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// Returns a server, a client with these options that has connected to it, and the server's side.
    pub(crate) fn connected(options: Options) -> (Self, Client, Peer) {
        let fake = Self::start();
        let client = options.connect(&fake.url()).unwrap();
        let peer = fake.accept();
        (fake, client, peer)
    }

    pub(crate) fn of(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn url(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// Waits for the next connection.
    pub(crate) fn accept(&self) -> Peer {
        let (stream, _) = until("a connection", || self.0.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream, unread: Vec::new() }
    }
}

/// The server's side of a connection.
pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    /// Reads the next line, without its end. None at the end of the connection.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Some(String::from_utf8(line).unwrap().trim_end().to_owned());
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("a line was waited for in vain: {error}"),
            }
        }
    }

    pub(crate) fn expect(&mut self, line: &str) {
        assert_eq!(self.next_line().as_deref(), Some(line));
    }

    pub(crate) fn expect_closed(&mut self) {
        assert_eq!(self.next_line(), None);
    }

    /// Sends bytes as they are. The program may close the connection before it has read all of them.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        match self.stream.write_all(bytes.as_ref()) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            written => written.unwrap(),
        }
    }

    /// Sends a line.
    pub(crate) fn send_line(&mut self, line: &str) {
        self.send(format!("{line}\r\n"));
    }

    /// Answers the question that comes before the first long line.
    pub(crate) fn answer_metrics(&mut self) {
        self.expect(r#"{"cmd":"metrics","types":false}"#);
        self.send_line(r#"{"cmd":"metrics","metrics":{"max_line":16777216}}"#);
    }

    /// Ends the output, and goes on reading.
    pub(crate) fn end_output(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}
