//! The meaning of a server's figures, in the words that `status`, `top`, `why` and `check` share. Pure.

use crate::client::{Metrics, TypeMetrics};

/// Percent of the memory budget from which it counts as full: the server may refuse large jobs.
const FULL_PERCENT: u64 = 95;

/// How long the loss of a worker is reported, even if its job is done since.
const LATELY_MS: u64 = 600_000;

/// Returns how much of the memory budget is used.
pub fn memory_percent(metrics: &Metrics) -> u64 {
    let percent = u128::from(metrics.bytes_held) * 100 / u128::from(metrics.bytes_max.max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

/// Returns a clause on new jobs if the memory budget is nearly or entirely used.
pub fn memory_warning(metrics: &Metrics) -> Option<&'static str> {
    match memory_percent(metrics) {
        _ if metrics.bytes_max == 0 => None,
        100.. => Some("new jobs are refused"),
        FULL_PERCENT.. => Some("large jobs may be refused"),
        _ => None,
    }
}

/// Whether the type lost a worker that held a job of it, lately.
pub fn lost_lately(row: &TypeMetrics) -> bool {
    row.lost > 0 && row.last_lost_ms <= LATELY_MS
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns metrics with these members; the rest is 0.
    pub(in crate::monitor) fn metrics(members: Value) -> Metrics {
        serde_json::from_value(members).unwrap()
    }

    /// Returns a row of the table by type.
    #[expect(clippy::needless_pass_by_value, reason = "for json!")]
    pub(in crate::monitor) fn row(name: &str, members: Value) -> TypeMetrics {
        metrics(json!({ "types": { name: members } })).types.remove(0)
    }

    #[test]
    fn a_budget_counts_as_full_from_95_percent() {
        let (nearly, full) = (Some("large jobs may be refused"), Some("new jobs are refused"));
        for (held, max, percent, warning) in [
            (0, 0, 0, None),
            (0, 100, 0, None),
            (94, 100, 94, None),
            (95, 100, 95, nearly),
            (99, 100, 99, nearly),
            (100, 100, 100, full),
            (210, 100, 210, full),
            (u64::MAX, u64::MAX, 100, full),
        ] {
            let metrics = metrics(json!({ "bytes_held": held, "bytes_max": max }));
            assert_eq!((memory_percent(&metrics), memory_warning(&metrics)), (percent, warning), "{held} of {max}");
        }
    }
}
