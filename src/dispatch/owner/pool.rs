//! The record of one type and class at an owner: its workers, their free slots, and the offers and pulls at the type's
//! home.

use std::collections::BinaryHeap;

use crate::dispatch::ctx::Ctx;
use crate::dispatch::figures::FiguresId;
use crate::dispatch::ids::{ConnId, PoolId, ShardId, TypeHash, TypeRef};
use crate::dispatch::job::Job;
use crate::dispatch::message::Message;
use crate::protocol::command::Class;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// The workers of one type and class.
#[derive(Debug)]
pub(in crate::dispatch) struct Pool {
    pub(in crate::dispatch) id: PoolId,
    pub(in crate::dispatch) of: TypeRef,
    /// The class of all its workers.
    pub(in crate::dispatch) class: Class,
    pub(in crate::dispatch) home: ShardId,
    pub(in crate::dispatch) workers: u32,
    /// Free slots of the workers that it tracks, and all slots of the others.
    pub(in crate::dispatch) free: u64,
    /// Offers sent and not ended: each ends in an Assign, or is counted in a Withdrawn.
    pub(in crate::dispatch) open: u32,
    /// The worker whose slot is reserved for the answer to a Pull.
    pub(in crate::dispatch) pull_pending: Option<ConnId>,
    /// Set while the type is starved: a job was requeued because no slot was free. A growing number, for the order of
    /// starved types.
    pub(in crate::dispatch) starved_since: Option<u64>,
    /// Whether a suspect was rejected, and no `AcceptSuspects` sent since.
    pub(in crate::dispatch) rejects_suspects: bool,
    /// Whether a later turn offers its free slots.
    pub(in crate::dispatch) is_postponed: bool,
    /// Jobs of this type that its workers hold, including workers that have left the type since.
    pub(in crate::dispatch) running: u64,
    /// Slots that jobs of this type have taken although the jobs have ended.
    pub(in crate::dispatch) spent: u32,
    /// Jobs answered with a result.
    pub(in crate::dispatch) done: u64,
    /// The place of the type's figures. Known after a job was sent to a worker.
    pub(in crate::dispatch) figures: FiguresId,
    /// Workers with a free slot, as recorded: those that hold no suspect, and those that hold one. At the back are the
    /// workers that last came, or took or ended a job.
    pub(super) ready: [Ends; 2],
}

/// A starved type. The longest starved is the least.
pub(in crate::dispatch) type Starved = (u64, PoolId);

impl Pool {
    /// Returns whether it is of the type with this name. `hash` is that of the queue from which its workers get jobs.
    pub(super) fn is_of(&self, name: &str, hash: TypeHash) -> bool {
        self.of.hash == hash && *self.of.name == *name
    }

    /// Returns the type's place among starved types, if it is starved: a job is pulled as soon as a slot is free.
    pub(in crate::dispatch) fn starved(&self) -> Option<Starved> {
        self.starved_since.filter(|_| self.pull_pending.is_none()).map(|since| (since, self.id))
    }

    /// Returns whether it has nothing to pull, rejects nothing, and is in use.
    #[inline]
    pub(in crate::dispatch) fn needs_offers_only(&self) -> bool {
        self.starved_since.is_none() && !self.rejects_suspects && self.workers > 0
    }

    /// Adds it to the `max` longest starved types, if it is one of them. Most workers have a slot for only one of many
    /// starved types, so no list of the others is built.
    pub(in crate::dispatch) fn keep_if_starved(&self, longest: &mut BinaryHeap<Starved>, max: usize) {
        let Some(starved) = self.starved() else { return };
        if longest.len() < max {
            longest.push(starved);
        } else if let Some(mut last) = longest.peek_mut()
            && starved < *last
        {
            *last = starved;
        }
    }

    /// Returns the place of the figures for this job of the type.
    #[inline]
    pub(in crate::dispatch) fn figures_of(&mut self, job: &Job, ctx: &mut Ctx<'_>) -> FiguresId {
        if self.figures == FiguresId::UNKNOWN {
            self.figures = ctx.figures.place_of(job.has_figures(), &self.of.name, self.of.hash);
        }
        self.figures
    }

    /// Offers `n` more slots. Offers that leave the shard together are one message.
    #[inline]
    pub(in crate::dispatch) fn offer(&mut self, n: u32, ctx: &mut Ctx<'_>) {
        self.open += n;
        if self.home == ctx.settings.shard || !ctx.effects.add_to_offer(self.home, self.id, n) {
            ctx.post(self.home, Message::Offer { hash: self.of.hash, class: self.class, n, offers: 1, pool: self.id });
        }
    }

    /// Pulls a job, for which a slot of `worker` is reserved.
    pub(in crate::dispatch) fn pull(&mut self, worker: ConnId, ctx: &mut Ctx<'_>) {
        self.starved_since = None;
        self.pull_pending = Some(worker);
        ctx.post(self.home, Message::Pull(self.of.clone(), self.class, self.id));
    }

    /// Withdraws the open offers, if there are any.
    pub(in crate::dispatch) fn withdraw(&self, ctx: &mut Ctx<'_>) {
        if self.open > 0 {
            ctx.post(self.home, Message::Withdraw(self.of.clone(), self.class, self.id));
        }
    }

    /// Reports to the home that workers take suspects again.
    pub(in crate::dispatch) fn accept_suspects(&mut self, ctx: &mut Ctx<'_>) {
        self.rejects_suspects = false;
        ctx.post(self.home, Message::AcceptSuspects(self.of.clone(), self.class));
    }
}

/// First and last of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// No list.
pub(super) const EMPTY: Ends = Ends { first: NONE, last: NONE };
