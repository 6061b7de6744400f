//! For tests: checks that a table that is emptied frees its memory, but not at each removal.

/// Observations of a table.
pub(in crate::dispatch) struct ShrinkCheck {
    /// It shrinks when less than one of this number of places is used.
    part: usize,
    shrunk: u32,
}

impl ShrinkCheck {
    pub(in crate::dispatch) fn of(part: usize) -> Self {
        Self { part, shrunk: 0 }
    }

    /// Checks a table after an entry was removed: `left` entries are left, and its capacity was and is `before` and `after`.
    #[track_caller]
    pub(in crate::dispatch) fn saw(&mut self, left: usize, before: usize, after: usize) {
        assert!(after / self.part <= left, "{left} entries keep room for {after}");
        // A table of hashes also loses one place now and then, to what marks it as used before.
        if after + 1 < before {
            self.shrunk += 1;
            assert!(left * self.part < before, "it shrinks early: {left} of {before}");
            assert!(after >= left * 2 || left == 0, "{left} entries are left no room to come back: {after}");
        }
    }

    /// Checks how often the table shrank until all entries were removed. Its capacity was `most` before.
    #[track_caller]
    pub(in crate::dispatch) fn check_all_back(self, most: usize) {
        let halvings = most.ilog2();
        assert!((1..=halvings).contains(&self.shrunk), "it shrank {} times from {most}", self.shrunk);
    }
}
