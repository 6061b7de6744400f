//! The connections with an unfinished line, by age.

use std::collections::BTreeMap;

use crate::dispatch::ids::ConnId;

/// A growing number that orders unfinished lines by age.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::dispatch) struct Age(u64);

/// A connection's unfinished line.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::dispatch) struct Partial {
    /// Its bytes; 0 if there is none.
    pub(in crate::dispatch) bytes: u64,
    /// Its age; valid if there is a line.
    pub(in crate::dispatch) age: Age,
}

/// The unfinished lines of a shard.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Partials {
    by_age: BTreeMap<Age, ConnId>,
    next: Age,
}

impl Partials {
    /// Adds the line of a connection as the youngest.
    pub(in crate::dispatch) fn add(&mut self, conn: ConnId) -> Age {
        let age = self.next;
        self.by_age.insert(age, conn);
        self.next.0 += 1;
        age
    }

    /// Removes a line.
    pub(in crate::dispatch) fn remove(&mut self, age: Age) {
        self.by_age.remove(&age);
    }

    /// Returns the connection with the oldest line.
    pub(in crate::dispatch) fn oldest(&self) -> Option<ConnId> {
        self.by_age.first_key_value().map(|(_, &conn)| conn)
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.by_age.len()
    }
}
