//! The table of cancellable tickets, by connection and id.

use hashbrown::hash_table::Entry;

use super::{Ticket, Tickets};
use crate::dispatch::ids::{ConnId, TicketId};
use crate::protocol::id;

/// The next and previous ticket in the ring of cancellable tickets with the same connection and id. A client may use
/// one id for all its jobs, and a table is slow with many entries of one hash.
#[derive(Clone, Copy, Debug)]
pub(super) struct Twins {
    prev: u32,
    next: u32,
}

impl Twins {
    /// Returns the links of a ticket that has no twin.
    pub(super) fn none(index: u32) -> Self {
        Self { prev: index, next: index }
    }
}

impl Ticket {
    fn is_of(&self, conn: ConnId, id: &str) -> bool {
        self.conn == conn && id::same(self.id(), id)
    }
}

impl Tickets {
    /// Adds a ticket to the table by connection and id, or to the ring of its twin in the table. The last three
    /// parameters are what the ticket contains.
    pub(super) fn enter_by_id(&mut self, index: u32, conn: ConnId, id: &str, hash: u64) {
        self.cancellable += 1;
        let entries = &self.entries;
        let hash_of = |&other: &u32| entries[other].hash;
        match self.by_id.part(hash).entry(hash, |&other| entries[other].is_of(conn, id), hash_of) {
            Entry::Occupied(oldest) => {
                let next = *oldest.get();
                let prev = std::mem::replace(&mut self.entries[next].twins.prev, index);
                self.entries[prev].twins.next = index; // The youngest is before the oldest.
                self.entries[index].twins = Twins { prev, next };
            }
            Entry::Vacant(entry) => _ = entry.insert(index),
        }
    }

    /// Removes a ticket from the table. If the table has this one of several twins, the next one by age replaces it.
    pub(super) fn leave_by_id(&mut self, index: u32, hash: u64, Twins { prev, next }: Twins) {
        self.cancellable -= 1;
        if next == index {
            let entries = &self.entries;
            self.by_id.remove(hash, |&other| other == index, |&other| entries[other].hash);
            return;
        }
        self.entries[prev].twins.next = next;
        self.entries[next].twins.prev = prev;
        if let Some(entry) = self.by_id.part(hash).find_mut(hash, |&other| other == index) {
            *entry = next;
        }
    }

    /// Finds the oldest cancellable ticket of this connection and id.
    pub(in crate::dispatch) fn find(&self, conn: ConnId, id: &str) -> Option<TicketId> {
        let hash = self.hash(conn, id);
        let index = *self.by_id.find(hash, |&index| self.entries[index].is_of(conn, id))?;
        Some(TicketId { index, generation: self.entries[index].generation })
    }

    pub(super) fn hash(&self, conn: ConnId, id: &str) -> u64 {
        let ConnId { index, generation } = conn;
        self.maps.hash_one((u64::from(index) << 32 | u64::from(generation), id::Hashed(id)))
    }
}
