//! Sends the result of a message to its submitter's bridge, until that bridge has confirmed it.

use std::cmp::Reverse;
use std::time::Duration;

use bytes::Bytes;

use super::{AllHeld, Due, Held, Phase, Scene};
use crate::core::{Effect, Outcome, Reply, ResultMessage, Verdict};
use crate::wire;

/// How long the bridge waits for a confirmation before it sends a result again.
const ASK_TIMEOUT: Duration = Duration::from_secs(2);
/// The same if the submitter's bridge is not connected, or does not know the job now.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How long a result is kept at least if its submitter's bridge does not know the job.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// A margin for the stream's duplicate window. Within the window, NATS ignores a message that is published again.
const WINDOW_MARGIN: Duration = Duration::from_secs(5);
/// The maximum number of bytes of a result's headers, without the names in them.
const HEADER_BYTES: usize = 128;

/// A result that is not confirmed.
#[derive(Debug)]
pub(super) struct Answering {
    result: ResultMessage,
    /// When the message was pulled.
    received: Duration,
    /// When the result arrived.
    since: Duration,
    /// Whether the submitter's bridge has answered that it does not know the job.
    is_unknown: bool,
    tries: u32,
}

impl Answering {
    fn new(result: ResultMessage, received: Duration, now: Duration) -> Self {
        Self { result, received, since: now, is_unknown: false, tries: 0 }
    }

    /// Begins another try. Returns its number, which its timer carries.
    fn next_try(&mut self) -> u32 {
        self.tries += 1;
        self.tries
    }

    /// Whether this is the number of the last try.
    pub(super) fn is_last_try(&self, number: u32) -> bool {
        self.tries == number
    }

    /// Returns the reply to NATS for the message when the result is confirmed.
    fn reply(&self) -> Reply {
        if self.result.outcome == Outcome::GaveUp { Reply::Term } else { Reply::Ack }
    }

    /// Whether the result may be dropped without a confirmation: its submitter's node is gone, or does not know the
    /// job. Never within the stream's duplicate window, because the node may come back and publish the job again, which
    /// NATS would ignore.
    pub(super) fn may_be_dropped(&self, scene: &Scene<'_>) -> bool {
        let is_in_window =
            scene.now.saturating_sub(self.received) < scene.duplicate_window.saturating_add(WINDOW_MARGIN);
        let is_unknown = self.is_unknown && scene.now.saturating_sub(self.since) >= UNKNOWN_FOR;
        !is_in_window && (is_unknown || scene.nodes.is_gone(&self.result.job.node, scene.now))
    }
}

impl AllHeld {
    /// Begins to send a result, because the job has ended.
    pub(super) fn answer(&mut self, id: u64, outcome: Outcome, value: Bytes, scene: &mut Scene<'_>) {
        let Some(held) = self.held.get_mut(&id) else { return };
        let result = ResultMessage { job: held.message.job.clone(), outcome, value };
        let result = fitting(result, scene);
        self.answer_bytes += result.value.len();
        held.phase = Phase::Answering(Answering::new(result, held.received, scene.now));
        self.ask(id, scene);
    }

    /// Sends the result of a message, if there is one.
    pub(super) fn ask(&mut self, id: u64, scene: &mut Scene<'_>) {
        let Some(Held { phase: Phase::Answering(answering), .. }) = self.held.get_mut(&id) else { return };
        self.timers.push(Reverse((scene.now + ASK_TIMEOUT, id, Due::Ask(answering.next_try()))));
        scene.effects.push(Effect::Ask { id, result: answering.result.clone() });
    }

    /// Called when the submitter's bridge has answered, or NATS instead of it.
    pub(in crate::core) fn on_verdict(&mut self, id: u64, verdict: Verdict, scene: &mut Scene<'_>) {
        let Some(Held { phase: Phase::Answering(answering), .. }) = self.held.get_mut(&id) else { return };
        match verdict {
            Verdict::Delivered => self.end(id, scene),
            Verdict::Dropped => {
                scene.figures.dropped += 1;
                self.end(id, scene);
            }
            Verdict::Unknown | Verdict::Absent => {
                answering.is_unknown = verdict == Verdict::Unknown;
                // The timer of the last try no longer counts.
                self.timers.push(Reverse((scene.now + ASK_AGAIN, id, Due::Ask(answering.next_try()))));
            }
        }
    }

    /// Replies to NATS that the message is done with.
    pub(super) fn end(&mut self, id: u64, scene: &mut Scene<'_>) {
        let Some(held) = self.held.remove(&id) else { return };
        let Phase::Answering(answering) = held.phase else { return };
        self.answer_bytes -= answering.result.value.len();
        scene.effects.push(Effect::Respond { ack: held.message.ack, reply: answering.reply() });
    }
}

/// Returns the result, or a failure if the result is too large for NATS.
fn fitting(result: ResultMessage, scene: &mut Scene<'_>) -> ResultMessage {
    let bytes = result.value.len() + HEADER_BYTES + result.job.to_string().len();
    if bytes <= scene.max_payload {
        return result;
    }
    let max = scene.max_payload;
    let text = format!("the result is too large to come back: {bytes} bytes, and NATS takes {max} (max_payload)");
    scene.figures.refused += 1;
    ResultMessage { outcome: Outcome::Failed, value: wire::quoted(&text).into(), ..result }
}
