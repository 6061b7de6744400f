//! Which types have a label of their own in the metrics.
//!
//! The first ones with a job have, as long as the process runs. All others are summed up under [`OTHER`]. So the number of
//! series is bounded, whatever types clients make up, and no type's figures move: no counter goes backwards.

use std::collections::HashSet;

use ahash::RandomState;

/// The label of all types without one of their own. A type with this name is among them.
pub(super) const OTHER: &str = "_other";

/// The types that have a label.
#[derive(Debug)]
pub(super) struct Labels {
    most: usize,
    names: HashSet<Box<str>, RandomState>,
}

impl Labels {
    /// Labels for at most this many types.
    pub(super) fn new(most: usize) -> Self {
        Self { most, names: HashSet::default() }
    }

    /// Returns whether a type that has a job has a label. A type is asked about before any of its figures are shown.
    pub(super) fn has(&mut self, name: &str) -> bool {
        if self.names.contains(name) {
            return true;
        }
        // Programs that read the metrics take NUL for the end of the text.
        if self.names.len() >= self.most || name == OTHER || name.contains('\0') {
            return false;
        }
        self.names.insert(name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_types_have_a_label_for_good() {
        let mut labels = Labels::new(2);
        assert!(labels.has("a") && labels.has("b"));
        assert!(!labels.has("c"));
        assert!(labels.has("a") && labels.has("b") && !labels.has("c"));
        assert!(!Labels::new(0).has("a"));
    }

    #[test]
    fn names_that_could_be_mistaken_have_none() {
        let mut labels = Labels::new(9);
        assert!(!labels.has("_other") && !labels.has("a\0") && !labels.has("\0"));
        assert!(labels.has("other") && labels.has("a"));
    }
}
