//! Answers queries of shards by type, in slices, so that many types or workers do not make a turn long.
//!
//! A shard that gathers a table ([`queries`](super)) asks each shard for the first slice of its rows, then for the
//! next, until the last has come. Each shard gathers one table at a time, so a shard answers at most one scan per
//! shard. [`Work`] limits the work per turn.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;

use super::super::Owner;
use super::type_stats::{OfPool, row_of_delayed, row_of_figures, row_of_loss, row_of_pool};
use crate::dispatch::collections::places::Age;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::home::Home;
use crate::dispatch::ids::{PoolId, ShardId};
use crate::dispatch::message::{Message, Wanted};
use crate::metrics::{TypeRow, TypeRows};
use crate::protocol::command::Class;

/// The remaining work of a shard for queries by type in this turn. A row costs [`Work::ROW`].
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct Work(u32);

impl Work {
    /// The cost of finding a row, or of adding it to others.
    pub(in crate::dispatch) const ROW: u32 = 16;
    /// The cost of checking a place that may be empty.
    pub(super) const LOOK: u32 = 1;

    /// Returns the work of a turn.
    pub(in crate::dispatch) fn of_turn(rows: u32) -> Self {
        Self(rows.saturating_mul(Self::ROW))
    }

    pub(in crate::dispatch) fn is_left(self) -> bool {
        self.0 > 0
    }

    /// Counts work that was done. It may be more than was left.
    pub(in crate::dispatch) fn done(&mut self, cost: u32) {
        self.0 = self.0.saturating_sub(cost);
    }
}

/// The scans of a shard, and those that must continue.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Scans {
    by_asker: BTreeMap<ShardId, Scan>,
    /// The shards that wait for a slice, each with the maximum number of its rows.
    due: VecDeque<(ShardId, u32)>,
}

/// The request of one shard, and the progress of its answer.
#[derive(Debug)]
struct Scan {
    wanted: Arc<Wanted>,
    stage: Stage,
    /// The place at which the next slice begins, in the current stage.
    at: u32,
    /// When the scan began. Later entries are skipped, because the scan may have visited them at another place.
    queues_until: Age,
    pools_until: Age,
    delayed_until: Age,
    /// The pools of the names, if not all types were requested. The free slots of other classes are omitted.
    asked: Option<Vec<PoolId>>,
    /// The figures of pools from their workers.
    by_pool: BTreeMap<PoolId, OfPool>,
}

/// The stages of a scan, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Workers,
    /// The names, if not all types were requested. This is then the last stage.
    Names,
    Queues,
    Pools,
    Losses,
    Delayed,
    Figures,
    Over,
}

impl Scans {
    /// Returns whether a slice is due.
    pub(in crate::dispatch) fn has_work(&self) -> bool {
        !self.due.is_empty()
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.by_asker.len()
    }
}

impl Owner {
    /// Continues queries by type, of this and other shards, in a new turn.
    pub(in crate::dispatch) fn go_on_with_metrics(&mut self, home: &Home, ctx: &mut Ctx<'_>) {
        self.work = Work::of_turn(ctx.settings.per_turn.rows);
        if self.scans.has_work() {
            self.go_on_with_scans(home, ctx);
        }
        if self.queries.has_work() {
            self.go_on_with_queries(ctx);
        }
    }

    /// Handles the query of a shard: for the first slice if it has a request, otherwise for the next slice.
    pub(in crate::dispatch) fn stats_query(
        &mut self,
        home: &Home,
        from: ShardId,
        wanted: Option<Arc<Wanted>>,
        rows_max: u32,
        ctx: &mut Ctx<'_>,
    ) {
        if let Some(wanted) = wanted {
            let pool = |name: &Arc<str>| self.pools.find(name, ctx.settings.hash(name), Class::Ordinary);
            let pools = wanted.names.iter().filter_map(pool).collect();
            let scan = Scan {
                asked: (!wanted.all).then_some(pools),
                wanted,
                stage: Stage::Workers,
                at: 0,
                queues_until: home.places().0,
                pools_until: self.pools.places().0,
                delayed_until: self.tickets.delayed.places().0,
                by_pool: BTreeMap::new(),
            };
            self.scans.by_asker.insert(from, scan);
        }
        self.scans.due.push_back((from, rows_max));
        self.go_on_with_scans(home, ctx);
    }

