//! The memory of one server: its last answer, its history, and the older copies that rates and quantiles need. Pure:
//! time and answers are arguments.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::RandomState;
use serde_json::value::RawValue;

use super::health::Health;
use super::history::History;
use super::recent::Recent;
use crate::client::{Metrics, ShardMetrics, TypeMetrics};
use crate::limits::{SAMPLE_FRESH_MS, SAMPLE_FRESH_MS_MAX, STUCK_MS, WINDOW_STEP_MS};

/// An answer counts as fresh for this many times as long as the query took. So queries take at most a twentieth of the
/// time.
const FRESH_TIMES: u32 = 20;

/// An answer with the figures by type, and an index of the types by name.
#[derive(Debug, Default)]
pub(super) struct Full {
    pub(super) metrics: Metrics,
    index: HashMap<Box<str>, usize, RandomState>,
}

impl Full {
    fn new(metrics: Metrics) -> Self {
        let names = metrics.types.iter().enumerate();
        let index = names.map(|(index, row)| (row.name.as_str().into(), index)).collect();
        Self { metrics, index }
    }

    /// Returns the row of a type.
    pub(super) fn row(&self, name: &str) -> Option<&TypeMetrics> {
        self.index.get(name).map(|index| &self.metrics.types[*index])
    }
}

/// An older copy, and how long before the present one it was made.
#[derive(Clone, Debug)]
pub(super) struct Older {
    pub(super) full: Arc<Full>,
    pub(super) age: Duration,
}

/// What is known of a server at one time. A view never changes; a later one replaces it.
#[derive(Clone, Debug, Default)]
pub(super) struct View {
    /// The number of the view; it grows with each.
    pub(super) number: u64,
    /// When the server last answered.
    pub(super) answered: Option<Instant>,
    /// When the last query for the figures by type ended, with or without an answer.
    asked: Option<Instant>,
    /// How long that query took.
    asking: Duration,
    /// Why the last query has no answer or no figures by type.
    pub(super) error: Option<String>,
    /// The last totals.
    pub(super) totals: Arc<Metrics>,
    /// The same as a JSON object, with members of later versions.
    pub(super) totals_json: Arc<str>,
    /// The figures by type; `None` if the last query for them had no answer.
    pub(super) full: Option<Arc<Full>>,
    /// The last figures of each shard, and the share of the last seconds in which it was busy, 0 to 1.
    pub(super) shards: Arc<[(ShardMetrics, f64)]>,
    pub(super) history: Arc<History>,
    /// The copy with which rates are made, some seconds old.
    pub(super) rate_base: Option<Older>,
    /// The copy with which quantiles are made, 1 to 2 minutes old, or the first one.
    pub(super) window_base: Option<Older>,
}

impl View {
    /// Returns whether the figures are fresh enough for another answer.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let [least, most] = [SAMPLE_FRESH_MS, SAMPLE_FRESH_MS_MAX].map(Duration::from_millis);
        let limit = (self.asking * FRESH_TIMES).clamp(least, most);
        self.asked.is_some_and(|asked| now.saturating_duration_since(asked) < limit)
    }

    /// Returns whether the server has answered lately.
    pub(super) fn is_up(&self, now: Instant) -> bool {
        self.silence(now).is_some_and(|silence| silence <= Duration::from_millis(STUCK_MS))
    }

    /// Returns how long ago the last answer came.
    pub(super) fn silence(&self, now: Instant) -> Option<Duration> {
        self.answered.map(|answered| now.saturating_duration_since(answered))
    }

    /// Returns the health of the server, judged by its answers.
    pub(super) fn health(&self, now: Instant) -> Health {
        let error = self.error.as_deref().unwrap_or("no query yet");
        let silent = match self.silence(now) {
            None => Some(format!("no answer yet: {error}")),
            Some(_) if self.is_up(now) => None,
            Some(silence) => Some(format!("no answer for {} s: {error}", silence.as_secs())),
        };
        Health::by_answers(&self.totals, silent)
    }
}

/// An answer of the server, whole or in part.
pub(super) struct Sample {
    pub(super) metrics: Result<Metrics, String>,
    /// The outcome of the query for the figures by type; `None` without such a query.
    pub(super) full: Option<Result<(), String>>,
    /// How long the query took.
    pub(super) took: Duration,
}

