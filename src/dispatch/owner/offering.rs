//! Sends the offers and pulls of this shard for its workers: the rule O1 of docs/architecture.md.
//!
//! Each change of a worker's capacity calls [`Owner::refresh`], and each other change of a pool marks the pool as
//! dirty. At the end of the input the owner handles the changed pools, and sends messages to their homes. After lines of
//! plain jobs that is when all lines of the read are handled: a worker that ends ten jobs then causes one offer of ten
//! slots.

use std::collections::VecDeque;

use super::Owner;
use super::capacity::{Need, Place};
use super::pool::Pool;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, PoolId};
use crate::flag::newly_set;

/// The workers whose free slots are given away.
#[derive(Clone, Copy)]
enum Supply {
    /// This worker, which can take more than is recorded.
    Freed(ConnId),
    /// Any ready worker of a pool.
    Ready,
}

impl Owner {
    /// O1, after an input, for the pools that it and the lines before it changed: (a) suspects are accepted again,
    /// (b) starved types pull a job, the longest starved first, (c) free slots beyond the open offers are offered.
    #[inline]
    pub(in crate::dispatch) fn reconcile_offers(&mut self, ctx: &mut Ctx<'_>) {
        if !self.freed.is_empty() {
            self.reconcile_freed(ctx);
        }
        // Most inputs and messages of a job change no pool, or only what is free.
        let (mut any_free, mut offers_only) = (false, true);
        for &pool in &self.dirty {
            let pool = self.pools.peek(pool);
            any_free |= pool.free > pool.open.into();
            offers_only &= pool.needs_offers_only();
        }
        if !offers_only {
            self.reconcile_dirty(ctx);
        } else if any_free && !ctx.stopping {
            self.offer_free(ctx);
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
        }
        self.dirty = dirty;
        if !ctx.stopping {
            self.pull_longest_starved(Supply::Ready, ctx);
            self.offer_free(ctx);
        }
        for &pool in &self.dirty {
            self.pools.forget_if_unused(pool);
        }
    }

    /// O1 for workers that can take more than is recorded. The starved pools that track a worker get a slot before the
    /// other pools record it. So a slot that is reserved for a Pull is never offered, and a job costs no pass over the
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

    /// O1, b: pulls a job for each of the types in `longest_starved`, while the supply has slots for them.
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
                continue; // The pool was among the dirty pools twice.
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

    /// Reserves a slot of a worker for the answer to a Pull. The record of a freed worker is updated later.
    fn reserve(&mut self, id: ConnId, supply: Supply, ctx: &mut Ctx<'_>) {
        if let Some(worker) = self.conns.bare_worker(id) {
            worker.slots.reserve();
            if let Supply::Ready = supply {
                self.refresh(id, Place::Kept, ctx);
            }
        }
    }

    fn offer_free(&mut self, ctx: &mut Ctx<'_>) {
        for &id in &self.dirty {
            let pool = self.pools.get(id);
            // If there are more slots than `open` can count, the rest is offered when some of them are taken.
            let n = pool.free.min(u32::MAX.into()).saturating_sub(pool.open.into());
            if n > 0 {
                let n = u32::try_from(n).expect("it is at most what `open` can count");
                pool.offer(n, ctx);
            }
        }
    }

    /// Called when a worker's capacity has changed. If it is less, the pools that track the worker record it at once;
    /// if it is more, after the starved types have got their slots.
    pub(in crate::dispatch) fn refresh(&mut self, id: ConnId, place: Place, ctx: &mut Ctx<'_>) {
        self.refresh_for(None, id, place, ctx);
    }

    /// The same after a worker has got a job of a pool. If many pools track it, mostly this pool alone records that.
    pub(in crate::dispatch) fn refresh_after_start(&mut self, id: ConnId, pool: PoolId, ctx: &mut Ctx<'_>) {
        self.refresh_for(Some(pool), id, Place::Back, ctx);
    }

    #[inline(always)]
    fn refresh_for(&mut self, job_of: Option<PoolId>, id: ConnId, place: Place, ctx: &mut Ctx<'_>) {
        let Some((worker, now)) = self.conns.worker(id) else { return };
        worker.gauge(ctx);
        if !worker.recorded().covers(now) {
            return self.freed.push((id, place));
        }
        let alone = job_of.filter(|_| worker.tracked().len() > ctx.settings.per_turn.pools);
        if !alone.is_some_and(|pool| worker.record_at(pool, now, &mut self.pools)) {
            worker.record(now, place, &mut self.pools);
        }
    }

    /// The same after a worker has ended a job, so that its capacity can only have grown. A further job that the worker ends
    /// before the end of the read needs no call: the capacity is read then.
    #[inline]
    pub(in crate::dispatch) fn refresh_after_end(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        if self.freed.last() != Some(&(id, Place::Back)) {
            self.refresh(id, Place::Back, ctx);
        }
    }

    /// Marks a pool as dirty. A pool that changes several times in a row is marked once.
    #[inline]
    pub(in crate::dispatch) fn pool_changed(&mut self, pool: PoolId) {
        if self.dirty.last() != Some(&pool) {
            self.dirty.push(pool);
        }
    }

    /// Updates the pools that track a worker that can take more than is recorded.
    pub(super) fn record_freed(&mut self, ctx: &mut Ctx<'_>) {
        for &(id, place) in &self.freed {
            let Some((worker, now)) = self.conns.worker(id) else { continue };
            worker.gauge(ctx);
            if worker.recorded() != now {
                for member in worker.tracked() {
                    mark_changed(self.pools.get(member.pool), &mut self.dirty, &mut self.postponed, ctx);
                }
            }
            worker.record(now, place, &mut self.pools);
        }
    }

    /// Continues with the pools that earlier turns did not handle, in a new turn. Pools that no longer exist do not
    /// count in the turn's share, so few of them remain after a worker that connects and leaves.
    pub(in crate::dispatch) fn go_on_offering(&mut self, ctx: &Ctx<'_>) {
        let mut left = ctx.settings.per_turn.types;
        while left > 0
            && let Some(pool) = self.postponed.pop_front()
        {
            if self.pools.contains(pool) && std::mem::take(&mut self.pools.get(pool).is_postponed) {
                self.pool_changed(pool);
                left -= 1;
            }
        }
        if self.postponed.is_empty() {
            self.postponed = VecDeque::new();
        }
    }
}

/// Called when a pool has changed. If there are many, because a worker of many types came or became free, a later turn
/// handles the pool. The pool waits for that turn once, even if it changes again meanwhile.
#[inline]
pub(super) fn mark_changed(pool: &mut Pool, dirty: &mut Vec<PoolId>, postponed: &mut VecDeque<PoolId>, ctx: &Ctx<'_>) {
    if dirty.last() == Some(&pool.id) {
        // It is handled anyway.
    } else if dirty.len() < ctx.settings.per_turn.types {
        dirty.push(pool.id);
    } else if newly_set(&mut pool.is_postponed) {
        postponed.push_back(pool.id);
    }
}
