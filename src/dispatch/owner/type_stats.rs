//! Metrics by type: the asker's owner queries every shard, adds up the answers, and replies. Outside of the rules by
//! which jobs move.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use super::Owner;
use super::losses::Loss;
use super::pool::Pool;
use super::queries::Query;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::home::Home;
use crate::dispatch::ids::{ConnId, PoolId, ShardId};
use crate::dispatch::message::{Closing, Message};
use crate::dispatch::micros::Micros;
use crate::metrics::{Figures, OldestRunning, Tables, TypeRow, TypeRows};
use crate::protocol::command::{Class, MetricsAsked, TypeName};
use crate::protocol::reply::Reply;

/// What a query alone wants to know of a pool, so that no job pays for it.
#[derive(Clone, Copy, Debug, Default)]
struct OfPool {
    /// Free slots of its workers, exactly: what the pool itself has recorded may be more.
    free: u64,
    /// When its oldest running job was sent, and to which worker.
    oldest: Option<(Micros, ConnId)>,
}

type ByPool = HashMap<PoolId, OfPool, RandomState>;

impl Owner {
    /// Queries every shard, this one too, about these types, or all. A name that is given again is not queried again.
    pub(in crate::dispatch) fn query_types(
        &mut self,
        asker: ConnId,
        named: Option<&[TypeName<'_>]>,
        &MetricsAsked { histograms, shards: with_shards, .. }: &MetricsAsked<'_>,
        ctx: &mut Ctx<'_>,
    ) {
        let named = named.map(|names| self.queries.distinct(names));
        let Some(conn) = self.conns.get(asker) else { return };
        conn.queries += 1;
        let shards = ctx.settings.shards;
        let query = Query { asker, named: named.clone(), histograms, shards: with_shards };
        let query = self.queries.add(query, shards);
        for shard in 0..shards {
            ctx.post(ShardId(shard), Message::StatsQuery { query, types: named.clone(), histograms });
        }
    }

    /// Adds a shard's answer to a query. After the last, the asker gets its reply.
    pub(in crate::dispatch) fn handle_stats_reply(
        &mut self,
        query: u64,
        rows: TypeRows,
        other: Option<Box<Figures>>,
        ctx: &mut Ctx<'_>,
    ) {
        let Some((Query { asker, shards, .. }, tables)) = self.queries.answer(query, rows, other) else { return };
        let Some(conn) = self.conns.get(asker) else { return };
        conn.queries -= 1;
        let last_of_a_leaver = conn.leaving && conn.queries == 0;
        self.send_metrics(asker, tables, shards, ctx);
        if last_of_a_leaver {
            self.close(asker, Closing::Flushed, ctx);
        }
    }

    /// Sends the metrics with these tables by type, and one by shard if `shards` is set.
    pub(in crate::dispatch) fn send_metrics(&mut self, to: ConnId, tables: Tables, shards: bool, ctx: &mut Ctx<'_>) {
        let totals = ctx.effects.totals(ctx.counts);
        let shards = shards.then(|| ctx.effects.shards(ctx.counts));
        let tables = Tables { shards, ..tables };
        self.send(to, &Reply::Metrics { totals: &totals, tables: &tables }, ctx);
    }

    /// Finds the free slots of the asked pools, or of all, and the oldest running job of each pool.
    ///
    /// A pass over all connections and taken slots. A worker with a free slot costs a look at its types, or at the asked
    /// pools if these are fewer.
    fn by_pool(&self, asked: Option<&[PoolId]>, stopping: bool) -> ByPool {
        let mut by_pool = ByPool::with_hasher(self.maps.clone());
        for (id, conn) in self.conns.iter() {
            let Some(worker) = &conn.worker else { continue };
            for slot in worker.slots.iter().filter_map(|(_, slot)| slot.held()) {
                let oldest = &mut by_pool.entry(slot.pool).or_default().oldest;
                *oldest = Some(oldest.map_or((slot.sent, id), |first| first.min((slot.sent, id))));
            }
            let free = if stopping { 0 } else { u64::from(worker.unfilled(conn.is_paused())) };
            if free > 0 {
                let mut add = |pool| by_pool.entry(pool).or_default().free += free;
                match asked.filter(|asked| asked.len() < worker.types().len()) {
                    Some(asked) => asked.iter().filter(|&&pool| worker.takes(pool)).for_each(|&pool| add(pool)),
                    None => worker.types().iter().for_each(|member| add(member.pool)),
                }
            }
        }
        by_pool
    }
}

/// Returns what this shard knows of these types, or all, as home and as owner.
pub(in crate::dispatch) fn rows(
    home: &Home,
    owner: &Owner,
    types: Option<&[Arc<str>]>,
    histograms: bool,
    ctx: &mut Ctx<'_>,
) -> TypeRows {
    let now = ctx.now;
    let asked: Option<Vec<PoolId>> =
        types.map(|names| names.iter().filter_map(|name| owner.pools.find(name, Class::Ordinary)).collect());
    let by_pool = owner.by_pool(asked.as_deref(), ctx.stopping);
    let Some(names) = types else {
        let mut rows: TypeRows = home.rows(now).map(|(name, row)| (Arc::clone(name), row)).collect();
        rows.extend(owner.pools.iter().map(|pool| (Arc::clone(&pool.of.name), row_of_pool(pool, &by_pool, ctx))));
        rows.extend(owner.losses.iter().map(|(name, loss)| (Arc::clone(name), row_of_loss(loss, now))));
        rows.extend(owner.tickets.delayed().map(|(name, n)| (name.into(), row_of_delayed(n))));
        let figures = ctx.figures.iter().filter(|_| histograms);
        rows.extend(figures.map(|(name, figures)| (Arc::clone(name), row_of_figures(figures))));
        return rows;
    };
    let mut rows = TypeRows::new();
    for name in names {
        let pools = owner.pools.find_all(name).map(|pool| row_of_pool(owner.pools.peek(pool), &by_pool, ctx));
        rows.extend(pools.map(|row| (Arc::clone(name), row)));
        let hash = ctx.settings.hash(name);
        let queues = [hash, hash.durable()].map(|hash| home.row(name, hash, now));
        rows.extend(queues.into_iter().flatten().map(|row| (Arc::clone(name), row)));
        let loss = owner.losses.get(name).map(|loss| row_of_loss(loss, now));
        let delayed = owner.tickets.delayed_of(name).map(row_of_delayed);
        let figures = ctx.figures.of(name, hash).filter(|_| histograms).map(row_of_figures);
        rows.extend([loss, delayed, figures].into_iter().flatten().map(|row| (Arc::clone(name), row)));
    }
    rows
}

fn row_of_pool(pool: &Pool, by_pool: &ByPool, ctx: &mut Ctx<'_>) -> TypeRow {
    let OfPool { free, oldest } = by_pool.get(&pool.id).copied().unwrap_or_default();
    let oldest_running = oldest
        .map(|(sent, worker)| OldestRunning { ms: ctx.now.since(sent).as_ms(), worker: ctx.effects.peer_name(worker) });
    let workers = u64::from(pool.workers);
    let (workers, durable_workers) = if pool.class == Class::Durable { (0, workers) } else { (workers, 0) };
    let spent = pool.spent.into();
    // A job that must start at once cannot have a slot of a spare worker.
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
        oldest_running,
        ..TypeRow::default()
    }
}

fn row_of_delayed(delayed: u64) -> TypeRow {
    TypeRow { delayed, ..TypeRow::default() }
}

fn row_of_figures(figures: &Figures) -> TypeRow {
    TypeRow { figures: Some(Box::new(*figures)), ..TypeRow::default() }
}

fn row_of_loss(loss: Loss, now: Micros) -> TypeRow {
    TypeRow { lost: loss.workers, last_lost_ms: now.since(loss.last).as_ms(), ..TypeRow::default() }
}
