//! A queue of events in the order of virtual time. Events of the same moment are in the order in which they were scheduled,
//! so that a run repeats.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::peers::{Delivery, Request};

/// Something that happens at a moment.
#[derive(Debug)]
pub(super) enum Event {
    /// A thread begins a turn, or goes to sleep.
    Turn(usize),
    /// A thread does the next system call of its turn.
    Action(usize),
    /// Lines reach a connection's end at the server.
    ToServer(usize, Vec<Request>),
    /// Lines reach a connection's end at the peer.
    ToPeer(usize, Vec<Delivery>),
    /// A sleeping thread is woken.
    Wake(usize),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Events {
    heap: BinaryHeap<Reverse<Timed>>,
    scheduled: u64,
}

#[derive(Debug)]
struct Timed {
    at_ns: u64,
    order: u64,
    event: Event,
}

impl Events {
    /// Adds an event.
    pub(super) fn schedule(&mut self, at_ns: u64, event: Event) {
        self.scheduled += 1;
        self.heap.push(Reverse(Timed { at_ns, order: self.scheduled, event }));
    }

    /// Takes the next event and its moment.
    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse(timed)| (timed.at_ns, timed.event))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ns, self.order).cmp(&(other.at_ns, other.order))
    }
}

impl PartialOrd for Timed {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Timed {}
