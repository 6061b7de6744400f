//! A shard as the home of job types: their queues, and the rules H1 to H5 of docs/architecture.md.
//!
//! A home deals with shards, not with workers: it knows how many jobs of a type each shard would take, and gives the
//! first waiting job to the shard that offered first.

use std::sync::Arc;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, OccupiedEntry};

use super::ctx::Ctx;
use super::job::{End, Job};
use super::message::{JobEvent, Message, PoolId, ShardId, TypeRow};
use super::offers::{Offers, PoolRef};
use super::wait_queue::WaitQueue;

/// All types whose home this shard is. A type's entry goes when nothing waits, no offer stands and no shard refuses.
#[derive(Debug)]
pub(super) struct Home {
    queues: Queues,
    /// The next arrival number: one counter for all types, so that it outlives their entries.
    next_arrival: u64,
}

/// The queues by type. Boxed, so that the table stays small and grows fast; a table and not a map, so that an entry that
/// is emptied goes without being looked up again.
#[derive(Debug)]
struct Queues {
    table: HashTable<Box<Queue>>,
    hasher: RandomState,
}

/// One type.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    pub(super) waiting: WaitQueue,
    pub(super) offers: Offers,
}

impl Home {
    pub(super) fn new(maps: RandomState) -> Self {
        Self { queues: Queues { table: HashTable::new(), hasher: maps }, next_arrival: 0 }
    }

    /// A new job (H1).
    pub(super) fn submit(&mut self, mut job: Job, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return ctx.end(job, End::Shutdown);
        }
        job.arrival = self.next_arrival;
        self.next_arrival += 1;
        ctx.trace(&job, JobEvent::Queued(job.submitter));
        ctx.counts.jobs_waiting += 1;
        self.with_queue_of(job, ctx, |queue, job| queue.waiting.push(job));
    }

    /// A job that comes again (H3).
    pub(super) fn requeue(&mut self, from: ShardId, job: Job, refused: bool, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return ctx.end(job, End::Shutdown);
        }
        ctx.counts.jobs_waiting += 1;
        self.with_queue_of(job, ctx, |queue, job| {
            if refused {
                queue.offers.reject_suspects(from);
            }
            queue.waiting.requeue(job);
        });
    }

    /// `n` more jobs of a type may go to a shard (H1).
    pub(super) fn offer(&mut self, shard: ShardId, type_name: Arc<str>, n: u32, pool: PoolId, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return;
        }
        let taker = PoolRef { shard, pool };
        let Queues { table, hasher } = &mut self.queues;
        match enter(table, hasher, &type_name) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().offers.add(taker, n);
                entry.get_mut().match_offers(ctx);
                forget_if_unused(entry, hasher);
            }
            Entry::Vacant(entry) => {
                let mut queue = Queue::boxed(type_name);
                queue.offers.add(taker, n);
                entry.insert(queue); // Nothing waits.
            }
        }
    }

    /// A slot is kept for one job of a type (H2).
    pub(super) fn pull(&mut self, shard: ShardId, type_name: &str, pool: PoolId, ctx: &mut Ctx<'_>) {
        let job = self.queues.change(type_name, |queue| queue.pop_for(shard)).flatten();
        match job {
            Some(job) => {
                ctx.counts.jobs_waiting -= 1;
                ctx.post(shard, Message::Assign { job, asked: true, pool });
            }
            None => ctx.post(shard, Message::Decline(pool)),
        }
    }

    /// Suspects may go to a shard again (H4).
    pub(super) fn accept_suspects(&mut self, from: ShardId, type_name: &str, ctx: &mut Ctx<'_>) {
        self.queues.change(type_name, |queue| {
            queue.offers.accept_suspects(from);
            queue.match_offers(ctx);
        });
    }

    /// A shard takes its offers back (H5).
    pub(super) fn withdraw(&mut self, from: ShardId, type_name: &str, pool: PoolId, ctx: &mut Ctx<'_>) {
        let n = self.queues.change(type_name, |queue| queue.offers.withdraw(from));
        ctx.post(from, Message::Withdrawn(pool, n.unwrap_or(0)));
    }

    /// Answers `shutdown` to all that waits, and forgets who would have taken it.
    pub(super) fn stop(&mut self, ctx: &mut Ctx<'_>) {
        for queue in std::mem::take(&mut self.queues.table) {
            for job in queue.waiting.into_jobs() {
                ctx.counts.jobs_waiting -= 1;
                ctx.end(job, End::Shutdown);
            }
        }
    }

    /// What is known here of a type.
    pub(super) fn row(&self, type_name: &str, now_ms: u64) -> Option<TypeRow> {
        self.queues.find(type_name).map(|queue| queue.row(now_ms))
    }

    /// What is known here of all types.
    pub(super) fn rows(&self, now_ms: u64) -> impl Iterator<Item = (&Arc<str>, TypeRow)> {
        self.queues().map(move |queue| (&queue.name, queue.row(now_ms)))
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.table.iter().map(|queue| &**queue)
    }

    /// Puts a job in its queue by `put`, and hands out what can be.
    fn with_queue_of(&mut self, job: Job, ctx: &mut Ctx<'_>, put: impl FnOnce(&mut Queue, Job)) {
        let Queues { table, hasher } = &mut self.queues;
        match enter(table, hasher, job.type_name()) {
            Entry::Occupied(mut entry) => {
                put(entry.get_mut(), job);
                entry.get_mut().match_offers(ctx);
                forget_if_unused(entry, hasher);
            }
            Entry::Vacant(entry) => {
                let mut queue = Queue::boxed(job.type_name().into());
                put(&mut queue, job);
                entry.insert(queue); // No entry was there, so no offer: nothing can be handed out.
            }
        }
    }
}

