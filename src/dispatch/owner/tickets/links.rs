//! What leads to a ticket: its timer, and if it is cancellable, the list of its connection and the table by id.

use super::by_id::Twins;
use super::{Ticket, Tickets};
use crate::dispatch::collections::timers::TimerId;
use crate::dispatch::ids::TicketId;

/// No ticket: the end of a list.
pub(super) const NONE: u32 = u32::MAX;

/// The list of a connection's cancellable tickets: the first of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) struct Cancellable(pub(super) u32);

impl Default for Cancellable {
    fn default() -> Self {
        Self(NONE)
    }
}

/// The links of one ticket.
#[derive(Clone, Copy)]
struct Links {
    timer: Option<TimerId>,
    is_cancellable: bool,
    hash: u64,
    prev: u32,
    next: u32,
    twins: Twins,
}

impl Ticket {
    /// Makes the ticket no longer cancellable, and takes its timer. Returns what leads to it until now.
    #[inline]
    fn take_links(&mut self) -> Links {
        let Self { hash, prev, next, twins, .. } = *self;
        let is_cancellable = std::mem::take(&mut self.is_cancellable);
        Links { timer: self.timer.take(), is_cancellable, hash, prev, next, twins }
    }
}

impl Tickets {
    /// Makes a ticket no longer cancellable, and removes its timer. `of` is the list of its connection, if that still
    /// exists.
    pub(in crate::dispatch) fn settle(&mut self, id: TicketId, of: Option<&mut Cancellable>) {
        let links = self.entries[id.index].take_links();
        self.unlink(id.index, links, of);
    }

    /// Removes a ticket and its timer. `of` is the list of its connection, if that still exists. Returns the ticket.
    #[inline]
    pub(in crate::dispatch) fn remove(&mut self, id: TicketId, of: Option<&mut Cancellable>) -> Ticket {
        let mut ticket = self.entries.remove(id.index);
        self.unlink(id.index, ticket.take_links(), of);
        ticket
    }

    #[inline]
    fn unlink(&mut self, index: u32, links: Links, of: Option<&mut Cancellable>) {
        if let Some(timer) = links.timer {
            self.timers.cancel(timer);
        }
        if links.is_cancellable {
            self.leave_list(links.prev, links.next, of);
            self.leave_by_id(index, links.hash, links.twins);
        }
    }

    /// Takes a ticket out of the list of its connection: the one between these two.
    fn leave_list(&mut self, prev: u32, next: u32, of: Option<&mut Cancellable>) {
        if next != NONE {
            self.entries[next].prev = prev;
        }
        if prev != NONE {
            self.entries[prev].next = next;
        } else if let Some(of) = of {
            of.0 = next;
        }
    }

    /// Returns the first ticket of a connection's list.
    pub(in crate::dispatch) fn first(&self, of: Cancellable) -> Option<TicketId> {
        let ticket = (of.0 != NONE).then(|| &self.entries[of.0])?;
        Some(TicketId { index: of.0, generation: ticket.generation })
    }
}
