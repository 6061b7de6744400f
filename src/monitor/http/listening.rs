//! Accepts connections from the listeners.

use std::io::{self, Write as _};
use std::time::{Duration, Instant, SystemTime};

use crossbeam_channel::Receiver;
use mio::{Registry, Token};

use super::date::HttpDate;
use super::response::Response;
use crate::limits::{ACCEPT_RETRY_MS, HTTP_ACCEPTS_PER_TURN};
use crate::server::{AcceptOutcome, AcceptPolicy, Keepalive, Listener, Log, StartError, Stream};

/// The first token of a listener; smaller tokens are those of connections.
const FIRST: usize = 1 << 32;

/// Sockets that are registered with a poller.
pub(super) struct Registered(Vec<State>);

/// A listener, whether connections may be waiting there, and until when it is paused.
struct State {
    listener: Listener,
    ready: bool,
    paused_until: Instant,
}

/// The listeners, with the function that takes each connection.
pub(super) struct Listening<F> {
    states: Vec<State>,
    policy: AcceptPolicy<F>,
    accepted: Receiver<Stream>,
}

impl Registered {
    /// Registers the listeners with the poller.
    pub(super) fn new(listeners: Vec<Listener>, registry: &Registry) -> Result<Self, StartError> {
        let mut states = Vec::new();
        for (index, mut listener) in listeners.into_iter().enumerate() {
            listener
                .register(registry, Token(FIRST + index))
                .map_err(StartError::system("poll a listener for http"))?;
            states.push(State { listener, ready: false, paused_until: Instant::now() });
        }
        Ok(Self(states))
    }

    /// Makes the listeners ready to accept.
    pub(super) fn listen(self, log: Log) -> Listening<impl FnMut(Stream)> {
        let (sender, accepted) = crossbeam_channel::unbounded();
        // Sending fails only if the receiver is gone, but this thread has it.
        let hand_over = move |stream| drop(sender.send(stream));
        let policy = AcceptPolicy::new(Keepalive::default(), log, std::sync::Arc::default(), hand_over);
        Listening { states: self.0, policy, accepted }
    }
}

impl<F: FnMut(Stream)> Listening<F> {
    /// Called for each event. Returns false if the event's token is no listener's.
    pub(super) fn on_event(&mut self, token: Token) -> bool {
        let state = token.0.checked_sub(FIRST).and_then(|index| self.states.get_mut(index));
        state.is_some_and(|state| {
            state.ready = true;
            true
        })
    }

    /// Logs a failure, at most one per second.
    pub(super) fn log_failure(&mut self, attempt: &'static str, error: &io::Error) {
        self.policy.log_failure(attempt, error);
    }

    /// Closes all listeners.
    pub(super) fn close(&mut self) {
        self.states.clear();
    }

    /// Returns when a listener is to be tried again.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        self.states.iter().filter(|state| state.ready).map(|state| state.paused_until).min()
    }

    /// Accepts some connections from each ready listener that is not paused.
    pub(super) fn accept(&mut self, now: Instant) -> Vec<Stream> {
        for state in self.states.iter_mut().filter(|state| state.ready && state.paused_until <= now) {
            let mut left = HTTP_ACCEPTS_PER_TURN;
            let outcome = self.policy.take(|| {
                left = left.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
                state.listener.accept()
            });
            match outcome {
                AcceptOutcome::All => state.ready = left == 0, // With none left, the limit said so.
                AcceptOutcome::More => {}
                AcceptOutcome::Stuck => state.paused_until = now + Duration::from_millis(ACCEPT_RETRY_MS),
            }
        }
        self.accepted.try_iter().collect()
    }
}

/// Answers that there are too many connections, and closes the connection. The answer is sent as far as the socket
/// takes it at once.
pub(super) fn refuse(mut stream: Stream) {
    let response = Response::line(503, "too many connections; try again");
    let mut bytes = response.head(false, HttpDate(SystemTime::now()));
    bytes.extend_from_slice(&response.body);
    // Writing fails if the peer has gone.
    let _ = stream.write(&bytes);
    stream.end_writing();
}
