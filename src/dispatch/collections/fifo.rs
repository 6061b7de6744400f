//! A first-in-first-out list for one entry or a million.
//!
//! The first entry is in the list itself, so an entry that waits alone needs no further memory. The others are in blocks.
//! So a list grows without moving its entries, has hardly any slack, and gives its memory back block by block. Moving a
//! million jobs would take milliseconds, and the memory of both copies.

use std::collections::VecDeque;

/// Bytes of a block: large enough that its own cost does not count, small enough that half a block does not matter, and
/// a size of which allocators waste nothing.
const BLOCK_BYTES: usize = 4_096;

/// A first-in-first-out list.
#[derive(Debug)]
pub(in crate::dispatch) struct Fifo<T> {
    /// `None` only if the list is empty.
    first: Option<T>,
    /// The others, in order. Invariant: each block except the first and the last is full. Only the last can be empty, and
    /// then it is the only one, which is kept for the next entry.
    blocks: VecDeque<VecDeque<T>>,
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self { first: None, blocks: VecDeque::new() }
    }
}

impl<T> Fifo<T> {
    /// Entries of a full block.
    const BLOCK: usize = BLOCK_BYTES / size_of::<T>();

    /// Appends an entry.
    pub(in crate::dispatch) fn push(&mut self, entry: T) {
        if self.first.is_none() {
            self.first = Some(entry);
            return;
        }
        match self.blocks.back_mut() {
            Some(block) if block.len() < Self::BLOCK => {
                if block.len() == block.capacity() {
                    block.reserve_exact(block.len().clamp(1, Self::BLOCK - block.len()));
                }
                block.push_back(entry);
            }
            // The first block grows with its entries, because most lists are short; further ones will be filled.
            last => {
                let mut block = VecDeque::with_capacity(if last.is_some() { Self::BLOCK } else { 1 });
                block.push_back(entry);
                self.blocks.push_back(block);
            }
        }
    }

    /// Takes the first entry.
    pub(in crate::dispatch) fn pop(&mut self) -> Option<T> {
        let entry = self.first.take();
        if let Some(block) = self.blocks.front_mut() {
            self.first = block.pop_front();
            if block.is_empty() && self.blocks.len() > 1 {
                self.blocks.pop_front();
            }
        }
        entry
    }

    /// Takes the entry at a place. Costs O(1) for the first, and O(n) otherwise: the list is built anew.
    pub(in crate::dispatch) fn remove(&mut self, at: usize) -> Option<T> {
        if at == 0 {
            return self.pop();
        }
        let mut removed = None;
        for (i, entry) in std::mem::take(self).into_entries().enumerate() {
            if i == at {
                removed = Some(entry);
            } else {
                self.push(entry);
            }
        }
        removed
    }

    pub(in crate::dispatch) fn first(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(in crate::dispatch) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        let ends = match (self.blocks.front(), self.blocks.back()) {
            (Some(front), Some(_)) if self.blocks.len() == 1 => front.len(),
            (Some(front), Some(back)) => front.len() + (self.blocks.len() - 2) * Self::BLOCK + back.len(),
            _ => 0,
        };
        usize::from(self.first.is_some()) + ends
    }

    /// Iterates from first to last.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(self.blocks.iter().flatten())
    }

    /// Returns all entries, in order.
    pub(in crate::dispatch) fn into_entries(self) -> impl Iterator<Item = T> {
        self.first.into_iter().chain(self.blocks.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pushes `up` and pops `down` entries alternately, beside a plain queue, until `total` were pushed; then empties it.
    #[track_caller]
    fn check(up: usize, down: usize, total: usize) {
        let (mut fifo, mut plain, mut next) = (Fifo::default(), VecDeque::new(), 0);
        while next < total {
            for _ in 0..up {
                fifo.push(next);
                plain.push_back(next);
                next += 1;
            }
            for _ in 0..down {
                assert_eq!(fifo.pop(), plain.pop_front());
                compare(&fifo, &plain);
            }
        }
        while let Some(entry) = plain.pop_front() {
            assert_eq!(fifo.pop(), Some(entry));
            compare(&fifo, &plain);
        }
        assert_eq!((fifo.pop(), fifo.len(), fifo.blocks.len() <= 1), (None, 0, true));
    }

    fn compare(fifo: &Fifo<usize>, plain: &VecDeque<usize>) {
        assert_eq!((fifo.len(), fifo.is_empty(), fifo.first()), (plain.len(), plain.is_empty(), plain.front()));
    }

    #[test]
    fn entries_leave_in_the_order_in_which_they_came() {
        for (up, down, total) in
            [(1, 1, 500), (1, 2, 500), (2, 1, 600), (512, 511, 9_000), (513, 514, 9_000), (2_000, 1_999, 20_000)]
        {
            check(up, down, total);
        }
    }

    #[test]
    fn an_entry_is_removed_from_any_place() {
        for at in [0, 1, 2, 700, 1_999, 2_000] {
            let mut fifo = Fifo::default();
            let mut plain: Vec<usize> = (0..2_000).collect();
            for &i in &plain {
                fifo.push(i);
            }
            assert_eq!(fifo.remove(at), (at < plain.len()).then(|| plain.remove(at)));
            assert!(fifo.len() == plain.len() && fifo.iter().eq(&plain));
        }
    }

    #[test]
    fn all_entries_are_seen_in_order() {
        let mut fifo = Fifo::default();
        (0..3_000).for_each(|i| fifo.push(i));
        (0..100).for_each(|i| assert_eq!(fifo.pop(), Some(i)));
        assert!(fifo.iter().copied().eq(100..3_000));
        assert!(fifo.into_entries().eq(100..3_000));
    }

    #[test]
    fn blocks_have_hardly_any_slack_and_are_seldom_moved() {
        // A size that does not divide a block's.
        type Entry = [u8; 24];
        let mut fifo: Fifo<Entry> = Fifo::default();
        let mut moves = 0;
        for pushed in 1..5_000 {
            let before = fifo.blocks.back().map_or(0, VecDeque::capacity);
            fifo.push(Entry::default());
            let room: usize = fifo.blocks.iter().map(VecDeque::capacity).sum();
            assert!(room < 2 * pushed || room < pushed + Fifo::<Entry>::BLOCK, "{pushed} entries take room for {room}");
            assert!(fifo.blocks.iter().all(|block| block.capacity() * 24 <= BLOCK_BYTES));
            moves += usize::from(fifo.blocks.len() == 1 && fifo.blocks[0].capacity() != before);
        }
        assert_eq!(moves, 9, "1, 2, 4, ... 128, 170");
    }

    #[test]
    fn a_lone_entry_takes_no_block() {
        let mut fifo = Fifo::default();
        for i in 0..1_000 {
            fifo.push(i);
            fifo.pop();
        }
        assert!(fifo.blocks.is_empty());
    }
}
