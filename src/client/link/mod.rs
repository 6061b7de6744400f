//! A link to the server: a connection, and the next one when it is lost, with two threads.
//!
//! ```text
//!  submit, ping, answers --lock--> [ session | unsent lines ] <--lock-- reader: connects, reads, connects again
//!                                              |
//!                                              +--> writer: takes all unsent lines, writes them at once
//! ```
//!
//! The [`Session`] knows what lines mean, and knows no socket, thread or clock. One lock guards it together with the lines
//! that are not sent yet.
//!
//! **Invariant:** what the session records about a line (a job is open) and the line itself share their fate. Both go to
//! the same connection, or are lost together.
//!
//! The link makes no system call under the lock. Callers append their lines, and the writer takes all lines that were
//! appended since its last write. A caller that would exceed the limit of unsent bytes waits.

mod lines;
mod liveness;
mod reader;
mod writer;

use std::io;
use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};
use socket2::Socket;

use super::connect_error::ConnectError;
use super::error::{Disconnected, Error};
use super::incoming::Incoming;
use super::options::Options;
use super::stream;
use super::url::Url;
use crate::limits::CLOSE_MS;

/// What a program does on its connections. The link calls it under its lock, so nothing here may block. A method sends
/// lines by appending them to `out`.
pub(super) trait Session: Send + 'static {
    /// Called when there is a connection.
    fn on_connect(&mut self, out: &mut Vec<u8>);
    /// Called for each line of the server. `Err` closes the connection, because no deputy server sends this line here.
    fn on_line(&mut self, incoming: Incoming<'_>, out: &mut Vec<u8>) -> Result<(), String>;
    /// Sends a `ping`. Called when no input has come for a time.
    fn send_ping(&mut self, out: &mut Vec<u8>);
    /// Called when the connection is lost. The answers to its lines will not come.
    fn on_disconnect(&mut self, lost: &Disconnected);
    /// Called when an attempt to connect has failed.
    fn on_unreachable(&mut self, error: &ConnectError);
    /// Called when an outage is older than `outage_timeout`. What waits for its end fails with `error`.
    fn on_outage_timeout(&mut self, error: &Error);
    /// Returns whether closing has to wait until the server has read everything, which it shows by closing the connection.
    fn needs_end_of_input(&self) -> bool;
}

/// What callers, reader and writer share.
struct State<S> {
    session: S,
    /// Whole lines that the writer has not taken yet.
    unsent: Vec<u8>,
    /// Bytes that the writer has taken and not written yet.
    writing_bytes: usize,
    /// Bytes that were appended to `unsent` on this connection, and those of them that are written.
    queued_bytes: u64,
    written_bytes: u64,
    /// The connection, if there is one.
    stream: Option<Arc<Socket>>,
    /// Why the writer ended the connection.
    write_error: Option<String>,
    /// The error of new lines while an outage is older than `outage_timeout`.
    offline_error: Option<Error>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Connected, or connecting again.
    Open,
    /// New lines are refused, and unsent lines are still written.
    Closing,
    /// The threads end.
    Closed,
}

/// The state that callers and threads share, and what they wait for.
struct Core<S> {
    url: Url,
    options: Options,
    state: Mutex<State<S>>,
    /// There may be something to write.
    to_write: Condvar,
    /// There may be room for more lines, or the wait is over: the connection is lost, or the link is being closed.
    room: Condvar,
    /// The link is being closed. The reader does not wait to connect again.
    closing: Condvar,
}

/// A link. It ends with [`close`](Self::close), or when it is dropped.
pub(super) struct Link<S: Session>(Arc<Core<S>>);

impl<S: Session> Link<S> {
    /// Starts the threads. `first` is the first connection. Without it, the reader begins by connecting.
    pub(super) fn start(url: Url, options: Options, session: S, first: Option<Socket>) -> io::Result<Self> {
        let state = State {
            session,
            unsent: Vec::new(),
            writing_bytes: 0,
            queued_bytes: 0,
            written_bytes: 0,
            stream: None,
            write_error: None,
            offline_error: None,
            stage: Stage::Open,
        };
        let (to_write, room, closing) = (Condvar::new(), Condvar::new(), Condvar::new());
        let core = Arc::new(Core { url, options, state: Mutex::new(state), to_write, room, closing });
        let first = first.map(Arc::new);
        if let Some(stream) = &first {
            core.on_connected(stream);
        }
        // From here on, dropping the link ends the threads.
        let link = Self(Arc::clone(&core));
        let writer = Arc::clone(&core);
        thread::Builder::new().name("deputy writer".to_owned()).spawn(move || writer.run_writer())?;
        thread::Builder::new().name("deputy reader".to_owned()).spawn(move || core.run_reader(first))?;
        Ok(link)
    }

    pub(super) fn url(&self) -> &Url {
        &self.0.url
    }

    pub(super) fn options(&self) -> &Options {
        &self.0.options
    }

