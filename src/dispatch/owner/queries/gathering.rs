//! The rows of types that a shard gathers from all shards for some queries: see [`queries`](super).

use std::collections::{HashSet, VecDeque};
use std::mem::size_of;
use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::chosen::Chosen;
use super::{Query, Types};
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::ShardId;
use crate::dispatch::message::{Message, Wanted};
use crate::metrics::{Figures, Tables, TypeRow, TypeRows};
use crate::protocol::carried::LongText;

/// The number of parts of the rows. Each part is small, so that it takes little time to grow or to scan.
const PARTS: usize = 256;

/// The bytes that a row counts, with its place in a table.
const ROW_BYTES: u64 = (size_of::<Row>() + 32) as u64;

/// The minimum number of rows of a slice, if many shards are asked at once.
const SLICE_ROWS_MIN: u32 = 16;

/// A type's name and figures.
pub(super) type Row = (Arc<str>, TypeRow);

/// The rows that are being gathered, and the queries for which they are.
#[derive(Debug)]
pub(super) struct Gathering {
    pub(super) stage: Stage,
    /// The queries that are not answered, in the order in which they came.
    pub(super) queries: VecDeque<Query>,
    /// The rows of named types for the first of these queries.
    named: VecDeque<Tables>,
    /// The request to the shards; `None` after it was sent.
    wanted: Option<Arc<Wanted>>,
    /// Shards that have rows left.
    pub(super) shards: Vec<ShardId>,
    /// The number of shards that have not sent a slice yet.
    pub(super) owing: usize,
    pub(super) parts: Vec<HashTable<Row>>,
    /// The figures of all types without their own.
    pub(super) other: Figures,
    /// The bytes that the rows count.
    pub(super) bytes: u64,
    /// The requested tables of all types, at most one with histograms and one without.
    tables: Vec<Chosen>,
    /// The texts of finished tables, each with whether it has histograms.
    texts: Vec<(bool, LongText)>,
}

/// The stages of a gathering, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Ask,
    Find,
    Choose,
    Encode,
    Reply,
}

impl Gathering {
    /// Begins a gathering for these queries.
    pub(super) fn new(queries: VecDeque<Query>, shards: u16, hashes: &RandomState) -> Self {
        let histograms = queries.iter().any(|query| query.histograms);
        let of_all = || queries.iter().filter(|query| query.types == Types::All);
        let is_wanted = |&histograms: &bool| of_all().any(|query| query.histograms == histograms);
        let tables: Vec<Chosen> = [false, true].into_iter().filter(is_wanted).map(Chosen::new).collect();
        let mut wanted = Wanted { all: !tables.is_empty(), names: Vec::new(), histograms };
        if !wanted.all {
            let mut seen = HashSet::with_hasher(hashes.clone());
            let names = queries.iter().flat_map(Query::names);
            wanted.names.extend(names.filter(|name| seen.insert(Arc::clone(name))).cloned());
        }
        Self {
            stage: Stage::Ask,
            queries,
            named: VecDeque::new(),
            wanted: Some(Arc::new(wanted)),
            shards: (0..shards).map(ShardId).collect(),
            owing: 0,
            parts: (0..PARTS).map(|_| HashTable::new()).collect(),
            other: Figures::default(),
            bytes: 0,
            tables,
            texts: Vec::new(),
        }
    }

    /// Asks each shard that has rows left for a slice. All slices together have about as many rows as a turn may handle.
    pub(super) fn ask(&mut self, ctx: &mut Ctx<'_>) {
        let n = u32::try_from(self.shards.len()).unwrap_or(u32::MAX).max(1);
        let rows_max = (ctx.settings.per_turn.rows / n).max(SLICE_ROWS_MIN);
        self.owing = self.shards.len();
        let wanted = self.wanted.take();
        for &shard in &self.shards {
            ctx.post(shard, Message::StatsQuery { wanted: wanted.clone(), rows_max });
        }
    }

    /// Adds rows.
    pub(super) fn add(&mut self, rows: TypeRows, hashes: &RandomState) {
        for (name, row) in rows {
            let hash = hashes.hash_one(&*name);
            let part = &mut self.parts[part_of(hash)];
            self.bytes += row.figures.as_ref().map_or(0, |_| size_of::<Figures>() as u64);
            match part.entry(hash, |(own, _)| *own == name, |(name, _)| hashes.hash_one(&**name)) {
                Entry::Occupied(mut entry) => entry.get_mut().1.add(row),
                Entry::Vacant(entry) => {
                    entry.insert((name, row));
                    self.bytes += ROW_BYTES;
                }
            }
        }
    }

    /// Finds the rows that the next query names, in its order. Returns how many; `None` if there is no such query.
    pub(super) fn find_named(&mut self, hashes: &RandomState) -> Option<u32> {
        let query = self.queries.get(self.named.len())?;
        let row = |name: &Arc<str>| {
            let hash = hashes.hash_one(&**name);
            self.parts[part_of(hash)].find(hash, |(own, _)| own == name).map(|(_, row)| row.clone())
        };
        let rows: TypeRows =
            query.names().iter().map(|name| (Arc::clone(name), row(name).unwrap_or_default())).collect();
        let n = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        let types = matches!(query.types, Types::Named(_)).then_some(rows);
        self.named.push_back(Tables { types, histograms: query.histograms, ..Tables::default() });
        Some(n)
    }

    /// Chooses rows of this part for the tables of all types.
    pub(super) fn choose(&mut self, part: HashTable<Row>) {
        for (name, row) in part {
            self.tables.iter_mut().for_each(|table| table.consider(&name, &row));
        }
    }

    /// Encodes a row of a table of all types. Returns its cost; `None` if all were encoded.
    pub(super) fn encode_row(&mut self) -> Option<u32> {
        let table = self.tables.last_mut()?;
        let cost = table.encode_row(&self.other);
        if cost.is_none() {
            let table = self.tables.pop()?;
            self.texts.push((table.histograms, table.finish()));
        }
        Some(cost.unwrap_or(1))
    }

    /// Returns the next query with its table: of the types that it names, or of all.
    pub(super) fn next_reply(&mut self) -> Option<(Query, Tables, Option<LongText>)> {
        let (query, named) = (self.queries.pop_front()?, self.named.pop_front()?);
        let mut texts = self.texts.iter().filter(|(histograms, _)| *histograms == query.histograms);
        let all = texts.next().filter(|_| query.types == Types::All).map(|(_, text)| text.clone());
        Some((query, named, all))
    }
}

fn part_of(hash: u64) -> usize {
    (hash >> 32) as usize % PARTS
}
