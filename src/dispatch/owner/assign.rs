//! How this shard's workers get jobs: the rules O1 to O3 of docs/architecture.md.
//!
//! The owner offers the free slots of all its workers of a type at once, and picks the worker when a job comes. No message
//! names a worker, so a late one cannot be taken for a message about its successor.
//!
//! **Tracking.** A worker of many types fills and empties its slots with each job, and hardly any of its pools are looked at
//! in between. So a job costs what changes in the pools that *track* its worker, not a pass over all its types. A pool
//! tracks a worker from when it needs to know: when the worker comes, is met first in the list, or takes a job of the type.
//! It stops when the worker is idle and takes another type's job. Invariant: a pool that does not track a worker assumes
//! that it is idle. So a pool may overstate what is free, and never understates it. Some offers are stale from the start
//! then, but no job waits in vain.

use std::collections::VecDeque;

use super::Owner;
use super::capacity::{Need, Place};
use super::holding::run_limit_ms;
use super::pool::Pool;
use super::slots::Held;
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, Membership, PoolId};
use crate::dispatch::job::Job;
use crate::dispatch::message::{JobEvent, Message, Spends, Suspects};
use crate::flag::newly_set;
use crate::limits::JOB_NUMBER_MAX;
use crate::protocol::reply::{JobReference, Reply};

/// Whose free slots are given away.
#[derive(Clone, Copy)]
enum Supply {
    /// Those of this worker, which can take more than is recorded.
    Freed(ConnId),
    /// Those of any worker that a pool has as ready.
    Ready,
}

impl Owner {
    /// O1, after each input, for the pools that it changed: (a) suspects are accepted again, (b) starved types pull a job,
    /// the longest starved first, (c) what is free beyond the open offers is offered.
    #[inline]
    pub(in crate::dispatch) fn reconcile_offers(&mut self, ctx: &mut Ctx<'_>) {
        // Most inputs and messages of a job change no pool.
        if !self.freed.is_empty() {
            self.reconcile_freed(ctx);
        }
        if self.dirty.iter().any(|&pool| !self.pools.peek(pool).is_settled()) {
            self.reconcile_dirty(ctx);
        }
        self.dirty.clear();
    }

    #[inline(never)]
    fn reconcile_dirty(&mut self, ctx: &mut Ctx<'_>) {
        let dirty = std::mem::take(&mut self.dirty);
        if !ctx.stopping {
            for &id in &dirty {
                if self.pools.peek(id).rejects_suspects && self.first_ready(id, Need::SlotWithoutSuspect).is_some() {
                    self.pools.get(id).accept_suspects(ctx);
                }
                self.pools.peek(id).keep_if_starved(&mut self.longest_starved, usize::MAX);
            }
            self.pull_longest_starved(Supply::Ready, ctx);
            self.offer_free(&dirty, ctx);
        }
        for &pool in &dirty {
            self.pools.forget_if_unused(pool);
        }
        self.dirty = dirty;
    }

    /// O1 for workers that can take more than is recorded. The pools that track a worker and need a slot are served before
    /// the others learn of it. So what is reserved for a Pull at once is never offered, and a job costs no pass over the
    /// pools of all starved types.
    #[inline(never)]
    fn reconcile_freed(&mut self, ctx: &mut Ctx<'_>) {
        for at in 0..self.freed.len() {
            let (id, _) = self.freed[at];
            let Some((worker, now)) = self.conns.worker(id) else { continue };
            if now.free > 0 && !ctx.stopping {
                for member in worker.tracked() {
                    let pool = self.pools.get(member.pool);
                    if pool.rejects_suspects && now.meets(Need::SlotWithoutSuspect) {
                        pool.accept_suspects(ctx);
                    }
                    pool.keep_if_starved(&mut self.longest_starved, now.free as usize);
                }
                self.pull_longest_starved(Supply::Freed(id), ctx);
            }
        }
        self.record_freed(ctx);
        self.freed.clear();
    }

    /// O1, b: pulls a job for each of the types in `longest_starved`, as far as the supply has slots for them.
    #[inline]
    fn pull_longest_starved(&mut self, supply: Supply, ctx: &mut Ctx<'_>) {
        if !self.longest_starved.is_empty() {
            self.pull_each_starved(supply, ctx);
        }
    }

    #[inline(never)]
    fn pull_each_starved(&mut self, supply: Supply, ctx: &mut Ctx<'_>) {
        let mut longest = std::mem::take(&mut self.longest_starved).into_sorted_vec();
        for (_, pool) in longest.drain(..) {
            if self.pools.peek(pool).starved().is_none() {
                continue; // It was among the dirty pools twice.
            }
            let worker = match supply {
                Supply::Freed(worker) => Some(worker),
                Supply::Ready => self.first_ready(pool, Need::Slot),
            };
            if let Some(worker) = worker {
                self.pools.get(pool).pull(worker, ctx);
                self.reserve(worker, supply, ctx);
            }
        }
        self.longest_starved = longest.into();
    }

