//! Metrics queries by type: the owner of the peer that asks gathers the rows of every shard, adds them up, and replies.
//! Queries do not affect jobs.
//!
//! A shard gathers one table at a time, for all queries that had come when the gathering began. So the queries of many
//! peers share a single table, and the figures are never older than the query. Each turn continues as far as [`Work`]
//! allows, in these stages: ask all shards for slices of rows until none has more; find the rows that queries name;
//! choose the rows of the table of all types; encode them, once for all queries that ask for the same; reply.
//!
//! The gathered rows and the waiting queries count as unsent bytes.

mod chosen;
mod gathering;
pub(super) mod scan;
mod type_stats;

use std::collections::{HashSet, VecDeque};
use std::mem::size_of;
use std::sync::Arc;

use ahash::RandomState;
use gathering::{Gathering, Stage};
use scan::Work;

use super::Owner;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, ShardId};
use crate::dispatch::message::Closing;
use crate::limits::TYPES_PER_CONNECTION_MAX;
use crate::metrics::{Counts, Figures, Tables, TypeRows};
use crate::protocol::carried::LongText;
use crate::protocol::command::{MetricsAsked, TypeName, TypesAsked};
use crate::protocol::reply::Reply;

/// The queries of this shard's connections that are not answered.
#[derive(Debug)]
pub(in crate::dispatch) struct PendingQueries {
    waiting: VecDeque<Query>,
    gathering: Option<Box<Gathering>>,
    /// Queries that came before the stop.
    before_stop: usize,
    /// The bytes that the queries and the gathered rows count.
    bytes: u64,
    hashes: RandomState,
}

/// The types and tables of a query, and the peer that asked.
#[derive(Debug)]
pub(super) struct Query {
    asker: ConnId,
    pub(super) types: Types,
    /// Whether outcomes and histograms are requested.
    pub(super) histograms: bool,
    /// Whether a table by shard is requested too.
    shards: bool,
    /// Bytes that it counts.
    bytes: u64,
    before_stop: bool,
}

/// The types that a query asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Types {
    /// None. The query waits only so that the peer gets its answers in order.
    None,
    /// These, each once.
    Named(Arc<[Arc<str>]>),
    All,
}

impl Query {
    /// Returns the types that it names.
    pub(super) fn names(&self) -> &[Arc<str>] {
        match &self.types {
            Types::Named(names) => names,
            Types::None | Types::All => &[],
        }
    }
}

impl PendingQueries {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self { waiting: VecDeque::new(), gathering: None, before_stop: 0, bytes: 0, hashes: maps }
    }

    /// Returns how many queries are not answered.
    pub(in crate::dispatch) fn len(&self) -> usize {
        self.waiting.len() + self.gathering.as_ref().map_or(0, |gathering| gathering.queries.len())
    }

    /// Returns whether queries are not answered that came before the stop.
    pub(in crate::dispatch) fn any_before_stop(&self) -> bool {
        self.before_stop > 0
    }

    /// Returns whether there is work that does not wait for another shard.
    pub(in crate::dispatch) fn has_work(&self) -> bool {
        self.gathering.as_ref().map_or(!self.waiting.is_empty(), |gathering| gathering.owing == 0)
    }

    /// Returns the bytes that the queries and the gathered rows count as unsent.
    pub(in crate::dispatch) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn count_bytes(&mut self, bytes: u64, ctx: &mut Ctx<'_>) {
        self.bytes += bytes;
        ctx.counts.unsent_bytes += bytes;
    }

    fn uncount_bytes(&mut self, bytes: u64, ctx: &mut Ctx<'_>) {
        self.bytes -= bytes;
        ctx.counts.unsent_bytes -= bytes;
    }

    /// Removes repetitions from the names of a query.
    fn distinct(&self, names: &[TypeName<'_>]) -> Arc<[Arc<str>]> {
        let mut seen = HashSet::with_hasher(self.hashes.clone());
        names.iter().filter(|name| seen.insert(&***name)).map(|name| (**name).into()).collect()
    }

    /// Takes the first waiting queries, for which one table is gathered. Together they name about as many types as one
    /// query may.
    fn next_gathering(&mut self, shards: u16) -> Option<Gathering> {
        if self.waiting.is_empty() {
            return None;
        }
        let (mut queries, mut names) = (VecDeque::new(), 0);
        while names < TYPES_PER_CONNECTION_MAX
            && let Some(query) = self.waiting.pop_front()
        {
            names += query.names().len();
            queries.push_back(query);
        }
        Some(Gathering::new(queries, shards, &self.hashes))
    }
}

impl Owner {
    /// `metrics`: replies at once, or when all shards have sent their rows. A query without types waits if one with types is
    /// before it, so that the peer gets its answers in the order of its queries.
    pub(in crate::dispatch) fn metrics(&mut self, asker: ConnId, asked: &MetricsAsked<'_>, ctx: &mut Ctx<'_>) {
        let Some(conn) = self.conns.get(asker) else { return };
        let types = match &asked.types {
            TypesAsked::None if conn.queries == 0 => {
                return self.send_metrics(asker, Tables::default(), None, asked.shards, ctx);
            }
            TypesAsked::None => Types::None,
            TypesAsked::All => Types::All,
            TypesAsked::Named(names) => Types::Named(self.queries.distinct(names)),
        };
        conn.queries += 1;
        let &MetricsAsked { histograms, shards, .. } = asked;
        let mut query = Query { asker, types, histograms, shards, bytes: 0, before_stop: !ctx.stopping };
        let names = query.names().iter().map(|name| (name.len() + 32) as u64);
        query.bytes = size_of::<Query>() as u64 + names.sum::<u64>();
        self.queries.count_bytes(query.bytes, ctx);
        self.queries.before_stop += usize::from(query.before_stop);
        self.queries.waiting.push_back(query);
        self.go_on_with_queries(ctx);
    }

