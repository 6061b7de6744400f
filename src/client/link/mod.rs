//! A link to the server keeps a connection, and opens the next one when it is lost. It has two threads.
//!
//! ```text
//!  submit, ping, answers --lock--> [ session | unsent lines ] <--lock-- reader: connects, reads, connects again
//!                                              |
//!                                              +--> writer: takes all unsent lines, writes them at once
//! ```
//!
//! The [`Session`] handles the contents of lines, without any socket, thread or clock. One lock guards the session and
//! the lines that are not sent yet.
//!
//! **Invariant:** the line and the session's record of it (for example, that a job is open) belong to the same
//! connection. If the line is lost, the record is removed too.
//!
//! The link makes no system call under the lock. Callers append their lines, and the writer takes all lines that were
//! appended since its last write. A caller that would exceed the limit of unsent bytes waits.

mod lines;
mod liveness;
mod reader;
mod shared;
mod writer;

use std::io;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;
use shared::{Core, Stage, State};
use socket2::Socket;

use super::connect_error::ConnectError;
use super::error::{Disconnected, Error};
use super::incoming::Incoming;
use super::options::Options;
use super::stream;
use super::url::Url;
use crate::limits::CLOSE_MS;

/// Handles the lines of a link. The link calls the methods under its lock, so they must not block. A method sends lines
/// by appending them to `out`.
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
    /// Called when an outage is older than `outage_timeout`. Jobs and queries that wait for its end fail with `error`.
    fn on_outage_timeout(&mut self, error: &Error);
    /// Returns whether closing has to wait until the server has read everything, which it shows by closing the connection.
    fn needs_end_of_input(&self) -> bool;
}

/// A link. It ends with [`close`](Self::close), or when it is dropped.
pub(super) struct Link<S: Session>(Arc<Core<S>>);

/// A reference to a link that does not keep it open.
pub(super) struct WeakLink<S>(Weak<Core<S>>);

impl<S: Session> Link<S> {
    /// Starts the threads. The session may keep the link that `new_session` is given. `first` is the first connection.
    /// Without it, the reader begins by connecting.
    pub(super) fn start(
        url: Url,
        options: Options,
        new_session: impl FnOnce(WeakLink<S>) -> S,
        first: Option<Socket>,
    ) -> io::Result<Self> {
        let core = Arc::new_cyclic(|core| Core::new(url, options, new_session(WeakLink(Weak::clone(core)))));
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

    /// Returns a reference that does not keep the link.
    pub(super) fn downgrade(&self) -> WeakLink<S> {
        WeakLink(Arc::downgrade(&self.0))
    }

    /// Calls `act`, which appends lines of about this length, once there is room for them. In an outage the lines wait
    /// for the next connection. `Err` if `act` was not called.
    pub(super) fn send<T>(&self, bytes: usize, act: impl FnOnce(&mut S, &mut Vec<u8>) -> T) -> Result<T, Error> {
        self.0.send(bytes, act)
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

impl<S: Session> WeakLink<S> {
    /// Returns [`Options::max_line`]. The error of a link that has ended is [`Error::Closed`].
    pub(super) fn line_max(&self) -> Result<usize, Error> {
        Ok(self.0.upgrade().ok_or(Error::Closed)?.options.max_line)
    }

    /// Calls `act` as [`Link::send`] does. It also fails if the link has ended.
    pub(super) fn send<T>(&self, bytes: usize, act: impl FnOnce(&mut S, &mut Vec<u8>) -> T) -> Result<T, Error> {
        self.0.upgrade().ok_or(Error::Closed)?.send(bytes, act)
    }

    /// Calls `act` as [`Link::with`] does, unless the link has ended.
    pub(super) fn with(&self, act: impl FnOnce(&mut S, &mut Vec<u8>)) {
        if let Some(core) = self.0.upgrade() {
            core.with_session(&mut core.state.lock(), act);
        }
    }
}
