//! Decides whether the server is alive. After a time without input the client sends a `ping`. After a further time
//! without any input the server counts as dead. Pure: the reader waits and sends.

use std::time::Duration;

/// How long to wait for input, and what to do if none comes.
#[derive(Debug)]
pub(super) struct Liveness {
    ping_after: Duration,
    answer_timeout: Duration,
    /// The bytes that had been queued on the connection when the `ping` was, if it has no answer.
    pinged_at: Option<u64>,
}

/// What to do when no input has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send a `ping`, and call [`Liveness::ping_sent`].
    Ping,
    /// Wait again: the `ping` is not written yet. The writer finds a server that takes no bytes.
    Wait,
    /// The server is dead.
    Dead,
}

impl Liveness {
    pub(super) fn new(ping_after: Duration, answer_timeout: Duration) -> Self {
        Self { ping_after, answer_timeout, pinged_at: None }
    }

    /// Returns how long to wait for input.
    pub(super) fn wait(&self) -> Duration {
        if self.pinged_at.is_some() { self.answer_timeout } else { self.ping_after }
    }

    /// Called when input has come.
    pub(super) fn on_input(&mut self) {
        self.pinged_at = None;
    }

    /// Called when no input has come for [`wait`](Self::wait). `written_bytes` are those of the connection so far.
    pub(super) fn on_timeout(&mut self, written_bytes: u64) -> Verdict {
        match self.pinged_at {
            None => Verdict::Ping,
            Some(pinged_at) if written_bytes < pinged_at => Verdict::Wait,
            Some(_) => Verdict::Dead,
        }
    }

    /// Called when a `ping` is queued. `queued_bytes` are those of the connection so far, with the `ping`.
    pub(super) fn ping_sent(&mut self, queued_bytes: u64) {
        self.pinged_at = Some(queued_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: Duration = Duration::from_secs(15);
    const ANSWER: Duration = Duration::from_secs(20);

    #[test]
    fn a_silent_server_gets_a_ping_and_is_then_dead() {
        let mut liveness = Liveness::new(PING, ANSWER);
        assert_eq!(liveness.wait(), PING);
        assert_eq!(liveness.on_timeout(5), Verdict::Ping);
        liveness.ping_sent(20);
        assert_eq!(liveness.wait(), ANSWER);
        assert_eq!(liveness.on_timeout(20), Verdict::Dead);
    }

    #[test]
    fn any_input_shows_that_the_server_is_alive() {
        let mut liveness = Liveness::new(PING, ANSWER);
        liveness.ping_sent(20);
        liveness.on_input();
        assert_eq!((liveness.wait(), liveness.on_timeout(20)), (PING, Verdict::Ping));
    }

    #[test]
    fn a_ping_that_is_not_written_yet_does_not_count() {
        let mut liveness = Liveness::new(PING, ANSWER);
        liveness.ping_sent(1_000);
        assert_eq!(liveness.on_timeout(999), Verdict::Wait);
        assert_eq!(liveness.on_timeout(1_000), Verdict::Dead);
    }
}
