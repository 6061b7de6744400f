//! The context of a rule: the settings, the time, the counters, and the effects.

use super::answer::{End, Reason};
use super::figures::TypeFigures;
use super::ids::{ShardId, TraceId};
use super::job::Job;
use super::local::LocalQueue;
use super::message::{Effects, JobEvent, Message};
use super::micros::Micros;
use super::settings::Settings;
use crate::metrics::Counts;

/// The context of one step.
pub(super) struct Ctx<'a> {
    pub(super) settings: &'a Settings,
    pub(super) now: Micros,
    pub(super) stopping: bool,
    pub(super) counts: &'a mut Counts,
    pub(super) figures: &'a mut TypeFigures,
    /// Messages to the own shard. They are handled one after the other before the step returns, never by a nested call.
    pub(super) local: &'a mut LocalQueue,
    pub(super) effects: &'a mut dyn Effects,
}

impl Ctx<'_> {
    /// Sends a message to a shard, this one or another.
    #[inline]
    pub(super) fn post(&mut self, to: ShardId, message: Message) {
        if to == self.settings.shard {
            self.local.push(message);
        } else {
            self.counts.shard_messages += 1;
            self.effects.post(to, message);
        }
    }

    /// Logs an event of a job, if the log is on.
    #[inline]
    pub(super) fn trace(&mut self, job: &Job, event: JobEvent) {
        if self.settings.trace {
            self.trace_now(job, event);
        }
    }

    #[cold]
    fn trace_now(&mut self, job: &Job, event: JobEvent) {
        let home = self.settings.hash(job.type_name()).home(self.settings.shards);
        self.effects.trace(TraceId { home, arrival: job.arrival }, event);
    }

    /// Ends a job that no worker has answered.
    pub(super) fn end(&mut self, job: Job, reason: Reason) {
        self.count_end(&job, reason);
        self.answer(job, End::NotDone(reason));
    }

    /// Counts a job that ends without an answer of a worker, by its type. Its home has marked it.
    #[inline(never)]
    pub(super) fn count_end(&mut self, job: &Job, reason: Reason) {
        let hash = self.settings.hash(job.type_name());
        let id = self.figures.place_of(job.has_figures(), job.type_name(), hash);
        self.figures.ended(id, reason, 1);
    }

    /// Sends the answer to a job to its submitter's owner.
    pub(super) fn answer(&mut self, job: Job, end: End<'_>) {
        self.trace(&job, JobEvent::Finished(end.name()));
        let to = job.submitter;
        self.post(to.shard(), Message::Answer { to, answer: job.answer(end) });
    }
}
