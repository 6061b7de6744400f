//! Decides about the jobs of a worker that cannot start its command. The worker takes no more jobs, and either keeps
//! its jobs or returns them to the server by leaving.
//!
//! Each handler that has a job repeats a failed start. After [`STARTS_BEFORE_FAULT`] failures the worker takes no more
//! jobs. After about two seconds it decides for all of its jobs together. It leaves only if other workers do the types
//! of the jobs, and each job is at its first attempt. A later attempt may be the job's last, and the next worker may
//! have the same fault. Otherwise the worker keeps the jobs and repeats the start until it succeeds. Meanwhile it
//! queries again whether there are other workers, at most once per second.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use deputy::client::{Job, Metrics};
use parking_lot::Mutex;

use super::stop::Stop;
use crate::error::{CliError, print_error};
use crate::out::one_line;

/// The pauses before the next start, in milliseconds: 2 s together, enough to replace a program or for other processes
/// to end.
const RETRY_MS: [u64; 5] = [50, 100, 250, 600, 1_000];
/// After this many failed starts the worker takes no more jobs. The pauses before are so short that its slots stay
/// useful.
const STARTS_BEFORE_FAULT: usize = 3;
/// The longest pause before the next start for a job that is kept.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How long a decision to keep the jobs holds.
const KEEP: Duration = Duration::from_secs(1);

/// Queries the server for the metrics of some types.
pub(super) type Ask = dyn Fn(&[&str]) -> Result<Metrics, CliError> + Send + Sync;

/// The state that the handlers of one worker share.
pub(super) struct Fault {
    stop: Arc<Stop>,
    ask: Box<Ask>,
    jobs: Mutex<Unstarted>,
    decision: Mutex<Decision>,
}

/// The decision about the jobs whose command could not be started.
#[derive(Clone, Copy, Debug)]
enum Decision {
    Pending,
    /// The worker keeps the jobs; decided at this time.
    Kept(Instant),
    /// The worker leaves, and the jobs return to the server.
    Leaves,
}

/// The jobs whose command could not be started.
#[derive(Clone, Debug, Default)]
struct Unstarted {
    /// The types of the jobs, each once.
    types: Vec<String>,
    /// The highest attempt of the jobs.
    attempt: u32,
}

impl Fault {
    pub(super) fn new(stop: Arc<Stop>, ask: Box<Ask>) -> Self {
        Self { stop, ask, jobs: Mutex::default(), decision: Mutex::new(Decision::Pending) }
    }

    /// Whether the worker has stopped taking jobs because of failed starts.
    pub(super) fn has_begun(&self) -> bool {
        !self.jobs.lock().types.is_empty()
    }

    /// Waits after a failed start for a job: its number is `failures`. Returns whether to try again. If not, the worker
    /// leaves with the job or has lost it.
    pub(super) fn wait(&self, failures: usize, job: &Job, reason: &str) -> bool {
        if failures == STARTS_BEFORE_FAULT {
            self.begin(job, reason);
        }
        if let Some(&ms) = RETRY_MS.get(failures - 1) {
            thread::sleep(Duration::from_millis(ms));
            return true;
        }
        if self.leaves(reason) {
            return false;
        }
        let seconds = u64::try_from(failures - RETRY_MS.len()).unwrap_or(u64::MAX);
        !job.is_lost() && !self.stop.wait(Duration::from_secs(seconds).min(WAIT_MAX))
    }

    fn begin(&self, job: &Job, reason: &str) {
        let mut jobs = self.jobs.lock();
        if jobs.types.is_empty() {
            print_error(&format!("{reason}; taking no jobs meanwhile"));
        }
        jobs.add(job.type_name(), job.attempt());
        drop(jobs);
        self.stop.stop_worker();
    }

    /// Returns whether the worker leaves with its jobs. The first time that it stays, prints why.
    fn leaves(&self, reason: &str) -> bool {
        // The other handlers wait at this lock for the same decision.
        let mut decision = self.decision.lock();
        let is_first = match *decision {
            Decision::Leaves => return true,
            Decision::Kept(at) if at.elapsed() < KEEP => return false,
            Decision::Kept(_) => false,
            Decision::Pending => true,
        };
        let jobs = self.jobs.lock().clone();
        let cause = jobs.cause_to_keep(&*self.ask);
        if let Some(cause) = cause.as_ref().filter(|_| is_first) {
            print_error(&format!("{reason}; keeping its jobs until it can be run: {cause}"));
        }
        *decision = if cause.is_some() { Decision::Kept(Instant::now()) } else { Decision::Leaves };
        cause.is_none()
    }
}

impl Unstarted {
    fn add(&mut self, type_name: &str, attempt: u32) {
        self.attempt = self.attempt.max(attempt);
        if !self.types.iter().any(|name| name == type_name) {
            self.types.push(type_name.to_owned());
        }
    }

    /// Returns why the worker must keep its jobs; `None` if other workers may get them.
    fn cause_to_keep(&self, ask: &Ask) -> Option<String> {
        if self.attempt > 1 {
            return Some(format!("a job is at attempt {}, which may be its last", self.attempt));
        }
        let names: Vec<&str> = self.types.iter().map(String::as_str).collect();
        match ask(&names) {
            Ok(metrics) => {
                let has_others = |name: &str| metrics.types.iter().any(|row| row.name == name && row.workers > 0);
                let alone = names.iter().find(|name| !has_others(name))?;
                Some(format!("no other worker does type \"{}\"", one_line(alone)))
            }
            Err(error) => Some(format!("other workers are not known: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::FAILED;
    use crate::server::tests::{metrics, row};

    fn known() -> Metrics {
        let mut metrics = metrics(json!({}));
        metrics.types = vec![
            row("good", json!({ "workers": 2 })),
            row("lately", json!({ "workers": 2, "lost": 1, "last_lost_ms": 2_000 })),
            row("alone", json!({ "workers": 0 })),
        ];
        metrics
    }

    #[test]
    fn jobs_are_kept_unless_others_do_their_types_and_all_are_at_their_first_attempt() {
        for (jobs, cause) in [
            (&[("good", 1)][..], None),
            (&[("good", 1), ("lately", 1), ("good", 1)], None),
            (&[("good", 2), ("lately", 1)], Some("a job is at attempt 2, which may be its last")),
            (&[("alone", 1), ("good", 3), ("good", 2)], Some("a job is at attempt 3, which may be its last")),
            (&[("good", 1), ("alone", 1)], Some("no other worker does type \"alone\"")),
            (&[("unknown", 1)], Some("no other worker does type \"unknown\"")),
        ] {
            let mut unstarted = Unstarted::default();
            for &(name, attempt) in jobs {
                unstarted.add(name, attempt);
            }
            assert_eq!(unstarted.cause_to_keep(&|_: &[&str]| Ok(known())).as_deref(), cause, "{jobs:?}");
        }
    }

    #[test]
    fn jobs_are_kept_if_the_server_does_not_say_who_does_their_types() {
        let mut unstarted = Unstarted::default();
        unstarted.add("good", 1);
        let cause = unstarted.cause_to_keep(&|_: &[&str]| Err(CliError::new(FAILED, "no answer")));
        assert_eq!(cause.as_deref(), Some("other workers are not known: no answer"));
    }
}
