//! Gives jobs to this shard's workers: the rules O2 and O3 of docs/architecture.md.
//!
//! The owner offers the free slots of all its workers of a type at once, and picks the worker when a job comes. No
//! message names a worker, so a late message cannot concern the wrong worker.
//!
//! **Tracking.** A worker of many types fills and empties its slots with each job, and most of its pools are not used
//! in between. So each job updates only the pools that *track* its worker, not the pools of all its types. A pool
//! begins to track a worker when it needs the exact state: when the worker comes, is reached first in the list, or
//! takes a job of the type. It stops when the worker is idle and takes another type's job. Invariant: a pool that does
//! not track a worker assumes that the worker is idle. So a pool may overstate the free slots, but never understates
//! them. Some offers are then stale from the start, but no job waits while a slot is free.
//!
//! All pools of a worker with many types and slots may track it. A job then updates only its own pool, and the others
//! overstate the free slots too, until half of those are taken that they have recorded.

use super::Owner;
use super::capacity::{Need, Place};
use super::holding::run_limit_ms;
use super::slots::Held;
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, Membership, PoolId};
use crate::dispatch::job::Job;
use crate::dispatch::message::{JobEvent, Message, Spends, Suspects};
use crate::limits::JOB_NUMBER_MAX;
use crate::protocol::reply::{JobReference, Reply};

impl Owner {
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
        self.pool_changed(id);
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

    /// Sends a job to a worker. If the worker was idle, its other pools need not record this job, except after a Pull:
    /// the end of the reservation is recorded at that moment, and they would offer the slot.
    #[inline(always)]
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
        self.refresh_after_start(to, id, ctx);
    }

    /// Returns a number that is unique in the whole server: each shard counts in its own residue class.
    fn fresh_lease(&mut self, ctx: &Ctx<'_>) -> u64 {
        self.next_lease += 1;
        let lease = self.next_lease * u64::from(ctx.settings.shards) + u64::from(ctx.settings.shard.0);
        assert!(lease < JOB_NUMBER_MAX, "job numbers have run out: restart the server");
        lease
    }

    /// Requeues a job that no worker here can take. Withdraw is sent before Requeue, so that a shard requeues about one
    /// job, even if many of its offers are stale.
    fn requeue(&mut self, id: PoolId, job: Job, ctx: &mut Ctx<'_>) {
        // A slot is free, but the job could not take it. So each free slot is at a worker that holds a suspect.
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
        self.pool_changed(id);
    }

    /// O3: the home has withdrawn offers of `n` jobs.
    pub(in crate::dispatch) fn withdrawn(&mut self, id: PoolId, n: u32) {
        // If `n` is 0, all offers had ended in Assigns. The pool may no longer exist, or belong to another type.
        if n > 0 {
            self.pools.get(id).open -= n;
            self.pool_changed(id);
        }
    }

    /// Frees the reserved slot, if its worker is still connected. Returns the worker.
    fn end_pull(&mut self, id: PoolId, ctx: &mut Ctx<'_>) -> Option<ConnId> {
        let reserved_by = self.pools.get(id).pull_pending.take()?;
        if let Some(worker) = self.conns.bare_worker(reserved_by) {
            worker.slots.unreserve();
            self.refresh(reserved_by, Place::Kept, ctx);
        }
        Some(reserved_by)
    }

    /// Returns the first ready worker of a type that meets the need. From now on the pool tracks this worker, and those
    /// before it that were not ready after all. So if there is none, the pool's free slots are exact.
    #[inline(always)]
    pub(super) fn first_ready(&mut self, pool: PoolId, need: Need) -> Option<ConnId> {
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
}