    /// Adds a shard's rows to the table.
    pub(in crate::dispatch) fn stats_reply(
        &mut self,
        from: ShardId,
        rows: TypeRows,
        other: Option<Box<Figures>>,
        last: bool,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(gathering) = &mut self.queries.gathering else { return };
        self.work.done(Work::ROW * u32::try_from(rows.len()).unwrap_or(u32::MAX));
        let before = gathering.bytes;
        gathering.add(rows, &self.queries.hashes);
        let added = gathering.bytes - before;
        if let Some(other) = other {
            gathering.other.add(&other);
        }
        gathering.owing -= 1;
        if last {
            gathering.shards.retain(|&shard| shard != from);
        }
        self.queries.count_bytes(added, ctx);
        self.go_on_with_queries(ctx);
    }

    /// Continues the queries, until they wait for another shard or the turn's work is used up.
    pub(in crate::dispatch) fn go_on_with_queries(&mut self, ctx: &mut Ctx<'_>) {
        while self.work.is_left() {
            let begun = self.queries.gathering.take();
            let Some(mut gathering) = begun.or_else(|| self.queries.next_gathering(ctx.settings.shards).map(Box::new))
            else {
                return;
            };
            let waits = gathering.owing > 0;
            if waits || !self.go_on_with(&mut gathering, ctx) {
                self.queries.gathering = Some(gathering);
            }
            if waits {
                return;
            }
        }
    }

    /// Does one step of a gathering. Returns whether it was the last.
    fn go_on_with(&mut self, gathering: &mut Gathering, ctx: &mut Ctx<'_>) -> bool {
        match gathering.stage {
            Stage::Ask if gathering.shards.is_empty() => gathering.stage = Stage::Find,
            Stage::Ask => gathering.ask(ctx),
            Stage::Find => match gathering.find_named(&self.queries.hashes) {
                Some(rows) => self.work.done(Work::LOOK + Work::ROW * rows),
                None => gathering.stage = Stage::Choose,
            },
            Stage::Choose => {
                if let Some(part) = gathering.parts.pop() {
                    self.work.done(Work::LOOK + Work::ROW / 2 * u32::try_from(part.len()).unwrap_or(u32::MAX));
                    gathering.choose(part);
                } else {
                    self.queries.uncount_bytes(std::mem::take(&mut gathering.bytes), ctx);
                    gathering.stage = Stage::Encode;
                }
            }
            Stage::Encode => match gathering.encode_row() {
                Some(cost) => self.work.done(cost),
                None => gathering.stage = Stage::Reply,
            },
            Stage::Reply => {
                let Some((query, named, all)) = gathering.next_reply() else { return true };
                let rows = u32::try_from(query.names().len()).unwrap_or(u32::MAX);
                self.work.done(Work::ROW * rows);
                self.reply(&query, named, all.as_ref(), ctx);
            }
        }
        false
    }

    /// Answers a query, unless its peer has left.
    fn reply(&mut self, query: &Query, tables: Tables, types: Option<&LongText>, ctx: &mut Ctx<'_>) {
        self.queries.uncount_bytes(query.bytes, ctx);
        self.queries.before_stop -= usize::from(query.before_stop);
        let shards = u32::from(ctx.settings.shards);
        self.work.done(Work::ROW * (8 + if query.shards { shards } else { shards / 4 }));
        let Some(conn) = self.conns.get(query.asker) else { return };
        conn.queries -= 1;
        let last_of_a_leaver = conn.leaving && conn.queries == 0;
        self.send_metrics(query.asker, tables, types, query.shards, ctx);
        if last_of_a_leaver {
            self.close(query.asker, Closing::Flushed, ctx);
        }
    }

    /// Sends the metrics with these tables, and one by shard if `shards` is set.
    pub(in crate::dispatch) fn send_metrics(
        &mut self,
        to: ConnId,
        tables: Tables,
        types: Option<&LongText>,
        shards: bool,
        ctx: &mut Ctx<'_>,
    ) {
        // The metrics exclude the bytes of queries: otherwise a dashboard would hardly ever show 0.
        let counts = Counts { unsent_bytes: ctx.counts.unsent_bytes - self.queries.bytes, ..*ctx.counts };
        let totals = ctx.effects.totals(&counts);
        let shards = shards.then(|| ctx.effects.shards(&counts));
        let tables = Tables { shards, ..tables };
        self.send(to, &Reply::Metrics { totals: &totals, tables: &tables, types }, ctx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gathering_takes_queries_until_they_name_as_many_types_as_one_may() {
        let names: Arc<[Arc<str>]> = std::iter::repeat_n("t".into(), TYPES_PER_CONNECTION_MAX / 2).collect();
        let asker = ConnId { index: 0, generation: 0 };
        let mut queries = PendingQueries::new(RandomState::with_seeds(1, 2, 3, 4));
        for _ in 0..5 {
            let types = Types::Named(Arc::clone(&names));
            queries.waiting.push_back(Query {
                asker,
                types,
                histograms: false,
                shards: false,
                bytes: 0,
                before_stop: true,
            });
        }
        let taken = std::iter::from_fn(|| queries.next_gathering(1)).map(|gathering| gathering.queries.len());
        assert_eq!(taken.collect::<Vec<_>>(), [2, 2, 1]);
    }
}
