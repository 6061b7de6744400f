//! A server whose lines the test writes: it says exactly these bytes, and closes when the test wants.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use crate::wait::{PATIENCE, until};

/// A port that somebody listens on.
pub(crate) struct Fake(TcpListener);

impl Fake {
    pub(crate) fn start() -> Self {
        Self::of(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    pub(crate) fn of(listener: TcpListener) -> Self {
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn url(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    /// The next connection.
    pub(crate) fn accept(&self) -> Peer {
        let (stream, _) = until("a connection", || self.0.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream, unread: Vec::new() }
    }
}

/// A connection of the program under test, as the server has it.
pub(crate) struct Peer {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Peer {
    /// The next line without its end; none at the end of the connection.
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

    /// Says bytes as they are. The program may close the connection before it has taken all.
    pub(crate) fn say(&mut self, bytes: impl AsRef<[u8]>) {
        match self.stream.write_all(bytes.as_ref()) {
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {}
            said => said.unwrap(),
        }
    }

    /// Says a line.
    pub(crate) fn say_line(&mut self, line: &str) {
        self.say(format!("{line}\r\n"));
    }

    /// Answers the question that comes before the first long line.
    pub(crate) fn answer_metrics(&mut self) {
        self.expect(r#"{"cmd":"metrics","types":false}"#);
        self.say_line(r#"{"cmd":"metrics","metrics":{"max_line":16777216}}"#);
    }

    /// Ends what is said, and reads on.
    pub(crate) fn end(&mut self) {
        self.stream.shutdown(Shutdown::Write).unwrap();
    }
}
