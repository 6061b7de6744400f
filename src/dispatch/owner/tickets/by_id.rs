//! The table of cancellable tickets, by connection and id.

use hashbrown::hash_table::Entry;

use super::{Ticket, Tickets};
use crate::dispatch::ids::{ConnId, TicketId};
use crate::protocol::id;

/// The next and previous ticket in the ring of cancellable tickets with the same connection and id. A client may use
/// one id for all its jobs, and a table is slow with many entries of one hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Twins {
    prev: u32,
    next: u32,
}

impl Ticket {
    fn is_of(&self, conn: ConnId, id: &str) -> bool {
        self.conn == conn && id::same(self.id(), id)
    }
}

impl Tickets {
    /// Adds a ticket to the table by connection and id, or to the ring of its twin in the table.
    pub(super) fn enter_by_id(&mut self, index: u32) {
        self.cancellable += 1;
        let entries = &self.entries;
        let Ticket { conn, hash, .. } = entries[index];
        let id = entries[index].id();
        match self.by_id.entry(hash, |&other| entries[other].is_of(conn, id), |&other| entries[other].hash) {
            Entry::Occupied(oldest) => {
                let next = *oldest.get();
                let prev = std::mem::replace(&mut self.entries[next].twins.prev, index);
                self.entries[prev].twins.next = index; // The youngest is before the oldest.
                self.entries[index].twins = Twins { prev, next };
            }
            Entry::Vacant(entry) => {
                entry.insert(index);
                self.entries[index].twins = Twins { prev: index, next: index };
            }
        }
    }

    /// Removes a ticket from the table. The next twin by age replaces it.
    pub(super) fn leave_by_id(&mut self, index: u32, hash: u64) {
        self.cancellable -= 1;
        let Twins { prev, next } = self.entries[index].twins;
        let entry = self.by_id.find_entry(hash, |&other| other == index).ok();
        if next != index {
            self.entries[prev].twins.next = next;
            self.entries[next].twins.prev = prev;
            if let Some(mut entry) = entry {
                *entry.get_mut() = next;
            }
            return;
        }
        if let Some(entry) = entry {
            entry.remove();
        }
        if self.by_id.len() < self.by_id.capacity() / 8 {
            let entries = &self.entries;
            self.by_id.shrink_to(self.by_id.len() * 2, |&index| entries[index].hash);
        }
    }

    /// Finds the oldest cancellable ticket of this connection and id.
    pub(in crate::dispatch) fn find(&self, conn: ConnId, id: &str) -> Option<TicketId> {
        let index = *self.by_id.find(self.hash(conn, id), |&index| self.entries[index].is_of(conn, id))?;
        Some(TicketId { index, generation: self.entries[index].generation })
    }

    pub(super) fn hash(&self, conn: ConnId, id: &str) -> u64 {
        let ConnId { index, generation } = conn;
        self.maps.hash_one((u64::from(index) << 32 | u64::from(generation), id::Hashed(id)))
    }
}
