//! The figures as JSON, for the page and for programs; docs/operating.md lists the members. Pure.

use std::time::Instant;

use serde::Serialize;
use serde_json::value::RawValue;

use super::health::Health;
use super::history::History;
use super::timeline::{Full, Older, View};
use crate::client::{Metrics, ShardMetrics, TypeMetrics};

mod rows;

use rows::{Detail, Row};

/// The data from which the part of one server is made.
pub(super) struct Facts<'a> {
    pub(super) name: &'a str,
    pub(super) view: &'a View,
    pub(super) health: &'a Health,
}

/// The type and the server that a query names, if it does not ask for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) type_name: Option<String>,
    pub(super) server: Option<String>,
}

#[derive(Serialize)]
struct Status<'a> {
    version: &'static str,
    time_ms: u64,
    servers: Vec<Server<'a>>,
}

#[derive(Serialize)]
struct Server<'a> {
    name: &'a str,
    up: bool,
    error: Option<&'a str>,
    age_ms: Option<u64>,
    ready: bool,
    not_ready: Option<&'a str>,
    healthy: bool,
    unhealthy: Option<&'a str>,
    totals: Box<RawValue>,
    shards: Vec<Shard>,
    history: &'a History,
    window_ms: u64,
    rate_ms: u64,
    types_total: u64,
    types: Vec<Type<'a>>,
    other_types: Option<Row<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
#[expect(clippy::large_enum_variant, reason = "nearly all are rows")]
enum Type<'a> {
    Row(Row<'a>),
    Detail(Box<Detail<'a>>),
}

#[derive(Serialize)]
struct Shard {
    turns: u64,
    messages: u64,
    wakes: u64,
    busy_us: u64,
    longest_turn_us: u64,
    connections: u64,
    waiting: u64,
    running: u64,
    busy: f64,
}

impl From<&(ShardMetrics, f64)> for Shard {
    fn from((shard, busy): &(ShardMetrics, f64)) -> Self {
        let ShardMetrics { turns, messages, wakes, busy_us, longest_turn_us, connections, waiting, running } = *shard;
        Self { turns, messages, wakes, busy_us, longest_turn_us, connections, waiting, running, busy: *busy }
    }
}

/// Returns the whole text. `time_ms` is `now` in milliseconds since 1970. If the query names a type, the text has only
/// this type's row, with more members. If the query names a server, the text has only this server.
pub(super) fn text(servers: &[Facts<'_>], asked: &Asked, now: Instant, time_ms: u64) -> String {
    let is_asked = |facts: &&Facts<'_>| asked.server.as_ref().is_none_or(|name| name == facts.name);
    let type_name = asked.type_name.as_deref();
    let servers = servers.iter().filter(is_asked).map(|facts| server(facts, type_name, now)).collect();
    let status = Status { version: env!("CARGO_PKG_VERSION"), time_ms, servers };
    serde_json::to_string(&status).expect("strings and numbers can be written")
}

fn server<'a>(facts: &Facts<'a>, type_name: Option<&'a str>, now: Instant) -> Server<'a> {
    let Facts { name, view, health } = *facts;
    let totals = RawValue::from_string(view.totals_json.to_string());
    let full = view.full.as_deref();
    let others = full.map(|full| &full.metrics.other_types).filter(|row| has_had_jobs(row));
    Server {
        name,
        up: view.is_up(now),
        error: view.error.as_deref(),
        age_ms: view.silence(now).map(|silence| u64::try_from(silence.as_millis()).unwrap_or(u64::MAX)),
        ready: health.not_ready.is_none(),
        not_ready: health.not_ready.as_deref(),
        healthy: health.unhealthy.is_none(),
        unhealthy: health.unhealthy.as_deref(),
        totals: totals.unwrap_or_else(|_| RawValue::NULL.to_owned()),
        shards: view.shards.iter().map(Shard::from).collect(),
        history: &view.history,
        window_ms: age_ms(view.window_base.as_ref()),
        rate_ms: age_ms(view.rate_base.as_ref()),
        types_total: full.map_or(0, |full| types_total(&full.metrics)),
        types: full.map_or_else(Vec::new, |full| types(view, full, type_name)),
        other_types: others.map(|row| Row::of(None, row, view, |metrics| Some(&metrics.metrics.other_types))),
    }
}

/// Returns how long ago a copy was made, in milliseconds.
fn age_ms(base: Option<&Older>) -> u64 {
    base.map_or(0, |base| u64::try_from(base.age.as_millis()).unwrap_or(u64::MAX))
}

/// Returns how many types have figures of their own or are in use. Not all types in use have a row.
fn types_total(metrics: &Metrics) -> u64 {
    let without = metrics.types.iter().filter(|row| !row.has_figures).count() as u64;
    let with = metrics.types.len() as u64 - without;
    with.saturating_add(metrics.other_types.types.max(without)) // Older servers do not say how many there are.
}

/// Returns the rows of all types, or the row of the type that the query names.
fn types<'a>(view: &'a View, full: &'a Full, asked: Option<&'a str>) -> Vec<Type<'a>> {
    let Some(name) = asked else {
        let row = |row: &'a TypeMetrics| Type::Row(Row::of(Some(&row.name), row, view, |full| full.row(&row.name)));
        return full.metrics.types.iter().map(row).collect();
    };
    vec![Type::Detail(Box::new(Detail::of(name, full, view)))]
}

/// Returns whether jobs were counted in a row.
fn has_had_jobs(row: &TypeMetrics) -> bool {
    [row.outcomes.jobs(), row.wait.count(), row.waiting, row.running, row.delayed].iter().any(|count| *count > 0)
}

#[cfg(test)]
mod tests;
