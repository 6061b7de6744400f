//! What a rule may use beside its own books: the settings, the time, the figures, and the way out.

use std::collections::VecDeque;

use super::job::{End, Job};
use super::message::{Effects, JobEvent, Message, ShardId, TraceId};
use super::{Settings, home_of};
use crate::metrics::Counts;

/// The surroundings of one step.
pub(super) struct Ctx<'a> {
    pub(super) settings: &'a Settings,
    pub(super) now_ms: u64,
    pub(super) stopping: bool,
    pub(super) counts: &'a mut Counts,
    /// Messages to the own shard. They are obeyed one after the other before the step returns, never by a nested call.
    pub(super) local: &'a mut VecDeque<Message>,
    pub(super) effects: &'a mut dyn Effects,
}

impl Ctx<'_> {
    /// Says something to a shard, this one or another.
    pub(super) fn post(&mut self, to: ShardId, message: Message) {
        if to == self.settings.shard {
            self.local.push_back(message);
        } else {
            self.counts.shard_messages += 1;
            self.effects.post(to, message);
        }
    }

    /// Tells where a job has come to, if somebody wants to know.
    pub(super) fn trace(&mut self, job: &Job, passage: JobEvent) {
        if self.settings.trace {
            let home = home_of(&self.settings.homes, self.settings.shards, job.type_name());
            self.effects.trace(TraceId { home, arrival: job.arrival }, passage);
        }
    }

    /// Ends a job: its answer goes to its submitter's owner.
    pub(super) fn end(&mut self, job: Job, end: End<'_>) {
        self.trace(&job, JobEvent::Finished(end.word()));
        let to = job.submitter;
        self.post(to.shard, Message::Answer { to, answer: job.answer(end) });
    }
}
