//! The state of the local server.

use std::mem;

use super::{Effect, Notice};
use crate::wire::Metrics;

/// A server that is connected, and has sent its first figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Up {
    /// When it started.
    pub(super) since: u64,
    /// The longest line that it takes.
    pub(super) max_line: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Down,
    /// Connected; the first figures have not come.
    Greeting,
    Up(Up),
}

/// The state of the local server.
#[derive(Debug, Default)]
pub(super) struct Server {
    state: State,
    /// When the server started that was connected last.
    known_since: Option<u64>,
    /// Whether the log already says that the server is too old.
    is_refused: bool,
}

impl Server {
    pub(super) fn on_connected(&mut self) {
        self.state = State::Greeting;
    }

    pub(super) fn on_lost(&mut self) {
        self.state = State::Down;
    }

    pub(super) fn is_down(&self) -> bool {
        self.state == State::Down
    }

    /// Whether the first figures have not come.
    pub(super) fn is_greeting(&self) -> bool {
        self.state == State::Greeting
    }

    pub(super) fn up(&self) -> Option<Up> {
        if let State::Up(up) = self.state { Some(up) } else { None }
    }

    /// Returns when the server started that was connected last.
    #[cfg(test)]
    pub(super) fn known_since(&self) -> Option<u64> {
        self.known_since
    }

    /// Called with the first figures of a connection. Returns whether the server has started since the last connection.
    /// Then it knows none of the earlier jobs.
    pub(super) fn greet(&mut self, metrics: &Metrics) -> bool {
        self.state = State::Up(Up { since: metrics.up_since, max_line: metrics.max_line });
        self.is_refused = false;
        self.known_since.replace(metrics.up_since) != Some(metrics.up_since)
    }

    /// Disconnects from a server without spare workers, which is too old.
    pub(super) fn refuse_old(&mut self, effects: &mut Vec<Effect>) {
        if !mem::replace(&mut self.is_refused, true) {
            effects.push(Effect::Notice(Notice::ServerTooOld));
        }
        let reason = "the server does not support spare workers: a newer deputy-server is needed".to_owned();
        effects.push(Effect::DropServer { reason });
    }
}
