//! The queues of a home, by type. A queue has the waiting jobs of a type and the offers for it.

use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, OccupiedEntry};

use super::matching::Matching;
use super::offers::{PoolRef, ShardPlace};
use super::offers_by_class::OffersByClass;
use super::revoking::Revocable;
use super::wait_queue::Position;
use super::wait_queues::{WaitOrder, WaitQueues};
use crate::dispatch::collections::places::{Age, Places};
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ShardId, TypeHash, TypeRef};
use crate::dispatch::job::Job;
use crate::dispatch::message::{Message, Spends};
use crate::dispatch::micros::Micros;
use crate::flag::newly_set;
use crate::metrics::TypeRow;
use crate::protocol::command::Class;

/// Whether a job is queued for the first time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Queued {
    /// It is.
    First,
    /// It came back from a shard, or its Recall came after it was stored.
    Again,
}

/// The queues by type. Boxed, so that the table stays small and grows fast. A table and not a map, so that an empty
/// entry is removed without another look-up, and a name is not hashed again.
#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) table: HashTable<Listed>,
    /// All queues in places that do not move, so that they can be scanned in slices.
    pub(super) places: Places<TypeHash>,
}

/// A queue in the table, with its hash. A table that grows then reads no queue: most queues of a large table are in no cache.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) hash: TypeHash,
    pub(super) queue: Box<Queue>,
}

/// One type.
#[derive(Debug)]
pub(in crate::dispatch) struct Queue {
    pub(in crate::dispatch) of: TypeRef,
    pub(in crate::dispatch) waiting: WaitQueues,
    pub(in crate::dispatch) offers: OffersByClass,
    /// Whether the type has figures of its own; `None` until a job comes.
    pub(super) has_figures: Option<bool>,
    /// Whether jobs wait although offers are open, until a later turn assigns them.
    pub(in crate::dispatch) is_postponed: bool,
    /// Its place among all queues.
    pub(super) place: u32,
}

impl Queues {
    /// Returns the entry of a type, and the places, which are needed when a queue is created or removed.
    #[inline(always)]
    pub(super) fn enter(&mut self, type_name: &str, hash: TypeHash) -> (Entry<'_, Listed>, &mut Places<TypeHash>) {
        let entry = self.table.entry(hash.0, |listed| listed.queue.is_of(type_name, hash), |listed| listed.hash.0);
        (entry, &mut self.places)
    }

    /// Returns the entry of a type, which is created if there is none, and the places.
    #[inline(always)]
    pub(super) fn enter_or_create(
        &mut self,
        type_name: &str,
        hash: TypeHash,
    ) -> (OccupiedEntry<'_, Listed>, &mut Places<TypeHash>) {
        match self.enter(type_name, hash) {
            (Entry::Occupied(entry), places) => (entry, places),
            (Entry::Vacant(entry), places) => {
                let listed = Queue::listed(TypeRef { name: type_name.into(), hash }, places);
                (entry.insert(listed), places)
            }
        }
    }

    /// Returns the queue of the type of a pool that is present, and the place of its shard among the offers of the class.
    /// The queue need not be removed after a change, because a present pool keeps it in use.
    #[inline]
    pub(super) fn of_pool(&mut self, hash: TypeHash, class: Class, pool: PoolRef) -> Option<(&mut Queue, ShardPlace)> {
        let mut place = None;
        let is_of_pool = |listed: &Listed| {
            place = if listed.hash == hash { listed.queue.offers.place_of(class, pool) } else { None };
            place.is_some()
        };
        let queue = &mut *self.table.find_mut(hash.0, is_of_pool)?.queue;
        Some((queue, place?))
    }

    /// Changes a type's queue, if there is one. Removes the queue if it is unused then.
    pub(super) fn change<T>(&mut self, of: &TypeRef, change: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        let (entry, places) = self.enter(&of.name, of.hash);
        change_if_any(entry, places, change)
    }

    /// The same for the queue at a place.
    pub(super) fn change_at<T>(&mut self, place: u32, change: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        let hash = *self.places.get(place)?;
        let entry = self.table.entry(hash.0, |listed| listed.queue.place == place, |listed| listed.hash.0);
        change_if_any(entry, &mut self.places, change)
    }

    /// Returns the queue at a place, if it was created before `until`.
    pub(super) fn at(&self, place: u32, until: Age) -> Option<&Queue> {
        let hash = self.places.get_older(place, until)?;
        self.table.find(hash.0, |listed| listed.queue.place == place).map(|listed| &*listed.queue)
    }
}

fn change_if_any<T>(
    entry: Entry<'_, Listed>,
    places: &mut Places<TypeHash>,
    change: impl FnOnce(&mut Queue) -> T,
) -> Option<T> {
    let Entry::Occupied(mut entry) = entry else { return None };
    let result = change(&mut entry.get_mut().queue);
    forget_if_unused(entry, places);
    Some(result)
}

