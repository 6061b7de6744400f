//! A blocking client of the line protocol, over TCP or a UNIX socket. It knows lines and deadlines. Of the
//! commands it knows only `ping` and `metrics`, which tests use to wait.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr};

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::wait::{PATIENCE, until};

/// A connection, and the bytes that were received and not read by the test.
pub(crate) struct Client {
    name: String,
    socket: Socket,
    unread: Vec<u8>,
}

impl Client {
    /// Connects; `name` is for the messages of failing tests.
    pub(crate) fn connect(name: &str, address: &SockAddr) -> Self {
        let socket = new_socket(address);
        socket.connect(address).unwrap_or_else(|error| panic!("{name} cannot connect to {address:?}: {error}"));
        if !address.is_unix() {
            socket.set_tcp_nodelay(true).unwrap();
        }
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { name: name.to_owned(), socket, unread: Vec::new() }
    }

    /// Returns whether a server listens there.
    pub(crate) fn can_connect(address: &SockAddr) -> bool {
        new_socket(address).connect(address).is_ok()
    }

    /// Returns the address of its own end; over TCP only.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap().as_socket().expect("this is a TCP connection")
    }

    /// Sends a line, ended by LF.
    pub(crate) fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes());
    }

    /// Sends bytes as they are, in as few writes as the system takes.
    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap_or_else(|error| panic!("{} cannot send: {error}", self.name));
    }

    /// Sends as much as the server takes before it closes the connection. Returns whether it took all.
    pub(crate) fn try_send_bytes(&mut self, bytes: &[u8]) -> bool {
        match self.socket.write_all(bytes) {
            Ok(()) => true,
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => false,
            Err(error) => panic!("{} cannot send: {error}", self.name),
        }
    }

    /// Sends a last line and closes the connection; over TCP the two go in one segment.
    pub(crate) fn leave_with(mut self, line: &str) {
        #[cfg(target_os = "linux")]
        if self.socket.domain().unwrap() != Domain::UNIX {
            self.socket.set_tcp_cork(true).unwrap();
        }
        self.send(line);
    }

    /// Ends the input of the server, and goes on reading.
    pub(crate) fn end_input(&mut self) {
        self.socket.shutdown(Shutdown::Write).unwrap();
    }

    /// Returns the next line without its end, or `None` when the server has closed the connection.
    pub(crate) fn next_line(&mut self) -> Option<String> {
        let mut searched = 0;
        loop {
            if let Some(at) = self.unread[searched..].iter().position(|&byte| byte == b'\n') {
                return Some(self.take_line(searched + at + 1));
            }
            searched = self.unread.len();
            if !self.read_more() {
                assert!(self.unread.is_empty(), "{} was sent half a line", self.name);
                return None;
            }
        }
    }

    /// Returns the next line. Panics if the connection is closed.
    pub(crate) fn line(&mut self) -> String {
        self.next_line().unwrap_or_else(|| panic!("{}: the connection was closed", self.name))
    }

    /// Checks that this is the next line.
    pub(crate) fn expect(&mut self, line: &str) {
        let got = self.line();
        assert_eq!(got, line, "{} was sent another line", self.name);
    }

    /// Checks that the next line is an error with this code, and with `id` if one is given.
    pub(crate) fn expect_error(&mut self, code: &str, id: Option<&str>) {
        let got = self.line();
        let begins = got.starts_with(&format!(r#"{{"cmd":"error","code":"{code}","error":""#));
        let ends = id.map_or_else(|| !got.contains(r#","id":"#), |id| got.ends_with(&format!(r#"","id":{id}}}"#)));
        assert!(begins && ends, "{}: expected error {code} with id {id:?}, got {got}", self.name);
    }

    /// Checks that no line comes before the answer to a `ping`.
    pub(crate) fn expect_nothing(&mut self) {
        self.send(r#"{"cmd":"ping"}"#);
        self.expect(r#"{"cmd":"pong"}"#);
    }

    /// Checks that the server closes the connection without another line.
    pub(crate) fn expect_closed(&mut self) {
        let next = self.next_line();
        assert_eq!(next, None, "{}: expected the end of the connection", self.name);
    }

    /// Reads to the end of the connection. Returns how many bytes came.
    pub(crate) fn drain(&mut self) -> usize {
        while self.read_more() {}
        self.unread.len()
    }

    /// Returns the metrics. No other line may come before them.
    pub(crate) fn metrics(&mut self) -> Value {
        self.metrics_with("")
    }

    /// As [`Client::metrics`], with more members in the question.
    pub(crate) fn metrics_with(&mut self, members: &str) -> Value {
        self.send(&format!(r#"{{"cmd":"metrics"{members}}}"#));
        let line = self.line();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["cmd"], "metrics", "{} was sent {line}", self.name);
        answer["metrics"].take()
    }

    /// Asks for the metrics until this one has this value.
    pub(crate) fn until_metric(&mut self, metric: &str, value: u64) {
        let mut last = Value::Null;
        let what = format!("{}: {metric} = {value}", self.name);
        until(&what, || {
            last = self.metrics()[metric].take();
            assert!(last.is_number(), "there is no metric {metric}");
            (last == value).then_some(())
        });
    }

    /// Asks for the metrics until the server holds less than 1 KiB: the query itself may count.
    pub(crate) fn until_little_is_held(&mut self) {
        until("memory given back", || (self.metrics()["bytes_held"].as_u64().unwrap() < 1024).then_some(()));
    }

    fn take_line(&mut self, length: usize) -> String {
        let rest = self.unread.split_off(length);
        let mut line = std::mem::replace(&mut self.unread, rest);
        assert!(line.ends_with(b"\r\n"), "{}: a line must end with CRLF", self.name);
        line.truncate(length - 2);
        String::from_utf8(line).unwrap()
    }

    /// Reads once. Returns false at the end. A reset is an end: it comes when the server closes without having read
    /// everything.
    fn read_more(&mut self) -> bool {
        let old = self.unread.len();
        self.unread.resize(old + (64 << 10), 0);
        let read = loop {
            match self.socket.read(&mut self.unread[old..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let count = match read {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            Err(error) => panic!("{} waits in vain for a line or the end: {error}", self.name),
        };
        self.unread.truncate(old + count);
        count > 0
    }
}

fn new_socket(address: &SockAddr) -> Socket {
    Socket::new(address.domain(), Type::STREAM, None).unwrap()
}
