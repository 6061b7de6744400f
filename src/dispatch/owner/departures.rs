//! Handles workers that leave a type, or leave the server: the rules O4 and O5 of docs/architecture.md.

use super::Owner;
use super::capacity::Place;
use super::slots::Slot;
use crate::dispatch::answer::Reason;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, Membership};
use crate::dispatch::message::Message;
use crate::metrics::Fault;

impl Owner {
    /// O4: a worker has left a type. If it was the last, all open offers of the type are withdrawn.
    pub(in crate::dispatch) fn leave_type(&mut self, member: Membership, ctx: &mut Ctx<'_>) {
        self.pools.leave(member);
        self.pool_changed(member.pool);
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

    /// O5: a connection is no longer a worker. Offers and Pulls stay open; O2 handles the jobs that they bring. The
    /// jobs that the worker held are requeued, in this turn and perhaps the next ones.
    pub(in crate::dispatch) fn remove_worker(&mut self, id: ConnId, ctx: &mut Ctx<'_>) {
        let Some(mut worker) = self.conns.get(id).and_then(|conn| conn.worker.take()) else { return };
        for member in worker.leave_all() {
            self.leave_type(member, ctx);
        }
        worker.gauge(ctx);
        if worker.slots.filled() > 0 {
            if worker.slots.iter().any(|(_, slot)| slot.held().is_some()) {
                ctx.effects.fault(id, Fault::LeftHolding);
            }
            self.lost_workers.add(id, worker.slots, worker.wants_ref);
            self.go_on_losing(ctx);
        }
    }

    /// Ends every job that a worker holds, because the drain time-out has passed.
    pub(in crate::dispatch) fn drain_over(&mut self, ctx: &mut Ctx<'_>) {
        self.lose_all(ctx);
        for id in self.conns.ids() {
            let Some(worker) = self.conns.bare_worker(id) else { continue };
            for slot in worker.slots.release_some(usize::MAX) {
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