/// Removes a queue that is unused. The table shrinks when an eighth of it is in use.
pub(super) fn forget_if_unused(entry: OccupiedEntry<'_, Listed>, places: &mut Places<TypeHash>) {
    if entry.get().queue.is_unused() {
        let (listed, place) = entry.remove();
        places.remove(listed.queue.place);
        let table = place.into_table();
        if table.len() < table.capacity() / 8 {
            table.shrink_to(table.len() * 2, |listed| listed.hash.0);
        }
    }
}

impl Queue {
    pub(super) fn listed(of: TypeRef, places: &mut Places<TypeHash>) -> Listed {
        let hash = of.hash;
        let place = places.insert(hash);
        let queue = Box::new(Self {
            of,
            waiting: WaitQueues::default(),
            offers: OffersByClass::default(),
            has_figures: None,
            is_postponed: false,
            place,
        });
        Listed { hash, queue }
    }

    /// Returns whether it is the queue of this type, or of its durable jobs if the hash says so.
    pub(super) fn is_of(&self, type_name: &str, hash: TypeHash) -> bool {
        self.of.hash == hash && *self.of.name == *type_name
    }

    /// Puts a job at its place among those that wait.
    #[inline(always)]
    pub(super) fn put(&mut self, mut job: Job, queued: Queued, revocable: &mut Revocable, ctx: &mut Ctx<'_>) {
        ctx.counts.jobs_waiting += 1;
        if job.is_revocable() {
            let position = match queued {
                Queued::First => Position::of_new(&job),
                Queued::Again => Position::of_returned(&job),
            };
            revocable.record(job.submitter, self, position);
        }
        match queued {
            Queued::First => {
                self.mark(&mut job, ctx);
                self.waiting.push(job);
            }
            Queued::Again => self.waiting.requeue(job),
        }
    }

    /// Adds a job, and makes all possible assignments. A new job is assigned at once if none waits before it.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        job: Job,
        queued: Queued,
        matching: &mut Matching,
        revocable: &mut Revocable,
        ctx: &mut Ctx<'_>,
    ) {
        if queued == Queued::First
            && self.waiting.is_empty()
            && let Some(to) = self.offers.take_ordinary()
        {
            return self.assign_new(job, to, ctx);
        }
        self.put(job, queued, revocable, ctx);
        self.match_offers(matching, revocable, ctx);
    }

    /// Assigns a new job, which never waits.
    #[inline]
    fn assign_new(&mut self, mut job: Job, to: PoolRef, ctx: &mut Ctx<'_>) {
        self.mark(&mut job, ctx);
        ctx.post(to.shard, Message::Assign { job, spends: Spends::Offer, pool: to.pool });
    }

    /// Marks a new job: all jobs of a type are counted in the same place.
    #[inline]
    fn mark(&mut self, job: &mut Job, ctx: &mut Ctx<'_>) {
        let of = &self.of;
        job.set_has_figures(*self.has_figures.get_or_insert_with(|| ctx.figures.decide(&of.name, of.hash)));
    }

    /// H1: while a waiting job fits an offer, assigns the first such job to the first such offer, ordinary offers
    /// before those of spare workers. When the turn's share is used up, the rest waits for the next turn.
    pub(super) fn match_offers(&mut self, matching: &mut Matching, revocable: &mut Revocable, ctx: &mut Ctx<'_>) {
        if let Some((job, to)) = self.offers.pop_ordinary_pair(&mut self.waiting) {
            assign(job, to, revocable, ctx);
            if self.waiting.is_empty() || !self.offers.any_left() {
                return;
            }
            self.match_further_offers(matching, revocable, ctx);
        } else if self.offers.has_spare() {
            self.match_spare_offers(matching, revocable, ctx);
        }
    }

    /// Not inlined, because the path of a plain job would get longer.
    #[inline(never)]
    fn match_further_offers(&mut self, matching: &mut Matching, revocable: &mut Revocable, ctx: &mut Ctx<'_>) {
        while !matching.is_spent() {
            let Some((job, to)) = self.offers.pop_ordinary_pair(&mut self.waiting) else {
                return self.match_spare_offers(matching, revocable, ctx);
            };
            assign(job, to, revocable, ctx);
            matching.spend();
        }
        self.postpone(matching);
    }

    #[inline(never)]
    fn match_spare_offers(&mut self, matching: &mut Matching, revocable: &mut Revocable, ctx: &mut Ctx<'_>) {
        let mut is_first = true;
        while is_first || !matching.is_spent() {
            let Some((job, to)) = self.offers.pop_spare_pair(&mut self.waiting) else { return };
            assign(job, to, revocable, ctx);
            if !std::mem::take(&mut is_first) {
                matching.spend();
            }
        }
        self.postpone(matching);
    }

    fn postpone(&mut self, matching: &mut Matching) {
        let may_match = !self.waiting.is_empty() && self.offers.iter().any(|(_, offers)| offers.any_open());
        if may_match && newly_set(&mut self.is_postponed) {
            matching.postpone(self.of.clone());
        }
    }

    /// Takes the first waiting job that may be assigned to the workers of a class at `shard`. By the offers known here,
    /// no ordinary worker can take it; otherwise it would not wait.
    pub(super) fn pop_for(&mut self, shard: ShardId, class: Class) -> Option<Job> {
        let rejects_suspects = self.offers.rejects_suspects(shard, class);
        match class {
            Class::Spare if self.is_postponed => None, // An ordinary worker may be able to take it.
            Class::Spare => pop_from(self.waiting.for_spare(), rejects_suspects),
            Class::Ordinary | Class::Durable => pop_from(&mut self.waiting, rejects_suspects),
        }
    }

    fn is_unused(&self) -> bool {
        self.waiting.is_empty() && self.offers.is_empty()
    }

    pub(super) fn row(&self, now: Micros) -> TypeRow {
        let waiting = self.waiting.len() as u64;
        TypeRow {
            waiting,
            durable_waiting: if self.of.hash.is_durable() { waiting } else { 0 },
            suspects: self.waiting.suspects() as u64,
            oldest_ms: self.waiting.oldest().map_or(0, |accepted| now.since(accepted).as_ms()),
            ..TypeRow::default()
        }
    }
}

