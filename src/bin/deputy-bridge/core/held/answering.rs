//! The result of a message, until its submitter's bridge has confirmed it: it is sent again and again.

use std::time::Duration;

use super::Scene;
use crate::core::{Outcome, Reply, ResultMessage};
use crate::wire;

/// How long a result is kept at least that its submitter's bridge does not know.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// Added to the stream's duplicate window. In the window, a message that is published again is swallowed.
const WINDOW_MARGIN: Duration = Duration::from_secs(5);
/// Bytes that the headers of a result take at most, beside the names in them.
const HEADER_BYTES: usize = 128;

/// See the module.
#[derive(Debug)]
pub(super) struct Answering {
    result: ResultMessage,
    /// When the message was pulled.
    received: Duration,
    /// When the result was there.
    since: Duration,
    /// The submitter's bridge was there, and did not know the job.
    is_unknown: bool,
    tries: u32,
}

impl Answering {
    pub(super) fn new(result: ResultMessage, received: Duration, now: Duration) -> Self {
        Self { result, received, since: now, is_unknown: false, tries: 0 }
    }

    pub(super) fn result(&self) -> &ResultMessage {
        &self.result
    }

    /// Begins another try. Returns its number, with which a timer belongs to it.
    pub(super) fn next_try(&mut self) -> u32 {
        self.tries += 1;
        self.tries
    }

    /// Whether this is the number of the last try.
    pub(super) fn is_last_try(&self, number: u32) -> bool {
        self.tries == number
    }

    /// Called when the submitter's bridge did not take the result: it does not know the job, or is not there.
    pub(super) fn on_not_taken(&mut self, is_unknown: bool) {
        self.is_unknown = is_unknown;
    }

    /// Returns what NATS gets to know of the message when the result has come back.
    pub(super) fn reply(&self) -> Reply {
        if self.result.outcome == Outcome::GaveUp { Reply::Term } else { Reply::Ack }
    }

    /// Whether the result may be dropped without a confirmation: its submitter's node is gone, or does not know the job. Never
    /// within the stream's duplicate window: the node may come back and publish the job again, and that would be swallowed.
    pub(super) fn may_be_dropped(&self, scene: &Scene<'_>) -> bool {
        let is_in_window =
            scene.now.saturating_sub(self.received) < scene.duplicate_window.saturating_add(WINDOW_MARGIN);
        let is_unknown = self.is_unknown && scene.now.saturating_sub(self.since) >= UNKNOWN_FOR;
        !is_in_window && (is_unknown || scene.nodes.is_gone(&self.result.job.node, scene.now))
    }
}

/// Returns a result, or that it failed: NATS would not take one that is too large.
pub(super) fn fitting(result: ResultMessage, scene: &mut Scene<'_>) -> ResultMessage {
    let bytes = result.value.len() + HEADER_BYTES + result.job.to_string().len();
    if bytes <= scene.max_payload {
        return result;
    }
    let max = scene.max_payload;
    let text = format!("the result is too large to come back: {bytes} bytes, and NATS takes {max} (max_payload)");
    scene.figures.refused += 1;
    ResultMessage { outcome: Outcome::Failed, value: wire::quoted(&text).into(), ..result }
}
