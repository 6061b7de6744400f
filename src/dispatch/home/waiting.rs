//! Handles jobs that may not wait, or only for a limited time, and keeps the presence of workers for that: the rules
//! H8, H10 and H11 of docs/architecture.md.
//!
//! A job with `need_worker` needs a worker of its type when it is first queued. A job with `wait_ms` must be sent to a
//! worker within that time. The owner of its submitter has the timer, and recalls the job. If the job waits at that
//! moment, the home ends it. Otherwise it was sent to a worker, or is on its way. If it comes back, the home sees that
//! its time is over.

use hashbrown::hash_table::Entry;

use super::Home;
use super::offers::PoolRef;
use super::queues::{Queue, Queued};
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ShardId, Submitter, TypeHash, TypeRef};
use crate::dispatch::job::Job;
use crate::dispatch::micros::Micros;
use crate::protocol::command::Class;

impl Home {
    /// Called when a shard has workers of a type and class (H8).
    pub(in crate::dispatch) fn present(&mut self, of: TypeRef, class: Class, from: PoolRef, ctx: &Ctx<'_>) {
        if ctx.stopping {
            return;
        }
        let (entry, places) = self.queues.enter(&of.name, of.hash);
        let queue = match entry {
            Entry::Occupied(entry) => &mut entry.into_mut().queue,
            Entry::Vacant(entry) => &mut entry.insert(Queue::listed(of, places)).into_mut().queue,
        };
        queue.offers.enter(class).set_present(from);
    }

    /// Called when a shard has no worker of a type and class any more (H8). Without a worker, durable jobs wait only if
    /// they are stored (H10).
    pub(in crate::dispatch) fn absent(&mut self, from: ShardId, of: &TypeRef, class: Class, ctx: &mut Ctx<'_>) {
        let ended = self.queues.change(of, |queue| {
            queue.offers.change(class, |offers| offers.set_absent(from));
            let is_over = class == Class::Durable && !queue.offers.any_present();
            if is_over { queue.waiting.take_unstored() } else { Vec::new() }
        });
        for job in ended.unwrap_or_default() {
            self.revocable.forget(&job);
            ctx.counts.jobs_waiting -= 1;
            ctx.end(job, Reason::NoBridge);
        }
    }

    /// H8: returns the reason if a new job must end at once.
    pub(super) fn why_not_queued(&self, job: &Job, hash: TypeHash) -> Option<Reason> {
        let queue = self.find(job.type_name(), hash);
        if job.needs_worker() && !queue.is_some_and(|queue| queue.offers.any_present()) {
            return Some(if job.is_durable() { Reason::NoBridge } else { Reason::NoWorker });
        }
        (job.wait_ms() == Some(0) && !meets_offer(job, queue)).then_some(Reason::TooLate)
    }

    /// H10 and H11: returns the reason if a job that came back must end.
    pub(super) fn why_not_requeued(&self, job: &Job, hash: TypeHash, now: Micros) -> Option<Reason> {
        let queue = || self.find(job.type_name(), hash);
        if job.is_durable() && !job.is_stored() && !queue().is_some_and(|queue| queue.offers.any_present()) {
            return Some(Reason::NoBridge);
        }
        let too_late = match job.wait_ms() {
            None => false,
            // The job was not sent to a worker, because the offer was stale. Another offer may be valid.
            Some(0) if !job.was_sent() => !meets_offer(job, queue()),
            Some(0) => true,
            // The time of a shard does not advance during a turn, so a Recall may have a later time.
            Some(_) => job.waits_until().is_some_and(|until| until <= now.max(self.last_recall)),
        };
        too_late.then_some(Reason::TooLate)
    }

    /// H11: the time of a job's `wait_ms` is over. If it waits, it ends, unless it was stored meanwhile.
    pub(in crate::dispatch) fn recall(&mut self, ticket: Submitter, due: Micros, ctx: &mut Ctx<'_>) {
        self.last_recall = self.last_recall.max(due);
        let Some(job) = self.take_waiting(ticket) else { return };
        ctx.counts.jobs_waiting -= 1;
        if job.wait_ms().is_some() {
            return ctx.end(job, Reason::TooLate);
        }
        let hash = ctx.settings.hash_of(&job);
        self.enqueue(job, hash, Queued::Again, ctx);
    }
}

/// Returns whether a job that is no suspect would be assigned at once. The job need not be the first in its queue:
/// while an offer is open, only jobs wait that do not fit it, unless they wait for the next turn.
fn meets_offer(job: &Job, queue: Option<&Queue>) -> bool {
    let is_open = |queue: &Queue| queue.offers.iter().any(|(class, offers)| job.fits(class) && offers.any_open());
    queue.is_some_and(|queue| !queue.is_postponed && is_open(queue))
}
