//! Metrics queries by type that wait for the answers of shards.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;

use crate::dispatch::ids::ConnId;
use crate::limits::TYPE_ROWS_MAX;
use crate::metrics::{Figures, Tables, TypeRow, TypeRows};
use crate::protocol::command::TypeName;

/// The types that a query names, each once; `None`: all.
pub(in crate::dispatch) type Named = Option<Arc<[Arc<str>]>>;

/// What a query asks for, and who asked.
#[derive(Debug)]
pub(in crate::dispatch) struct Query {
    pub(in crate::dispatch) asker: ConnId,
    pub(in crate::dispatch) named: Named,
    /// Whether with outcomes and histograms.
    pub(in crate::dispatch) histograms: bool,
    /// Whether with a table by shard too.
    pub(in crate::dispatch) shards: bool,
}

/// The queries that this shard has sent.
#[derive(Debug)]
pub(in crate::dispatch) struct PendingQueries {
    open: BTreeMap<u64, PendingQuery>,
    next: u64,
    maps: RandomState,
}

#[derive(Debug)]
struct PendingQuery {
    query: Query,
    /// Shards that have not answered.
    missing: u16,
    rows: HashMap<Arc<str>, TypeRow, RandomState>,
    /// The figures of the jobs whose types have none of their own.
    other: Figures,
}

impl PendingQueries {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self { open: BTreeMap::new(), next: 0, maps }
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.open.len()
    }

    /// Removes repetitions from the names of a query.
    pub(in crate::dispatch) fn distinct(&self, names: &[TypeName<'_>]) -> Arc<[Arc<str>]> {
        let mut seen = HashSet::with_hasher(self.maps.clone());
        names.iter().filter(|name| seen.insert(&***name)).map(|name| (**name).into()).collect()
    }

    /// Adds a query to which `shards` shards will answer. Returns its number.
    pub(in crate::dispatch) fn add(&mut self, query: Query, shards: u16) -> u64 {
        let number = self.next;
        self.next += 1;
        let rows = HashMap::with_hasher(self.maps.clone());
        self.open.insert(number, PendingQuery { query, missing: shards, rows, other: Figures::default() });
        number
    }

    /// Adds a shard's answer. After the last, returns the query and its tables by type.
    pub(in crate::dispatch) fn answer(
        &mut self,
        number: u64,
        rows: TypeRows,
        other: Option<Box<Figures>>,
    ) -> Option<(Query, Tables)> {
        let query = self.open.get_mut(&number).expect("every shard answers a query once");
        for (name, row) in rows {
            query.rows.entry(name).or_default().add(row);
        }
        if let Some(other) = other {
            query.other.add(&other);
        }
        query.missing -= 1;
        if query.missing > 0 {
            return None;
        }
        self.open.remove(&number).map(PendingQuery::into_tables)
    }
}

impl PendingQuery {
    /// Returns the query, and its rows: the named types in the order of the query, or those with the most jobs first.
    fn into_tables(mut self) -> (Query, Tables) {
        let histograms = self.query.histograms;
        let tables = match &self.query.named {
            Some(names) => {
                let mut row = |name| self.rows.remove(name).unwrap_or_default();
                let types = names.iter().map(|name| (Arc::clone(name), row(name))).collect();
                Tables { types: Some(types), histograms, ..Tables::default() }
            }
            None => all_types(self.rows, histograms.then(|| Box::new(self.other))),
        };
        (self.query, tables)
    }
}

/// Returns the table of all types: those that have figures of their own, and of the others the fullest that are in use. If
/// figures were asked for, `other` are those of the other types, whose rows are added up.
fn all_types(rows: HashMap<Arc<str>, TypeRow, RandomState>, other: Option<Box<Figures>>) -> Tables {
    let histograms = other.is_some();
    let (mut types, others): (TypeRows, TypeRows) = rows.into_iter().partition(|(_, row)| row.figures.is_some());
    let other_types = other.map(|figures| {
        let mut sum = TypeRow { figures: Some(figures), ..TypeRow::default() };
        for (_, row) in &others {
            sum.add(row.clone());
        }
        Box::new(sum)
    });
    types.extend(fullest(others.into_iter().filter(|(_, row)| row.is_in_use()).collect()));
    sort_by_jobs(&mut types);
    Tables { types: Some(types), histograms, other_types, ..Tables::default() }
}

fn fullest(mut rows: TypeRows) -> TypeRows {
    sort_by_jobs(&mut rows);
    rows.truncate(TYPE_ROWS_MAX);
    rows
}

fn sort_by_jobs(rows: &mut TypeRows) {
    rows.sort_unstable_by(|(a_name, a), (b_name, b)| {
        (b.waiting + b.running).cmp(&(a.waiting + a.running)).then_with(|| a_name.cmp(b_name))
    });
}
