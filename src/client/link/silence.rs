//! Whether the server is still there: after a while without a word it is asked, and after a while without an answer it
//! counts as dead. Pure; the keeper waits and asks.

use std::time::Duration;

/// How long to wait for a word, and what to do when none has come.
#[derive(Debug)]
pub(super) struct Silence {
    ask_after: Duration,
    answer_within: Duration,
    /// How much had been said when the question was, in bytes of the connection.
    asked: Option<u64>,
}

/// What to do after a wait in vain.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Say a `ping`, and tell [`Silence::asked`].
    Ask,
    /// Wait again: our own question is not written yet, and who takes no bytes is the writer's to find.
    Wait,
    /// The server is dead.
    Dead,
}

impl Silence {
    pub(super) fn new(ask_after: Duration, answer_within: Duration) -> Self {
        Self { ask_after, answer_within, asked: None }
    }

    /// How long to wait for the next word.
    pub(super) fn wait(&self) -> Duration {
        if self.asked.is_some() { self.answer_within } else { self.ask_after }
    }

    /// A word came.
    pub(super) fn broken(&mut self) {
        self.asked = None;
    }

    /// Nothing came for [`wait`](Self::wait); so much of what was said is written.
    pub(super) fn lasts(&mut self, written_bytes: u64) -> Verdict {
        match self.asked {
            None => Verdict::Ask,
            Some(asked) if written_bytes < asked => Verdict::Wait,
            Some(_) => Verdict::Dead,
        }
    }

    /// The question was said, and with it so many bytes in all.
    pub(super) fn asked(&mut self, said_bytes: u64) {
        self.asked = Some(said_bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASK: Duration = Duration::from_secs(15);
    const ANSWER: Duration = Duration::from_secs(20);

    #[test]
    fn a_silent_server_is_asked_and_then_dead() {
        let mut silence = Silence::new(ASK, ANSWER);
        assert_eq!(silence.wait(), ASK);
        assert_eq!(silence.lasts(5), Verdict::Ask);
        silence.asked(20);
        assert_eq!(silence.wait(), ANSWER);
        assert_eq!(silence.lasts(20), Verdict::Dead);
    }

    #[test]
    fn any_word_ends_the_silence() {
        let mut silence = Silence::new(ASK, ANSWER);
        silence.asked(20);
        silence.broken();
        assert_eq!((silence.wait(), silence.lasts(20)), (ASK, Verdict::Ask));
    }

    #[test]
    fn a_question_that_is_not_yet_written_counts_for_nothing() {
        let mut silence = Silence::new(ASK, ANSWER);
        silence.asked(1_000);
        assert_eq!(silence.lasts(999), Verdict::Wait);
        assert_eq!(silence.lasts(1_000), Verdict::Dead);
    }
}
