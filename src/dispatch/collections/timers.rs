//! Timers that are set and cancelled in O(1): a hierarchical timing wheel.
//!
//! Time is counted in ticks of a millisecond. A level has 64 slots, and a slot of a level spans all slots of the level
//! below. A timer is at the level of the highest digit, to base 64, in which its tick differs from the wheel's. When
//! the wheel reaches a slot of a higher level, the timers of that slot move down.
//!
//! Invariants:
//! - No timer's tick is before the wheel's. So the first timer is in the first slot in use of the lowest level in use.
//! - Above the lowest level the slot of the wheel's own tick is empty, unless it is just being emptied. So the next
//!   call can continue an interrupted one from the state of the wheel alone.

use std::num::NonZeroU32;

use super::block_slab::BlockSlab;
use crate::dispatch::micros::Micros;

/// Microseconds of a tick.
const TICK: u64 = 1_000;
/// Bits of a tick that choose the slot at one level.
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
/// Enough for all times that a clock can reach: half a million years.
const LEVELS: usize = 9;
/// The last tick. Later times count as this one.
const TICK_MAX: u64 = (1 << (SLOT_BITS as usize * LEVELS)) - 1;
/// Bits of a node's `place` that hold its level.
const LEVEL_BITS: u32 = 4;

/// Keys by the time at which to return them.
#[derive(Debug)]
pub struct Timers<K> {
    nodes: BlockSlab<Node<K>>,
    wheel: Box<Wheel>,
    /// The wheel's tick. All timers before it have been returned.
    tick: u64,
    /// The level whose slot at `tick` was emptied last, or is being emptied.
    emptied: usize,
}

/// Names a timer that is set. The id may be reused as soon as the timer is cancelled or was returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(NonZeroU32);

#[derive(Debug)]
struct Wheel {
    /// One bit for each slot that has timers, by level.
    used: [u64; LEVELS],
    /// The first timer of each slot. Boxed with the bits, because a shard has several wheels.
    heads: [[Option<TimerId>; SLOTS]; LEVELS],
}

/// A timer, in the ring of its slot's timers. The first one's `prev` is the last.
#[derive(Debug)]
struct Node<K> {
    /// Its tick, and in the last bits its level. In one word, because there may be a million.
    place: u64,
    prev: TimerId,
    next: TimerId,
    key: K,
}

/// A slot of a level.
#[derive(Clone, Copy)]
struct Slot {
    level: usize,
    at: usize,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        let wheel = Wheel { used: [0; LEVELS], heads: [[None; SLOTS]; LEVELS] };
        Self { nodes: BlockSlab::default(), wheel: Box::new(wheel), tick: 0, emptied: 0 }
    }
}

impl<K> Timers<K> {
    /// Sets a timer. A time in the past is due at once. Costs O(1).
    #[inline]
    pub fn set(&mut self, due: Micros, key: K) -> TimerId {
        let due = due.0.div_ceil(TICK).clamp(self.tick, TICK_MAX);
        let make = |index| {
            let id = TimerId::of(index);
            Node { place: 0, prev: id, next: id, key }
        };
        let id = TimerId::of(self.nodes.insert(make));
        self.link(id, due);
        id
    }

    /// Removes a timer, and returns its key. Costs O(1).
    ///
    /// # Panics
    /// If the timer is not set: it was cancelled or returned before.
    pub fn cancel(&mut self, id: TimerId) -> K {
        let node = self.nodes.remove(id.index());
        self.leave_ring(id, node.prev, node.next, node.slot());
        node.key
    }

    /// Returns when to call [`Self::pop_due`] next: the time of the first timer, rounded up to a millisecond, or earlier
    /// if timers must be moved down. Costs O(1).
    pub fn next_due(&self) -> Option<Micros> {
        if self.is_empty() {
            return None;
        }
        let slot = self.first_used()?;
        let start = self.start_of(slot);
        let tick = self.lone_due(slot).filter(|_| start > self.tick).unwrap_or(start);
        Some(Micros(tick * TICK))
    }

    /// Removes the first timer that is due by `now`, and returns its key. Times are rounded up to whole milliseconds.
    /// Timers of the same millisecond are returned in the order in which they were set, except that a timer that is set
    /// while others are moving down may overtake them.
    ///
    /// Each timer that is returned or moved down costs one of `budget`. When the budget is used up, returns `None`; the
    /// next call continues, and [`Self::next_due`] is then a time that has passed.
    pub fn pop_due(&mut self, now: Micros, budget: &mut usize) -> Option<K> {
        let now = (now.0 / TICK).min(TICK_MAX);
        if self.is_empty() {
            self.tick = self.tick.max(now);
            return None;
        }
        while *budget > 0 {
            let Some(slot) = self.first_used().filter(|&slot| self.start_of(slot) <= now) else {
                self.tick = self.tick.max(now);
                return None;
            };
            self.go_to(slot, now);
            *budget -= 1;
            let id = self.wheel.heads[slot.level][slot.at].expect("a slot in use has a timer");
            if slot.level == 0 {
                return Some(self.cancel(id));
            }
            self.unlink(id);
            self.link(id, self.nodes[id.index()].due());
        }
        None
    }