impl Queues {
    fn find(&self, type_name: &str) -> Option<&Queue> {
        let hash = self.hasher.hash_one(type_name);
        self.table.find(hash, |queue| *queue.name == *type_name).map(|queue| &**queue)
    }

    /// Changes a type's queue, if there is one. It goes if nothing is left of it.
    fn change<T>(&mut self, type_name: &str, change: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        let Self { table, hasher } = self;
        let Entry::Occupied(mut entry) = enter(table, hasher, type_name) else { return None };
        let result = change(entry.get_mut());
        forget_if_unused(entry, hasher);
        Some(result)
    }
}

fn enter<'a>(table: &'a mut HashTable<Box<Queue>>, hasher: &RandomState, type_name: &str) -> Entry<'a, Box<Queue>> {
    let hash = hasher.hash_one(type_name);
    table.entry(hash, |queue| *queue.name == *type_name, |queue| hasher.hash_one(&*queue.name))
}

/// The table shrinks when an eighth of it is in use.
fn forget_if_unused(entry: OccupiedEntry<'_, Box<Queue>>, hasher: &RandomState) {
    if entry.get().is_unused() {
        let (_, place) = entry.remove();
        let table = place.into_table();
        if table.len() < table.capacity() / 8 {
            table.shrink_to(table.len() * 2, |queue| hasher.hash_one(&*queue.name));
        }
    }
}

impl Queue {
    fn boxed(name: Arc<str>) -> Box<Self> {
        Box::new(Self { name, waiting: WaitQueue::default(), offers: Offers::default() })
    }

    /// H1: as long as a waiting job and an offer go together, the first such job is assigned to the first such offer.
    fn match_offers(&mut self, ctx: &mut Ctx<'_>) {
        while let Some((job, to)) = self.pop_pair() {
            ctx.counts.jobs_waiting -= 1;
            ctx.post(to.shard, Message::Assign { job, asked: false, pool: to.pool });
        }
    }

    fn pop_pair(&mut self) -> Option<(Job, PoolRef)> {
        if self.waiting.has_suspect()
            && let Some(to) = self.offers.take_open_to_suspects()
        {
            return self.waiting.pop_suspect().map(|job| (job, to));
        }
        if !self.waiting.has_other() {
            return None;
        }
        let to = self.offers.take()?;
        self.waiting.pop_other().map(|job| (job, to))
    }

    /// The first waiting job that may go to `shard`.
    fn pop_for(&mut self, shard: ShardId) -> Option<Job> {
        if self.waiting.has_suspect() && !self.offers.rejects_suspects(shard) {
            return self.waiting.pop_suspect();
        }
        self.waiting.pop_other()
    }

    fn is_unused(&self) -> bool {
        self.waiting.is_empty() && self.offers.is_empty()
    }

    fn row(&self, now_ms: u64) -> TypeRow {
        TypeRow {
            waiting: self.waiting.len() as u64,
            oldest_ms: self.waiting.oldest_ms().map_or(0, |accepted_ms| now_ms.saturating_sub(accepted_ms)),
            ..TypeRow::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::shrink_check::ShrinkCheck;
    use super::*;

    #[test]
    fn the_table_of_queues_gives_its_room_back_as_they_go() {
        let Home { mut queues, .. } = Home::new(RandomState::with_seeds(1, 2, 3, 4));
        let names: Vec<Arc<str>> = (0..10_000).map(|nth| format!("t{nth}").into()).collect();
        for name in &names {
            let Entry::Vacant(entry) = enter(&mut queues.table, &queues.hasher, name) else { unreachable!() };
            entry.insert(Queue::boxed(Arc::clone(name)));
        }
        let (mut room, most) = (ShrinkCheck::of(8), queues.table.capacity());
        for name in &names {
            let before = queues.table.capacity();
            assert_eq!(queues.change(name, |_| ()), Some(()));
            room.saw(queues.table.len(), before, queues.table.capacity());
        }
        room.check_all_back(most);
        assert!(queues.find(&names[0]).is_none());
    }
}
