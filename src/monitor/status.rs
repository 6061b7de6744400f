//! The figures as JSON, for the page and for programs: docs/operating.md lists the members. Pure.

use std::time::Instant;

use serde::Serialize;
use serde_json::value::RawValue;

use super::health::Health;
use super::history::History;
use super::timeline::View;

/// What the part of one server is made from.
pub(super) struct Facts<'a> {
    pub(super) name: &'a str,
    pub(super) view: &'a View,
    pub(super) health: &'a Health,
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
    history: &'a History,
}

/// Returns the whole text. `now` is `time_ms` since 1970.
pub(super) fn text(servers: &[Facts<'_>], now: Instant, time_ms: u64) -> String {
    let servers = servers.iter().map(|facts| server(facts, now)).collect();
    let status = Status { version: env!("CARGO_PKG_VERSION"), time_ms, servers };
    serde_json::to_string(&status).expect("strings and numbers can be written")
}

fn server<'a>(facts: &Facts<'a>, now: Instant) -> Server<'a> {
    let Facts { name, view, health } = *facts;
    let totals = RawValue::from_string(view.totals_json.to_string());
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
        history: &view.history,
    }
}
