//! The 99th percentiles of how long jobs waited and ran. Pure.

use std::collections::HashMap;

use deputy::client::{Histogram, TypeMetrics};

use super::verdict::{Answers, Threshold, Thresholds};
use crate::format::duration;
use crate::out::one_line;

/// The time that is measured of each job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Percentile {
    Wait,
    Run,
}

/// The type with the highest 99th percentile.
#[derive(Debug)]
pub(super) struct Worst<'a> {
    row: &'a TypeMetrics,
    pub(super) us: u64,
}

impl Percentile {
    pub(super) const ALL: [Self; 2] = [Self::Wait, Self::Run];

    pub(super) fn limit(self, limits: &Thresholds) -> Option<Threshold> {
        match self {
            Self::Wait => limits.wait_p99_ms,
            Self::Run => limits.run_p99_ms,
        }
    }

    /// Returns its name among the values for graphs.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait_p99",
            Self::Run => "run_p99",
        }
    }

    fn of(self, row: &TypeMetrics) -> &Histogram {
        match self {
            Self::Wait => &row.wait,
            Self::Run => &row.run,
        }
    }

    /// Returns the highest of all types, of the jobs between the two answers; `None` without such a job.
    pub(super) fn worst(self, answers: &Answers) -> Option<Worst<'_>> {
        let Answers { now, earlier, .. } = answers;
        // A restarted server counts from zero.
        let is_same = now.up_since == earlier.up_since;
        let before: HashMap<&str, &TypeMetrics> =
            earlier.types.iter().filter(|_| is_same).map(|row| (row.name.as_str(), row)).collect();
        let of_row = |row| {
            let histogram: &Histogram = self.of(row);
            let since = before.get(row.name.as_str()).map_or(*histogram, |before| histogram.since(self.of(before)));
            let us = u64::try_from(since.quantile(0.99)?.as_micros()).unwrap_or(u64::MAX);
            Some(Worst { row, us })
        };
        now.types.iter().filter_map(of_row).max_by_key(|worst| worst.us)
    }

    /// Returns the clause for a percentile without jobs.
    pub(super) fn nothing(self) -> &'static str {
        match self {
            Self::Wait => "no job was sent to a worker meanwhile",
            Self::Run => "no job was answered meanwhile",
        }
    }

    /// Describes the type with the highest percentile.
    pub(super) fn text(self, worst: &Worst<'_>) -> String {
        let (time, name) = (duration(std::time::Duration::from_micros(worst.us)), one_line(&worst.row.name));
        match self {
            Self::Wait => format!("99 % of the jobs of type \"{name}\" waited for at most about {time}"),
            Self::Run => format!("99 % of the jobs of type \"{name}\" ran for at most about {time}"),
        }
    }
}
