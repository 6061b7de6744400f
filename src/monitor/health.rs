//! Whether a server works, and whether it takes jobs: the answers of `/healthz` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Metrics;
use crate::limits::{JOB_FIXED_BYTES, STUCK_MS};
use crate::server::Probe;

/// Returns the health of a server, without waiting.
pub type HealthCheck = Arc<dyn Fn() -> Health + Send + Sync>;

/// The health of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the server is not healthy: it does not work as it should, and only a restart may help.
    pub unhealthy: Option<String>,
    /// Why the server is not ready: it refuses new jobs, for now or because it stops.
    pub not_ready: Option<String>,
    /// For each shard, whether its present turn takes too long. Empty if the turns are not known.
    pub stuck: Vec<bool>,
}

/// Why a server that stops is not ready.
const STOPPING: &str = "the server is stopping";
/// Why a server without memory is not ready.
const FULL: &str = "the memory budget is used up: new jobs are refused";

impl Health {
    /// Returns the health of the server of this process, judged by the figures that its shards have published.
    pub fn of(probe: &Probe) -> Self {
        let not_ready = match (probe.is_draining(), probe.accepts_jobs()) {
            (true, _) => Some(STOPPING),
            (false, false) => Some(FULL),
            (false, true) => None,
        };
        Self { not_ready: not_ready.map(str::to_owned), ..Self::by_turns(&probe.turns()) }
    }

    /// Judges the server by the time that the present turn of each shard has lasted.
    fn by_turns(turns: &[Duration]) -> Self {
        let limit = Duration::from_millis(STUCK_MS);
        let stuck = turns.iter().enumerate().filter(|(_, turn)| **turn > limit);
        let text =
            |(shard, turn): (usize, &Duration)| format!("shard {shard} has been in one turn for {} s", turn.as_secs());
        let texts: Vec<String> = stuck.map(text).collect();
        let unhealthy = (!texts.is_empty()).then(|| texts.join("; "));
        Self { unhealthy, not_ready: None, stuck: turns.iter().map(|turn| *turn > limit).collect() }
    }

    /// Returns the health of a server, judged by its answers: `totals` are those of the last answer, and `silent` says
    /// why no answer came since.
    pub(super) fn by_answers(totals: &Metrics, silent: Option<String>) -> Self {
        let not_ready = if totals.draining {
            Some(STOPPING)
        } else if totals.bytes_held.saturating_add(JOB_FIXED_BYTES) > totals.bytes_max {
            Some(FULL)
        } else {
            None
        };
        let not_ready = silent.clone().or(not_ready.map(str::to_owned));
        Self { unhealthy: silent, not_ready, stuck: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_in_one_turn_for_more_than_five_seconds_is_named() {
        let of = |ms: &[u64]| Health::by_turns(&ms.iter().map(|ms| Duration::from_millis(*ms)).collect::<Vec<_>>());
        assert_eq!(of(&[0, 5_000]), Health { stuck: vec![false; 2], ..Health::default() });
        let health = of(&[0, 7_900, 0, 61_000]);
        assert_eq!(health.stuck, [false, true, false, true]);
        let text = "shard 1 has been in one turn for 7 s; shard 3 has been in one turn for 61 s";
        assert_eq!(health.unhealthy.as_deref(), Some(text));
    }

    #[test]
    fn a_server_is_judged_by_its_last_answer() {
        let totals = |draining, bytes_held| Metrics { draining, bytes_held, bytes_max: 1_000, ..Metrics::default() };
        let not_ready = |totals: &Metrics| Health::by_answers(totals, None).not_ready;
        assert_eq!(not_ready(&totals(false, 616)), None);
        assert_eq!(not_ready(&totals(false, 617)).as_deref(), Some(FULL));
        assert_eq!(not_ready(&totals(true, 0)).as_deref(), Some(STOPPING));
        let health = Health::by_answers(&totals(false, 0), Some("no answer".to_owned()));
        assert_eq!((health.unhealthy.as_deref(), health.not_ready.as_deref()), (Some("no answer"), Some("no answer")));
    }
}
