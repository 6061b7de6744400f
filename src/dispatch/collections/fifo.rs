//! A first-in-first-out list for one entry or a million.
//!
//! The first entry is in the list itself, so a single entry needs no further memory. The others are in blocks. So a
//! list grows without moving its entries, has little unused memory, and frees its memory block by block. Moving a
//! million jobs would take milliseconds, and the memory of both copies.
//!
//! An entry can also be taken from the middle by its key, if keys grow along the list. Only its block changes then. A
//! block that becomes empty is replaced by one of its keys, so that keys still grow from block to block and the search
//! stays binary. When more than half of the blocks are such keys, all of them are removed at once.

use std::collections::VecDeque;

/// The size of a block in bytes. It is large enough that its overhead does not matter. It is small enough that unused
/// memory in the last block does not matter. Allocators waste nothing of it.
const BLOCK_BYTES: usize = 4_096;

/// A first-in-first-out list.
#[derive(Debug)]
pub(in crate::dispatch) struct Fifo<T> {
    /// `None` only if the list is empty.
    first: Option<T>,
    /// The other entries. Boxed, because most lists have at most one entry. Kept when empty, for the next entry.
    rest: Option<Box<Rest<T>>>,
}

/// The entries of a list after the first.
#[derive(Debug)]
struct Rest<T> {
    /// The blocks in order. Invariant: the first and the last have entries. A single block may be empty; it is kept for
    /// the next entry.
    blocks: VecDeque<Block<T>>,
    /// Entries.
    len: usize,
    /// The number of blocks of which only a key is left.
    gone: usize,
}

#[derive(Debug)]
enum Block<T> {
    Entries(VecDeque<T>),
    /// All entries were taken. This is one of their keys.
    Gone(u64),
}

impl<T> Default for Fifo<T> {
    fn default() -> Self {
        Self { first: None, rest: None }
    }
}

impl<T> Fifo<T> {
    /// Appends an entry.
    #[inline]
    pub(in crate::dispatch) fn push(&mut self, entry: T) {
        if self.first.is_none() {
            self.first = Some(entry);
            return;
        }
        match &mut self.rest {
            Some(rest) => rest.push(entry),
            rest => rest.insert(Box::default()).push(entry),
        }
    }

    /// Takes the first entry.
    #[inline]
    pub(in crate::dispatch) fn pop(&mut self) -> Option<T> {
        let next = self.rest.as_mut().and_then(|rest| rest.pop());
        std::mem::replace(&mut self.first, next)
    }

    /// Takes the entry at a place. Costs O(1) for the first, and O(n) otherwise, because the list is rebuilt.
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

    /// Takes the entry that has a key. Keys must grow along the list, and must not change. Costs O(log n), averaged over
    /// many calls.
    pub(in crate::dispatch) fn take_by_key(&mut self, key: u64, key_of: impl Fn(&T) -> u64) -> Option<T> {
        if key_of(self.first.as_ref()?) == key {
            return self.pop();
        }
        self.rest.as_mut()?.take_by_key(key, key_of)
    }

    /// Returns the entry that has a key. Keys must grow along the list, and must not change. Costs O(log n).
    pub(in crate::dispatch) fn get_by_key(&mut self, key: u64, key_of: impl Fn(&T) -> u64) -> Option<&mut T> {
        let first = self.first.as_mut()?;
        if key_of(first) == key {
            return Some(first);
        }
        let rest = self.rest.as_mut()?;
        let (block, at) = rest.find(key, key_of)?;
        rest.blocks[block].entries_mut()?.get_mut(at)
    }

    pub(in crate::dispatch) fn first(&self) -> Option<&T> {
        self.first.as_ref()
    }

    pub(in crate::dispatch) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.len)
    }

    /// Iterates from first to last.
    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &T> {
        let blocks = self.rest.iter().flat_map(|rest| &rest.blocks);
        self.first.iter().chain(blocks.filter_map(Block::entries).flatten())
    }

    /// Returns all entries, in order.
    pub(in crate::dispatch) fn into_entries(self) -> impl Iterator<Item = T> {
        let blocks = self.rest.into_iter().flat_map(|rest| rest.blocks);
        self.first.into_iter().chain(blocks.filter_map(Block::into_entries).flatten())
    }
}

impl<T> Default for Rest<T> {
    fn default() -> Self {
        Self { blocks: VecDeque::new(), len: 0, gone: 0 }
    }
}

impl<T> Rest<T> {
    /// Entries of a full block.
    const BLOCK: usize = BLOCK_BYTES / size_of::<T>();