fn pop_from(waiting: &mut impl WaitOrder, rejects_suspects: bool) -> Option<Job> {
    if waiting.has_suspect() && !rejects_suspects { waiting.pop_suspect() } else { waiting.pop_other() }
}

#[inline]
fn assign(job: Job, to: PoolRef, revocable: &mut Revocable, ctx: &mut Ctx<'_>) {
    revocable.forget(&job);
    ctx.counts.jobs_waiting -= 1;
    ctx.post(to.shard, Message::Assign { job, spends: Spends::Offer, pool: to.pool });
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::*;
    use crate::dispatch::collections::shrink_check::ShrinkCheck;
    use crate::dispatch::ids::PoolId;

    /// In a backlog of jobs of different types, each job takes an entry. 256 bytes are a size class of the binary's
    /// allocator, and the next one has 320.
    #[test]
    fn the_entry_of_a_type_takes_256_bytes_at_most() {
        assert!(size_of::<Queue>() <= 256, "it takes {}", size_of::<Queue>());
    }

    #[test]
    fn the_table_of_queues_gives_its_room_back_as_they_go() {
        let mut queues = Queues::default();
        let homes = RandomState::with_seeds(1, 2, 3, 4);
        let types = (0..10_000)
            .map(|nth| format!("t{nth}"))
            .map(|name| TypeRef { hash: TypeHash::of(&homes, &name), name: name.into() });
        let types: Vec<TypeRef> = types.collect();
        for of in &types {
            let (Entry::Vacant(entry), places) = queues.enter(&of.name, of.hash) else { unreachable!() };
            entry.insert(Queue::listed(of.clone(), places));
        }
        let (mut room, most) = (ShrinkCheck::of(8), queues.table.capacity());
        for of in &types {
            let before = queues.table.capacity();
            assert_eq!(queues.change(of, |_| ()), Some(()));
            room.saw(queues.table.len(), before, queues.table.capacity());
        }
        room.check_all_back(most);
        assert_eq!(queues.change(&types[0], |_| ()), None);
    }

    #[test]
    fn a_pool_tells_apart_types_of_the_same_hash() {
        let mut queues = Queues::default();
        let hash = TypeHash(7);
        let pool_of = |nth: u32| PoolRef { shard: ShardId(1), pool: PoolId(nth) };
        for nth in 0..3 {
            let of = TypeRef { name: format!("t{nth}").into(), hash };
            let (Entry::Vacant(entry), places) = queues.enter(&of.name, hash) else { unreachable!() };
            let queue = &mut entry.insert(Queue::listed(of, places)).into_mut().queue;
            queue.offers.enter(Class::Ordinary).set_present(pool_of(nth));
        }
        for nth in 0..3 {
            let (queue, _) = queues.of_pool(hash, Class::Ordinary, pool_of(nth)).expect("it is present");
            assert_eq!(*queue.of.name, *format!("t{nth}"));
        }
        assert!(queues.of_pool(hash, Class::Ordinary, pool_of(3)).is_none());
        assert!(queues.of_pool(hash, Class::Spare, pool_of(0)).is_none());
        assert!(queues.of_pool(TypeHash(8), Class::Ordinary, pool_of(0)).is_none());
    }
}
