//! Ends jobs that workers of this shard hold, without an answer of the worker: the rules O6 to O8 of
//! docs/architecture.md.
//!
//! A job that is dropped, or held past its run limit, leaves its slot *spent*: the worker receives `cancel`, and the slot
//! counts as taken until the worker answers. So a worker is never sent more than it can do.

use ahash::RandomState;

use super::Owner;
use super::capacity::Place;
use super::pool::Pool;
use super::slots::{Held, Slot, Spent};
use crate::dispatch::answer::Reason;
use crate::dispatch::collections::parted_table::PartedMap;
use crate::dispatch::collections::timers::{TimerId, Timers};
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, ShardId, Submitter};
use crate::dispatch::job::Job;
use crate::dispatch::message::{JobEvent, Message, Suspects};
use crate::dispatch::micros::Micros;
use crate::limits::TIMERS_PER_TURN;
use crate::metrics::Fault;
use crate::protocol::Code;
use crate::protocol::carried::Carried;
use crate::protocol::command::JobRef;
use crate::protocol::reply::Reply;

/// A slot of a worker of this shard: the connection, and the lease of its job if it has one.
pub(in crate::dispatch) type SlotRef = (ConnId, Option<u64>);

/// The jobs that workers hold and that may end without an answer.
#[derive(Debug)]
pub(in crate::dispatch) struct Holding {
    /// The slots of jobs that may be revoked, by ticket or group.
    by_submitter: PartedMap<Submitter, SlotRef>,
    /// The timers of run limits.
    pub(in crate::dispatch) limits: Timers<SlotRef>,
}

impl Holding {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self { by_submitter: PartedMap::new(maps), limits: Timers::default() }
    }

    /// Returns the numbers of jobs that may be revoked, and of run limits, for tests.
    pub(in crate::dispatch) fn sizes(&self) -> (usize, usize) {
        (self.by_submitter.len(), self.limits.len())
    }
}

/// Returns how long a worker may hold a job without progress. A durable job has only the limit of its `do`, which is
/// for the server that runs the job.
#[inline]
pub(in crate::dispatch) fn run_limit_ms(job: &Job, ctx: &Ctx<'_>) -> Option<u64> {
    let default_ms = ctx.settings.run_limit_ms;
    job.run_limit_ms().or_else(|| (default_ms > 0 && !job.is_durable()).then_some(default_ms))
}

/// Returns whether a job has no attempt left.
pub(in crate::dispatch) fn is_used_up(job: &Job, ctx: &Ctx<'_>) -> bool {
    let max = job.attempts_max().map_or(ctx.settings.attempts_max, u32::from);
    max != 0 && job.attempts >= max
}

impl Owner {
    /// Called before a job that was sent is put into a slot. Returns the timer of its run limit, if it has one.
    #[inline(always)]
    pub(in crate::dispatch) fn watch(
        &mut self,
        slot: SlotRef,
        job: &Job,
        limit_ms: Option<u64>,
        ctx: &Ctx<'_>,
    ) -> Option<TimerId> {
        if limit_ms.is_none() && !job.is_revocable() {
            return None;
        }
        self.watch_any(slot, job, limit_ms, ctx)
    }

    /// The same for any job. A worker of durable jobs does not run them, so it may hold them for ever.
    #[inline(never)]
    fn watch_any(&mut self, slot: SlotRef, job: &Job, limit_ms: Option<u64>, ctx: &Ctx<'_>) -> Option<TimerId> {
        if job.is_revocable() {
            self.holding.by_submitter.insert(job.submitter, slot);
        }
        let limit_ms = limit_ms.filter(|_| !job.is_durable());
        limit_ms.map(|ms| self.holding.limits.set(ctx.now + Micros::from_ms(ms), slot))
    }

    /// Called when a worker no longer holds a job. Updates its pool and the figures, and removes its timer. Returns the
    /// pool.
    #[inline(always)]
    pub(in crate::dispatch) fn let_go(&mut self, held: &Held, ctx: &mut Ctx<'_>) -> &mut Pool {
        self.pool_changed(held.pool);
        ctx.counts.jobs_running -= 1;
        if held.limit.is_some() || held.job.is_revocable() {
            self.unwatch(held);
        }
        let pool = self.pools.get(held.pool);
        pool.running -= 1;
        pool
    }

    #[inline(never)]
    fn unwatch(&mut self, held: &Held) {
        if let Some(limit) = held.limit {
            self.holding.limits.cancel(limit);
        }
        if held.job.is_revocable() {
            self.holding.by_submitter.remove(&held.job.submitter);
        }
    }

    /// Called when a spent slot is free again: its worker has answered, or has left.
    pub(in crate::dispatch) fn free_spent(&mut self, spent: &Spent, ctx: &mut Ctx<'_>) {
        self.pools.get(spent.pool).spent -= 1;
        self.pool_changed(spent.pool);
        ctx.counts.slots_spent -= 1;
        ctx.counts.job_bytes -= spent.bytes();
    }

    /// Removes a job from its slot, which is spent from now on. The worker receives `cancel`, if its jobs have leases.
    fn spend(&mut self, (worker_id, lease): SlotRef, ctx: &mut Ctx<'_>) -> Option<Held> {
        let worker = self.conns.bare_worker(worker_id)?;
        let (held, bytes) = worker.slots.spend(lease)?;
        self.pools.get(held.pool).spent += 1;
        ctx.counts.slots_spent += 1;
        ctx.counts.job_bytes += bytes;
        if let Some(job) = lease {
            self.send(worker_id, &Reply::Cancel { job }, ctx);
        }
        Some(held)
    }

