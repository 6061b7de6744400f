//! How many jobs a home assigns in a turn, and which types go on in the next one.
//!
//! A worker may offer 65,535 slots, and a connection 1,024 types at once. Assigning all jobs that wait for them would take
//! hundreds of milliseconds. So a message leads to one assignment at once, and further ones come out of a budget per turn.

use std::collections::VecDeque;

use crate::dispatch::ids::TypeRef;

/// What is left of a turn's assignments, and what waits for the next one.
#[derive(Debug, Default)]
pub(super) struct Matching {
    left: u32,
    /// Types whose offers and waiting jobs may go together. One that has gone may still be here.
    postponed: VecDeque<TypeRef>,
}

impl Matching {
    pub(super) fn begin_turn(&mut self, assigns: u32) {
        self.left = assigns;
    }

    #[inline]
    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// Counts an assignment.
    #[inline]
    pub(super) fn spend(&mut self) {
        self.left = self.left.saturating_sub(1);
    }

    pub(super) fn postpone(&mut self, of: TypeRef) {
        self.postponed.push_back(of);
    }

    pub(super) fn postponed(&self) -> usize {
        self.postponed.len()
    }

    /// Returns the type to go on with, if this turn may.
    pub(super) fn next(&mut self) -> Option<TypeRef> {
        if self.is_spent() {
            return None;
        }
        // A look at a type counts, because the first assignment of a look does not.
        self.spend();
        let next = self.postponed.pop_front();
        if self.postponed.is_empty() {
            self.postponed = VecDeque::new();
        }
        next
    }
}
