//! Remembers the last jobs that were answered, so that a repeated result is dropped at once.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// The maximum number of jobs that are remembered.
const FINISHED_MAX: usize = 65_536;

/// The last answered jobs.
#[derive(Debug, Default)]
pub(super) struct Finished {
    references: HashSet<Arc<str>>,
    /// The same, the oldest first.
    order: VecDeque<Arc<str>>,
}

impl Finished {
    /// Remembers a job by its `ref`. If there are too many, forgets the oldest.
    pub(super) fn insert(&mut self, reference: Arc<str>) {
        if self.order.len() == FINISHED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.references.remove(&oldest);
        }
        self.references.insert(Arc::clone(&reference));
        self.order.push_back(reference);
    }

    pub(super) fn contains(&self, reference: &str) -> bool {
        self.references.contains(reference)
    }
}
