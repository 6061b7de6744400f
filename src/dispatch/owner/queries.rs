//! Metrics queries by type that wait for the answers of shards.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ahash::RandomState;

use crate::dispatch::ids::ConnId;
use crate::limits::TYPE_ROWS_MAX;
use crate::metrics::{TypeRow, TypeRows};
use crate::protocol::command::TypeName;

/// The types that a query names, each once; `None`: all.
pub(in crate::dispatch) type Named = Option<Arc<[Arc<str>]>>;

/// The queries that this shard has sent.
#[derive(Debug)]
pub(in crate::dispatch) struct PendingQueries {
    open: BTreeMap<u64, PendingQuery>,
    next: u64,
    maps: RandomState,
}

#[derive(Debug)]
struct PendingQuery {
    asker: ConnId,
    /// Shards that have not answered.
    missing: u16,
    named: Named,
    rows: HashMap<Arc<str>, TypeRow, RandomState>,
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
    pub(in crate::dispatch) fn add(&mut self, asker: ConnId, shards: u16, named: Named) -> u64 {
        let number = self.next;
        self.next += 1;
        let rows = HashMap::with_hasher(self.maps.clone());
        self.open.insert(number, PendingQuery { asker, missing: shards, named, rows });
        number
    }

    /// Adds a shard's answer. After the last, returns the asker and the table.
    pub(in crate::dispatch) fn answer(&mut self, number: u64, rows: TypeRows) -> Option<(ConnId, TypeRows)> {
        let query = self.open.get_mut(&number).expect("every shard answers a query once");
        for (name, row) in rows {
            query.rows.entry(name).or_default().add(row);
        }
        query.missing -= 1;
        if query.missing > 0 {
            return None;
        }
        self.open.remove(&number).map(|query| (query.asker, query.table()))
    }
}

impl PendingQuery {
    /// Returns the rows: the named types in the order of the query, or the types in use, those with the most jobs first.
    fn table(mut self) -> TypeRows {
        match self.named.take() {
            Some(names) => {
                let mut row = |name| self.rows.remove(name).unwrap_or_default();
                names.iter().map(|name| (Arc::clone(name), row(name))).collect()
            }
            None => fullest(self.rows.into_iter().filter(|(_, row)| row.is_in_use()).collect()),
        }
    }
}

fn fullest(mut rows: TypeRows) -> TypeRows {
    rows.sort_unstable_by(|(a_name, a), (b_name, b)| {
        (b.waiting + b.running).cmp(&(a.waiting + a.running)).then_with(|| a_name.cmp(b_name))
    });
    rows.truncate(TYPE_ROWS_MAX);
    rows
}