    /// Sends the slices that are due, until the turn's work is used up.
    pub(in crate::dispatch) fn go_on_with_scans(&mut self, home: &Home, ctx: &mut Ctx<'_>) {
        while self.work.is_left()
            && let Some((asker, rows_max)) = self.scans.due.pop_front()
        {
            let Some(mut scan) = self.scans.by_asker.remove(&asker) else { continue };
            let mut rows = TypeRows::new();
            while scan.stage != Stage::Over && rows.len() < rows_max as usize && self.work.is_left() {
                if scan.step(home, self, &mut rows, ctx).is_break() {
                    scan.stage = scan.next_stage();
                    scan.at = 0;
                }
            }
            let last = scan.stage == Stage::Over;
            let other = (last && scan.wanted.histograms).then(|| Box::new(*ctx.figures.other()));
            if !last {
                self.scans.by_asker.insert(asker, scan);
            }
            ctx.post(asker, Message::StatsReply { rows, other, last });
        }
    }
}

impl Scan {
    fn next_stage(&self) -> Stage {
        match self.stage {
            Stage::Workers if self.wanted.all => Stage::Queues,
            Stage::Workers => Stage::Names,
            Stage::Queues => Stage::Pools,
            Stage::Pools => Stage::Losses,
            Stage::Losses => Stage::Delayed,
            Stage::Delayed if self.wanted.histograms => Stage::Figures,
            Stage::Names | Stage::Delayed | Stage::Figures | Stage::Over => Stage::Over,
        }
    }

    /// Handles the next place of its stage. Breaks if there is none.
    fn step(&mut self, home: &Home, owner: &mut Owner, rows: &mut TypeRows, ctx: &mut Ctx<'_>) -> ControlFlow<()> {
        let (at, before) = (self.at, rows.len());
        let end = match self.stage {
            Stage::Workers => owner.conns.end(),
            Stage::Names => u32::try_from(self.wanted.names.len()).unwrap_or(u32::MAX),
            Stage::Queues => home.places().1,
            Stage::Pools => owner.pools.places().1,
            Stage::Losses => 1,
            Stage::Delayed => owner.tickets.delayed.places().1,
            Stage::Figures => ctx.figures.len(),
            Stage::Over => 0,
        };
        if at >= end {
            return ControlFlow::Break(());
        }
        self.at += 1;
        let now = ctx.now;
        match self.stage {
            Stage::Workers => {
                let looked_at = owner.add_worker_at(at, self.asked.as_deref(), &mut self.by_pool, ctx.stopping);
                owner.work.done(looked_at);
            }
            Stage::Names => {
                let name = &self.wanted.names[at as usize];
                owner.work.done(Work::ROW);
                let row = self.row_of(name, home, owner, ctx);
                rows.extend(row);
            }
            Stage::Queues => rows.extend(home.row_at(at, self.queues_until, now)),
            Stage::Pools => {
                let pool = owner.pools.at(at, self.pools_until);
                rows.extend(pool.map(|pool| (Arc::clone(&pool.of.name), row_of_pool(pool, &self.by_pool, owner, ctx))));
            }
            // There are few of them, and they may change between turns, so all are handled at once.
            Stage::Losses => {
                rows.extend(owner.losses.iter().map(|(name, loss)| (Arc::clone(name), row_of_loss(loss, now))));
            }
            Stage::Delayed => {
                let of = owner.tickets.delayed.at(at, self.delayed_until);
                rows.extend(of.map(|(name, n)| (Arc::clone(name), row_of_delayed(n))));
            }
            Stage::Figures => {
                rows.extend(ctx.figures.nth(at).map(|(name, figures)| (Arc::clone(name), row_of_figures(figures))));
            }
            Stage::Over => {}
        }
        let found = u32::try_from(rows.len() - before).unwrap_or(u32::MAX);
        owner.work.done(Work::LOOK + found.saturating_mul(Work::ROW));
        ControlFlow::Continue(())
    }

    /// Returns all figures that this shard has of a type.
    fn row_of(&self, name: &Arc<str>, home: &Home, owner: &Owner, ctx: &mut Ctx<'_>) -> TypeRows {
        let (now, hash) = (ctx.now, ctx.settings.hash(name));
        // The figures by the id of a pool may be from an earlier pool.
        let pools = owner.pools.find_all(name, hash).filter_map(|PoolId(pool)| owner.pools.at(pool, self.pools_until));
        let pools = pools.map(|pool| row_of_pool(pool, &self.by_pool, owner, ctx));
        let mut rows: Vec<TypeRow> = pools.collect();
        rows.extend([hash, hash.durable()].into_iter().filter_map(|hash| home.row(name, hash, now)));
        let loss = owner.losses.get(name).map(|loss| row_of_loss(loss, now));
        let delayed = owner.tickets.delayed.of(name).map(row_of_delayed);
        let figures = ctx.figures.of(name, hash).filter(|_| self.wanted.histograms).map(row_of_figures);
        rows.extend([loss, delayed, figures].into_iter().flatten());
        rows.into_iter().map(|row| (Arc::clone(name), row)).collect()
    }
}