    /// Returns how many timers are set.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Returns whether no timer is set.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves the wheel to the start of a slot, unless it is there already. If a slot has a single timer, the wheel may
    /// move directly to that timer's time, so that the timer moves down only once.
    fn go_to(&mut self, slot: Slot, now: u64) {
        let start = self.start_of(slot);
        if start > self.tick {
            self.tick = self.lone_due(slot).map_or(start, |due| due.min(now));
            self.emptied = slot.level;
        }
    }

    /// Returns the first slot in use. A slot that is being emptied comes before all others.
    fn first_used(&self) -> Option<Slot> {
        let emptied = Slot::of(self.tick, self.emptied);
        if self.wheel.used[emptied.level] & emptied.bit() != 0 {
            return Some(emptied);
        }
        let level = self.wheel.used.iter().position(|&used| used != 0)?;
        Some(Slot { level, at: self.wheel.used[level].trailing_zeros() as usize })
    }

    /// Returns the first tick of a slot.
    fn start_of(&self, slot: Slot) -> u64 {
        let shift = shift_of(slot.level);
        (self.tick >> shift >> SLOT_BITS << SLOT_BITS | slot.at as u64) << shift
    }

    /// Returns the tick of a slot's only timer.
    fn lone_due(&self, slot: Slot) -> Option<u64> {
        let id = self.wheel.heads[slot.level][slot.at]?;
        let node = &self.nodes[id.index()];
        (node.next == id).then(|| node.due())
    }

    /// Appends a timer to its slot.
    #[inline]
    fn link(&mut self, id: TimerId, due: u64) {
        let slot = Slot::of(due, ((due ^ self.tick) | 1).ilog2() as usize / SLOT_BITS as usize);
        let head = *self.wheel.heads[slot.level][slot.at].get_or_insert(id);
        self.wheel.used[slot.level] |= slot.bit();
        let last = if head == id { id } else { std::mem::replace(&mut self.nodes[head.index()].prev, id) };
        let node = &mut self.nodes[id.index()];
        node.place = due << LEVEL_BITS | slot.level as u64;
        (node.prev, node.next) = (last, head);
        if last != id {
            self.nodes[last.index()].next = id;
        }
    }

    /// Removes a timer from its slot.
    fn unlink(&mut self, id: TimerId) {
        let node = &self.nodes[id.index()];
        self.leave_ring(id, node.prev, node.next, node.slot());
    }

    /// Closes the gap between two neighbours of a timer.
    #[inline]
    fn leave_ring(&mut self, id: TimerId, prev: TimerId, next: TimerId, slot: Slot) {
        if next != id {
            self.nodes[prev.index()].next = next;
            self.nodes[next.index()].prev = prev;
        }
        let head = &mut self.wheel.heads[slot.level][slot.at];
        if next == id {
            *head = None;
            self.wheel.used[slot.level] &= !slot.bit();
        } else if *head == Some(id) {
            *head = Some(next);
        }
    }
}

impl<K> Node<K> {
    fn due(&self) -> u64 {
        self.place >> LEVEL_BITS
    }

    fn slot(&self) -> Slot {
        let level = self.place & ((1 << LEVEL_BITS) - 1);
        Slot::of(self.due(), usize::try_from(level).expect("levels are few"))
    }
}

impl Slot {
    /// Returns the slot of a tick at a level.
    fn of(tick: u64, level: usize) -> Self {
        let at = tick >> shift_of(level) & (SLOTS as u64 - 1);
        Self { level, at: usize::try_from(at).expect("slots are few") }
    }

    fn bit(self) -> u64 {
        1 << self.at
    }
}

impl TimerId {
    fn of(index: u32) -> Self {
        Self(NonZeroU32::MIN.checked_add(index).expect("memory ends before four billion timers"))
    }

    fn index(self) -> u32 {
        self.0.get() - 1
    }
}

