//! The thread that keeps the link: it connects, reads until the connection ends, waits, and connects again.

use std::io::{ErrorKind, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::silence::{Silence, Verdict};
use super::{Core, Session, Stage};
use crate::client::backoff::Backoff;
use crate::client::connect_error::ConnectError;
use crate::client::said::Said;
use crate::client::stream;
use crate::limits::{CLIENT_LINE_BYTES_LEAST, READ_BUFFER_BYTES};
use crate::protocol::frame::{Frame, Framer};

/// A time without a connection.
struct Outage {
    /// When patience ends; none if it has.
    patient_until: Option<Instant>,
    /// Why the last attempt failed.
    error: Option<ConnectError>,
}

/// How a connection ended.
struct End {
    reason: String,
    /// Code and text of the `error` line that came last, if one did.
    last_words: Option<(String, String)>,
    /// Whether the server said anything.
    heard: bool,
}

impl<S: Session> Core<S> {
    /// Keeps the link until it is closed. `first` is a connection that stands.
    pub(super) fn keep(&self, first: Option<Arc<Socket>>) {
        let mut backoff = Backoff::new(self.options.retry_first, self.options.retry_cap);
        let mut next = first;
        while let Some(stream) = next.take().or_else(|| self.connect(&mut backoff)) {
            let end = self.listen(&stream);
            stream::end(&stream);
            if end.heard {
                backoff.reset();
            }
            let (reason, code) = end.told();
            if !self.lose(reason, code) {
                return;
            }
        }
    }

    /// Tries until a connection stands. None when the link is closed.
    fn connect(&self, backoff: &mut Backoff) -> Option<Arc<Socket>> {
        let patience = self.options.patience;
        let patient_until = if patience.is_zero() { None } else { Instant::now().checked_add(patience) };
        let mut outage = Outage { patient_until, error: None };
        loop {
            if !self.pause(backoff.wait(), &mut outage) {
                return None;
            }
            match stream::connect(&self.url, &self.options, self.time_to_connect(&outage)) {
                Ok(socket) => {
                    let stream = Arc::new(socket);
                    return self.open(&stream).then_some(stream);
                }
                Err(error) => {
                    self.state.lock().session.unreachable(&error);
                    outage.error = Some(error);
                }
            }
        }
    }

    /// While patience lasts, an attempt may not outlast it.
    fn time_to_connect(&self, outage: &Outage) -> Duration {
        let patience = outage.patient_until.map(|end| end.saturating_duration_since(Instant::now()));
        self.options.connect_timeout.min(patience.unwrap_or(Duration::MAX)).max(Duration::from_millis(1))
    }

    /// Waits, and gives up what waits when its time is over. False when the link is closed.
    fn pause(&self, wait: Duration, outage: &mut Outage) -> bool {
        let until = Instant::now() + wait;
        let mut state = self.state.lock();
        loop {
            if state.stage != Stage::Open {
                return false;
            }
            let now = Instant::now();
            if outage.patient_until.is_some_and(|end| end <= now) {
                outage.patient_until = None;
                match &outage.error {
                    Some(error) => self.give_up(&mut state, error),
                    None => self.give_up(&mut state, &format!("there is no connection to {}", self.url)),
                }
            }
            if until <= now {
                return true;
            }
            let next = outage.patient_until.map_or(until, |end| end.min(until));
            self.leaving.wait_until(&mut state, next);
        }
    }

    /// Reads until the connection ends.
    fn listen(&self, stream: &Socket) -> End {
        let mut end = End { reason: String::new(), last_words: None, heard: false };
        let mut silence = Silence::new(self.options.silence, self.options.answer_timeout);
        let mut framer = Framer::default();
        let mut buffer = vec![0; READ_BUFFER_BYTES];
        let mut wait = Duration::ZERO;
        let mut input = stream;
        let reason = loop {
            if wait != silence.wait() {
                wait = silence.wait();
                if let Err(error) = stream.set_read_timeout(Some(wait)) {
                    break error.to_string();
                }
            }
            match input.read(&mut buffer) {
                Ok(0) => break "the server closed the connection".to_owned(),
                Ok(count) => {
                    silence.broken();
                    if let Err(reason) = self.hear(&mut framer, &buffer[..count], &mut end) {
                        break reason;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    if !self.endure(&mut silence) {
                        break format!("the server has not answered a ping for {wait:?}");
                    }
                }
                Err(error) => break error.to_string(),
            }
        };
        end.reason = reason;
        end
    }

    /// Nothing was heard for a while. False if the server counts as dead.
    fn endure(&self, silence: &mut Silence) -> bool {
        let mut state = self.state.lock();
        match silence.lasts(state.written_bytes) {
            Verdict::Ask => {
                self.put(&mut state, S::ask);
                silence.asked(state.said_bytes);
                true
            }
            Verdict::Wait => true,
            Verdict::Dead => false,
        }
    }

    /// Bytes came.
    fn hear(&self, framer: &mut Framer, mut input: &[u8], end: &mut End) -> Result<(), String> {
        // A little more than what may be submitted: the server's own members are longer than ours.
        let line_max = self.options.max_line.max(CLIENT_LINE_BYTES_LEAST) + 1_024;
        while let Some(frame) = framer.next(&mut input, line_max) {
            let line = match frame {
                Frame::Line { bytes, .. } => bytes,
                Frame::TooLong => return Err(format!("a line of more than {line_max} bytes came: raise max_line")),
                Frame::NotJson => return Err("what came is no JSON: is this a deputy server?".to_owned()),
            };
            let wrong = |reason| format!("what came is no line of a deputy server: {reason}");
            let said = Said::read(line).map_err(wrong)?;
            end.heard = true;
            end.last_words = match &said {
                Said::Error { code, text, id: None } => {
                    let text = serde_json::from_str(text.get()).unwrap_or_else(|_| text.get().to_owned());
                    Some((code.to_string(), text))
                }
                _ => None,
            };
            let mut state = self.state.lock();
            self.put(&mut state, |session, say| session.heard(said, say)).map_err(wrong)?;
        }
        Ok(())
    }
}

impl End {
    /// For people, and the code.
    fn told(self) -> (String, Option<String>) {
        match self.last_words {
            Some((code, text)) => (format!("{}, after saying {code}: {text}", self.reason), Some(code)),
            None => (self.reason, None),
        }
    }
}
