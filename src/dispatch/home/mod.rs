//! A shard as the home of job types: their queues, and the rules H1 to H5 and H8 of docs/architecture.md.
//!
//! A home deals with shards, not with workers. It knows for each shard how many jobs of a type it would take, and assigns
//! the first waiting job to the shard that offered first.
//!
//! | file | contents |
//! |---|---|
//! | `wait_queue`, `offers` | of one type: the jobs that wait, and what shards offer |
//! | `groups` | the `do` lines that share a job by their key |
//! | `revoking` | jobs that nobody waits for any more, and answers to groups: the rules H6, H7 and K1 to K3 |

mod groups;
mod offers;
mod revoking;
mod wait_queue;

use std::sync::Arc;

use ahash::RandomState;
pub(super) use groups::Group;
use groups::Groups;
use hashbrown::HashTable;
use hashbrown::hash_table::{Entry, OccupiedEntry};
use offers::{Offers, PoolRef};
use revoking::{Doomed, Revocable};
use wait_queue::{Position, WaitQueue};

use super::ctx::Ctx;
use super::ids::{PoolId, ShardId, Submitter, TypeHash, TypeRef};
use super::job::{End, Job, Reason};
use super::message::{JobEvent, Message, Spends, Suspects};
use super::micros::Micros;
use crate::metrics::TypeRow;

/// All types whose home this shard is.
///
/// Invariant: a type has an entry only while a job waits, a shard has a worker, an offer is open or a shard rejects suspects.
#[derive(Debug)]
pub(super) struct Home {
    queues: Queues,
    /// The next arrival number. One counter serves all types, so that it outlives their entries.
    next_arrival: u64,
    /// Where the waiting jobs are that may be revoked.
    revocable: Revocable,
    /// The tickets and groups whose jobs are revoked while a worker holds them, or they are on their way.
    doomed: Doomed,
    pub(super) groups: Groups,
}

/// The queues by type. Boxed, so that the table stays small and grows fast. A table and not a map, so that an entry that
/// is emptied is removed without being looked up again, and a name is not hashed again.
#[derive(Debug, Default)]
struct Queues(HashTable<Box<Queue>>);

/// One type.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) of: TypeRef,
    pub(super) waiting: WaitQueue,
    pub(super) offers: Offers,
}

impl Home {
    pub(super) fn new(maps: &RandomState) -> Self {
        Self {
            queues: Queues::default(),
            next_arrival: 0,
            revocable: Revocable::new(maps),
            doomed: Doomed::with_hasher(maps.clone()),
            groups: Groups::new(maps.clone()),
        }
    }