/// Returns how far to shift a tick so that its last digit is that of a level.
fn shift_of(level: usize) -> usize {
    level * SLOT_BITS as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const HOUR_MS: u64 = 3_600_000;
    const DAY_MS: u64 = 24 * HOUR_MS;

    /// Timers beside a sorted list of them, and the clock.
    struct Both {
        timers: Timers<u64>,
        /// By tick and key. Keys are never used again.
        sorted: BTreeMap<(u64, u64), TimerId>,
        now: Micros,
        next_key: u64,
        random: u64,
    }

    impl Both {
        fn at(ms: u64) -> Self {
            let mut timers = Timers::default();
            let now = Micros::from_ms(ms);
            assert_eq!(timers.pop_due(now, &mut 1), None);
            Self { timers, sorted: BTreeMap::new(), now, next_key: 0, random: 1 }
        }

        fn draw(&mut self, below: u64) -> u64 {
            self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.random >> 33) % below
        }

        /// Draws a distance of 1 ms to 60 days; each size is as likely.
        fn draw_distance(&mut self) -> Micros {
            let size = 10 + self.draw(33);
            let micros = (1 << size) + (self.draw(1 << 16) << size >> 16);
            Micros(micros.min(60 * DAY_MS * TICK))
        }

        fn set(&mut self, due: Micros) {
            let tick = due.0.div_ceil(TICK).max(self.timers.tick);
            let id = self.timers.set(due, self.next_key);
            self.sorted.insert((tick, self.next_key), id);
            self.next_key += 1;
        }

        /// Cancels the timer that is due first after a time.
        fn cancel_after(&mut self, time: Micros) {
            if let Some((&place, &id)) = self.sorted.range((time.0 / TICK, 0)..).next() {
                self.sorted.remove(&place);
                assert_eq!(self.timers.cancel(id), place.1);
            }
        }

        /// Takes all that a budget allows. Returns what is left of it.
        fn pop(&mut self, mut budget: usize) -> usize {
            while let Some(key) = self.timers.pop_due(self.now, &mut budget) {
                let first = self.sorted.first_key_value().map(|(place, _)| *place).unwrap();
                assert!(first.0 * TICK <= self.now.0, "{key} comes before its time");
                assert!(self.sorted.remove(&(first.0, key)).is_some(), "{key} comes before {first:?}");
            }
            self.check(budget > 0);
            budget
        }

        /// Returns where each timer is.
        fn places(&self) -> BTreeMap<u64, u64> {
            self.timers.nodes.iter_with_index().map(|(_, node)| (node.key, node.place)).collect()
        }

        fn check(&self, all_done: bool) {
            assert_eq!(self.timers.len(), self.sorted.len());
            let first = self.sorted.first_key_value().map(|(&(tick, _), _)| Micros(tick * TICK));
            let next = self.timers.next_due();
            assert_eq!(next.is_some(), first.is_some());
            assert!(next <= first, "{first:?} is due before {next:?}");
            assert!(!all_done || next.is_none_or(|next| next > self.now), "nothing is to do at {next:?}");
        }
    }

    #[test]
    fn random_operations_agree_with_a_sorted_list() {
        // From the start of the clock, and across a border of many levels.
        for start_ms in [0, (1 << 36) - 10 * DAY_MS] {
            let mut both = Both::at(start_ms);
            for _ in 0..100_000 {
                let distance = both.draw_distance();
                match both.draw(10) {
                    0..=3 => both.set(both.now + distance),
                    4 => both.set(Micros(both.now.since(distance).0)),
                    5 => both.cancel_after(both.now + distance),
                    6 => both.now = both.now + Micros(both.draw(3_000)),
                    7 if both.draw(100) == 0 => both.now = both.now + distance,
                    8 => {
                        if let Some(next) = both.timers.next_due() {
                            both.now = both.now.max(next);
                            assert_eq!(both.pop(1), 0, "there is something to do then");
                        }
                    }
                    _ => {
                        let budget = both.draw(30);
                        both.pop(usize::try_from(budget).unwrap());
                    }
                }
                both.check(false);
            }
            assert!(both.sorted.len() > 1_000 && both.next_key > 40_000);
            both.now = both.now + Micros::from_ms(61 * DAY_MS);
            both.pop(usize::MAX);
            assert!(both.sorted.is_empty());
        }
    }

    #[test]
    fn no_call_moves_more_timers_than_its_budget_and_the_next_goes_on() {
        let mut both = Both::at(1);
        let due = |i: u64| Micros::from_ms(10 * HOUR_MS + i % 1_000);
        (0..3_000).for_each(|i| both.set(due(i)));
        both.now = Micros::from_ms(10 * HOUR_MS + 500);
        let (mut calls, mut left) = (0, 0);
        while left == 0 {
            // Past, in the middle of what is moving down, and later. One that waits to be moved down is cancelled.
            if calls % 4 == 0 && calls < 1_000 {
                both.set(Micros::from_ms(calls));
                both.set(due(calls));
                both.set(both.now + Micros::from_ms(20 * HOUR_MS));
                both.cancel_after(due(calls * 7));
            }
            let before = both.places();
            left = both.pop(7);
            let after = both.places();
            let moved = before.iter().filter(|(key, place)| after.get(key) != Some(place)).count();
            assert!(moved <= 7 - left, "{moved} were moved, {left} are left");
            calls += 1;
        }
        assert!(calls > 3_000 / 7);
        both.now = both.now + Micros::from_ms(30 * HOUR_MS);
        both.pop(usize::MAX);
        assert_eq!((both.sorted.len(), both.next_key), (0, 3_750));
    }

    #[test]
    fn a_timer_is_due_at_the_end_of_its_millisecond() {
        let mut timers = Timers::default();
        for (due, key) in [(5_000_001, 'b'), (5_000_000, 'a')] {
            timers.set(Micros(due), key);
        }
        let mut pop = |now| timers.pop_due(Micros(now), &mut 9);
        assert_eq!(
            (pop(4_999_999), pop(5_000_000), pop(5_000_999), pop(5_001_000)),
            (None, Some('a'), None, Some('b'))
        );
    }

    #[test]
    fn of_one_tick_the_one_that_was_set_first_comes_first() {
        let mut timers = Timers::default();
        let due = Micros::from_ms(DAY_MS);
        (0..200).for_each(|key| _ = timers.set(due, key));
        assert_eq!(timers.pop_due(Micros::from_ms(DAY_MS - 70), &mut 10_000), None);
        (200..400).for_each(|key| _ = timers.set(due, key));
        assert_eq!(timers.pop_due(Micros::from_ms(DAY_MS - 1), &mut 10_000), None);
        (400..600).for_each(|key| _ = timers.set(due, key));
        let keys = std::iter::from_fn(|| timers.pop_due(due, &mut 10_000));
        assert!(keys.eq(0..600));
    }

    #[test]
    fn a_lone_timer_moves_down_once_and_its_time_is_known() {
        let mut timers = Timers::default();
        timers.set(Micros::from_ms(30 * DAY_MS + 7), 'a');
        assert_eq!(timers.next_due(), Some(Micros::from_ms(30 * DAY_MS + 7)));
        let mut budget = 9;
        assert_eq!(timers.pop_due(Micros::from_ms(31 * DAY_MS), &mut budget), Some('a'));
        assert_eq!(budget, 7);
    }

    #[test]
    fn after_a_long_rest_a_short_timer_is_near() {
        let mut timers = Timers::default();
        assert_eq!(timers.pop_due(Micros::from_ms(30 * DAY_MS), &mut 9), None);
        let due = Micros::from_ms(30 * DAY_MS + 100);
        timers.set(due, 'a');
        timers.set(due, 'b');
        let mut budget = 9;
        assert_eq!(std::iter::from_fn(|| timers.pop_due(due, &mut budget)).count(), 2);
        assert_eq!(budget, 5, "each moves down once");
    }

    #[test]
    fn a_time_that_never_comes_can_be_set() {
        let mut timers = Timers::default();
        timers.set(Micros(u64::MAX), 'a');
        assert_eq!(timers.pop_due(Micros::from_ms(10_000 * DAY_MS), &mut 9), None);
        assert_eq!(timers.pop_due(Micros(u64::MAX), &mut 9), Some('a'));
    }

    #[test]
    fn cancelled_timers_give_their_memory_back() {
        let mut timers = Timers::default();
        let first = timers.set(Micros::from_ms(DAY_MS), 0);
        let ids: Vec<TimerId> = (1..=1_000_000).map(|i| timers.set(Micros::from_ms(i * 977 % DAY_MS), i)).collect();
        // In an order that has nothing to do with their times.
        for (i, key) in (0..1_000_000_u64).map(|i| i * 7_919 % 1_000_000).map(|i| (i, i + 1)) {
            assert_eq!(timers.cancel(ids[usize::try_from(i).unwrap()]), key);
        }
        assert_eq!(timers.len(), 1);
        assert!(timers.nodes.capacity() <= 256, "there is room for {}", timers.nodes.capacity());
        assert_eq!((timers.next_due(), timers.cancel(first)), (Some(Micros::from_ms(DAY_MS)), 0));
        assert_eq!((timers.next_due(), timers.wheel.used), (None, [0; LEVELS]));
    }

    #[test]
    #[should_panic(expected = "invalid key")]
    fn a_timer_is_not_cancelled_twice() {
        let mut timers = Timers::default();
        let id = timers.set(Micros(1), 'a');
        timers.set(Micros(1), 'b');
        timers.cancel(id);
        timers.cancel(id);
    }

    #[test]
    fn an_entry_is_small() {
        assert_eq!(size_of::<Option<TimerId>>(), 4);
        // As in a slab: a vacant place holds the next one.
        assert_eq!(size_of::<Result<Node<[u32; 2]>, usize>>(), 24);
        assert!(size_of::<Timers<[u32; 2]>>() <= 80);
    }
}
