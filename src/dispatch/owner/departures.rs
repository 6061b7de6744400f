//! Workers that leave a type, or leave altogether: the rules O4 and O5 of docs/architecture.md.

use super::Owner;
use super::capacity::{Capacity, Place};
use super::holding::is_used_up;
use super::slots::{Held, Slot};
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, Membership, PoolId};
use crate::dispatch::message::{JobEvent, Message, Suspects};
use crate::metrics::Fault;
use crate::protocol::command::Class;

/// What the loss of a worker says of a job that it held.
#[derive(Clone, Copy, Debug)]
struct Loss {
    worker: ConnId,
    /// It held this job only.
    alone: bool,
    wants_ref: bool,
}

impl Owner {
    /// O4: a worker has left a type. If it was the last, nothing stays out for the type that can be withdrawn.
    pub(in crate::dispatch) fn leave_type(&mut self, member: Membership, recorded: Capacity, ctx: &mut Ctx<'_>) {
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
        ctx.post(pool.home, Message::Absent(pool.of.clone(), pool.class));
    }

    /// O5: a connection is no worker any more, and the jobs that it held are requeued. Offers and Pulls stay out; O2 deals
    /// with the jobs that they bring.
    pub(in crate::dispatch) fn remove_worker(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(mut worker) = self.conns.get(id).and_then(|conn| conn.worker.take()) else { return };
        for (member, recorded) in worker.leave_all(&self.pools) {
            self.leave_type(member, recorded, ctx);
        }
        let slots = worker.slots.release_all();
        worker.gauge(ctx);
        // A spent slot is company: its job may have been what the worker was lost of.
        let alone = slots.len() == 1;
        let mut held = Vec::with_capacity(slots.len());
        for slot in slots {
            match slot {
                Slot::Held(job) => held.push(job),
                Slot::Spent(spent) => self.free_spent(&spent, ctx),
            }
        }
        if !held.is_empty() {
            ctx.effects.fault(id, Fault::LeftHolding);
            self.count_loss(&held, ctx);
        }
        let loss = Loss { worker: id, alone, wants_ref: worker.wants_ref };
        for job in held {
            self.lose(loss, job, ctx);
        }
    }

    /// Counts the loss of a worker for each type of which it held a job.
    fn count_loss(&mut self, held: &[Held], ctx: &mut Ctx<'_>) {
        let mut pools: Vec<PoolId> = held.iter().map(|held| held.pool).collect();
        // A worker may hold durable jobs of a type beside others. And one that took a type back and gave it in another class
        // may hold jobs of both pools.
        pools.sort_unstable_by_key(|&pool| self.pools.peek(pool).of.hash.of_type().0);
        pools.dedup_by_key(|pool| self.pools.peek(*pool).of.hash.of_type().0);
        for pool in pools {
            let pool = self.pools.peek(pool);
            self.losses.count(&pool.of.name, ctx.now);
            ctx.figures.lost(pool.figures);
        }
    }

    /// Requeues a job whose worker is lost, or ends it. The loss counts as an attempt if the job was alone at the worker,
    /// is a suspect already, or may be given to one worker only. A worker of durable jobs does not run them, nor does one
    /// that passes jobs on, so its loss says nothing of them.
    fn lose(&mut self, loss: Loss, held: Held, ctx: &mut Ctx<'_>) {
        let Loss { worker, alone, wants_ref } = loss;
        let pool = self.pools.get(held.pool);
        let (home, passes_on) = (pool.home, pool.class == Class::Spare && wants_ref);
        self.let_go(&held, ctx);
        let mut job = held.job;
        let is_durable = job.is_durable();
        if is_durable {
            job.lose_storer();
        } else if !passes_on {
            job.attempts += u32::from(alone || job.is_suspect() || job.attempts_max() == Some(1));
            job.set_suspect();
        } else if job.attempts_max() == Some(1) {
            job.attempts += 1; // What it was passed on to may run it.
        }
        let reason = if ctx.stopping {
            Reason::Shutdown
        } else if !is_durable && is_used_up(&job, ctx) {
            ctx.effects.fault(worker, Fault::GaveUp);
            Reason::GaveUp
        } else {
            ctx.trace(&job, JobEvent::Requeued(worker));
            ctx.counts.jobs_reassigned += 1;
            return ctx.post(home, Message::Requeue { job, suspects: Suspects::AsBefore });
        };
        ctx.trace(&job, JobEvent::Lost(worker, reason.code().name()));
        self.end_job(job, reason, ctx);
    }

    /// Ends every job that a worker holds, because the drain time-out has passed.
    pub(in crate::dispatch) fn drain_over(&mut self, ctx: &mut Ctx<'_>) {
        for id in self.conns.ids() {
            let Some(worker) = self.conns.bare_worker(id) else { continue };
            for slot in worker.slots.release_all() {
                match slot {
                    Slot::Held(held) => {
                        self.let_go(&held, ctx);
                        self.end_job(held.job, Reason::Shutdown, ctx);
                    }
                    Slot::Spent(spent) => self.free_spent(&spent, ctx),
                }
            }
            self.refresh(id, Place::Back, ctx);
        }
    }
}
