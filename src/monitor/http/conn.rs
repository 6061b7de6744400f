//! One connection: its bytes, its deadlines and its stage. It reads a request, waits for figures if the request needs
//! fresh ones, sends the answer, and reads the next request. While it has an answer to send it reads nothing. So
//! pipelined requests are answered in order and take no memory beyond one head.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::date::HttpDate;
use super::request::{Method, Parsed, Refusal, Request, parse};
use super::response::Response;
use crate::limits::{HTTP_HEAD_BYTES_MAX, HTTP_HEAD_MS, HTTP_IDLE_MS, HTTP_WAIT_MS, HTTP_WRITE_MS, LINGER_MS};
use crate::server::Stream;

/// A body up to this many bytes is sent in one piece with its head.
const ONE_WRITE_BYTES: usize = 16 << 10;

/// Reads of a lingering connection in one turn, so that none holds up the others.
const DISCARDS_PER_TURN: usize = 16;

/// The stage of a connection.
#[derive(Debug)]
enum Stage {
    /// The connection waits for a request, or has a part of one.
    Reading,
    /// The connection's request waits for fresh figures.
    Waiting(Request),
    /// An answer is being sent.
    Sending(Answer),
    /// The last answer was sent. Bytes that still come are discarded for a moment: closing at once would reset the
    /// connection, and the reset could overtake the answer.
    Lingering,
}

/// An answer on its way.
#[derive(Debug)]
struct Answer {
    head: Vec<u8>,
    body: Arc<Vec<u8>>,
    /// Bytes of the body that are sent; 0 for HEAD.
    body_bytes: usize,
    sent: usize,
    /// Whether the connection may have another request after it.
    keep_alive: bool,
}

/// What a connection needs next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing, until its socket is ready or its deadline has come.
    Idle,
    /// An answer to this request, by [`Conn::answer`] or [`Conn::wait`].
    Answer(Request),
    /// The connection has ended: drop it.
    End,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Conn {
    stream: Stream,
    /// Bytes that are read and belong to no request yet.
    unread: Vec<u8>,
    /// The socket may have bytes: no read has found it empty since the last event.
    readable: bool,
    /// The connection came to a loopback address.
    local: bool,
    /// The peer sends nothing more.
    ended: bool,
    stage: Stage,
    /// When it came to its stage or, while it reads, when the first byte of the head came.
    since: Instant,
}

impl Conn {
    pub(super) fn new(stream: Stream, now: Instant) -> Self {
        let address = if let Stream::Tcp(stream) = &stream { stream.local_addr().ok() } else { None };
        Self {
            stream,
            unread: Vec::new(),
            readable: true,
            local: address.is_some_and(|address| address.ip().to_canonical().is_loopback()),
            ended: false,
            stage: Stage::Reading,
            since: now,
        }
    }

    /// Returns whether the connection came to a loopback address. A UNIX socket has none: no browser connects to it.
    pub(super) fn is_local(&self) -> bool {
        self.local
    }

    pub(super) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Called when the poller says that the socket has bytes, or has ended.
    pub(super) fn set_readable(&mut self) {
        self.readable = true;
    }

    /// Returns the request that waits for figures.
    pub(super) fn waiting(&self) -> Option<&Request> {
        if let Stage::Waiting(request) = &self.stage { Some(request) } else { None }
    }

