//! Metrics by type: the asker's owner queries every shard, adds up the answers, and replies. Outside of the rules by
//! which jobs move.

use std::sync::Arc;

use super::ctx::Ctx;
use super::home::Home;
use super::ids::{ConnId, ShardId};
use super::message::{Closing, Message};
use super::owner::Owner;
use super::pools::Pool;
use crate::metrics::{TypeRow, TypeRows};
use crate::protocol::command::TypeName;
use crate::protocol::reply::Reply;

impl Owner {
    /// Queries every shard, this one too, about these types, or all. A name that is given again is not queried again.
    pub(super) fn query_types(&mut self, asker: ConnId, named: Option<&[TypeName<'_>]>, ctx: &mut Ctx<'_>) {
        let named = named.map(|names| self.queries.distinct(names));
        let Some(conn) = self.conns.get(asker) else { return };
        conn.queries += 1;
        let shards = ctx.settings.shards;
        let query = self.queries.add(asker, shards, named.clone());
        for shard in 0..shards {
            ctx.post(ShardId(shard), Message::StatsQuery { query, types: named.clone() });
        }
    }

    /// Adds a shard's answer to a query. After the last, the asker gets its reply.
    pub(super) fn handle_stats_reply(&mut self, query: u64, rows: TypeRows, ctx: &mut Ctx<'_>) {
        let Some((asker, table)) = self.queries.answer(query, rows) else { return };
        let totals = ctx.effects.totals(ctx.counts);
        let Some(conn) = self.conns.get(asker) else { return };
        conn.queries -= 1;
        let last_of_a_leaver = conn.leaving && conn.queries == 0;
        self.send(asker, &Reply::Metrics { totals: &totals, types: Some(&table) }, ctx);
        if last_of_a_leaver {
            self.close(asker, Closing::Flushed, ctx);
        }
    }
}

/// Returns what this shard knows of these types, or all, as home and as owner.
pub(super) fn rows(home: &Home, owner: &Owner, types: Option<&[Arc<str>]>, ctx: &Ctx<'_>) -> TypeRows {
    let Some(names) = types else {
        let owned = owner.pools.iter().map(|pool| (Arc::clone(&pool.of.name), row(pool)));
        return home.rows(ctx.now).map(|(name, row)| (Arc::clone(name), row)).chain(owned).collect();
    };
    let known = |name: &Arc<str>| {
        let owned = owner.pools.find(name).map(|pool| row(owner.pools.peek(pool)));
        let rows = [home.row(name, ctx.settings.hash(name), ctx.now), owned];
        rows.into_iter().flatten().map(|row| (Arc::clone(name), row)).collect::<Vec<_>>()
    };
    names.iter().flat_map(known).collect()
}

fn row(pool: &Pool) -> TypeRow {
    TypeRow { running: pool.running, workers: u64::from(pool.workers), done: pool.done, ..TypeRow::default() }
}
