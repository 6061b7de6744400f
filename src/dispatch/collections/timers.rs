//! Timers that are re-armed lazily: for keys that are looked at when their time comes.
//!
//! A heap cannot change an entry. So what moves a key's time on does not touch the heap: when the entry falls due, the
//! caller compares, and sets it again if the key has more time. A key that is gone is dropped in the same way.
//!
//! Invariant: a key has at most one entry, which the caller ensures by a flag or a time that it keeps beside the key.
//! So the heap is no larger than the number of keys that had an entry within the longest time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::dispatch::micros::Micros;

/// Keys by the time at which to look at them.
#[derive(Debug)]
pub struct Timers<K>(BinaryHeap<Reverse<(Micros, K)>>);

impl<K: Ord> Default for Timers<K> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<K: Ord> Timers<K> {
    /// Adds an entry. Costs O(log n).
    pub fn set(&mut self, due: Micros, key: K) {
        self.0.push(Reverse((due, key)));
    }

    /// Returns when the next entry falls due.
    pub fn next_due(&self) -> Option<Micros> {
        self.0.peek().map(|Reverse((due, _))| *due)
    }

    /// Takes the key that fell due first, if one did by `now`; of several with one time, the least.
    pub fn pop_due(&mut self, now: Micros) -> Option<K> {
        let due = self.next_due().is_some_and(|due| due <= now);
        due.then(|| self.0.pop()).flatten().map(|Reverse((_, key))| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_fall_due_in_the_order_of_their_times() {
        let mut timers = Timers::default();
        for (ms, key) in [(30, 'c'), (10, 'b'), (20, 'a'), (10, 'a')] {
            timers.set(Micros::from_ms(ms), key);
        }
        let at = Micros::from_ms;
        assert_eq!((timers.next_due(), timers.pop_due(at(9))), (Some(at(10)), None));
        let due: Vec<char> = std::iter::from_fn(|| timers.pop_due(at(20))).collect();
        assert_eq!((due, timers.next_due()), (vec!['a', 'b', 'a'], Some(at(30))));
        assert_eq!((timers.pop_due(at(31)), timers.next_due()), (Some('c'), None));
    }
}
