//! A table that can be scanned in slices while entries are inserted and removed.

use std::ops::{Index, IndexMut};

use super::shrinking_slab::ShrinkingSlab;

/// A [`ShrinkingSlab`] that knows which of its entries are older than a given moment.
///
/// A scan in slices goes from place to place, and skips entries that were inserted after it began. Entries do not move,
/// so the scan visits each entry once that exists from its beginning to its end. An entry that is removed meanwhile is
/// visited at most once, even if it is inserted again at another place.
#[derive(Debug)]
pub(in crate::dispatch) struct Places<T> {
    entries: ShrinkingSlab<Entry<T>>,
    inserted: u64,
}

#[derive(Debug)]
struct Entry<T> {
    /// The number of entries that were inserted before this one.
    before: u64,
    entry: T,
}

/// A moment in the life of a [`Places`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) struct Age(u64);

impl<T> Default for Places<T> {
    fn default() -> Self {
        Self { entries: ShrinkingSlab::default(), inserted: 0 }
    }
}

impl<T> Places<T> {
    /// Returns where the next entry will be put.
    pub(in crate::dispatch) fn next(&self) -> u32 {
        self.entries.next()
    }

    /// Makes room for more entries, if there is none.
    pub(in crate::dispatch) fn reserve(&mut self, more: usize) {
        self.entries.reserve(more);
    }

    /// Puts an entry into a free place. Returns the place.
    pub(in crate::dispatch) fn insert(&mut self, entry: T) -> u32 {
        let before = self.inserted;
        self.inserted += 1;
        self.entries.insert(Entry { before, entry })
    }

    /// Removes an entry and returns it.
    pub(in crate::dispatch) fn remove(&mut self, at: u32) -> T {
        self.entries.remove(at).entry
    }

    pub(in crate::dispatch) fn get(&self, at: u32) -> Option<&T> {
        self.entries.get(at).map(|entry| &entry.entry)
    }

    /// Returns the present moment.
    pub(in crate::dispatch) fn age(&self) -> Age {
        Age(self.inserted)
    }

    /// Returns the entry at a place if it was inserted before `until`.
    pub(in crate::dispatch) fn get_older(&self, at: u32, Age(until): Age) -> Option<&T> {
        self.entries.get(at).filter(|entry| entry.before < until).map(|entry| &entry.entry)
    }

    /// Returns a number that is above all places.
    pub(in crate::dispatch) fn end(&self) -> u32 {
        self.entries.end()
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|entry| &entry.entry)
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl<T> Index<u32> for Places<T> {
    type Output = T;

    #[inline]
    fn index(&self, at: u32) -> &T {
        &self.entries[at].entry
    }
}

impl<T> IndexMut<u32> for Places<T> {
    #[inline]
    fn index_mut(&mut self, at: u32) -> &mut T {
        &mut self.entries[at].entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scans the table in slices of one place, and calls `between` after each.
    fn met(table: &mut Places<u32>, mut between: impl FnMut(&mut Places<u32>, u32)) -> Vec<u32> {
        let (until, mut at, mut met) = (table.age(), 0, Vec::new());
        while at < table.end() {
            met.extend(table.get_older(at, until));
            between(table, at);
            at += 1;
        }
        met
    }

    #[test]
    fn a_pass_meets_each_entry_once_that_stays_and_none_that_came_later() {
        let mut table = Places::default();
        (0..100).for_each(|entry| assert_eq!(table.insert(entry), entry));
        assert_eq!(met(&mut table, |_, _| ()), (0..100).collect::<Vec<_>>());
        // Each odd entry is removed when its place has been passed, and comes back at that place or behind the others.
        let mut came = 100;
        let seen = met(&mut table, |table, at| {
            if at % 2 == 1 && at < 100 {
                table.remove(at);
                table.insert(came);
                table.insert(came + 1);
                came += 2;
            }
        });
        assert_eq!(seen, (0..100).collect::<Vec<_>>());
        assert!(table.len() == 150 && table.end() >= 150);
        // One that is removed before its place is reached is not met, and neither is its successor there.
        let seen = met(&mut table, |table, at| {
            if at == 10 {
                table.remove(50);
                assert_eq!(table.insert(7_777), 50);
            }
        });
        assert!(seen.len() == 149 && !seen.contains(&7_777));
    }
}
