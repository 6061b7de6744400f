//! A table with stable indices that frees its memory when few entries are left. It is in one piece, so an access is
//! fast, and growing moves all entries: see [`BlockSlab`](super::block_slab::BlockSlab) for large tables.

use std::ops::{Index, IndexMut};

use slab::Slab;

/// A slab that shrinks. The place of its last entry limits its capacity, not the number of entries, because entries do
/// not move.
#[derive(Debug)]
pub(in crate::dispatch) struct ShrinkingSlab<T> {
    entries: Slab<T>,
    /// It shrinks when at most this number of entries is left.
    shrink_at: usize,
}

impl<T> Default for ShrinkingSlab<T> {
    fn default() -> Self {
        Self { entries: Slab::new(), shrink_at: 0 }
    }
}

impl<T> ShrinkingSlab<T> {
    /// Returns where the next entry will be put.
    pub(in crate::dispatch) fn next(&self) -> u32 {
        u32::try_from(self.entries.vacant_key()).expect("memory ends before four billion entries")
    }

    /// Makes room for more entries, if there is none.
    pub(in crate::dispatch) fn reserve(&mut self, more: usize) {
        self.entries.reserve(more);
    }

    /// Puts an entry into a free place. Returns the place.
    pub(in crate::dispatch) fn insert(&mut self, entry: T) -> u32 {
        let vacant = self.entries.vacant_entry();
        let at = u32::try_from(vacant.key()).expect("memory ends before four billion entries");
        vacant.insert(entry);
        self.shrink_at = self.shrink_at.max(self.entries.len() / 8);
        at
    }

    /// Removes an entry and returns it. Shrinking is a pass over the table. The table shrinks when seven of eight
    /// entries have been removed, and again each time that half of the rest have. Once is not enough, because one entry
    /// at the end keeps the table large.
    pub(in crate::dispatch) fn remove(&mut self, at: u32) -> T {
        let entry = self.entries.remove(at as usize);
        if self.entries.len() <= self.shrink_at {
            self.entries.shrink_to_fit();
            self.shrink_at = self.entries.len() / 2;
        }
        entry
    }

    pub(in crate::dispatch) fn get(&self, at: u32) -> Option<&T> {
        self.entries.get(at as usize)
    }

    /// Returns a number that is above all places.
    pub(in crate::dispatch) fn end(&self) -> u32 {
        u32::try_from(self.entries.capacity()).unwrap_or(u32::MAX)
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<T> Index<u32> for ShrinkingSlab<T> {
    type Output = T;

    fn index(&self, at: u32) -> &T {
        &self.entries[at as usize]
    }
}

impl<T> IndexMut<u32> for ShrinkingSlab<T> {
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.entries[at as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a table whose first entry stays, and the places of ten thousand others.
    fn full() -> (ShrinkingSlab<usize>, Vec<u32>) {
        let mut table = ShrinkingSlab::default();
        let places = (0..=10_000).map(|entry| table.insert(entry)).skip(1).collect();
        (table, places)
    }

    #[test]
    fn it_shrinks_to_what_is_left_in_whatever_order_the_others_go() {
        let (front, back): (Vec<usize>, Vec<usize>) = (0..10_000).partition(|at| at % 3 == 0);
        let orders: [Vec<usize>; 3] =
            [(0..10_000).collect(), (0..10_000).rev().collect(), front.into_iter().chain(back).collect()];
        for order in orders {
            let (mut table, places) = full();
            for at in order {
                table.remove(places[at]);
            }
            assert!(table.entries.capacity() < 100, "there is room for {}", table.entries.capacity());
            assert_eq!((table[0], table.len()), (0, 1));
        }
    }

    #[test]
    fn an_entry_at_the_end_keeps_its_place_and_then_lets_go_of_the_rest() {
        let (mut table, places) = full();
        for &at in &places[..9_999] {
            table.remove(at);
        }
        assert_eq!((table[places[9_999]], table.len()), (10_000, 2));
        table.remove(places[9_999]);
        assert!(table.entries.capacity() < 100, "there is room for {}", table.entries.capacity());
    }

    #[test]
    fn it_is_not_gone_over_at_each_removal() {
        let (mut table, places) = full();
        let mut passes = 0;
        for at in places {
            let shrink_at = table.shrink_at;
            table.remove(at);
            passes += u32::from(table.shrink_at < shrink_at);
        }
        assert!(passes <= 14, "{passes} passes");
    }
}
