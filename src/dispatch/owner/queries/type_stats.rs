//! Metrics by type: collects the figures of a type at one shard for a query. Queries do not affect jobs.

use std::collections::BTreeMap;

use super::super::Owner;
use super::super::losses::Loss;
use super::super::pool::Pool;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, PoolId};
use crate::dispatch::micros::Micros;
use crate::metrics::{Figures, OldestRunning, TypeRow};
use crate::protocol::command::Class;

/// Figures of a pool that are computed only for a query, so that they cost jobs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OfPool {
    /// The exact number of free slots of its workers: the pool itself may have recorded more.
    free: u64,
    /// Jobs whose workers pass them on.
    passed_on: u64,
    /// When its oldest running job was sent, and to which worker.
    oldest: Option<(Micros, ConnId)>,
    /// The same without jobs that are passed on.
    oldest_here: Option<(Micros, ConnId)>,
}

impl Owner {
    /// Adds the figures of the connection at a place for its pools, or for the `asked` ones. Returns the cost: its
    /// taken slots and, if a slot is free, its types or the asked pools, whichever are fewer.
    pub(super) fn add_worker_at(
        &self,
        place: u32,
        asked: Option<&[PoolId]>,
        by_pool: &mut BTreeMap<PoolId, OfPool>,
        stopping: bool,
    ) -> u32 {
        let Some((id, conn)) = self.conns.at(place) else { return 0 };
        let Some(worker) = &conn.worker else { return 0 };
        for slot in worker.slots.iter().filter_map(|(_, slot)| slot.held()) {
            let of_pool = by_pool.entry(slot.pool).or_default();
            let sent = (slot.sent, id);
            keep_first(&mut of_pool.oldest, sent);
            if self.pools.peek(slot.pool).class.passes_on(worker.wants_ref) {
                of_pool.passed_on += 1;
            } else {
                keep_first(&mut of_pool.oldest_here, sent);
            }
        }
        let free = if stopping { 0 } else { u64::from(worker.unfilled(conn.is_paused())) };
        if free == 0 {
            return worker.slots.filled();
        }
        let mut add = |pool| by_pool.entry(pool).or_default().free += free;
        let looked_at = if let Some(asked) = asked.filter(|asked| asked.len() < worker.types().len()) {
            asked.iter().filter(|&&pool| worker.takes(pool)).for_each(|&pool| add(pool));
            asked.len()
        } else {
            worker.types().iter().for_each(|member| add(member.pool));
            worker.types().len()
        };
        worker.slots.filled() + u32::try_from(looked_at).unwrap_or(u32::MAX)
    }
}

fn keep_first(first: &mut Option<(Micros, ConnId)>, sent: (Micros, ConnId)) {
    *first = Some(first.map_or(sent, |first| first.min(sent)));
}

/// Returns the figures of a pool. A worker may have left since the scan visited it.
pub(super) fn row_of_pool(
    pool: &Pool,
    by_pool: &BTreeMap<PoolId, OfPool>,
    owner: &Owner,
    ctx: &mut Ctx<'_>,
) -> TypeRow {
    let OfPool { free, passed_on, oldest, oldest_here } = by_pool.get(&pool.id).copied().unwrap_or_default();
    let mut described = |oldest: Option<(Micros, ConnId)>| {
        let (sent, worker) = oldest.filter(|&(_, worker)| pool.running > 0 && owner.conns.contains(worker))?;
        Some(OldestRunning { ms: ctx.now.since(sent).as_ms(), worker: ctx.effects.peer_name(worker) })
    };
    let (oldest_running, oldest_here) = (described(oldest), described(oldest_here));
    let workers = u64::from(pool.workers);
    let (workers, durable_workers) = if pool.class == Class::Durable { (0, workers) } else { (workers, 0) };
    let spent = pool.spent.into();
    // A job that must start at once cannot use a slot of a spare worker.
    let (free, spare_workers) = match pool.class {
        Class::Ordinary => (free, 0),
        Class::Spare => (0, workers),
        Class::Durable => (0, 0),
    };
    TypeRow {
        running: pool.running,
        spent,
        free,
        spare_workers,
        workers,
        durable_workers,
        done: pool.done,
        // Jobs may have ended since the scan visited their workers.
        passed_on: passed_on.min(pool.running),
        oldest_running,
        oldest_here,
        ..TypeRow::default()
    }
}

pub(super) fn row_of_delayed(delayed: u64) -> TypeRow {
    TypeRow { delayed, ..TypeRow::default() }
}

pub(super) fn row_of_figures(figures: &Figures) -> TypeRow {
    TypeRow { figures: Some(Box::new(*figures)), ..TypeRow::default() }
}

pub(super) fn row_of_loss(loss: Loss, now: Micros) -> TypeRow {
    TypeRow { lost: loss.workers, last_lost_ms: now.since(loss.last).as_ms(), ..TypeRow::default() }
}
