//! Which types have a label of their own in the metrics.
//!
//! The first types with a job have a label as long as the process runs. The figures of all others are added up under
//! [`OTHER`]. So the number of series is bounded, whatever types clients make up. Because no type's figures move to
//! another label, no counter ever decreases.

use std::collections::HashSet;

use ahash::RandomState;

use crate::client::{Metrics, TypeMetrics};

/// The label of all types without one of their own. A type with this name is among them.
pub(super) const OTHER: &str = "_other";

/// The types that have a label.
#[derive(Debug)]
pub(super) struct Labels {
    most: usize,
    names: HashSet<Box<str>, RandomState>,
}

impl Labels {
    /// Makes labels for at most this many types.
    pub(super) fn new(most: usize) -> Self {
        Self { most, names: HashSet::default() }
    }

    /// Divides the figures by type. `other_types` already contains the types without figures of their own.
    pub(super) fn divide<'a>(&mut self, metrics: &'a Metrics) -> ByType<'a> {
        let mut by_type = ByType { labelled: Vec::new(), other: metrics.other_types.clone() };
        for row in metrics.types.iter().filter(|row| row.has_figures) {
            if self.has(&row.name) {
                by_type.labelled.push(row);
            } else {
                add(&mut by_type.other, row);
            }
        }
        by_type.labelled.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        by_type
    }

    /// Returns whether a type that has had a job has a label. Must be called before any figures of the type are shown.
    fn has(&mut self, name: &str) -> bool {
        if self.names.contains(name) {
            return true;
        }
        if self.names.len() >= self.most || name == OTHER {
            return false;
        }
        self.names.insert(name.into())
    }
}

/// The figures of a server by type.
#[derive(Debug)]
pub(super) struct ByType<'a> {
    /// The types that have a label, by name.
    pub(super) labelled: Vec<&'a TypeMetrics>,
    /// The sum of all other types. Each age is the greatest of theirs.
    pub(super) other: TypeMetrics,
}

impl ByType<'_> {
    /// Returns all labels with their figures.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&str, &TypeMetrics)> {
        self.labelled.iter().map(|row| (row.name.as_str(), *row)).chain([(OTHER, &self.other)])
    }
}

/// Adds the figures of a type to a sum, which saturates: a server on the network may send any numbers.
fn add(sum: &mut TypeMetrics, row: &TypeMetrics) {
    sum.waiting = sum.waiting.saturating_add(row.waiting);
    sum.running = sum.running.saturating_add(row.running);
    sum.workers = sum.workers.saturating_add(row.workers);
    sum.delayed = sum.delayed.saturating_add(row.delayed);
    sum.spent = sum.spent.saturating_add(row.spent);
    sum.free = sum.free.saturating_add(row.free);
    sum.spare_workers = sum.spare_workers.saturating_add(row.spare_workers);
    sum.durable_waiting = sum.durable_waiting.saturating_add(row.durable_waiting);
    sum.durable_workers = sum.durable_workers.saturating_add(row.durable_workers);
    sum.passed_on = sum.passed_on.saturating_add(row.passed_on);
    sum.suspects = sum.suspects.saturating_add(row.suspects);
    sum.oldest_ms = sum.oldest_ms.max(row.oldest_ms);
    sum.oldest_running_ms = sum.oldest_running_ms.max(row.oldest_running_ms);
    sum.oldest_here_ms = sum.oldest_here_ms.max(row.oldest_here().0);
    sum.outcomes.add(&row.outcomes);
    sum.wait.add(&row.wait);
    sum.run.add(&row.run);
}

#[cfg(test)]
mod tests;