    #[inline]
    fn push(&mut self, entry: T) {
        self.len += 1;
        match self.blocks.back_mut() {
            Some(Block::Entries(block)) if block.len() < Self::BLOCK => {
                if block.len() == block.capacity() {
                    block.reserve_exact(block.len().clamp(1, Self::BLOCK - block.len()));
                }
                block.push_back(entry);
            }
            // The first block grows with its entries, because most lists are short; further ones will be filled.
            last => {
                let mut block = VecDeque::with_capacity(if last.is_some() { Self::BLOCK } else { 1 });
                block.push_back(entry);
                self.blocks.push_back(Block::Entries(block));
            }
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<T> {
        let Some(Block::Entries(block)) = self.blocks.front_mut() else { return None };
        let entry = block.pop_front()?;
        self.len -= 1;
        if block.is_empty() && self.blocks.len() > 1 {
            self.drop_front();
        }
        Some(entry)
    }

    /// Removes the first block, which has become empty. Not inlined into the path of every job.
    #[inline(never)]
    fn drop_front(&mut self) {
        self.blocks.pop_front();
        self.tidy();
    }

    /// Returns the block of the entry that has a key, and its place there.
    #[inline]
    fn find(&self, key: u64, key_of: impl Fn(&T) -> u64) -> Option<(usize, usize)> {
        let begins_by_key = |block: &Block<T>| match block {
            Block::Entries(block) => block.front().is_some_and(|entry| key_of(entry) <= key),
            Block::Gone(gone) => *gone <= key,
        };
        let at = self.blocks.partition_point(begins_by_key).checked_sub(1)?;
        let block = self.blocks[at].entries()?;
        Some((at, block.binary_search_by_key(&key, key_of).ok()?))
    }

    fn take_by_key(&mut self, key: u64, key_of: impl Fn(&T) -> u64) -> Option<T> {
        let (at, nth) = self.find(key, key_of)?;
        let block = self.blocks[at].entries_mut()?;
        let entry = block.remove(nth)?;
        self.len -= 1;
        if block.len() < block.capacity() / 4 {
            block.shrink_to(block.len() * 2);
        }
        if block.is_empty() && self.blocks.len() > 1 {
            self.blocks[at] = Block::Gone(key);
            self.gone += 1;
            self.tidy();
        }
        Some(entry)
    }

    /// Restores the invariant after a block was removed, and limits the number of blocks of which only a key is left.
    /// Costs O(1), averaged over the blocks that become empty.
    fn tidy(&mut self) {
        while let Some(Block::Gone(_)) = self.blocks.front() {
            self.blocks.pop_front();
            self.gone -= 1;
        }
        while let Some(Block::Gone(_)) = self.blocks.back() {
            self.blocks.pop_back();
            self.gone -= 1;
        }
        if self.gone > self.blocks.len() / 2 {
            self.blocks.retain(|block| matches!(block, Block::Entries(_)));
            self.gone = 0;
        }
        if self.blocks.len() < self.blocks.capacity() / 4 {
            self.blocks.shrink_to(self.blocks.len() * 2);
        }
    }
}

impl<T> Block<T> {
    fn entries(&self) -> Option<&VecDeque<T>> {
        match self {
            Self::Entries(entries) => Some(entries),
            Self::Gone(_) => None,
        }
    }

    fn entries_mut(&mut self) -> Option<&mut VecDeque<T>> {
        match self {
            Self::Entries(entries) => Some(entries),
            Self::Gone(_) => None,
        }
    }

    fn into_entries(self) -> Option<VecDeque<T>> {
        match self {
            Self::Entries(entries) => Some(entries),
            Self::Gone(_) => None,
        }
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
        assert_eq!((fifo.pop(), fifo.len(), blocks(&fifo).len() <= 1), (None, 0, true));
    }

    fn blocks<T>(fifo: &Fifo<T>) -> Vec<&VecDeque<T>> {
        fifo.rest.iter().flat_map(|rest| &rest.blocks).filter_map(Block::entries).collect()
    }

    /// Returns for how many entries there is room in blocks.
    fn room<T>(fifo: &Fifo<T>) -> usize {
        blocks(fifo).into_iter().map(VecDeque::capacity).sum()
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
            let before = room(&fifo);
            fifo.push(Entry::default());
            let (room, blocks) = (room(&fifo), blocks(&fifo));
            assert!(room < 2 * pushed || room < pushed + Rest::<Entry>::BLOCK, "{pushed} entries take room for {room}");
            assert!(blocks.iter().all(|block| block.capacity() * 24 <= BLOCK_BYTES));
            moves += usize::from(blocks.len() == 1 && room != before);
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
        assert!(fifo.rest.is_none());
    }

    struct Random(u64);

    impl Random {
        fn draw(&mut self, below: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % below
        }

        /// Returns the numbers from 1 to `n` in random order.
        fn shuffled(&mut self, n: u64) -> Vec<u64> {
            let mut numbers: Vec<u64> = (1..=n).collect();
            (1..numbers.len()).for_each(|i| numbers.swap(i, self.draw(i + 1)));
            numbers
        }
    }

    /// A key in an entry so large that a block has eight.
    type Large = [u64; 64];

    #[test]
    fn entries_are_taken_by_key_from_anywhere() {
        let mut random = Random(1);
        // Whether it grows or shrinks on the whole changes, so that it has several blocks and none.
        let (mut fifo, mut plain, mut key, mut longest) = (Fifo::default(), VecDeque::new(), 0, 0);
        for round in 0..60_000 {
            let grows = round / 6_000 % 2 == 0;
            match random.draw(if grows { 6 } else { 12 }) {
                0..4 => {
                    key += 1 + random.draw(3) as u64;
                    fifo.push([key; 64]);
                    plain.push_back(key);
                }
                4 => assert_eq!(fifo.pop().map(|entry| entry[0]), plain.pop_front()),
                _ => {
                    // Sometimes one that there is not, at the ends and between.
                    let wanted = random.draw(2_000) as u64 + plain.front().copied().unwrap_or(key) - 1;
                    let at = plain.binary_search(&wanted).ok();
                    let found = fifo.get_by_key(wanted, |entry| entry[0]).map(|entry| entry[0]);
                    let taken = fifo.take_by_key(wanted, |entry| entry[0]).map(|entry| entry[0]);
                    assert_eq!(found, taken);
                    assert_eq!(taken, at.and_then(|at| plain.remove(at)));
                }
            }
            longest = longest.max(plain.len());
            let first = fifo.first().map(|entry| &entry[0]);
            assert_eq!((fifo.len(), fifo.is_empty(), first), (plain.len(), plain.is_empty(), plain.front()));
            if round % 16 == 0 {
                assert!(fifo.iter().map(|entry| &entry[0]).eq(&plain), "in round {round}");
                check_blocks(&fifo);
            }
        }
        assert!(longest > 2_000, "it was never longer than {longest}");
        assert!(fifo.into_entries().map(|entry| entry[0]).eq(plain));
    }

    /// Checks the invariants of the blocks.
    #[track_caller]
    fn check_blocks(fifo: &Fifo<Large>) {
        let Some(rest) = &fifo.rest else { return };
        let held = blocks(fifo);
        assert_eq!(rest.len, held.iter().map(|block| block.len()).sum::<usize>());
        assert_eq!(rest.gone, rest.blocks.len() - held.len());
        assert!(rest.gone <= rest.blocks.len() / 2);
        assert!(held.len() <= 1 || held.iter().all(|block| !block.is_empty()));
        for end in [rest.blocks.front(), rest.blocks.back()] {
            assert!(!matches!(end, Some(Block::Gone(_))));
        }
    }

    #[test]
    fn entries_that_are_taken_from_the_middle_give_their_memory_back() {
        const MANY: u64 = 1_000_000;
        let upwards = (1..=MANY).collect();
        for order in [Random(1).shuffled(MANY), upwards, (1..=MANY).rev().collect()] {
            let mut fifo = Fifo::default();
            (0..=MANY).for_each(|key| fifo.push(key));
            for (key, left) in order.into_iter().zip((0..MANY).rev()) {
                assert_eq!(fifo.take_by_key(key, |key| *key), Some(key));
                if left % 1_024 == 0 {
                    let left = usize::try_from(left).unwrap();
                    assert!(room(&fifo) <= left * 4 + 2 * Rest::<u64>::BLOCK, "{left} have room for {}", room(&fifo));
                    assert!(fifo.rest.as_ref().unwrap().blocks.capacity() <= left * 16 + 64);
                }
            }
            let rest = fifo.rest.as_ref().unwrap();
            assert_eq!((fifo.first(), fifo.len(), room(&fifo)), (Some(&0), 1, 0));
            assert!(rest.blocks.capacity() <= 8, "there is room for {} blocks", rest.blocks.capacity());
        }
    }

    #[test]
    fn the_blocks_are_not_passed_over_at_each_removal() {
        let (mut fifo, mut random) = (Fifo::default(), Random(1));
        (0..=100_000).for_each(|key| fifo.push([key; 64]));
        let (mut shorter, mut gone_most) = (0, 0);
        for key in random.shuffled(100_000) {
            let before = fifo.rest.as_ref().unwrap().blocks.len();
            assert!(fifo.take_by_key(key, |entry| entry[0]).is_some());
            let rest = fifo.rest.as_ref().unwrap();
            shorter += usize::from(rest.blocks.len() < before);
            gone_most = gone_most.max(rest.gone);
        }
        assert!(gone_most <= 100_000 / 8 / 2, "{gone_most} blocks were empty at once");
        // Half of them are removed at a time, and some at the ends.
        assert!(shorter <= 60, "blocks were removed {shorter} times");
    }

    #[test]
    fn a_search_looks_at_few_entries() {
        let (mut fifo, mut random) = (Fifo::default(), Random(1));
        (0..=100_000).for_each(|key| fifo.push(key));
        let looks = std::cell::Cell::new(0);
        for key in random.shuffled(100_000) {
            looks.set(0);
            assert_eq!(
                fifo.take_by_key(key, |key| {
                    looks.set(looks.get() + 1);
                    *key
                }),
                Some(key)
            );
            assert!(looks.get() <= 24, "{} entries were looked at", looks.get());
        }
    }

    #[test]
    fn a_block_takes_no_memory_for_being_gone_and_a_list_little_for_its_blocks() {
        assert_eq!(size_of::<Block<u64>>(), size_of::<VecDeque<u64>>());
        assert_eq!(size_of::<Fifo<Box<u64>>>(), 2 * size_of::<usize>());
    }
}
