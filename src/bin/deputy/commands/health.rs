//! What a server's metrics mean, where several subcommands say it.

use std::time::{SystemTime, UNIX_EPOCH};

use deputy::client::{Metrics, TypeMetrics};

/// Percent of the memory budget from which on it counts as used up: large jobs are refused already.
const FULL_PERCENT: u64 = 95;

/// What stands beside a type that lacks workers.
pub(super) const NO_WORKER: &str = "no worker";

/// How much of the memory budget is used.
pub(super) fn memory_percent(metrics: &Metrics) -> u64 {
    let percent = u128::from(metrics.bytes_held) * 100 / u128::from(metrics.bytes_max.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

/// Whether the memory budget is used up: the server refuses jobs, or is about to.
pub(super) fn is_memory_full(metrics: &Metrics) -> bool {
    metrics.bytes_max > 0 && memory_percent(metrics) >= FULL_PERCENT
}

/// Whether jobs of this type wait for somebody who does it.
pub(super) fn lacks_workers(row: &TypeMetrics) -> bool {
    row.waiting > 0 && row.workers == 0
}

/// Jobs of this type that are not done.
pub(super) fn open_jobs(row: &TypeMetrics) -> u64 {
    row.waiting.saturating_add(row.running)
}

/// The age of the server in milliseconds; 0 if its clock is ahead of ours.
pub(super) fn uptime_ms(metrics: &Metrics) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX).saturating_sub(metrics.up_since)
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Metrics with these figures; the rest is 0.
    pub(crate) fn metrics(figures: Value) -> Metrics {
        serde_json::from_value(figures).unwrap()
    }

    /// A row of the table by type.
    pub(crate) fn row(name: &str, figures: Value) -> TypeMetrics {
        let row: TypeMetrics = serde_json::from_value(figures).unwrap();
        let mut named = row;
        name.clone_into(&mut named.name);
        named
    }

    #[test]
    fn a_budget_is_used_up_a_little_before_its_end() {
        for (held, max, percent, full) in [
            (0, 0, 0, false),
            (0, 100, 0, false),
            (94, 100, 94, false),
            (95, 100, 95, true),
            (210, 100, 210, true),
            (u64::MAX, u64::MAX, 100, true),
        ] {
            let metrics = metrics(json!({ "bytes_held": held, "bytes_max": max }));
            assert_eq!((memory_percent(&metrics), is_memory_full(&metrics)), (percent, full), "{held} of {max}");
        }
    }

    #[test]
    fn a_server_whose_clock_is_ahead_has_just_started() {
        assert_eq!(uptime_ms(&metrics(json!({ "up_since": u64::MAX }))), 0);
    }
}