    /// Calls `act`, which appends lines of about this length, once there is room for them. In an outage the lines wait
    /// for the next connection. `Err` if `act` was not called.
    pub(super) fn send<T>(&self, bytes: usize, act: impl FnOnce(&mut S, &mut Vec<u8>) -> T) -> Result<T, Error> {
        let mut state = self.0.state.lock();
        loop {
            if state.stage != Stage::Open {
                return Err(Error::Closed);
            }
            if let Some(error) = &state.offline_error {
                return Err(error.clone());
            }
            let waiting = state.unsent.len() + state.writing_bytes;
            if waiting == 0 || waiting + bytes <= self.0.options.max_unsent {
                return Ok(self.0.with_session(&mut state, act));
            }
            match self.0.options.deadline {
                None => self.0.room.wait(&mut state),
                Some(deadline) if self.0.room.wait_until(&mut state, deadline).timed_out() => {
                    return Err(Error::NotConnected(format!("not sent: {} takes no more bytes", self.0.url)));
                }
                Some(_) => {}
            }
        }
    }

    /// Calls `act` now, whatever the state of the connection.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut S, &mut Vec<u8>) -> T) -> T {
        self.0.with_session(&mut self.0.state.lock(), act)
    }

    /// Sends the unsent lines and ends the output. Then it waits until the server closes the connection, which it does when
    /// it has read all lines. All of this takes at most a second. Then the threads end. A second call does nothing.
    pub(super) fn close(&self) {
        let deadline = self.0.options.end_of(Duration::from_millis(CLOSE_MS));
        let mut state = self.0.state.lock();
        if state.stage != Stage::Open {
            return;
        }
        state.stage = Stage::Closing;
        self.0.closing.notify_all();
        self.0.room.notify_all();
        self.wait_while(&mut state, deadline, |state| state.unsent.len() + state.writing_bytes > 0);
        if let Some(stream) = &state.stream {
            stream::end_writing(stream);
        }
        if state.session.needs_end_of_input() {
            self.wait_while(&mut state, deadline, |_| true);
        }
        state.stage = Stage::Closed;
        if let Some(stream) = state.stream.take() {
            stream::end(&stream);
        }
        self.0.to_write.notify_all();
    }

    /// Waits while there is a connection and `condition` holds.
    fn wait_while(
        &self,
        state: &mut MutexGuard<'_, State<S>>,
        deadline: Instant,
        condition: impl Fn(&State<S>) -> bool,
    ) {
        let in_time = |state: &mut _| !self.0.room.wait_until(state, deadline).timed_out();
        while state.stream.is_some() && condition(state) && in_time(state) {}
    }
}

impl<S: Session> Drop for Link<S> {
    fn drop(&mut self) {
        self.close();
    }
}

impl<S> State<S> {
    /// Drops the lines that have no connection.
    fn forget_unsent(&mut self) {
        self.unsent = Vec::new();
        (self.queued_bytes, self.written_bytes) = (0, 0);
    }
}

impl<S: Session> Core<S> {
    /// Calls `act` with the session, and wakes the writer if it appended lines.
    fn with_session<T>(&self, state: &mut MutexGuard<'_, State<S>>, act: impl FnOnce(&mut S, &mut Vec<u8>) -> T) -> T {
        let state = &mut **state;
        let before = state.unsent.len();
        let result = act(&mut state.session, &mut state.unsent);
        state.queued_bytes += (state.unsent.len() - before) as u64;
        if state.unsent.len() > before {
            self.to_write.notify_one();
        }
        result
    }

    /// Called when there is a connection. False if the link is being closed.
    fn on_connected(&self, stream: &Arc<Socket>) -> bool {
        let mut state = self.state.lock();
        if state.stage != Stage::Open {
            return false;
        }
        state.stream = Some(Arc::clone(stream));
        state.offline_error = None;
        self.with_session(&mut state, S::on_connect);
        self.to_write.notify_one(); // For lines of the outage.
        true
    }

    /// Called when the connection is lost. False if the link is being closed.
    fn on_disconnected(&self, reason: String, code: Option<String>) -> bool {
        let mut state = self.state.lock();
        state.stream = None;
        self.room.notify_all();
        if state.stage != Stage::Open {
            return false;
        }
        let reason = state.write_error.take().unwrap_or(reason);
        let lost = Disconnected { url: self.url.to_string(), reason, code };
        state.forget_unsent();
        state.session.on_disconnect(&lost);
        if self.options.outage_timeout.is_zero() {
            self.fail_waiting(&mut state, &lost);
        }
        true
    }

    /// Fails what waits for the end of the outage.
    fn fail_waiting(&self, state: &mut State<S>, reason: &dyn std::fmt::Display) {
        let error = Error::NotConnected(format!("not sent: {reason}"));
        state.forget_unsent();
        state.session.on_outage_timeout(&error);
        state.offline_error = Some(error);
        self.room.notify_all();
    }

    /// Returns all unsent lines to the writer, once there are some. None when the link is closed.
    fn take_unsent(&self, batch: &mut Vec<u8>) -> Option<Arc<Socket>> {
        let mut state = self.state.lock();
        loop {
            if state.stage == Stage::Closed {
                return None;
            }
            if let Some(stream) = &state.stream
                && !state.unsent.is_empty()
            {
                let stream = Arc::clone(stream);
                mem::swap(batch, &mut state.unsent);
                state.writing_bytes = batch.len();
                return Some(stream);
            }
            self.to_write.wait(&mut state);
        }
    }
}
