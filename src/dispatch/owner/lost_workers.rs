//! Requeues the jobs of lost workers: the rule O5 of docs/architecture.md. A worker may hold 65,535 jobs, so each turn
//! requeues a share of them, in the order in which they were sent.
//!
//! A lost worker is removed at once: it is in no pool, and its lines are ignored. Its jobs that are not yet requeued
//! still count as held. A Drop ignores them, because they reach their home after it. Their run limits have no effect.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Owner;
use super::holding::{SlotRef, is_used_up};
use super::slots::{Held, Slot, Slots};
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, TypeHash};
use crate::dispatch::message::{JobEvent, Message, Suspects};
use crate::metrics::Fault;
use crate::protocol::command::JobRef;

/// Lost workers whose slots are not all empty. Each has at least one job, so there are never more of them than jobs.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct LostWorkers {
    by_conn: BTreeMap<ConnId, LostWorker>,
    /// The workers in the order in which they were lost.
    order: VecDeque<ConnId>,
    /// How many slots this turn may still empty.
    left: usize,
}

/// A worker that was lost.
#[derive(Debug)]
pub(in crate::dispatch) struct LostWorker {
    pub(in crate::dispatch) slots: Slots,
    /// Types for which its loss is counted.
    counted: BTreeSet<u64>,
    loss: Loss,
}

/// The loss of a worker, as far as it matters for a job that it held.
#[derive(Clone, Copy, Debug)]
struct Loss {
    worker: ConnId,
    /// Whether it held only this job. A spent slot counts as another job, which may have caused the loss.
    alone: bool,
    wants_ref: bool,
}

impl LostWorkers {
    /// Adds a worker that has just been lost.
    pub(super) fn add(&mut self, worker: ConnId, slots: Slots, wants_ref: bool) {
        let loss = Loss { worker, alone: slots.filled() == 1, wants_ref };
        self.by_conn.insert(worker, LostWorker { slots, counted: BTreeSet::new(), loss });
        self.order.push_back(worker);
    }

    /// Returns whether the next turn has jobs to requeue.
    pub(in crate::dispatch) fn any(&self) -> bool {
        !self.order.is_empty()
    }

    /// Iterates over the workers, for tests.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (ConnId, &LostWorker)> {
        self.by_conn.iter().map(|(&conn, lost)| (conn, lost))
    }

    /// Called when a run limit has passed and its timer is removed. Returns whether the worker of the job is lost.
    pub(super) fn limit_is_over(&mut self, (worker, lease): SlotRef) -> bool {
        let Some(lost) = self.by_conn.get_mut(&worker) else { return false };
        let slot = match lease {
            Some(lease) => lost.slots.find(JobRef::Lease(lease)),
            None => lost.slots.unleased(),
        };
        if let Some(Slot::Held(held)) = slot {
            held.limit = None;
        }
        true
    }

    /// Takes slots of the worker that was lost first, until the turn's share is used up. Removes the worker with its
    /// last slot.
    fn take_some(&mut self) -> Option<(LostWorker, Vec<Slot>)> {
        let conn = *self.order.front().filter(|_| self.left > 0)?;
        let mut lost = self.by_conn.remove(&conn)?;
        let slots = lost.slots.release_some(self.left);
        self.left -= slots.len();
        if lost.slots.filled() == 0 {
            self.order.pop_front();
        }
        Some((lost, slots))
    }

    /// Puts a worker back that still has slots.
    fn put_back(&mut self, lost: LostWorker) {
        if lost.slots.filled() > 0 {
            self.by_conn.insert(lost.loss.worker, lost);
        } else if self.order.is_empty() {
            self.order = VecDeque::new();
        }
    }
}

impl Owner {
    /// Begins the share of a new turn.
    pub(in crate::dispatch) fn begin_losses(&mut self, ctx: &Ctx<'_>) {
        self.lost_workers.left = ctx.settings.per_turn.losses;
    }

    /// Requeues or ends jobs of lost workers, until the turn's share is used up.
    pub(in crate::dispatch) fn go_on_losing(&mut self, ctx: &mut Ctx<'_>) {
        while let Some((mut lost, slots)) = self.lost_workers.take_some() {
            for slot in slots {
                match slot {
                    Slot::Held(held) => {
                        self.count_loss(&mut lost, &held, ctx);
                        self.lose(lost.loss, held, ctx);
                    }
                    Slot::Spent(spent) => self.free_spent(&spent, ctx),
                }
            }
            self.lost_workers.put_back(lost);
        }
    }

    /// Requeues or ends all jobs of lost workers.
    pub(super) fn lose_all(&mut self, ctx: &mut Ctx<'_>) {
        self.lost_workers.left = usize::MAX;
        self.go_on_losing(ctx);
        self.lost_workers.left = 0;
    }

    /// Counts the loss of a worker for each type of which it held a job. Durable jobs of a type count as others: a worker may
    /// hold both.
    fn count_loss(&mut self, lost: &mut LostWorker, held: &Held, ctx: &mut Ctx<'_>) {
        let pool = self.pools.peek(held.pool);
        let TypeHash(hash) = pool.of.hash.of_type();
        if lost.counted.insert(hash) {
            self.losses.count(&pool.of.name, ctx.now);
            ctx.figures.lost(pool.figures);
        }
    }

    /// Requeues a job whose worker is lost, or ends it. The loss counts as an attempt if the job was alone at the
    /// worker, is a suspect already, or may be given to one worker only. A worker of durable jobs, or one that passes
    /// jobs on, does not run them, so its loss is not an attempt.
    fn lose(&mut self, loss: Loss, held: Held, ctx: &mut Ctx<'_>) {
        let Loss { worker, alone, wants_ref } = loss;
        let pool = self.pools.get(held.pool);
        let (home, passes_on) = (pool.home, pool.class.passes_on(wants_ref));
        self.let_go(&held, ctx);
        let mut job = held.job;
        let is_durable = job.is_durable();
        if is_durable {
            job.lose_storer();
        } else if !passes_on {
            job.attempts += u32::from(alone || job.is_suspect() || job.attempts_max() == Some(1));
            job.set_suspect();
        } else if job.attempts_max() == Some(1) {
            job.attempts += 1; // Another machine may have run it.
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
}
