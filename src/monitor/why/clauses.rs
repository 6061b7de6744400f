//! The clauses of a sentence about a type.

use super::LONG_MS;
use crate::client::{Metrics, TypeMetrics};
use crate::monitor::format::{age, count, counted, one_line};
use crate::monitor::state::{memory_percent, memory_warning};

/// Returns the clause for the running jobs that a bridge has passed on.
pub(super) fn passed_on(row: &TypeMetrics) -> String {
    let are = if row.passed_on == 1 { "is" } else { "are" };
    let of_them = format!("{} of the running jobs {are} with a bridge", count(row.passed_on));
    let oldest = row.oldest_passed_on().filter(|(ms, _)| *ms >= LONG_MS);
    let oldest = oldest.map_or(String::new(), |(ms, bridge)| {
        let to = bridge.map_or(String::new(), |bridge| format!(" to bridge {}", one_line(bridge)));
        format!("; the oldest of these was sent{to} {} ago", age(ms))
    });
    format!("{of_them}, on other machines or waiting in its stream{oldest}")
}

/// Returns the clause for the oldest job that a worker of this server runs, if the job is old.
pub(super) fn oldest_here(row: &TypeMetrics) -> Option<String> {
    let (ms, worker) = row.oldest_here();
    (ms >= LONG_MS).then(|| {
        let job = if row.passed_on == 0 { "running job" } else { "job that runs here" };
        let to = worker.map_or(String::new(), |worker| format!(" to worker {}", one_line(worker)));
        format!("the oldest {job} was sent{to} {} ago", age(ms))
    })
}

/// Returns the clause for a memory budget that is nearly or entirely used.
pub(super) fn memory(metrics: &Metrics) -> String {
    memory_warning(metrics).map_or(String::new(), |warning| {
        format!("; {} % of the server's memory budget is used: {warning}", memory_percent(metrics))
    })
}

/// Returns the clause for a type whose slots are taken by jobs that have ended.
pub(super) fn spent(row: &TypeMetrics) -> String {
    let (whose, who) = match row.workers {
        1 => ("its only worker's".to_owned(), "the worker has"),
        workers => (format!("its {} workers'", count(workers)), "the workers have"),
    };
    let others = match row.running {
        0 => String::new(),
        1 => ", and by 1 that runs".to_owned(),
        more => format!(", and by {} that run", count(more)),
    };
    let (jobs, ended) = (counted(row.spent, "job"), ended(row.spent));
    format!(", because {whose} slots are taken by {jobs} that {ended}, but {who} not answered{others}")
}

/// Returns the clause for a type whose waiting jobs were all requeued after their worker was lost.
pub(super) fn suspects(row: &TypeMetrics) -> String {
    format!(
        ", because a worker was lost while it held {}: a worker gets such jobs one at a time, and {} holds one or has no \
         free slot",
        if row.waiting == 1 { "it" } else { "each of them" },
        if row.workers == 1 { "the only one".to_owned() } else { format!("each of the {}", count(row.workers)) }
    )
}

/// Returns the clause for the type's spare workers: while they are idle, a job that may not go to them may wait.
pub(super) fn spare(row: &TypeMetrics) -> String {
    let which = match (row.spare_workers, row.workers) {
        (1, 1) => "this worker is spare, and takes".to_owned(),
        (1, _) => "1 of these workers is spare, and takes".to_owned(),
        (spare, workers) if spare >= workers => "these workers are spare, and take".to_owned(),
        (spare, _) => format!("{} of these workers are spare, and take", count(spare)),
    };
    which + " no job with wait_ms"
}

/// Returns how the jobs of spent slots ended.
pub(super) fn ended(jobs: u64) -> &'static str {
    if jobs == 1 {
        "has ended (cancelled, expired or past its run limit)"
    } else {
        "have ended (cancelled, expired or past their run limit)"
    }
}

/// Returns how many workers were lost with jobs of the type, and when.
pub(super) fn losses(row: &TypeMetrics) -> String {
    let ago = age(row.last_lost_ms);
    match row.lost {
        1 => format!("a worker was lost while it held a job of that type, {ago} ago"),
        lost => format!("{} workers were lost while they held a job of that type, the last {ago} ago", count(lost)),
    }
}

/// Returns how many jobs are waiting, and for how long.
pub(super) fn waiting(row: &TypeMetrics, name: &str) -> String {
    let oldest = if row.oldest_ms < 100 { "less than 0.1 s".to_owned() } else { age(row.oldest_ms) };
    match row.waiting {
        1 => format!("1 job of type {name} has waited for {oldest}"),
        more => format!("{} jobs of type {name} are waiting, the oldest for {oldest}", count(more)),
    }
}

/// Returns the clause for a type without waiting jobs.
pub(super) fn without_waiting(row: &TypeMetrics) -> String {
    match (row.running, row.workers) {
        (0, 0) if row.durable_workers > 0 => {
            let (workers, do_) = if row.durable_workers == 1 { ("worker", "does") } else { ("workers", "do") };
            format!("; {} {workers} {do_} durable jobs of that type, and no other", count(row.durable_workers))
        }
        (0, 0) => ", and no worker does that type".to_owned(),
        (0, 1) => "; 1 worker does that type".to_owned(),
        (0, workers) => format!("; {} workers do that type", count(workers)),
        (1, _) => "; 1 is running".to_owned(),
        (running, _) => format!("; {} are running", count(running)),
    }
}

/// Returns the end of the sentence: a suggestion, if there are similar names.
pub(super) fn suggestion(near: &[&str]) -> String {
    let names: Vec<String> = near.iter().map(|name| quoted(name)).collect();
    match names.split_last() {
        None => ".".to_owned(),
        Some((last, [])) => format!("; did you mean {last}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", one_line(name))
}
