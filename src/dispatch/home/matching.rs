//! Limits the number of jobs that a home assigns in a turn, and keeps the types that continue in the next one.
//!
//! A worker may offer 65,535 slots, and a connection 1,024 types at once. Assigning all jobs that wait for them would
//! take hundreds of milliseconds. So each message may cause one assignment at once, and further assignments are limited
//! by a budget per turn.

use std::collections::VecDeque;

use crate::dispatch::ids::TypeRef;

/// The remaining assignments of a turn, and the types that wait for the next turn.
#[derive(Debug, Default)]
pub(super) struct Matching {
    left: u32,
    /// Types with offers that may fit waiting jobs. Some of them may no longer exist.
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

    /// Allows more assignments in this turn.
    #[inline]
    pub(super) fn allow(&mut self, assigns: u32) {
        self.left = self.left.saturating_add(assigns);
    }

    pub(super) fn postpone(&mut self, of: TypeRef) {
        self.postponed.push_back(of);
    }

    pub(super) fn postponed(&self) -> usize {
        self.postponed.len()
    }

    /// Returns the next type, if the turn's budget allows it.
    pub(super) fn next(&mut self) -> Option<TypeRef> {
        if self.is_spent() {
            return None;
        }
        // Each type costs one of the budget, because its first assignment costs nothing.
        self.spend();
        let next = self.postponed.pop_front();
        if self.postponed.is_empty() {
            self.postponed = VecDeque::new();
        }
        next
    }
}
