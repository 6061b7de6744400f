//! A worker that cannot start commands: it takes no more jobs, and keeps those that it holds or leaves with them.
//!
//! A start that fails is tried again, in every handler that has a job. After [`STARTS_BEFORE_FAULT`] failures the worker
//! takes no more jobs. After some two seconds it decides, once for all of its jobs. It leaves with them only if others do
//! their types and no worker was lost with such a job lately. Each loss may be the last that a job is allowed, and the
//! next worker may have the same fault. Otherwise it keeps the jobs, and tries until they can be started.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use deputy::client::{Job, Metrics};
use parking_lot::Mutex;

use super::stop::Stop;
use crate::error::{CliError, print_error};
use crate::out::one_line;
use deputy::monitor::state::lost_lately;

/// Waits before the next start, in milliseconds. In 2 s a program is replaced, or other processes have ended.
const RETRY_MS: [u64; 5] = [50, 100, 250, 600, 1_000];
/// Starts that fail before the worker takes no more jobs. The first waits are so short that its slots stay useful.
const STARTS_BEFORE_FAULT: usize = 3;
/// The longest wait before the next start of a job that is kept.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// Asks the server for the metrics of some types.
pub(super) type Ask = dyn Fn(&[&str]) -> Result<Metrics, CliError> + Send + Sync;

/// What the handlers of one worker share.
pub(super) struct Fault {
    stop: Arc<Stop>,
    ask: Box<Ask>,
    /// The types of the jobs that could not be started.
    types: Mutex<Vec<String>>,
    leaves: OnceLock<bool>,
}

impl Fault {
    pub(super) fn new(stop: Arc<Stop>, ask: Box<Ask>) -> Self {
        Self { stop, ask, types: Mutex::default(), leaves: OnceLock::new() }
    }

    /// Whether the worker has stopped taking jobs because of it.
    pub(super) fn has_begun(&self) -> bool {
        !self.types.lock().is_empty()
    }

    /// Waits after this many starts of a job have failed, the last for this reason. Returns whether to try again; otherwise
    /// the worker leaves with the job, or has lost it.
    pub(super) fn wait(&self, failures: usize, job: &Job, reason: &str) -> bool {
        if failures == STARTS_BEFORE_FAULT {
            self.begin(job, reason);
        }
        if let Some(&ms) = RETRY_MS.get(failures - 1) {
            thread::sleep(Duration::from_millis(ms));
            return true;
        }
        if *self.leaves.get_or_init(|| self.decide(reason)) {
            return false;
        }
        let seconds = u64::try_from(failures - RETRY_MS.len()).unwrap_or(u64::MAX);
        !job.is_lost() && !self.stop.wait(Duration::from_secs(seconds).min(WAIT_MAX))
    }

    fn begin(&self, job: &Job, reason: &str) {
        let mut types = self.types.lock();
        if types.is_empty() {
            print_error(&format!("{reason}; taking no jobs meanwhile"));
        }
        if !types.iter().any(|name| name == job.type_name()) {
            types.push(job.type_name().to_owned());
        }
        drop(types);
        self.stop.stop_worker();
    }

    /// Decides whether the worker leaves with the jobs that it cannot start.
    fn decide(&self, reason: &str) -> bool {
        let types = self.types.lock().clone();
        let names: Vec<&str> = types.iter().map(String::as_str).collect();
        let cause = match (self.ask)(&names) {
            Ok(metrics) => cause_to_keep(&names, &metrics),
            Err(error) => Some(format!("other workers are not known: {error}")),
        };
        if let Some(cause) = &cause {
            print_error(&format!("{reason}; keeping its jobs until it can be run: {cause}"));
        }
        cause.is_none()
    }
}

/// Returns why jobs of these types stay with a worker that does none now; none if they may go to others.
fn cause_to_keep(names: &[&str], metrics: &Metrics) -> Option<String> {
    names.iter().find_map(|&name| {
        let row = metrics.types.iter().find(|row| row.name == name);
        match row {
            Some(row) if lost_lately(row) => {
                Some(format!("a worker with a job of type \"{}\" was lost lately", one_line(name)))
            }
            Some(row) if row.workers > 0 => None,
            _ => Some(format!("no other worker does type \"{}\"", one_line(name))),
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::server::tests::{metrics, row};

    #[test]
    fn jobs_are_kept_unless_others_do_their_types_and_none_was_lost_lately() {
        let mut metrics = metrics(json!({}));
        metrics.types = vec![
            row("good", json!({ "workers": 2 })),
            row("once", json!({ "workers": 2, "lost": 1, "last_lost_ms": 86_400_000 })),
            row("lately", json!({ "workers": 2, "lost": 1, "last_lost_ms": 2_000 })),
            row("alone", json!({ "workers": 0 })),
        ];
        for (names, cause) in [
            (&["good"][..], None),
            (&["good", "once"], None),
            (&["good", "lately"], Some("a worker with a job of type \"lately\" was lost lately")),
            (&["alone"], Some("no other worker does type \"alone\"")),
            (&["unknown"], Some("no other worker does type \"unknown\"")),
        ] {
            assert_eq!(cause_to_keep(names, &metrics).as_deref(), cause, "{names:?}");
        }
    }
}
