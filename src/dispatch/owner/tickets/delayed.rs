//! Counts the delayed jobs of each type at this shard.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use crate::dispatch::collections::places::{Age, Places};

/// The delayed jobs of each type that has any.
#[derive(Debug)]
pub(in crate::dispatch) struct DelayedByType {
    by_name: HashTable<u32>,
    types: Places<OfType>,
    hashes: RandomState,
}

#[derive(Debug)]
struct OfType {
    name: Arc<str>,
    jobs: u64,
}

impl DelayedByType {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self { by_name: HashTable::new(), types: Places::default(), hashes: maps }
    }

    /// Counts a job of a type that is delayed from now on.
    pub(super) fn count(&mut self, type_name: &str) {
        let Self { by_name, types, hashes } = self;
        let is_of = |&at: &u32| *types[at].name == *type_name;
        match by_name.entry(hashes.hash_one(type_name), is_of, |&at| hashes.hash_one(&*types[at].name)) {
            Entry::Occupied(at) => types[*at.get()].jobs += 1,
            Entry::Vacant(entry) => {
                entry.insert(types.next());
                types.insert(OfType { name: type_name.into(), jobs: 1 });
            }
        }
    }

    /// Uncounts a job of a type that is no longer delayed. The table of names shrinks when an eighth of it is in use.
    pub(super) fn uncount(&mut self, type_name: &str) {
        let Self { by_name, types, hashes } = self;
        let is_of = |&at: &u32| *types[at].name == *type_name;
        let entry = by_name.find_entry(hashes.hash_one(type_name), is_of).expect("it was counted");
        let at = *entry.get();
        types[at].jobs -= 1;
        if types[at].jobs == 0 {
            entry.remove();
            if by_name.len() < by_name.capacity() / 8 {
                by_name.shrink_to(by_name.len() * 2, |&at| hashes.hash_one(&*types[at].name));
            }
            types.remove(at);
        }
    }

    /// Returns how many jobs of a type are delayed, if any are.
    pub(in crate::dispatch) fn of(&self, type_name: &str) -> Option<u64> {
        let is_of = |&at: &u32| *self.types[at].name == *type_name;
        self.by_name.find(self.hashes.hash_one(type_name), is_of).map(|&at| self.types[at].jobs)
    }

    /// Returns the type at a place and how many of its jobs are delayed, if the type has had delayed jobs without a
    /// break since before `until`.
    pub(in crate::dispatch) fn at(&self, place: u32, until: Age) -> Option<(&Arc<str>, u64)> {
        self.types.get_older(place, until).map(|of| (&of.name, of.jobs))
    }

    /// Iterates over the types that have delayed jobs here, with their numbers.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        self.types.iter().map(|of| (&of.name, of.jobs))
    }

    /// Returns the present age of the types' places, and a number above all places.
    pub(in crate::dispatch) fn places(&self) -> (Age, u32) {
        (self.types.age(), self.types.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::collections::shrink_check::ShrinkCheck;

    #[test]
    fn the_table_of_delayed_jobs_gives_its_room_back_as_types_go() {
        let mut delayed = DelayedByType::new(RandomState::with_seeds(1, 2, 3, 4));
        let types: Vec<String> = (0..10_000).map(|nth| format!("t{nth}")).collect();
        for name in types.iter().chain(&types) {
            delayed.count(name);
        }
        assert_eq!((delayed.of("t5"), delayed.of("t10000")), (Some(2), None));
        for name in &types {
            delayed.uncount(name);
        }
        let (mut room, most) = (ShrinkCheck::of(8), delayed.by_name.capacity());
        for name in &types {
            let before = delayed.by_name.capacity();
            delayed.uncount(name);
            room.saw(delayed.by_name.len(), before, delayed.by_name.capacity());
        }
        room.check_all_back(most);
        assert_eq!((delayed.of("t5"), delayed.types.len()), (None, 0));
    }
}