    /// Returns since when the connection has had neither a whole request nor an answer to send; `None` while it has
    /// one. Such a connection may be closed to make room for another.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        matches!(self.stage, Stage::Reading | Stage::Lingering).then_some(self.since)
    }

    /// Returns whether an answer is being sent.
    pub(super) fn is_sending(&self) -> bool {
        matches!(self.stage, Stage::Sending(_))
    }

    /// Returns whether the connection waits for figures, or sends a large answer: only answers with figures are large.
    pub(super) fn is_about_figures(&self) -> bool {
        match &self.stage {
            Stage::Waiting(_) => true,
            Stage::Sending(answer) => answer.body_bytes > 0,
            Stage::Reading | Stage::Lingering => false,
        }
    }

    /// Returns when [`Conn::expire`] must be called.
    pub(super) fn deadline(&self) -> Instant {
        let ms = match self.stage {
            Stage::Reading if self.unread.is_empty() => HTTP_IDLE_MS,
            Stage::Reading => HTTP_HEAD_MS,
            Stage::Waiting(_) => HTTP_WAIT_MS,
            Stage::Sending(_) => HTTP_WRITE_MS,
            Stage::Lingering => LINGER_MS,
        };
        self.since + Duration::from_millis(ms)
    }

    /// Called when the deadline has passed. A waiting request must be answered now.
    pub(super) fn expire(&mut self, now: Instant) -> Next {
        match &self.stage {
            Stage::Waiting(request) => Next::Answer(request.clone()),
            Stage::Reading if !self.unread.is_empty() => {
                self.refuse(Refusal { status: 408, reason: "the request did not come to its end in time" }, now);
                self.drive(now)
            }
            _ => Next::End,
        }
    }

    /// Reads and writes as far as the socket allows, up to the next request.
    pub(super) fn drive(&mut self, now: Instant) -> Next {
        loop {
            match &mut self.stage {
                Stage::Waiting(_) => return Next::Idle,
                Stage::Sending(answer) => match answer.send(&mut self.stream) {
                    Ok(true) => self.sent(now),
                    Ok(false) => return Next::Idle,
                    Err(_) => return Next::End, // The peer has gone, and nothing depends on it.
                },
                Stage::Lingering => return self.discard(),
                Stage::Reading => {
                    if let Some(next) = self.read_request(now) {
                        return next;
                    }
                }
            }
        }
    }

    /// Sends an answer, as [`drive`](Self::drive) continues it.
    pub(super) fn answer(&mut self, request: &Request, response: &Response, now: Instant) {
        self.begin(response, request.method != Method::Head, request.keep_alive, now);
    }

    /// Lets a request wait for fresh figures.
    pub(super) fn wait(&mut self, request: Request, now: Instant) {
        if self.waiting().is_none() {
            self.since = now;
        }
        self.stage = Stage::Waiting(request);
    }

    /// Returns the next request or the end of the connection; `None` if [`drive`](Self::drive) must go on.
    fn read_request(&mut self, now: Instant) -> Option<Next> {
        if !self.unread.is_empty() {
            match parse(&self.unread) {
                Parsed::Whole(request, length) => {
                    self.unread.drain(..length);
                    return Some(Next::Answer(request));
                }
                Parsed::Refused(refusal) => {
                    self.refuse(refusal, now);
                    return None;
                }
                Parsed::Partial if self.unread.len() >= HTTP_HEAD_BYTES_MAX => {
                    self.refuse(Refusal { status: 431, reason: "the head of the request is too long" }, now);
                    return None;
                }
                Parsed::Partial => {}
            }
        }
        let mut bytes = [0; 4 << 10];
        loop {
            let room = (HTTP_HEAD_BYTES_MAX - self.unread.len()).min(bytes.len());
            match self.read(&mut bytes[..room]) {
                Ok(Some(count @ 1..)) => {
                    if self.unread.is_empty() {
                        self.since = now;
                    }
                    self.unread.extend_from_slice(&bytes[..count]);
                    // A head can become whole only by a line end. So a head that comes byte by byte is not parsed for
                    // each byte.
                    if bytes[..count].contains(&b'\n') || self.unread.len() >= HTTP_HEAD_BYTES_MAX {
                        return None;
                    }
                }
                Ok(None) => return Some(Next::Idle),
                Ok(Some(0)) | Err(_) => return Some(Next::End),
            }
        }
    }

    /// Discards bytes that still come. A peer that sends without end is dropped at the deadline.
    fn discard(&mut self) -> Next {
        let mut discarded = [0; 4 << 10];
        for _ in 0..DISCARDS_PER_TURN {
            match self.read(&mut discarded) {
                Ok(Some(1..)) => {}
                Ok(None) => return Next::Idle,
                Ok(Some(0)) | Err(_) => return Next::End,
            }
        }
        Next::Idle
    }

    /// Reads into `bytes`. Returns `None` if the socket has nothing now, and 0 at its end.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<Option<usize>> {
        if self.ended {
            return Ok(Some(0));
        }
        loop {
            if !self.readable {
                return Ok(None);
            }
            match self.stream.read(bytes) {
                Ok(count) => {
                    self.ended = count == 0;
                    return Ok(Some(count));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.readable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn refuse(&mut self, refusal: Refusal, now: Instant) {
        self.unread = Vec::new();
        self.begin(&Response::line(refusal.status, refusal.reason), true, false, now);
    }

    fn begin(&mut self, response: &Response, with_body: bool, keep_alive: bool, now: Instant) {
        let mut answer = Answer {
            head: response.head(keep_alive, HttpDate(SystemTime::now())),
            body: Arc::clone(&response.body),
            body_bytes: if with_body { response.body.len() } else { 0 },
            sent: 0,
            keep_alive,
        };
        if answer.body_bytes <= ONE_WRITE_BYTES {
            answer.head.extend_from_slice(&answer.body[..answer.body_bytes]);
            answer.body_bytes = 0;
        }
        self.stage = Stage::Sending(answer);
        self.since = now;
    }

    /// Called when an answer was sent whole.
    fn sent(&mut self, now: Instant) {
        let Stage::Sending(answer) = &self.stage else { return };
        if answer.keep_alive {
            self.stage = Stage::Reading;
        } else {
            self.stream.end_writing();
            self.unread = Vec::new();
            self.stage = Stage::Lingering;
        }
        self.since = now;
    }
}

impl Answer {
    /// Sends as many bytes as the socket takes. Returns whether the whole answer is sent.
    fn send(&mut self, stream: &mut Stream) -> io::Result<bool> {
        loop {
            let rest = match self.sent.checked_sub(self.head.len()) {
                None => &self.head[self.sent..],
                Some(of_body) => &self.body[of_body..self.body_bytes],
            };
            if rest.is_empty() {
                return Ok(true);
            }
            match stream.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests;
