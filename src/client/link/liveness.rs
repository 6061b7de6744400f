//! Whether the server is still there: after a while without a word it is asked, and after a while without an answer it
//! counts as dead. Pure; the reader waits and asks.

use std::time::Duration;

/// How long to wait for a word, and what to do when none has come.
#[derive(Debug)]
pub(super) struct Liveness {
    ping_after: Duration,
    answer_timeout: Duration,
    /// How much had been said when the question was, in bytes of the connection.
    pinged_at: Option<u64>,
}

/// What to do after a wait in vain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Say a `ping`, and tell [`Liveness::ping_sent`].
    Ping,
    /// Wait again: our own question is not written yet, and who takes no bytes is the writer's to find.
    Wait,
    /// The server is dead.
    Dead,
}

impl Liveness {
    pub(super) fn new(ping_after: Duration, answer_timeout: Duration) -> Self {
        Self { ping_after, answer_timeout, pinged_at: None }
    }

    /// How long to wait for the next word.
    pub(super) fn wait(&self) -> Duration {
        if self.pinged_at.is_some() { self.answer_timeout } else { self.ping_after }
    }

    /// A word came.
    pub(super) fn on_input(&mut self) {
        self.pinged_at = None;
    }

    /// Nothing came for [`wait`](Self::wait); so much of what was said is written.
    pub(super) fn on_timeout(&mut self, written_bytes: u64) -> Verdict {
        match self.pinged_at {
            None => Verdict::Ping,
            Some(pinged_at) if written_bytes < pinged_at => Verdict::Wait,
            Some(_) => Verdict::Dead,
        }
    }

    /// The question was said, and with it so many bytes in all.
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
    fn a_silent_server_is_asked_and_then_dead() {
        let mut liveness = Liveness::new(PING, ANSWER);
        assert_eq!(liveness.wait(), PING);
        assert_eq!(liveness.on_timeout(5), Verdict::Ping);
        liveness.ping_sent(20);
        assert_eq!(liveness.wait(), ANSWER);
        assert_eq!(liveness.on_timeout(20), Verdict::Dead);
    }

    #[test]
    fn any_word_ends_the_silence() {
        let mut liveness = Liveness::new(PING, ANSWER);
        liveness.ping_sent(20);
        liveness.on_input();
        assert_eq!((liveness.wait(), liveness.on_timeout(20)), (PING, Verdict::Ping));
    }

    #[test]
    fn a_question_that_is_not_yet_written_counts_for_nothing() {
        let mut liveness = Liveness::new(PING, ANSWER);
        liveness.ping_sent(1_000);
        assert_eq!(liveness.on_timeout(999), Verdict::Wait);
        assert_eq!(liveness.on_timeout(1_000), Verdict::Dead);
    }
}
