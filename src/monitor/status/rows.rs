//! The figures of a type, with rates of the last seconds and quantiles of the last minutes.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::client::{BOUNDS_US, Histogram, Outcomes, TypeMetrics};
use crate::metrics::BUCKETS;
use crate::monitor::history::rate;
use crate::monitor::timeline::{Full, View};
use crate::monitor::why::why;

/// A row of the table by type.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    waiting: u64,
    running: u64,
    workers: u64,
    delayed: u64,
    spent: u64,
    free: u64,
    spare_workers: u64,
    durable_waiting: u64,
    durable_workers: u64,
    suspects: u64,
    oldest_ms: u64,
    passed_on: u64,
    oldest_running_ms: u64,
    oldest_running_worker: Option<Cow<'a, str>>,
    oldest_here_ms: u64,
    oldest_here_worker: Option<Cow<'a, str>>,
    lost: u64,
    last_lost_ms: u64,
    done_total: u64,
    failed_total: u64,
    done_per_s: f64,
    failed_per_s: f64,
    wait_p50_ms: Option<f64>,
    wait_p99_ms: Option<f64>,
    run_p50_ms: Option<f64>,
    run_p99_ms: Option<f64>,
}

/// A row with all that is known of its type.
#[derive(Serialize)]
pub(super) struct Detail<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    why: Vec<String>,
    #[serde(serialize_with = "by_name")]
    outcomes: Outcomes,
    bounds_ms: [f64; BOUNDS_US.len()],
    /// The counts of the last minutes, as the quantiles.
    wait_counts: [u64; BUCKETS],
    run_counts: [u64; BUCKETS],
    /// The counts since the server started.
    wait_counts_total: [u64; BUCKETS],
    run_counts_total: [u64; BUCKETS],
}

impl<'a> Row<'a> {
    /// Makes a row. `find` finds the row of the type in an older copy.
    pub(super) fn of(
        name: Option<&'a str>,
        row: &TypeMetrics,
        view: &'a View,
        find: impl Fn(&'a Full) -> Option<&'a TypeMetrics>,
    ) -> Self {
        let none = Outcomes::default();
        let per_second = |of: fn(&Outcomes) -> u64| {
            view.rate_base.as_ref().map_or(0.0, |base| {
                let before = find(&base.full).map_or(&none, |row| &row.outcomes);
                rate(of(&row.outcomes).saturating_sub(of(before)), base.age.as_secs_f64())
            })
        };
        let [wait, run] = in_window(row, view, &find);
        let quantile = |histogram: &Histogram, q| histogram.quantile(q).map(ms);
        let (oldest_here_ms, oldest_here_worker) = row.oldest_here();
        Self {
            name,
            waiting: row.waiting,
            running: row.running,
            workers: row.workers,
            delayed: row.delayed,
            spent: row.spent,
            free: row.free,
            spare_workers: row.spare_workers,
            durable_waiting: row.durable_waiting,
            durable_workers: row.durable_workers,
            suspects: row.suspects,
            oldest_ms: row.oldest_ms,
            passed_on: row.passed_on,
            oldest_running_ms: row.oldest_running_ms,
            oldest_running_worker: row.oldest_running_worker.clone().map(Cow::Owned),
            oldest_here_ms,
            oldest_here_worker: oldest_here_worker.map(|worker| Cow::Owned(worker.to_owned())),
            lost: row.lost,
            last_lost_ms: row.last_lost_ms,
            done_total: row.outcomes.done,
            failed_total: failed(&row.outcomes),
            done_per_s: per_second(|outcomes| outcomes.done),
            failed_per_s: per_second(failed),
            wait_p50_ms: quantile(&wait, 0.5),
            wait_p99_ms: quantile(&wait, 0.99),
            run_p50_ms: quantile(&run, 0.5),
            run_p99_ms: quantile(&run, 0.99),
        }
    }
}

impl<'a> Detail<'a> {
    /// Makes the row of a type. The row of a type that the server does not know has zeros.
    pub(super) fn of(name: &'a str, full: &'a Full, view: &'a View) -> Self {
        let unknown = TypeMetrics { name: name.to_owned(), ..TypeMetrics::default() };
        let row = full.row(name).unwrap_or(&unknown);
        let find = |full: &'a Full| full.row(name);
        let [wait, run] = in_window(row, view, &find);
        Self {
            why: vec![why(row, &view.totals, &full.metrics.types)],
            outcomes: row.outcomes,
            bounds_ms: BOUNDS_US.map(|us| ms(Duration::from_micros(us))),
            wait_counts: wait.counts,
            run_counts: run.counts,
            wait_counts_total: row.wait.counts,
            run_counts_total: row.run.counts,
            row: Row::of(Some(name), row, view, find),
        }
    }
}

/// Returns the histograms of the window: waiting, and running.
fn in_window<'a>(
    row: &TypeMetrics,
    view: &'a View,
    find: &impl Fn(&'a Full) -> Option<&'a TypeMetrics>,
) -> [Histogram; 2] {
    let base = view.window_base.as_ref().and_then(|base| find(&base.full));
    let since = |now: &Histogram, of: fn(&TypeMetrics) -> &Histogram| base.map_or(*now, |base| now.since(of(base)));
    [since(&row.wait, |row| &row.wait), since(&row.run, |row| &row.run)]
}

/// Returns how many jobs ended without a result.
fn failed(outcomes: &Outcomes) -> u64 {
    outcomes.jobs().saturating_sub(outcomes.done)
}

/// Returns milliseconds, to the microsecond.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Writes all outcomes under their names.
fn by_name<S: Serializer>(outcomes: &Outcomes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(outcomes.members())
}
