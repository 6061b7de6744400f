//! The figures of types at one shard: how jobs ended, how long they waited, and how long workers had them.
//!
//! A limited number of types have figures of their own. The home of a type decides this at the type's first job, and
//! marks all its jobs, so every shard counts the jobs of a type in the same place. The decision and the figures stay:
//! they outlive pools and queues, and no figure ever decreases. Jobs of all other types are counted together.
//!
//! Each shard counts its own events: a home counts jobs that end in its queues, an owner counts jobs that its workers
//! were sent and have answered.

use std::sync::Arc;

use hashbrown::HashTable;

use super::answer::Reason;
use super::ids::{TypeHash, TypeRef};
use super::micros::Micros;
use crate::metrics::Figures;

/// The place of a type's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FiguresId(u32);

impl FiguresId {
    /// The common figures of all types without their own.
    pub(super) const OTHER: Self = Self(0);
    /// Not known yet: no job of the type has been here.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);
}

/// The figures of a shard.
#[derive(Debug)]
pub(super) struct TypeFigures {
    /// All figures. The first entry is the sum of the other types.
    entries: Vec<Entry>,
    /// The other entries, by the name of their type.
    by_name: HashTable<u32>,
    /// Types that have figures of their own and whose home this shard is.
    homed: usize,
    homed_max: usize,
}

#[derive(Debug)]
struct Entry {
    of: TypeRef,
    figures: Figures,
}

impl TypeFigures {
    /// Returns empty figures, for at most `homed_max` types whose home the shard is, and for any number of other homes'
    /// types.
    pub(super) fn new(homed_max: usize) -> Self {
        let nothing = TypeRef { name: Arc::from(""), hash: TypeHash(0) };
        Self {
            entries: vec![Entry { of: nothing, figures: Figures::default() }],
            by_name: HashTable::new(),
            homed: 0,
            homed_max,
        }
    }

    /// Decides whether a type of this home has figures of its own. Called for the type's first job, and again after its
    /// queue was removed; the answer stays the same.
    pub(super) fn decide(&mut self, type_name: &str, hash: TypeHash) -> bool {
        if self.find(type_name, hash).is_some() {
            return true;
        }
        let decided = self.homed < self.homed_max;
        if decided {
            self.homed += 1;
            self.enter(type_name, hash);
        }
        decided
    }

    /// Returns where a job is counted, given whether its home has marked it.
    pub(super) fn place_of(&mut self, has_figures: bool, type_name: &str, hash: TypeHash) -> FiguresId {
        if !has_figures {
            return FiguresId::OTHER;
        }
        self.find(type_name, hash).unwrap_or_else(|| self.enter(type_name, hash))
    }

    /// Counts a job that was sent to a worker for the first time.
    #[inline]
    pub(super) fn sent(&mut self, id: FiguresId, wait: Micros) {
        self.get(id).wait.record(wait.0);
    }

    /// Counts a job that its worker has answered.
    #[inline]
    pub(super) fn answered(&mut self, id: FiguresId, run: Micros, done: bool) {
        let figures = self.get(id);
        figures.run.record(run.0);
        *(if done { &mut figures.outcomes.done } else { &mut figures.outcomes.failed }) += 1;
    }

    /// Counts `n` jobs that the server has ended.
    pub(super) fn ended(&mut self, id: FiguresId, reason: Reason, n: u64) {
        let outcomes = &mut self.get(id).outcomes;
        *match reason {
            Reason::GaveUp => &mut outcomes.gave_up,
            Reason::Shutdown => &mut outcomes.shutdown,
            Reason::Cancelled => &mut outcomes.cancelled,
            Reason::Expired => &mut outcomes.expired,
            Reason::TimedOut => &mut outcomes.timed_out,
            Reason::NoWorker | Reason::TooLate => &mut outcomes.no_worker,
            Reason::NoBridge => &mut outcomes.no_bridge,
        } += n;
    }

    /// Counts a worker that was lost while it held a job.
    pub(super) fn lost(&mut self, id: FiguresId) {
        self.get(id).outcomes.workers_lost += 1;
    }

