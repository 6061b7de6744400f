//! How jobs are won for this shard's workers: the rules O1 to O5 of docs/architecture.md.
//!
//! The owner bids for all its workers of a type at once, and picks the worker when a job comes. No message names a
//! worker, so a late one cannot hit its successor.

use super::ctx::Ctx;
use super::job::{End, Job};
use super::message::{ConnId, JobEvent, Message};
use super::owner::Owner;
use super::pools::{Capacity, Pool};
use super::ready::worker_of;
use super::worker::HeldJob;
use crate::limits::JOB_NUMBER_MAX;
use crate::metrics::Fault;
use crate::protocol::reply::Reply;

impl Owner {
    /// O1, after each input, for the types whose books it changed: first suspects are welcomed, then the types that were
    /// turned away are asked for, the longest wanted first, then what is free beyond the open offers is offered.
    pub(super) fn reconcile_offers(&mut self, ctx: &mut Ctx<'_>) {
        self.reconcile_freed(ctx);
        if self.dirty.is_empty() {
            return;
        }
        let touched = std::mem::take(&mut self.dirty);
        if !ctx.stopping {
            self.accept_suspects(&touched, ctx);
            self.pull_for_starved(&touched, ctx);
            self.offer_free(&touched, ctx);
        }
        for &pool in &touched {
            self.pools.forget_if_unused(pool);
        }
        self.dirty = touched;
        self.dirty.clear();
    }

    fn accept_suspects(&mut self, touched: &[u32], ctx: &mut Ctx<'_>) {
        for &at in touched {
            if self.pools.peek(at).rejects_suspects && self.first_ready(at, true).is_some() {
                self.pools.get(at).accept_suspects(ctx);
            }
        }
    }

    fn pull_for_starved(&mut self, touched: &[u32], ctx: &mut Ctx<'_>) {
        let since = |at: &u32| self.pools.peek(*at).starved_since.map(|since| (since, *at));
        let mut wanted: Vec<_> = touched.iter().filter_map(since).collect();
        wanted.sort_unstable();
        for (_, at) in wanted {
            let pool = self.pools.peek(at);
            if pool.pull_pending.is_none()
                && let Some(keeper) = self.first_ready(at, false)
            {
                self.pools.get(at).pull(keeper, ctx);
                self.reserve(keeper, ctx, |kept| *kept += 1);
            }
        }
    }

    fn offer_free(&mut self, touched: &[u32], ctx: &mut Ctx<'_>) {
        for &at in touched {
            let pool = self.pools.get(at);
            // More slots than the number holds are offered when some of them are taken.
            let n = pool.free.min(u32::MAX.into()).saturating_sub(pool.open.into());
            if n > 0 {
                let n = u32::try_from(n).expect("it is at most what the number holds");
                pool.open += n;
                ctx.post(pool.home, Message::Offer { type_name: pool.name.clone(), n, pool: pool.id });
            }
        }
    }

    /// O2: a job comes for an offer, or as the answer to an Ask.
    pub(super) fn assigned(&mut self, job: Job, asked: bool, at: u32, ctx: &mut Ctx<'_>) {
        debug_assert_eq!(
            *self.pools.peek(at).name,
            *job.type_name(),
            "books stay open while an offer or an Ask is out"
        );
        let keeper = if asked {
            self.end_pull(at, ctx)
        } else {
            self.pools.get(at).open -= 1;
            None
        };
        self.dirty.push(at);
        if ctx.stopping {
            return ctx.end(job, End::Shutdown);
        }
        if let Some(keeper) = keeper.filter(|&keeper| self.may_take(keeper, at, job.suspect)) {
            return self.send_job(keeper, at, job, asked, ctx);
        }
        self.record_freed();
        match self.first_ready(at, job.suspect) {
            Some(worker) => self.send_job(worker, at, job, asked, ctx),
            None => self.requeue(at, job, ctx),
        }
    }

    /// If the worker was wholly free, the books of its other types need not know of this job. After an Ask they do: they
    /// are told just then that its slot is kept no more, and would offer it.
    fn send_job(&mut self, to: ConnId, at: u32, job: Job, asked: bool, ctx: &mut Ctx<'_>) {
        self.pools.get(at).running += 1;
        ctx.counts.jobs_running += 1;
        ctx.counts.jobs_dispatched += 1;
        let (worker, _) = worker_of(&mut self.conns, to).expect("who is ready is a worker");
        if !asked {
            worker.track_only(at, &mut self.pools);
        }
        ctx.trace(&job, JobEvent::Sent(to));
        let number = worker.uses_leases().then(|| self.fresh_lease(ctx));
        self.send(to, &Reply::Do { id: job.id(), type_name: job.type_name(), job: number, arg: job.arg() }, ctx);
        let (worker, _) = worker_of(&mut self.conns, to).expect("it is still connected");
        worker.take(number, HeldJob { job, pool: at });
        self.refresh(to, true, ctx);
    }

