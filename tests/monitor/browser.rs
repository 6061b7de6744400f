//! A small HTTP client: it sends any bytes, and reads answers.

#![allow(dead_code, reason = "each test program uses a part of this")]

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};

use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use crate::wait::PATIENCE;

/// A connection.
pub(crate) struct Browser {
    reader: BufReader<Socket>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    fields: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn connect(address: &SockAddr) -> Self {
        let kind = Type::STREAM;
        let socket = Socket::new(Domain::from(i32::from(address.family())), kind, None).unwrap();
        socket.connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_write_timeout(Some(PATIENCE)).unwrap();
        Self { reader: BufReader::new(socket) }
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Sends bytes to a server that may have closed the connection.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.reader.get_mut().write_all(bytes).is_ok()
    }

    /// Asks for a path, and reads the answer.
    pub(crate) fn get(&mut self, target: &str) -> Answer {
        self.send(&get(target));
        self.answer()
    }

    /// Reads an answer.
    pub(crate) fn answer(&mut self) -> Answer {
        self.try_answer(true).unwrap_or_else(|| panic!("the connection was closed"))
    }

    /// Reads an answer to HEAD.
    pub(crate) fn answer_without_body(&mut self) -> Answer {
        self.try_answer(false).unwrap()
    }

    /// Reads an answer; none if the connection was closed instead.
    pub(crate) fn try_answer(&mut self, has_body: bool) -> Option<Answer> {
        let status_line = self.line().filter(|line| !line.is_empty())?;
        let status =
            status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let mut fields = Vec::new();
        loop {
            let line = self.line().unwrap();
            let Some((name, value)) = line.split_once(": ") else {
                assert_eq!(line, "");
                break;
            };
            fields.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status: status.unwrap(), fields, body: String::new() };
        if has_body {
            let mut body = vec![0; answer.field("content-length").unwrap().parse().unwrap()];
            self.reader.read_exact(&mut body).unwrap();
            answer.body = String::from_utf8(body).unwrap();
        }
        Some(answer)
    }

    /// Checks that the server closes the connection without another byte.
    pub(crate) fn expect_end(&mut self) {
        let mut byte = [0];
        match self.reader.read(&mut byte) {
            Ok(0) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}, {byte:?}"),
        }
    }

    /// Returns the next line without its end; none at the end of the connection.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = match self.reader.read_line(&mut line) {
            // A reset is an end too: the server had not read all.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
            other => other.unwrap_or_else(|error| panic!("no answer: {error}")),
        };
        (count > 0).then(|| line.strip_suffix("\r\n").unwrap().to_owned())
    }
}

impl Answer {
    /// Returns the value of a header field.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Returns the value of a sample.
    pub(crate) fn sample(&self, name: &str) -> Option<f64> {
        self.body.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }
}

/// Returns a request.
pub(crate) fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n")
}