    /// Reserves a slot of a worker for the answer to a Pull. What is recorded of a freed worker is brought up to date later.
    fn reserve(&mut self, id: ConnId, supply: Supply, ctx: &mut Ctx<'_>) {
        if let Some(worker) = self.conns.bare_worker(id) {
            worker.slots.reserve();
            if let Supply::Ready = supply {
                self.refresh(id, Place::Kept, ctx);
            }
        }
    }

    fn offer_free(&mut self, dirty: &[PoolId], ctx: &mut Ctx<'_>) {
        for &id in dirty {
            let pool = self.pools.get(id);
            // More slots than `open` can count are offered when some of them are taken.
            let n = pool.free.min(u32::MAX.into()).saturating_sub(pool.open.into());
            if n > 0 {
                let n = u32::try_from(n).expect("it is at most what `open` can count");
                pool.open += n;
                ctx.post(pool.home, Message::Offer { of: pool.of.clone(), class: pool.class, n, pool: id });
            }
        }
    }

    /// O2: a job was assigned to this shard. It goes to the worker whose slot was reserved, else to the first ready one,
    /// else back to its home.
    pub(in crate::dispatch) fn assigned(&mut self, job: Job, spends: Spends, id: PoolId, ctx: &mut Ctx<'_>) {
        debug_assert_eq!(
            *self.pools.peek(id).of.name,
            *job.type_name(),
            "a pool stays while an offer or a Pull is out"
        );
        let reserved_by = match spends {
            Spends::Pull => self.end_pull(id, ctx),
            Spends::Offer => {
                self.pools.get(id).open -= 1;
                None
            }
        };
        self.dirty.push(id);
        if ctx.stopping {
            return ctx.end(job, Reason::Shutdown);
        }
        let need = if job.is_suspect() { Need::SlotWithoutSuspect } else { Need::Slot };
        if let Some(worker) = reserved_by.filter(|&worker| self.may_take(worker, id, need)) {
            return self.send_job(worker, id, job, spends, ctx);
        }
        if !self.freed.is_empty() {
            self.record_freed(ctx);
        }
        match self.first_ready(id, need) {
            Some(worker) => self.send_job(worker, id, job, spends, ctx),
            None => self.requeue(id, job, ctx),
        }
    }

    /// Sends a job to a worker. If the worker was idle, its other pools need not know of this job, except after a Pull:
    /// the end of the reservation is recorded just then, and they would offer the slot.
    fn send_job(&mut self, to: ConnId, id: PoolId, mut job: Job, spends: Spends, ctx: &mut Ctx<'_>) {
        let pool = self.pools.get(id);
        pool.running += 1;
        let home = pool.home;
        let figures = pool.figures_of(&job, ctx);
        if !job.was_sent() {
            job.set_was_sent();
            ctx.figures.sent(figures, ctx.now.since(job.accepted));
        }
        ctx.counts.jobs_running += 1;
        ctx.counts.jobs_dispatched += 1;
        let worker = self.conns.bare_worker(to).expect("a ready connection is a worker");
        if spends == Spends::Offer {
            worker.track_only(id, &mut self.pools);
        }
        ctx.trace(&job, JobEvent::Sent(to));
        let (uses_leases, wants_ref) = (worker.slots.uses_leases(), worker.wants_ref);
        let lease = uses_leases.then(|| self.fresh_lease(ctx));
        let reference = wants_ref.then_some(JobReference { home: home.0, arrival: job.arrival });
        let run_limit_ms = run_limit_ms(&job, ctx);
        let (id_text, type_name, attempt, arg) = (job.id(), job.type_name(), job.attempts + 1, job.arg());
        self.send(to, &Reply::Do { id: id_text, type_name, job: lease, attempt, run_limit_ms, reference, arg }, ctx);
        let limit = self.watch((to, lease), &job, run_limit_ms, ctx);
        let worker = self.conns.bare_worker(to).expect("sending does not close a connection");
        worker.slots.fill(lease, Held { job, pool: id, sent: ctx.now, limit });
        self.refresh(to, Place::Back, ctx);
    }

    /// Returns a number that is unique in the whole server: each shard counts in its own residue class.
    fn fresh_lease(&mut self, ctx: &Ctx<'_>) -> u64 {
        self.next_lease += 1;
        let lease = self.next_lease * u64::from(ctx.settings.shards) + u64::from(ctx.settings.shard.0);
        assert!(lease < JOB_NUMBER_MAX, "job numbers have run out: restart the server");
        lease
    }