    /// Unique in the whole server: each shard counts in its own residue class.
    fn fresh_lease(&mut self, ctx: &Ctx<'_>) -> u64 {
        self.next_lease += 1;
        let number = self.next_lease * u64::from(ctx.settings.shards) + u64::from(ctx.settings.shard.0);
        assert!(number < JOB_NUMBER_MAX, "job numbers have run out: restart the server");
        number
    }

    /// Nobody here can take the job. The Withdraw goes before the Return, so that a shard turns a job away about once,
    /// however many offers went stale.
    fn requeue(&mut self, at: u32, job: Job, ctx: &mut Ctx<'_>) {
        let refused = self.first_ready(at, false).is_some();
        let pool = self.pools.get(at);
        if refused {
            pool.rejects_suspects = true;
        } else if pool.workers > 0 && pool.starved_since.is_none() {
            pool.starved_since = Some(self.next_starved);
            self.next_starved += 1;
            pool.withdraw(ctx);
        }
        ctx.post(pool.home, Message::Requeue { job, refused });
    }

    /// O3: the Ask found nothing.
    pub(super) fn declined(&mut self, at: u32, ctx: &mut Ctx<'_>) {
        self.end_pull(at, ctx);
        self.dirty.push(at);
    }

    /// O3: so many offers were taken back.
    pub(super) fn withdrawn(&mut self, at: u32, n: u32) {
        // If none were left, all had ended in Assigns, and the books may be closed or another type's by now.
        if n > 0 {
            self.pools.get(at).open -= n;
            self.dirty.push(at);
        }
    }

    /// The slot that was kept is kept no more, if its worker is still there. Returns whose it was.
    fn end_pull(&mut self, at: u32, ctx: &mut Ctx<'_>) -> Option<ConnId> {
        let keeper = self.pools.get(at).pull_pending.take()?;
        self.reserve(keeper, ctx, |kept| *kept -= 1);
        Some(keeper)
    }

    fn reserve(&mut self, keeper: ConnId, ctx: &mut Ctx<'_>, change: impl FnOnce(&mut u32)) {
        if let Some((worker, _)) = worker_of(&mut self.conns, keeper) {
            change(&mut worker.reserved);
            self.refresh(keeper, false, ctx);
        }
    }

    /// O4: a worker takes a type no more, or goes.
    pub(super) fn leave_type(&mut self, at: u32, node: u32, shown: Capacity, ctx: &mut Ctx<'_>) {
        self.pools.leave(at, node, shown);
        self.dirty.push(at);
        let pool = self.pools.get(at);
        if pool.workers > 0 || ctx.stopping {
            return;
        }
        pool.starved_since = None;
        pool.withdraw(ctx);
        if std::mem::take(&mut pool.rejects_suspects) {
            ctx.post(pool.home, Message::AcceptSuspects(pool.name.clone()));
        }
    }

    /// O5: a worker goes. Offers and Asks stay out; O2 deals with what they bring.
    pub(super) fn remove_worker(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(mut worker) = self.conns.get(id).and_then(|conn| conn.worker.take()) else { return };
        for (at, node) in std::mem::take(&mut worker.types) {
            let shown = worker.recorded_at(node, &self.pools);
            self.leave_type(at, node, shown, ctx);
        }
        let jobs = worker.release_all();
        worker.gauge(ctx);
        if !jobs.is_empty() {
            ctx.effects.fault(id, Fault::LeftHolding);
        }
        let alone = jobs.len() == 1;
        for HeldJob { mut job, pool } in jobs {
            let Pool { running, home, .. } = self.pools.get(pool);
            *running -= 1;
            let home = *home;
            self.dirty.push(pool);
            ctx.counts.jobs_running -= 1;
            job.attempts += u32::from(alone || job.suspect);
            job.suspect = true;
            ctx.trace(&job, JobEvent::Requeued(id));
            if ctx.stopping {
                self.finish(job, End::Shutdown, ctx);
            } else if ctx.settings.attempts_max != 0 && job.attempts >= ctx.settings.attempts_max {
                ctx.effects.fault(id, Fault::GaveUp);
                self.finish(job, End::GaveUp, ctx);
            } else {
                ctx.counts.jobs_reassigned += 1;
                ctx.post(home, Message::Requeue { job, refused: false });
            }
        }
    }

    /// The time to finish is over: every job that a worker holds ends.
    pub(super) fn drain_over(&mut self, ctx: &mut Ctx<'_>) {
        for id in self.conns.ids() {
            let Some(worker) = self.conns.get(id).and_then(|conn| conn.worker.as_mut()) else { continue };
            for HeldJob { job, pool } in worker.release_all() {
                self.pools.get(pool).running -= 1;
                ctx.counts.jobs_running -= 1;
                self.finish(job, End::Shutdown, ctx);
            }
            self.refresh(id, true, ctx);
        }
    }
}
