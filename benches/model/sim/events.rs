//! What happens when: a queue in the order of virtual time. Of what happens at the same time, what was entered first
//! comes first, so that a run repeats.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::peers::{Line, Said};

/// Something that happens at a moment.
#[derive(Debug)]
pub(super) enum Event {
    /// A thread looks what there is, and begins a turn or goes to sleep.
    Turn(usize),
    /// A thread takes the next of its turn's system calls.
    Act(usize),
    /// Lines reach a connection's end at the server.
    ToServer(usize, Vec<Line>),
    /// Lines reach a connection's end at the peer.
    ToPeer(usize, Vec<Said>),
    /// A thread that sleeps is told to run.
    Rouse(usize),
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Events {
    heap: BinaryHeap<Reverse<Timed>>,
    entered: u64,
}

#[derive(Debug)]
struct Timed {
    at_ns: u64,
    place: u64,
    event: Event,
}

impl Events {
    pub(super) fn enter(&mut self, at_ns: u64, event: Event) {
        self.entered += 1;
        self.heap.push(Reverse(Timed { at_ns, place: self.entered, event }));
    }

    /// The next, and when it happens.
    pub(super) fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse(timed)| (timed.at_ns, timed.event))
    }
}

impl Ord for Timed {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at_ns, self.place).cmp(&(other.at_ns, other.place))
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