/// Makes views from answers.
#[derive(Default)]
pub(super) struct Timeline {
    view: View,
    history: History,
    /// Copies of the last seconds, for rates.
    recent: Recent<Arc<Full>>,
    /// How long each shard had been busy in the last seconds, in microseconds.
    busy: Recent<Vec<u64>>,
    /// The copy with which the present window of the quantiles begins, and the copy for the next window.
    windows: VecDeque<(Instant, Arc<Full>)>,
}

impl Timeline {
    /// Adds a sample that was taken at `now`, which is `now_ms` since 1970. With `step` the history gets a step.
    pub(super) fn add(&mut self, sample: Sample, now: Instant, now_ms: u64, step: bool) -> View {
        let mut error = None;
        match sample.metrics {
            Ok(metrics) => self.answered(metrics, matches!(sample.full, Some(Ok(()))), now),
            Err(reason) => error = Some(reason),
        }
        if step {
            let totals = error.is_none().then_some(&*self.view.totals);
            self.history.step(now_ms, totals);
            self.view.history = Arc::new(self.history.clone());
        }
        if let Some(full) = sample.full {
            self.view.asked = Some(now);
            self.view.asking = sample.took;
            if let Err(reason) = full {
                self.view.full = None;
                error.get_or_insert(reason);
            }
        }
        // Totals alone do not show that the figures by type are there again.
        if error.is_some() || self.view.full.is_some() {
            self.view.error = error;
        }
        self.view.number += 1;
        self.view.clone()
    }

    /// Leaves a step of the history empty.
    pub(super) fn skip(&mut self, now_ms: u64) {
        self.history.step(now_ms, None);
    }

    fn answered(&mut self, mut metrics: Metrics, is_full: bool, now: Instant) {
        if metrics.up_since != self.view.totals.up_since {
            // Another server answers, or the server has restarted: nothing can be compared.
            *self = Self { view: View { number: self.view.number, ..View::default() }, ..Self::default() };
        }
        self.view.answered = Some(now);
        self.view.totals_json = totals_of(&std::mem::take(&mut metrics.raw)).into();
        if !metrics.shards.is_empty() {
            self.view.shards = self.with_shares(std::mem::take(&mut metrics.shards), now);
        }
        if is_full {
            let types = std::mem::take(&mut metrics.types);
            self.view.totals = Arc::new(metrics.clone());
            let full = Arc::new(Full::new(Metrics { types, ..metrics }));
            self.keep(&full, now);
            self.view.full = Some(full);
        } else {
            self.view.totals = Arc::new(metrics);
        }
    }

    /// Keeps a copy for later, and finds the older copies to compare it with.
    fn keep(&mut self, full: &Arc<Full>, now: Instant) {
        self.view.rate_base = self.recent.add(full, now).map(|(full, age)| Older { full, age });
        let age = |at: Instant| now.saturating_duration_since(at);
        if self.windows.back().is_none_or(|(at, _)| age(*at) >= Duration::from_millis(WINDOW_STEP_MS)) {
            if self.windows.len() == 2 {
                self.windows.pop_front();
            }
            self.windows.push_back((now, Arc::clone(full)));
        }
        self.view.window_base = self.windows.front().map(|(at, full)| Older { full: Arc::clone(full), age: age(*at) });
    }

    /// Returns the figures of shards with the share of time in which each was busy.
    fn with_shares(&mut self, shards: Vec<ShardMetrics>, now: Instant) -> Arc<[(ShardMetrics, f64)]> {
        let busy: Vec<u64> = shards.iter().map(|shard| shard.busy_us).collect();
        let (before, age) = self.busy.add(&busy, now).unwrap_or_default();
        let share = |index: usize, now_us: u64| match before.get(index) {
            Some(us) => Duration::from_micros(now_us.saturating_sub(*us)).div_duration_f64(age).min(1.0),
            None => 0.0,
        };
        let with_share = |(index, shard): (usize, ShardMetrics)| {
            let share = share(index, shard.busy_us);
            (shard, (share * 1_000.0).round() / 1_000.0)
        };
        shards.into_iter().enumerate().map(with_share).collect()
    }
}

/// Returns a metrics object without its tables, as a JSON object. Members of later versions stay.
fn totals_of(raw: &str) -> String {
    let members = serde_json::from_str::<HashMap<String, Box<RawValue>>>(raw).unwrap_or_default();
    let mut members: Vec<_> = members.into_iter().filter(|(name, _)| !TABLES.contains(&name.as_str())).collect();
    members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    let members: Vec<String> = members.into_iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// The members of a metrics object that are not totals.
const TABLES: [&str; 4] = ["types", "other_types", "shards", "bounds_us"];

#[cfg(test)]
mod tests;