    /// Queues a new job (H1), unless it joins another one (K1), or needs a worker and there is none (H8).
    pub(super) fn submit(&mut self, mut job: Job, hash: TypeHash, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return ctx.end(job, End::NotDone(Reason::Shutdown));
        }
        if self.groups.join(&job, hash) {
            ctx.counts.jobs_joined += 1;
            return;
        }
        if job.needs_worker() && !self.has_worker(job.type_name(), hash) {
            return ctx.end(job, End::NotDone(Reason::NoWorker));
        }
        if job.key().is_some() {
            ctx.counts.job_bytes += self.groups.create(&mut job, hash, ctx.settings.shard);
        }
        job.arrival = self.next_arrival;
        self.next_arrival += 1;
        ctx.trace(&job, JobEvent::Queued(job.submitter));
        self.with_queue_of(job, hash, ctx, |queue, job| queue.waiting.push(job));
    }

    /// Queues a job again (H3), unless it is doomed (H7).
    pub(super) fn requeue(&mut self, from: ShardId, job: Job, suspects: Suspects, ctx: &mut Ctx<'_>) {
        let hash = ctx.settings.hash(job.type_name());
        if self.end_if_doomed(&job, ctx) {
            if suspects == Suspects::Rejected && !ctx.stopping {
                self.queue_of(job.type_name(), hash).offers.reject_suspects(from);
            }
            return;
        }
        if ctx.stopping {
            return ctx.end(job, End::NotDone(Reason::Shutdown));
        }
        self.with_queue_of(job, hash, ctx, |queue, job| {
            if suspects == Suspects::Rejected {
                queue.offers.reject_suspects(from);
            }
            queue.waiting.requeue(job)
        });
    }

    /// Takes an offer: `n` more jobs of a type may be assigned to a shard (H1).
    pub(super) fn offer(&mut self, shard: ShardId, of: TypeRef, n: u32, pool: PoolId, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return;
        }
        let from = PoolRef { shard, pool };
        match self.queues.enter(&of.name, of.hash) {
            Entry::Occupied(mut entry) => {
                entry.get_mut().offers.add(from, n);
                entry.get_mut().match_offers(&mut self.revocable, ctx);
                forget_if_unused(entry);
            }
            Entry::Vacant(entry) => {
                let mut queue = Queue::boxed(of);
                queue.offers.add(from, n);
                entry.insert(queue); // There was no entry, so no job waits.
            }
        }
    }

    /// Answers a pull: a slot of a shard is reserved for one job of a type (H2).
    pub(super) fn pull(&mut self, shard: ShardId, of: &TypeRef, pool: PoolId, ctx: &mut Ctx<'_>) {
        let job = self.queues.change(of, |queue| queue.pop_for(shard)).flatten();
        match job {
            Some(job) => {
                self.revocable.forget(&job);
                ctx.counts.jobs_waiting -= 1;
                ctx.post(shard, Message::Assign { job, spends: Spends::Pull, pool });
            }
            None => ctx.post(shard, Message::Decline(pool)),
        }
    }

    /// Notes that a shard takes suspects again (H4).
    pub(super) fn accept_suspects(&mut self, from: ShardId, of: &TypeRef, ctx: &mut Ctx<'_>) {
        self.queues.change(of, |queue| {
            queue.offers.accept_suspects(from);
            queue.match_offers(&mut self.revocable, ctx);
        });
    }

    /// Notes that a shard has workers of a type (H8).
    pub(super) fn present(&mut self, from: ShardId, of: TypeRef, ctx: &Ctx<'_>) {
        if ctx.stopping {
            return;
        }
        let queue = match self.queues.enter(&of.name, of.hash) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Queue::boxed(of)).into_mut(),
        };
        queue.offers.set_present(from, true);
    }

    /// Notes that a shard has no worker of a type any more (H8).
    pub(super) fn absent(&mut self, from: ShardId, of: &TypeRef) {
        self.queues.change(of, |queue| queue.offers.set_present(from, false));
    }

    /// Returns whether any shard has a worker of a type.
    fn has_worker(&self, type_name: &str, hash: TypeHash) -> bool {
        self.find(type_name, hash).is_some_and(|queue| queue.offers.any_present())
    }

    fn find(&self, type_name: &str, hash: TypeHash) -> Option<&Queue> {
        self.queues.0.find(hash.0, |queue| *queue.of.name == *type_name).map(|queue| &**queue)
    }

    /// Removes a shard's offers (H5).
    pub(super) fn withdraw(&mut self, from: ShardId, of: &TypeRef, pool: PoolId, ctx: &mut Ctx<'_>) {
        let n = self.queues.change(of, |queue| queue.offers.withdraw(from));
        ctx.post(from, Message::Withdrawn(pool, n.unwrap_or(0)));
    }

    /// Answers `shutdown` to all waiting jobs, and forgets all offers.
    pub(super) fn stop(&mut self, ctx: &mut Ctx<'_>) {
        for queue in std::mem::take(&mut self.queues.0) {
            for job in queue.waiting.into_jobs() {
                self.revocable.forget(&job);
                ctx.counts.jobs_waiting -= 1;
                ctx.end(job, End::NotDone(Reason::Shutdown));
            }
        }
    }

    /// Returns what is known here of a type.
    pub(super) fn row(&self, type_name: &str, hash: TypeHash, now: Micros) -> Option<TypeRow> {
        Some(self.find(type_name, hash)?.row(now))
    }

    /// Returns what is known here of all types.
    pub(super) fn rows(&self, now: Micros) -> impl Iterator<Item = (&Arc<str>, TypeRow)> {
        self.queues().map(move |queue| (&queue.of.name, queue.row(now)))
    }

    /// Returns the tickets and groups of doomed jobs, for tests.
    pub(super) fn doomed(&self) -> impl Iterator<Item = Submitter> {
        self.doomed.iter().copied()
    }

    /// Returns how many waiting jobs may be revoked, for tests.
    pub(super) fn revocable(&self) -> usize {
        self.revocable.len()
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.0.iter().map(|queue| &**queue)
    }

    /// Puts a job in its queue by `put`, and assigns what can be assigned.
    fn with_queue_of(
        &mut self,
        job: Job,
        hash: TypeHash,
        ctx: &mut Ctx<'_>,
        put: impl FnOnce(&mut Queue, Job) -> Position,
    ) {
        ctx.counts.jobs_waiting += 1;
        let revocable = job.is_revocable().then_some(job.submitter);
        match self.queues.enter(job.type_name(), hash) {
            Entry::Occupied(mut entry) => {
                let position = put(entry.get_mut(), job);
                if let Some(submitter) = revocable {
                    self.revocable.note(submitter, &entry.get().of, position);
                }
                entry.get_mut().match_offers(&mut self.revocable, ctx);
                forget_if_unused(entry);
            }
            Entry::Vacant(entry) => {
                let mut queue = Queue::boxed(TypeRef { name: job.type_name().into(), hash });
                let position = put(&mut queue, job);
                if let Some(submitter) = revocable {
                    self.revocable.note(submitter, &queue.of, position);
                }
                entry.insert(queue); // There was no entry, so there is no offer.
            }
        }
    }

    /// Returns the queue of a type, and makes it if there is none.
    fn queue_of(&mut self, type_name: &str, hash: TypeHash) -> &mut Queue {
        match self.queues.enter(type_name, hash) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(Queue::boxed(TypeRef { name: type_name.into(), hash })).into_mut(),
        }
    }
}

