//! Metrics by type: the asker's owner asks every shard, sums what they tell, and answers. Outside of the rules by which
//! jobs move.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write;
use std::sync::Arc;

use super::ctx::Ctx;
use super::home::Home;
use super::message::{Closing, ConnId, Message, ShardId, TypeRow};
use super::owner::Owner;
use crate::limits::TYPE_ROWS_MAX;
use crate::protocol::command::TypeName;
use crate::protocol::reply::Reply;

/// The questions that are out.
#[derive(Debug, Default)]
pub(super) struct PendingQueries {
    open: BTreeMap<u64, PendingQuery>,
    next: u64,
}

impl PendingQueries {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

#[derive(Debug)]
struct PendingQuery {
    asker: ConnId,
    /// Shards that have not answered.
    missing: u16,
    named: Option<Arc<[Arc<str>]>>,
    rows: HashMap<Arc<str>, TypeRow, ahash::RandomState>,
}

impl Owner {
    /// Asks every shard, this one too, about these types, or all. A name that is given again is not asked again.
    pub(super) fn query_types(&mut self, asker: ConnId, named: Option<&[TypeName<'_>]>, ctx: &mut Ctx<'_>) {
        let named: Option<Arc<[Arc<str>]>> = named.map(|names| {
            let mut seen = HashSet::with_hasher(self.maps.clone());
            names.iter().filter(|name| seen.insert(&***name)).map(|name| (**name).into()).collect()
        });
        let Some(conn) = self.conns.get(asker) else { return };
        conn.queries += 1;
        let question = self.queries.next;
        self.queries.next += 1;
        let shards = ctx.settings.shards;
        let rows = HashMap::with_hasher(self.maps.clone());
        self.queries.open.insert(question, PendingQuery { asker, missing: shards, named: named.clone(), rows });
        for shard in 0..shards {
            ctx.post(ShardId(shard), Message::StatsQuery { query: question, types: named.clone() });
        }
    }

    /// A shard has told what it knows.
    pub(super) fn handle_stats_reply(&mut self, number: u64, rows: Vec<(Arc<str>, TypeRow)>, ctx: &mut Ctx<'_>) {
        let question = self.queries.open.get_mut(&number).expect("every shard answers a question once");
        for (name, row) in rows {
            question.rows.entry(name).or_default().add(&row);
        }
        question.missing -= 1;
        if question.missing > 0 {
            return;
        }
        let Some(question) = self.queries.open.remove(&number) else { return };
        let asker = question.asker;
        let metrics = format!("{{{},\"types\":{{{}}}}}", ctx.effects.totals(ctx.counts).members(), question.table());
        let Some(conn) = self.conns.get(asker) else { return };
        conn.queries -= 1;
        let last_of_a_leaver = conn.leaving && conn.queries == 0;
        self.send(asker, &Reply::Metrics { metrics: &metrics }, ctx);
        if last_of_a_leaver {
            self.close(asker, Closing::Flushed, ctx);
        }
    }

    fn row(&self, name: &str) -> Option<TypeRow> {
        self.pools.find(name).map(|pool| self.pools.peek(pool).row())
    }
}

/// What this shard knows, as home and as owner.
pub(super) fn count(home: &Home, owner: &Owner, types: Option<&[Arc<str>]>, now_ms: u64) -> Vec<(Arc<str>, TypeRow)> {
    let Some(names) = types else {
        let owned = owner.pools.iter().map(|pool| (Arc::clone(&pool.name), pool.row()));
        return home.rows(now_ms).map(|(name, row)| (Arc::clone(name), row)).chain(owned).collect();
    };
    let known = |name: &Arc<str>| {
        let rows = [home.row(name, now_ms), owner.row(name)];
        rows.into_iter().flatten().map(|row| (Arc::clone(name), row)).collect::<Vec<_>>()
    };
    names.iter().flat_map(known).collect()
}

impl super::pools::Pool {
    fn row(&self) -> TypeRow {
        TypeRow { running: self.running, workers: u64::from(self.workers), done: self.done, ..TypeRow::default() }
    }
}

impl TypeRow {
    fn add(&mut self, other: &TypeRow) {
        self.waiting += other.waiting;
        self.running += other.running;
        self.workers += other.workers;
        self.done += other.done;
        self.oldest_ms = self.oldest_ms.max(other.oldest_ms);
    }
}

impl PendingQuery {
    /// The members of the table: the named types in the order of the question, each once, or the fullest first.
    fn table(mut self) -> String {
        let rows: Vec<(Arc<str>, TypeRow)> = match self.named.take() {
            Some(names) => {
                names.iter().map(|name| (Arc::clone(name), self.rows.get(name).copied().unwrap_or_default())).collect()
            }
            None => fullest(self.rows.into_iter().collect()),
        };
        let mut out = String::new();
        for (i, (name, row)) in rows.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let TypeRow { waiting, running, workers, done, oldest_ms } = row;
            let _ = write!(
                out,
                "{comma}\"{name}\":{{\"waiting\":{waiting},\"running\":{running},\"workers\":{workers},\"done\":{done},\
                 \"oldest_ms\":{oldest_ms}}}"
            ); // Writing to a String cannot fail.
        }
        out
    }
}

fn fullest(mut rows: Vec<(Arc<str>, TypeRow)>) -> Vec<(Arc<str>, TypeRow)> {
    rows.sort_unstable_by(|(a_name, a), (b_name, b)| {
        (b.waiting + b.running).cmp(&(a.waiting + a.running)).then_with(|| a_name.cmp(b_name))
    });
    rows.truncate(TYPE_ROWS_MAX);
    rows
}
