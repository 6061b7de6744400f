//! Hash tables that grow and shrink in small steps.
//!
//! A common hash table moves all its entries when it doubles. With a million entries that takes a hundred milliseconds,
//! in which a shard serves no connection. Here a table consists of 256 parts, and each of them grows by itself.

use std::hash::Hash;

use ahash::RandomState;
use hashbrown::HashTable;

/// The number of parts. A million entries are then moved 4,000 at a time.
const PARTS: usize = 256;
/// Where a hash names the part. The parts themselves use the bits below and above.
const PART_SHIFT: u32 = 48;

/// A hash table in parts. Callers give the hash of each entry. It must not change, and all its bits count.
#[derive(Debug)]
pub(in crate::dispatch) struct PartedTable<T> {
    parts: Box<[HashTable<T>; PARTS]>,
}

impl<T> Default for PartedTable<T> {
    fn default() -> Self {
        Self { parts: Box::new([const { HashTable::new() }; PARTS]) }
    }
}

impl<T> PartedTable<T> {
    /// Returns the part in which entries with this hash are. Use [`Self::remove`] for a removal.
    #[inline]
    pub(in crate::dispatch) fn part(&mut self, hash: u64) -> &mut HashTable<T> {
        &mut self.parts[place(hash)]
    }

    /// Returns the entry with this hash for which `is_it` returns true.
    #[inline]
    pub(in crate::dispatch) fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.parts[place(hash)].find(hash, is_it)
    }

    /// Removes and returns the entry with this hash for which `is_it` returns true. The part shrinks when an eighth of
    /// it is in use.
    #[inline]
    pub(in crate::dispatch) fn remove(
        &mut self,
        hash: u64,
        is_it: impl FnMut(&T) -> bool,
        hash_of: impl Fn(&T) -> u64,
    ) -> Option<T> {
        let part = self.part(hash);
        let (removed, _) = part.find_entry(hash, is_it).ok()?.remove();
        if part.len() < part.capacity() / 8 {
            part.shrink_to(part.len() * 2, hash_of);
        }
        Some(removed)
    }

    /// Returns the number of entries. A pass over the parts.
    pub(in crate::dispatch) fn len(&self) -> usize {
        self.parts.iter().map(HashTable::len).sum()
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &T> {
        self.parts.iter().flatten()
    }

    /// Returns the number of entries for which there is memory.
    #[cfg(test)]
    fn capacity(&self) -> usize {
        self.parts.iter().map(HashTable::capacity).sum()
    }

    /// Returns whether it is empty, and has no more memory than the smallest parts take.
    #[cfg(test)]
    pub(in crate::dispatch) fn is_as_new(&self) -> bool {
        self.len() == 0 && self.capacity() <= 7 * PARTS
    }
}

/// Returns which part has the entries with this hash.
#[inline]
fn place(hash: u64) -> usize {
    (hash >> PART_SHIFT) as usize % PARTS
}

/// A map that is a [`PartedTable`].
#[derive(Debug)]
pub(in crate::dispatch) struct PartedMap<K, V> {
    table: PartedTable<(K, V)>,
    hashes: RandomState,
}

impl<K: Hash + Eq, V> PartedMap<K, V> {
    pub(in crate::dispatch) fn new(hashes: RandomState) -> Self {
        Self { table: PartedTable::default(), hashes }
    }

    /// Adds a value. The key has none yet.
    #[inline]
    pub(in crate::dispatch) fn insert(&mut self, key: K, value: V) {
        debug_assert!(self.get(&key).is_none(), "the key has a value");
        let hash = self.hashes.hash_one(&key);
        self.table.part(hash).insert_unique(hash, (key, value), |(key, _)| self.hashes.hash_one(key));
    }

    #[inline]
    pub(in crate::dispatch) fn remove(&mut self, key: &K) -> Option<V> {
        let hash = self.hashes.hash_one(key);
        let hash_of = |(key, _): &(K, V)| self.hashes.hash_one(key);
        self.table.remove(hash, |(other, _)| other == key, hash_of).map(|(_, value)| value)
    }

    pub(in crate::dispatch) fn get(&self, key: &K) -> Option<&V> {
        let hash = self.hashes.hash_one(key);
        self.table.find(hash, |(other, _)| other == key).map(|(_, value)| value)
    }

    pub(in crate::dispatch) fn keys(&self) -> impl Iterator<Item = &K> {
        self.table.iter().map(|(key, _)| key)
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.table.len()
    }

    #[cfg(test)]
    pub(in crate::dispatch) fn is_as_new(&self) -> bool {
        self.table.is_as_new()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const MANY: u32 = 100_000;

    fn empty() -> PartedMap<u32, u32> {
        PartedMap::new(RandomState::with_seeds(1, 2, 3, 4))
    }

    #[test]
    fn random_operations_agree_with_a_common_map() {
        let (mut map, mut common) = (empty(), HashMap::new());
        let mut random = 1_u64;
        let mut draw = |below: u32| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            u32::try_from((random >> 33) % u64::from(below)).unwrap()
        };
        // Phases in which it grows, and in which it shrinks.
        for phase in 0..8 {
            for step in 0..40_000 {
                let key = draw(30_000);
                assert_eq!(map.get(&key), common.get(&key));
                assert_eq!(map.remove(&key), common.remove(&key));
                if draw(8) < [6, 1][phase % 2] {
                    map.insert(key, step);
                    common.insert(key, step);
                }
            }
            assert_eq!(map.len(), common.len());
            assert!(map.keys().all(|key| common.contains_key(key)));
        }
    }

    #[test]
    fn no_operation_makes_or_frees_room_for_more_than_a_part() {
        let mut map = empty();
        let mut room = map.table.capacity();
        let mut most = 0;
        let mut check = |map: &PartedMap<u32, u32>| {
            let now = map.table.capacity();
            most = most.max(now.abs_diff(room));
            room = now;
        };
        for key in 0..MANY {
            map.insert(key, key);
            check(&map);
        }
        let full = map.table.capacity();
        for key in 0..MANY {
            map.remove(&key);
            check(&map);
        }
        assert!(most <= full / PARTS * 4, "room for {most} at once");
        assert!(map.is_as_new());
    }
}
