//! The state that callers, reader and writer of a link share: the session and the unsent lines, under one lock.

use std::mem;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex, MutexGuard};
use socket2::Socket;

use super::Session;
use crate::client::error::{Disconnected, Error};
use crate::client::options::Options;
use crate::client::url::Url;

/// The state that callers, reader and writer share.
pub(super) struct State<S> {
    pub(super) session: S,
    /// Whole lines that the writer has not taken yet.
    pub(super) unsent: Vec<u8>,
    /// Bytes that the writer has taken and not written yet.
    pub(super) writing_bytes: usize,
    /// Bytes that were appended to `unsent` on this connection, and those of them that are written.
    pub(super) queued_bytes: u64,
    pub(super) written_bytes: u64,
    /// The connection, if there is one.
    pub(super) stream: Option<Arc<Socket>>,
    /// Why the writer ended the connection.
    pub(super) write_error: Option<String>,
    /// The error of new lines while an outage is older than `outage_timeout`.
    pub(super) offline_error: Option<Error>,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Connected, or connecting again.
    Open,
    /// New lines are refused, and unsent lines are still written.
    Closing,
    /// The threads end.
    Closed,
}

/// The shared state, and the conditions on which callers and threads wait.
pub(super) struct Core<S> {
    pub(super) url: Url,
    pub(super) options: Options,
    pub(super) state: Mutex<State<S>>,
    /// Notified when there may be lines to write.
    pub(super) to_write: Condvar,
    /// Notified when there may be room for more lines, when the connection is lost, and when the link is being closed.
    pub(super) room: Condvar,
    /// Notified when the link is being closed, so that the reader does not wait to connect again.
    pub(super) closing: Condvar,
}

impl<S> State<S> {
    /// Drops the lines that have no connection.
    fn forget_unsent(&mut self) {
        self.unsent = Vec::new();
        (self.queued_bytes, self.written_bytes) = (0, 0);
    }
}

impl<S: Session> Core<S> {
    /// Without a connection.
    pub(super) fn new(url: Url, options: Options, session: S) -> Self {
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
        Self { url, options, state: Mutex::new(state), to_write, room, closing }
    }

    /// See [`Link::send`](super::Link::send).
    pub(super) fn send<T>(&self, bytes: usize, act: impl FnOnce(&mut S, &mut Vec<u8>) -> T) -> Result<T, Error> {
        let mut state = self.state.lock();
        loop {
            if state.stage != Stage::Open {
                return Err(Error::Closed);
            }
            if let Some(error) = &state.offline_error {
                return Err(error.clone());
            }
            let waiting = state.unsent.len() + state.writing_bytes;
            if waiting == 0 || waiting + bytes <= self.options.max_unsent {
                return Ok(self.with_session(&mut state, act));
            }
            match self.options.deadline {
                None => self.room.wait(&mut state),
                Some(deadline) if self.room.wait_until(&mut state, deadline).timed_out() => {
                    return Err(Error::NotConnected(format!("not sent: {} takes no more bytes", self.url)));
                }
                Some(_) => {}
            }
        }
    }

    /// Calls `act` with the session, and wakes the writer if it appended lines.
    pub(super) fn with_session<T>(
        &self,
        state: &mut MutexGuard<'_, State<S>>,
        act: impl FnOnce(&mut S, &mut Vec<u8>) -> T,
    ) -> T {
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
    pub(super) fn on_connected(&self, stream: &Arc<Socket>) -> bool {
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
    pub(super) fn on_disconnected(&self, reason: String, code: Option<String>) -> bool {
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

    /// Fails the jobs and queries that wait for the end of the outage.
    pub(super) fn fail_waiting(&self, state: &mut State<S>, reason: &dyn std::fmt::Display) {
        let error = Error::NotConnected(format!("not sent: {reason}"));
        state.forget_unsent();
        state.session.on_outage_timeout(&error);
        state.offline_error = Some(error);
        self.room.notify_all();
    }

    /// Returns all unsent lines to the writer, once there are some. None when the link is closed.
    pub(super) fn take_unsent(&self, batch: &mut Vec<u8>) -> Option<Arc<Socket>> {
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
