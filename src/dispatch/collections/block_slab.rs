//! A table with stable indices that grows and shrinks in small steps, for a million entries.
//!
//! An access takes a few instructions more than in a [`ShrinkingSlab`](super::shrinking_slab::ShrinkingSlab). That one
//! moves all its entries when it grows, so it is for tables that plain jobs use.

use std::ops::{Index, IndexMut};

use slab::Slab;

/// Bits of an index that give the place in a block.
const PLACE_BITS: u32 = 8;
/// Entries of a full block.
const BLOCK: usize = 1 << PLACE_BITS;

/// A slab in blocks. An insertion moves at most the entries of one block, and a block without an entry has no memory.
#[derive(Debug)]
pub(in crate::dispatch) struct BlockSlab<T> {
    /// Their number never falls, because a block without memory is small.
    blocks: Vec<Slab<T>>,
    /// The blocks that have a free place. The last one is filled next.
    open: Vec<u32>,
    len: usize,
}

impl<T> Default for BlockSlab<T> {
    fn default() -> Self {
        Self { blocks: Vec::new(), open: Vec::new(), len: 0 }
    }
}

impl<T> BlockSlab<T> {
    /// Puts the entry that `make` returns into a free place. `make` gets the place. Returns the place.
    #[inline]
    pub(in crate::dispatch) fn insert(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        let block = match self.open.last() {
            Some(&block) => block,
            None => self.add_block(),
        };
        let entries = &mut self.blocks[block as usize];
        let vacant = entries.vacant_entry();
        let at = join(block, vacant.key());
        vacant.insert(make(at));
        if entries.len() == BLOCK {
            self.open.pop();
        }
        self.len += 1;
        at
    }

    /// Removes an entry and returns it.
    #[inline]
    pub(in crate::dispatch) fn remove(&mut self, at: u32) -> T {
        let (block, place) = split(at);
        self.len -= 1;
        match self.blocks[block].len() {
            BLOCK => self.open.push(index_of(block)),
            1 => return std::mem::take(&mut self.blocks[block]).remove(place),
            _ => {}
        }
        self.blocks[block].remove(place)
    }

    #[inline(never)]
    fn add_block(&mut self) -> u32 {
        let block = index_of(self.blocks.len());
        self.blocks.push(Slab::new());
        self.open.push(block);
        block
    }

    #[inline]
    pub(in crate::dispatch) fn get(&self, at: u32) -> Option<&T> {
        let (block, place) = split(at);
        self.blocks.get(block)?.get(place)
    }

    #[inline]
    pub(in crate::dispatch) fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        let (block, place) = split(at);
        self.blocks.get_mut(block)?.get_mut(place)
    }

    /// Iterates over the entries, each with its place.
    pub(in crate::dispatch) fn iter_with_index(&self) -> impl Iterator<Item = (u32, &T)> {
        let blocks = self.blocks.iter().enumerate();
        blocks.flat_map(|(block, entries)| entries.iter().map(move |(at, entry)| (join(index_of(block), at), entry)))
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.len
    }

    #[cfg(test)]
    pub(in crate::dispatch) fn capacity(&self) -> usize {
        self.blocks.iter().map(Slab::capacity).sum()
    }
}

/// Returns the block of an index, and the place there.
#[inline]
fn split(at: u32) -> (usize, usize) {
    ((at >> PLACE_BITS) as usize, at as usize & (BLOCK - 1))
}

/// Returns the index of a place in a block.
#[inline]
fn join(block: u32, place: usize) -> u32 {
    block << PLACE_BITS | index_of(place)
}

#[inline]
fn index_of(number: usize) -> u32 {
    u32::try_from(number).expect("memory ends before four billion entries")
}

impl<T> Index<u32> for BlockSlab<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        let (block, place) = split(at);
        &self.blocks[block][place]
    }
}

impl<T> IndexMut<u32> for BlockSlab<T> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        let (block, place) = split(at);
        &mut self.blocks[block][place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 10_000;

    /// Returns a table whose first entry stays, and the places of ten thousand others.
    fn full() -> (BlockSlab<usize>, Vec<u32>) {
        let mut table = BlockSlab::default();
        let places = (0..=MANY).map(|entry| table.insert(|_| entry)).skip(1).collect();
        (table, places)
    }

    #[test]
    fn it_frees_its_blocks_in_whatever_order_the_entries_go() {
        let (front, back): (Vec<usize>, Vec<usize>) = (0..MANY).partition(|at| at % 3 == 0);
        let orders: [Vec<usize>; 3] =
            [(0..MANY).collect(), (0..MANY).rev().collect(), front.into_iter().chain(back).collect()];
        for order in orders {
            let (mut table, places) = full();
            for at in order {
                assert_eq!(table.remove(places[at]), at + 1);
            }
            assert!(table.capacity() <= BLOCK, "there is room for {}", table.capacity());
            assert_eq!((table[0], table.len()), (0, 1));
            assert_eq!(table.remove(0), 0);
            assert_eq!((table.capacity(), table.len()), (0, 0));
        }
    }

    #[test]
    fn an_entry_keeps_only_its_own_block() {
        let (mut table, places) = full();
        for &at in &places[..MANY - 1] {
            table.remove(at);
        }
        assert_eq!((table[places[MANY - 1]], table.len()), (MANY, 2));
        assert!(table.capacity() <= 2 * BLOCK, "there is room for {}", table.capacity());
    }

    #[test]
    fn free_places_are_used_again_before_it_grows() {
        let (mut table, places) = full();
        let blocks = table.blocks.len();
        for round in 1..=3 {
            let freed: Vec<u32> = places.iter().copied().skip(round).step_by(3).collect();
            for &at in &freed {
                table.remove(at);
            }
            for nth in 0..freed.len() {
                let at = table.insert(|at| at as usize + nth);
                assert_eq!(table[at], at as usize + nth);
            }
            assert_eq!((table.blocks.len(), table.len()), (blocks, MANY + 1));
        }
        assert!(table.iter_with_index().all(|(at, entry)| table.get(at) == Some(entry)));
        assert_eq!((table.iter_with_index().count(), table.get(join(index_of(blocks), 0))), (MANY + 1, None));
    }

    #[test]
    fn an_insertion_makes_room_for_one_block_at_most() {
        let mut table = BlockSlab::default();
        for entry in 0..MANY {
            let before = table.capacity();
            table.insert(|_| entry);
            assert!(table.capacity() - before <= BLOCK, "room for {before}, then for {}", table.capacity());
        }
    }
}