    /// Requeues a job that no worker here can take. Withdraw goes before Requeue, so that a shard requeues about one job,
    /// however many of its offers are stale.
    fn requeue(&mut self, id: PoolId, job: Job, ctx: &mut Ctx<'_>) {
        // A slot is free, so each free slot is at a worker that holds a suspect.
        let rejected = self.first_ready(id, Need::Slot).is_some();
        let pool = self.pools.get(id);
        if rejected {
            pool.rejects_suspects = true;
        } else if pool.workers > 0 && pool.starved_since.is_none() {
            pool.starved_since = Some(self.next_starved);
            self.next_starved += 1;
            pool.withdraw(ctx);
        }
        let suspects = if rejected { Suspects::RejectedBy(pool.class) } else { Suspects::AsBefore };
        ctx.post(pool.home, Message::Requeue { job, suspects });
    }

    /// O3: the home had no job for a Pull.
    pub(in crate::dispatch) fn declined(&mut self, id: PoolId, ctx: &mut Ctx<'_>) {
        self.end_pull(id, ctx);
        self.dirty.push(id);
    }

    /// O3: the home has withdrawn offers of `n` jobs.
    pub(in crate::dispatch) fn withdrawn(&mut self, id: PoolId, n: u32) {
        // If `n` is 0, all had ended in Assigns, and the pool may be gone or another type's by now.
        if n > 0 {
            self.pools.get(id).open -= n;
            self.dirty.push(id);
        }
    }

    /// Frees the slot that was reserved, if its worker is still there. Returns the worker.
    fn end_pull(&mut self, id: PoolId, ctx: &mut Ctx<'_>) -> Option<ConnId> {
        let reserved_by = self.pools.get(id).pull_pending.take()?;
        if let Some(worker) = self.conns.bare_worker(reserved_by) {
            worker.slots.unreserve();
            self.refresh(reserved_by, Place::Kept, ctx);
        }
        Some(reserved_by)
    }

    /// Returns the first ready worker of a type that meets the need. The pool tracks it from now on, and all that were
    /// before it and turned out not to be ready. So if there is none, what is free is known exactly.
    fn first_ready(&mut self, pool: PoolId, need: Need) -> Option<ConnId> {
        loop {
            let first = self.pools.first_ready(pool, need)?;
            if first.tracked {
                return Some(first.worker);
            }
            let worker = self.conns.bare_worker(first.worker).expect("a ready connection is a worker");
            worker.track(Membership { pool, node: first.node }, &mut self.pools);
        }
    }

    /// Returns whether a worker takes this type, and can take a job now.
    fn may_take(&mut self, id: ConnId, pool: PoolId, need: Need) -> bool {
        self.conns.worker(id).is_some_and(|(worker, now)| now.meets(need) && worker.takes(pool))
    }

    /// Called when what a worker can take has changed. If it is less, the pools that track it learn of it at once; if it is
    /// more, once the starved types have had their share.
    pub(in crate::dispatch) fn refresh(&mut self, id: ConnId, place: Place, ctx: &mut Ctx<'_>) {
        let Some((worker, now)) = self.conns.worker(id) else { return };
        worker.gauge(ctx);
        if worker.recorded().covers(now) {
            worker.record(now, place, &mut self.pools);
        } else {
            self.freed.push((id, place));
        }
    }

    /// Brings the pools up to date that track a worker which can take more than is recorded.
    fn record_freed(&mut self, ctx: &Ctx<'_>) {
        for &(id, place) in &self.freed {
            let Some((worker, now)) = self.conns.worker(id) else { continue };
            if worker.recorded() != now {
                for member in worker.tracked() {
                    mark_changed(self.pools.get(member.pool), &mut self.dirty, &mut self.postponed, ctx);
                }
            }
            worker.record(now, place, &mut self.pools);
        }
    }

    /// Goes on with the pools that earlier turns did not look at, in a new turn. Those that are gone do not count, so a
    /// worker that comes and goes leaves few of them behind.
    pub(in crate::dispatch) fn go_on_offering(&mut self, ctx: &Ctx<'_>) {
        let mut left = ctx.settings.per_turn.types;
        while left > 0
            && let Some(pool) = self.postponed.pop_front()
        {
            if self.pools.contains(pool) && std::mem::take(&mut self.pools.get(pool).is_postponed) {
                self.dirty.push(pool);
                left -= 1;
            }
        }
        if self.postponed.is_empty() {
            self.postponed = VecDeque::new();
        }
    }
}

/// Notes that a pool changed. If these are many, because a worker of many types came or became free, it is looked at in a
/// later turn. It waits for that turn once, however often it changes meanwhile.
#[inline]
pub(super) fn mark_changed(pool: &mut Pool, dirty: &mut Vec<PoolId>, postponed: &mut VecDeque<PoolId>, ctx: &Ctx<'_>) {
    if dirty.len() < ctx.settings.per_turn.types {
        dirty.push(pool.id);
    } else if newly_set(&mut pool.is_postponed) {
        postponed.push_back(pool.id);
    }
}