    /// O6: no client waits for a job any more. If a worker of this shard holds it, it ends.
    pub(in crate::dispatch) fn drop_job(
        &mut self,
        from: ShardId,
        submitter: Submitter,
        reason: Reason,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(&slot) = self.holding.by_submitter.get(&submitter) else { return };
        let Some(held) = self.spend(slot, ctx) else { return };
        self.let_go(&held, ctx);
        ctx.count_end(&held.job, reason);
        ctx.trace(&held.job, JobEvent::Revoked);
        ctx.post(from, Message::Dropped(submitter));
    }

    /// Handles the run limits that have passed, until the turn's share is used up.
    ///
    /// The time of the last turn is used, as in [`Owner::close_stalled`]: all lines that workers sent by then have been
    /// read. So no job that was answered in time is overdue, even if the whole server was suspended.
    pub(in crate::dispatch) fn end_overdue(&mut self, ctx: &mut Ctx<'_>) {
        let mut budget = TIMERS_PER_TURN;
        while let Some(slot) = self.holding.limits.pop_due(self.last_turn, &mut budget) {
            self.overdue(slot, ctx);
        }
    }

    /// O7: a worker has held a job past its run limit.
    fn overdue(&mut self, slot: SlotRef, ctx: &mut Ctx<'_>) {
        if self.lost_workers.limit_is_over(slot) {
            return; // The worker is lost, and the job is requeued anyway.
        }
        let (worker, _) = slot;
        ctx.effects.fault(worker, Fault::Overdue);
        let Some(mut held) = self.spend(slot, ctx) else { return };
        held.limit = None; // It has fallen due.
        self.let_go(&held, ctx);
        let mut job = held.job;
        job.attempts += 1;
        ctx.trace(&job, JobEvent::Overdue(worker));
        if is_used_up(&job, ctx) {
            self.end_job(job, Reason::TimedOut, ctx);
        } else if ctx.stopping {
            self.end_job(job, Reason::Shutdown, ctx);
        } else {
            let home = self.pools.peek(held.pool).home;
            ctx.post(home, Message::Requeue { job, suspects: Suspects::AsBefore });
        }
    }

    /// `progress`: the worker still runs a job. The run limit starts again, and the submitter receives the progress.
    pub(in crate::dispatch) fn progress(
        &mut self,
        from: ConnId,
        name: JobRef<'_>,
        id: Option<&str>,
        data: Option<Carried<'_>>,
        ctx: &mut Ctx<'_>,
    ) {
        let worker = self.conns.get(from).and_then(|conn| conn.worker.as_mut());
        let held = match worker.and_then(|worker| worker.slots.find(name)) {
            Some(Slot::Held(held)) => held,
            Some(Slot::Spent(_)) => return,
            None => {
                ctx.effects.fault(from, Fault::NotHolding);
                return self.refuse(from, Code::NotHolding, "this connection holds no such job", id, ctx);
            }
        };
        if let (Some(limit), Some(ms)) = (&mut held.limit, run_limit_ms(&held.job, ctx)) {
            let slot = self.holding.limits.cancel(*limit);
            *limit = self.holding.limits.set(ctx.now + Micros::from_ms(ms), slot);
        }
        let Some(data) = data.filter(|_| held.job.wants_progress()) else { return };
        let to = held.job.submitter;
        if to.shard() == ctx.settings.shard && matches!(to, Submitter::Ticket(..)) {
            self.deliver_progress(to, data, ctx);
        } else {
            ctx.post(to.shard(), Message::Progress { to, data: data.to_owned() });
        }
    }

    /// `stored`: the worker has stored a durable job outside this server. The submitter is informed once.
    pub(in crate::dispatch) fn stored(&mut self, from: ConnId, lease: u64, id: Option<&str>, ctx: &mut Ctx<'_>) {
        let worker = self.conns.get(from).and_then(|conn| conn.worker.as_mut());
        let slot = worker.and_then(|worker| worker.slots.find(JobRef::Lease(lease)));
        let held = match slot {
            Some(Slot::Held(held)) => Some(held),
            Some(Slot::Spent(_)) => return,
            None => None,
        };
        let stored = held.and_then(|held| held.job.store().map(|is_first| (held.job.submitter, is_first)));
        match stored {
            Some((_, false)) => {}
            Some((to, true)) if to.shard() == ctx.settings.shard => self.deliver_stored(to, ctx),
            Some((to, true)) => ctx.post(to.shard(), Message::Stored(to)),
            None => {
                ctx.effects.fault(from, Fault::NotHolding);
                let text = "this connection holds no such durable job, or has said stored for it";
                self.refuse(from, Code::NotHolding, text, id, ctx);
            }
        }
    }

    /// A `did` for a spent slot: no client waits for it, but the slot is free.
    #[cold]
    pub(in crate::dispatch) fn late_answer(&mut self, from: ConnId, spent: &Spent, ctx: &mut Ctx<'_>) {
        ctx.counts.results_dropped += 1;
        self.free_spent(spent, ctx);
        self.refresh(from, Place::Back, ctx);
    }
}
