//! Which worker takes the next job of a type, and how far the types' books follow how workers stand.
//!
//! A worker of many types fills and empties its slots with each job, and hardly any of its types' books are looked at in
//! between. So a job costs what changes in the books that *follow* its worker, not a pass over all its types. A type's
//! books follow a worker from when they need to know: when it comes, is met first in line, or takes a job of the type;
//! until it is wholly free and takes another type's job. **Books that do not follow a worker have it as wholly free: they
//! may overstate what is free, and never understate it.** Offers may be stale from the start then; nobody waits in vain.

use super::conns::Conns;
use super::ctx::Ctx;
use super::message::ConnId;
use super::owner::Owner;
use super::pools::{Capacity, Pools};
use super::worker::Worker;
use crate::limits::UNSENT_PAUSE_BYTES;

/// A worker, and how it stands now.
pub(super) fn worker_of(conns: &mut Conns, id: ConnId) -> Option<(&mut Worker, Capacity)> {
    let conn = conns.get(id)?;
    let paused = conn.unsent > UNSENT_PAUSE_BYTES;
    let worker = conn.worker.as_deref_mut()?;
    let now = worker.capacity(paused);
    Some((worker, now))
}

impl Owner {
    /// The first ready worker of a type: it has a free slot, and, for a suspect, holds no other. The books follow it, and
    /// all that were before it and turned out not to be ready. So if there is none, what is free is known exactly.
    pub(super) fn first_ready(&mut self, at: u32, suspect: bool) -> Option<ConnId> {
        loop {
            let first = self.pools.first_ready(at, suspect)?;
            if first.tracked {
                return Some(first.worker);
            }
            let (worker, _) = worker_of(&mut self.conns, first.worker).expect("who is ready is a worker");
            worker.track((at, first.node), &mut self.pools);
        }
    }

    /// Whether a worker may take a job of this type now.
    pub(super) fn may_take(&mut self, id: ConnId, at: u32, suspect: bool) -> bool {
        worker_of(&mut self.conns, id).is_some_and(|(worker, now)| {
            now.free > 0 && !(suspect && now.holds_suspect) && worker.find_type(at).is_ok()
        })
    }

    /// A worker stands otherwise than before. The books that follow it know at once of less, and of more when the types
    /// that were turned away have had their share of it. `to_back`: it came, took or ended a job.
    pub(super) fn refresh(&mut self, id: ConnId, to_back: bool, ctx: &mut Ctx<'_>) {
        let Some((worker, now)) = worker_of(&mut self.conns, id) else { return };
        worker.gauge(ctx);
        if worker.recorded.covers(now) {
            worker.record(now, to_back, &mut self.pools);
        } else {
            self.freed.push((id, to_back));
        }
    }

    /// Lets the books that follow workers which have more to give than the books know, know of it.
    pub(super) fn record_freed(&mut self) {
        for &(id, to_back) in &self.freed {
            let Some((worker, now)) = worker_of(&mut self.conns, id) else { continue };
            if worker.recorded != now {
                self.dirty.extend(worker.tracked().iter().map(|&(pool, _)| pool));
            }
            worker.record(now, to_back, &mut self.pools);
        }
    }

    /// O1 for workers that have more to give: the types that follow one and need it are served before their books know.
    /// So what is kept for an Ask at once is never offered, and a job costs no pass over the books of all that wait.
    pub(super) fn reconcile_freed(&mut self, ctx: &mut Ctx<'_>) {
        if self.freed.is_empty() {
            return;
        }
        if !ctx.stopping {
            for &(id, _) in &self.freed {
                if let Some((worker, now)) = worker_of(&mut self.conns, id) {
                    serve(worker, id, now, &mut self.pools, ctx);
                }
            }
        }
        self.record_freed();
        self.freed.clear();
    }
}

/// Suspects are welcomed, and the types that were turned away are asked for, the longest wanted first.
fn serve(worker: &mut Worker, id: ConnId, now: Capacity, pools: &mut Pools, ctx: &mut Ctx<'_>) {
    for _ in 0..now.free {
        let mut longest = None;
        for &(at, _) in worker.tracked() {
            let pool = pools.get(at);
            if pool.rejects_suspects && !now.holds_suspect {
                pool.accept_suspects(ctx);
            }
            if let (Some(since), None) = (pool.starved_since, pool.pull_pending)
                && longest.is_none_or(|longest| (since, at) < longest)
            {
                longest = Some((since, at));
            }
        }
        let Some((_, at)) = longest else { return };
        pools.get(at).pull(id, ctx);
        worker.reserved += 1;
    }
}
