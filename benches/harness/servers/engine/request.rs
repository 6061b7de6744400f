//! As much of NATS's protocol as a request to its administration needs.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer may take. A server that is stopped gives none.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Where the answers go.
const INBOX: &str = "_INBOX.engine";

/// A connection to a nats-server.
pub(super) struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects; `None` if no server listens.
    pub(super) fn open(address: SocketAddr) -> Option<Self> {
        let socket = TcpStream::connect_timeout(&address, TIMEOUT).ok()?;
        socket.set_read_timeout(Some(TIMEOUT)).ok()?;
        let mut connection = Self(BufReader::new(socket));
        connection.send(&format!("CONNECT {{\"verbose\":false}}\r\nSUB {INBOX} 1\r\n"))?;
        Some(connection)
    }

    /// Sends a request; `None` if no answer comes.
    pub(super) fn request(&mut self, subject: &str, payload: &str) -> Option<Value> {
        self.send(&format!("PUB {subject} {INBOX} {}\r\n{payload}\r\n", payload.len()))?;
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).ok()? == 0 {
                return None;
            }
            let mut words = line.split_whitespace();
            match words.next() {
                Some("MSG") => {
                    let mut payload = vec![0; words.last()?.parse().ok()?];
                    self.0.read_exact(&mut payload).ok()?;
                    return serde_json::from_slice(&payload).ok();
                }
                Some("PING") => self.send("PONG\r\n")?,
                _ => {}
            }
        }
    }

    fn send(&mut self, text: &str) -> Option<()> {
        self.0.get_mut().write_all(text.as_bytes()).ok()
    }
}
