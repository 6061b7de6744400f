//! Workers that leave a type, or leave altogether: the rules O4 and O5 of docs/architecture.md.

use super::capacity::{Capacity, Place};
use super::ctx::Ctx;
use super::ids::{ConnId, Membership, PoolId};
use super::job::End;
use super::message::{JobEvent, Message, Suspects};
use super::owner::Owner;
use super::slots::Slot;
use crate::metrics::Fault;

impl Owner {
    /// O4: a worker has left a type. If it was the last, nothing stays out for the type that can be withdrawn.
    pub(super) fn leave_type(&mut self, member: Membership, recorded: Capacity, ctx: &mut Ctx<'_>) {
        self.pools.leave(member, recorded);
        self.dirty.push(member.pool);
        let pool = self.pools.get(member.pool);
        if pool.workers > 0 || ctx.stopping {
            return;
        }
        pool.starved_since = None;
        pool.withdraw(ctx);
        if pool.rejects_suspects {
            pool.accept_suspects(ctx);
        }
    }

    /// O5: a connection is no worker any more, and the jobs that it held are requeued. Offers and Pulls stay out; O2 deals
    /// with the jobs that they bring.
    pub(super) fn remove_worker(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(mut worker) = self.conns.get(id).and_then(|conn| conn.worker.take()) else { return };
        for (member, recorded) in worker.leave_all(&self.pools) {
            self.leave_type(member, recorded, ctx);
        }
        let slots = worker.slots.release_all();
        worker.gauge(ctx);
        if !slots.is_empty() {
            ctx.effects.fault(id, Fault::LeftHolding);
            self.count_loss(&slots, ctx);
        }
        let alone = slots.len() == 1;
        for slot in slots {
            self.lose(id, slot, alone, ctx);
        }
    }

    /// Counts the loss of a worker for each type of which it held a job.
    fn count_loss(&mut self, slots: &[Slot], ctx: &Ctx<'_>) {
        let mut pools: Vec<PoolId> = slots.iter().map(|slot| slot.pool).collect();
        pools.sort_unstable();
        pools.dedup();
        for pool in pools {
            self.losses.count(&self.pools.peek(pool).of.name, ctx.now);
        }
    }

    /// Requeues a job whose worker is lost, or ends it. The loss counts as an attempt if the job was `alone` at the worker,
    /// or is a suspect already.
    fn lose(&mut self, worker: ConnId, Slot { mut job, pool: id, .. }: Slot, alone: bool, ctx: &mut Ctx<'_>) {
        let pool = self.pools.get(id);
        pool.running -= 1;
        let home = pool.home;
        self.dirty.push(id);
        ctx.counts.jobs_running -= 1;
        job.attempts += u32::from(alone || job.suspect);
        job.suspect = true;
        ctx.trace(&job, JobEvent::Requeued(worker));
        if ctx.stopping {
            self.finish(job, End::Shutdown, ctx);
        } else if ctx.settings.attempts_max != 0 && job.attempts >= ctx.settings.attempts_max {
            ctx.effects.fault(worker, Fault::GaveUp);
            self.finish(job, End::GaveUp, ctx);
        } else {
            ctx.counts.jobs_reassigned += 1;
            ctx.post(home, Message::Requeue { job, suspects: Suspects::AsBefore });
        }
    }

    /// Ends every job that a worker holds, because the drain time-out has passed.
    pub(super) fn drain_over(&mut self, ctx: &mut Ctx<'_>) {
        for id in self.conns.ids() {
            let Some((worker, _)) = self.conns.worker(id) else { continue };
            for Slot { job, pool, .. } in worker.slots.release_all() {
                self.pools.get(pool).running -= 1;
                ctx.counts.jobs_running -= 1;
                self.finish(job, End::Shutdown, ctx);
            }
            self.refresh(id, Place::Back, ctx);
        }
    }
}