    /// Returns the figures of a type, if it has its own at this shard.
    pub(super) fn of(&self, type_name: &str, hash: TypeHash) -> Option<&Figures> {
        self.find(type_name, hash).map(|FiguresId(index)| &self.entries[index as usize].figures)
    }

    /// Iterates over the types that have figures of their own here.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Figures)> {
        self.entries[1..].iter().map(|entry| (&entry.of.name, &entry.figures))
    }

    /// Returns how many types have figures of their own here.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX)
    }

    /// Returns the figures of the `nth` of these types, from 0 on. A type keeps its number.
    pub(super) fn nth(&self, nth: u32) -> Option<(&Arc<str>, &Figures)> {
        self.entries[1..].get(nth as usize).map(|entry| (&entry.of.name, &entry.figures))
    }

    /// Returns the figures of all other types' jobs.
    pub(super) fn other(&self) -> &Figures {
        &self.entries[0].figures
    }

    fn get(&mut self, FiguresId(index): FiguresId) -> &mut Figures {
        &mut self.entries[index as usize].figures
    }

    fn find(&self, type_name: &str, hash: TypeHash) -> Option<FiguresId> {
        let hash = hash.of_type(); // Durable jobs are counted among the others.
        let is_of = |&index: &u32| *self.entries[index as usize].of.name == *type_name;
        self.by_name.find(hash.0, is_of).copied().map(FiguresId)
    }

    fn enter(&mut self, type_name: &str, hash: TypeHash) -> FiguresId {
        let index = u32::try_from(self.entries.len()).expect("homes have at most thousands of types with figures");
        let hash = hash.of_type();
        let of = TypeRef { name: type_name.into(), hash };
        self.entries.push(Entry { of, figures: Figures::default() });
        let entries = &self.entries;
        self.by_name.insert_unique(hash.0, index, |&index| entries[index as usize].of.hash.0);
        FiguresId(index)
    }
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::*;

    #[test]
    fn the_first_types_have_figures_of_their_own_and_what_is_decided_stays() {
        let hash = |name: &str| TypeHash::of(&RandomState::with_seeds(1, 2, 3, 4), name);
        let mut figures = TypeFigures::new(2);
        let decided = |figures: &mut TypeFigures| ["a", "b", "c", "d"].map(|name| figures.decide(name, hash(name)));
        assert_eq!(decided(&mut figures), [true, true, false, false]);
        // A type of another home takes no place of this one's.
        let elsewhere = figures.place_of(true, "x", hash("x"));
        assert_eq!(figures.place_of(true, "x", hash("x")), elsewhere);
        assert_eq!(decided(&mut figures), [true, true, false, false]);
        for (name, has_figures) in [("a", true), ("c", false), ("d", false)] {
            let id = figures.place_of(has_figures, name, hash(name));
            figures.ended(id, Reason::Cancelled, 1);
        }
        let cancelled = |figures: Option<&Figures>| figures.map(|figures| figures.outcomes.cancelled);
        assert_eq!(cancelled(figures.of("a", hash("a"))), Some(1));
        assert_eq!(cancelled(figures.of("c", hash("c"))), None);
        assert_eq!(cancelled(Some(figures.other())), Some(2));
        assert_eq!(figures.iter().map(|(name, _)| &**name).collect::<Vec<_>>(), ["a", "b", "x"]);
    }

    #[test]
    fn each_reason_has_its_outcome() {
        let mut figures = TypeFigures::new(0);
        let reasons = [
            Reason::GaveUp,
            Reason::Shutdown,
            Reason::Cancelled,
            Reason::Expired,
            Reason::TimedOut,
            Reason::NoWorker,
            Reason::NoBridge,
        ];
        for (n, reason) in (1..).zip(reasons) {
            figures.ended(FiguresId::OTHER, reason, n);
            let members = figures.other().outcomes.members();
            assert!(members.contains(&(reason.code().name(), n)), "{reason:?}: {members:?}");
        }
        let before = figures.other().outcomes.no_worker;
        figures.ended(FiguresId::OTHER, Reason::TooLate, 10);
        assert_eq!(figures.other().outcomes.no_worker, before + 10, "it has the same code");
    }
}
