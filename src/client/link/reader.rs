//! The reader thread connects, reads until the connection ends, waits, and connects again.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::Session;
use super::lines::{self, Lines};
use super::liveness::{Liveness, Verdict};
use super::shared::{Core, Stage};
use crate::client::backoff::Backoff;
use crate::client::connect_error::ConnectError;
use crate::client::error::for_people;
use crate::client::incoming::Incoming;
use crate::client::resolver::Resolver;
use crate::client::stream;
use crate::limits::READ_BUFFER_BYTES;

/// A time without a connection.
struct Outage {
    /// When `outage_timeout` is over. None if it is.
    fails_at: Option<Instant>,
    /// Why the last attempt failed.
    error: Option<ConnectError>,
}

/// How a connection ended.
struct End {
    reason: String,
    /// The code and text of the last line, if it was an `error` without an id.
    last_error: Option<(String, String)>,
    /// Whether a line has come.
    has_answered: bool,
}

impl<S: Session> Core<S> {
    /// Runs until the link is closed. `first` is a connection that is open.
    pub(super) fn run_reader(&self, first: Option<Arc<Socket>>) {
        let mut backoff = Backoff::new(self.options.retry_first, self.options.retry_cap);
        let mut resolver = Resolver::default();
        let mut next = first;
        while let Some(stream) = next.take().or_else(|| self.connect(&mut resolver, &mut backoff)) {
            let end = self.read_until_closed(&stream);
            stream::end(&stream);
            if end.has_answered {
                backoff.reset();
            }
            let (reason, code) = end.reason_and_code();
            if !self.on_disconnected(reason, code) {
                return;
            }
        }
    }

    /// Tries to connect until it succeeds. None when the link is closed.
    fn connect(&self, resolver: &mut Resolver, backoff: &mut Backoff) -> Option<Arc<Socket>> {
        let outage_timeout = self.options.outage_timeout;
        let fails_at = if outage_timeout.is_zero() { None } else { Instant::now().checked_add(outage_timeout) };
        let mut outage = Outage { fails_at, error: None };
        loop {
            if !self.wait_to_retry(backoff.wait(), &mut outage) {
                return None;
            }
            match stream::connect(&self.url, &self.options, resolver, self.attempt_ends_at(&outage)) {
                Ok(socket) => {
                    let stream = Arc::new(socket);
                    return self.on_connected(&stream).then_some(stream);
                }
                Err(error) => {
                    self.state.lock().session.on_unreachable(&error);
                    outage.error = Some(error);
                }
            }
        }
    }

    /// Returns when an attempt that begins now has to end. An attempt does not last beyond the end of `outage_timeout`.
    fn attempt_ends_at(&self, outage: &Outage) -> Instant {
        let end = Instant::now() + self.options.connect_timeout;
        outage.fails_at.map_or(end, |fails_at| end.min(fails_at))
    }

    /// Waits for the next attempt. When `outage_timeout` is over, fails the jobs that wait for a connection. False when
    /// the link is closed.
    fn wait_to_retry(&self, wait: Duration, outage: &mut Outage) -> bool {
        let until = Instant::now() + wait;
        let mut state = self.state.lock();
        loop {
            if state.stage != Stage::Open {
                return false;
            }
            let now = Instant::now();
            if outage.fails_at.is_some_and(|end| end <= now) {
                outage.fails_at = None;
                match &outage.error {
                    Some(error) => self.fail_waiting(&mut state, error),
                    None => self.fail_waiting(&mut state, &format!("there is no connection to {}", self.url)),
                }
            }
            if until <= now {
                return true;
            }
            let next = outage.fails_at.map_or(until, |end| end.min(until));
            self.closing.wait_until(&mut state, next);
        }
    }

    /// Reads until the connection ends.
    fn read_until_closed(&self, stream: &Socket) -> End {
        let mut end = End { reason: String::new(), last_error: None, has_answered: false };
        let mut liveness = Liveness::new(self.options.ping_after, self.options.answer_timeout);
        let mut lines = Lines::new(self.options.max_line);
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        let mut wait = Duration::ZERO;
        let mut input = stream;
        let mut waiting_since = Instant::now();
        let reason = loop {
            if wait != liveness.wait() {
                wait = liveness.wait();
                if let Err(error) = stream.set_read_timeout(Some(wait)) {
                    break error.to_string();
                }
            }
            match input.read(&mut buffer) {
                Ok(0) => break "the server closed the connection".to_owned(),
                Ok(count) => {
                    liveness.on_input();
                    waiting_since = Instant::now();
                    if let Err(reason) = self.on_bytes(&mut lines, &buffer[..count], &mut end) {
                        break reason;
                    }
                }
                // A signal has interrupted the read. The next read has the whole time-out again.
                Err(error) if error.kind() == ErrorKind::Interrupted && waiting_since.elapsed() < wait => {}
                Err(error) if is_timeout(&error) => {
                    waiting_since = Instant::now();
                    if !self.on_read_timeout(&mut liveness) {
                        break format!("the server has not answered a ping for {wait:?}");
                    }
                }
                Err(error) => break error.to_string(),
            }
        };
        end.reason = reason;
        end
    }

    /// Called when no input has come for a time. False if the server counts as dead.
    fn on_read_timeout(&self, liveness: &mut Liveness) -> bool {
        let mut state = self.state.lock();
        match liveness.on_timeout(state.written_bytes) {
            Verdict::Ping => {
                self.with_session(&mut state, S::send_ping);
                liveness.ping_sent(state.queued_bytes);
                true
            }
            Verdict::Wait => true,
            Verdict::Dead => false,
        }
    }

    /// Hands the lines to the session. `Err` says why the connection has to end.
    fn on_bytes(&self, lines: &mut Lines, input: &[u8], end: &mut End) -> Result<(), String> {
        lines.read(input, |incoming| {
            end.has_answered = true;
            end.last_error = match &incoming {
                Incoming::Error { code, text, id: None } => Some((code.to_string(), for_people(text))),
                _ => None,
            };
            let mut state = self.state.lock();
            self.with_session(&mut state, |session, out| session.on_line(incoming, out)).map_err(lines::wrong)
        })
    }
}

/// Returns whether the wait for input is over.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

impl End {
    /// Returns the reason as a message, and the code of the last error.
    fn reason_and_code(self) -> (String, Option<String>) {
        match self.last_error {
            Some((code, text)) => (format!("{}, after the error {code}: {text}", self.reason), Some(code)),
            None => (self.reason, None),
        }
    }
}