impl Queues {
    fn enter(&mut self, type_name: &str, hash: TypeHash) -> Entry<'_, Box<Queue>> {
        self.0.entry(hash.0, |queue| *queue.of.name == *type_name, |queue| queue.of.hash.0)
    }

    /// Changes a type's queue, if there is one. It is removed if nothing is left of it.
    fn change<T>(&mut self, of: &TypeRef, change: impl FnOnce(&mut Queue) -> T) -> Option<T> {
        let Entry::Occupied(mut entry) = self.enter(&of.name, of.hash) else { return None };
        let result = change(entry.get_mut());
        forget_if_unused(entry);
        Some(result)
    }
}

/// Removes a queue that nothing is left of. The table shrinks when an eighth of it is in use.
fn forget_if_unused(entry: OccupiedEntry<'_, Box<Queue>>) {
    if entry.get().is_unused() {
        let (_, place) = entry.remove();
        let table = place.into_table();
        if table.len() < table.capacity() / 8 {
            table.shrink_to(table.len() * 2, |queue| queue.of.hash.0);
        }
    }
}

impl Queue {
    fn boxed(of: TypeRef) -> Box<Self> {
        Box::new(Self { of, waiting: WaitQueue::default(), offers: Offers::default() })
    }

    /// H1: as long as a waiting job and an offer go together, assigns the first such job to the first such offer.
    fn match_offers(&mut self, revocable: &mut Revocable, ctx: &mut Ctx<'_>) {
        while let Some((job, to)) = self.pop_pair() {
            revocable.forget(&job);
            ctx.counts.jobs_waiting -= 1;
            ctx.post(to.shard, Message::Assign { job, spends: Spends::Offer, pool: to.pool });
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

    /// Takes the first waiting job that may be assigned to `shard`.
    fn pop_for(&mut self, shard: ShardId) -> Option<Job> {
        if self.waiting.has_suspect() && !self.offers.rejects_suspects(shard) {
            return self.waiting.pop_suspect();
        }
        self.waiting.pop_other()
    }

    fn is_unused(&self) -> bool {
        self.waiting.is_empty() && self.offers.is_empty()
    }

    fn row(&self, now: Micros) -> TypeRow {
        TypeRow {
            waiting: self.waiting.len() as u64,
            suspects: self.waiting.suspects() as u64,
            oldest_ms: self.waiting.oldest().map_or(0, |accepted| now.since(accepted).as_ms()),
            ..TypeRow::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::super::collections::shrink_check::ShrinkCheck;
    use super::*;

    /// A backlog of jobs that all have a type of their own takes an entry each. 256 bytes are a size class of the binary's
    /// allocator, and the next one has 320.
    #[test]
    fn the_entry_of_a_type_takes_256_bytes_at_most() {
        assert!(size_of::<Queue>() <= 256, "it takes {}", size_of::<Queue>());
    }

    #[test]
    fn the_table_of_queues_gives_its_room_back_as_they_go() {
        let Home { mut queues, .. } = Home::new(&RandomState::with_seeds(1, 2, 3, 4));
        let homes = RandomState::with_seeds(1, 2, 3, 4);
        let types = (0..10_000)
            .map(|nth| format!("t{nth}"))
            .map(|name| TypeRef { hash: TypeHash::of(&homes, &name), name: name.into() });
        let types: Vec<TypeRef> = types.collect();
        for of in &types {
            let Entry::Vacant(entry) = queues.enter(&of.name, of.hash) else { unreachable!() };
            entry.insert(Queue::boxed(of.clone()));
        }
        let (mut room, most) = (ShrinkCheck::of(8), queues.0.capacity());
        for of in &types {
            let before = queues.0.capacity();
            assert_eq!(queues.change(of, |_| ()), Some(()));
            room.saw(queues.0.len(), before, queues.0.capacity());
        }
        room.check_all_back(most);
        assert_eq!(queues.change(&types[0], |_| ()), None);
    }
}
