//! A shard as the home of job types: their queues, and the rules H1 to H5 of docs/architecture.md.
//!
//! A home deals with shards, not with workers. It keeps for each shard the number of jobs of a type that the shard
//! would take, and assigns the first waiting job to the shard that offered first.
//!
//! | file | contents |
//! |---|---|
//! | `queues` | the queues by type |
//! | `wait_queue`, `wait_queues` | of one type: the waiting jobs, and in a separate queue those that no spare worker may take |
//! | `offers`, `offers_by_class` | of one type: the offers of shards |
//! | `groups` | the `do` lines that share a job by their key |
//! | `revoking` | jobs that no client waits for any more: the rules H6, H7 and K3 |
//! | `passing_on` | answers and progress for the members of a group, in slices: the rule K2 |
//! | `matching` | assignments that later turns continue |
//! | `waiting` | jobs that may not wait or only for a limited time, and the presence of workers: the rules H8, H10 and H11 |

mod groups;
mod matching;
mod offers;
mod offers_by_class;
mod passing_on;
mod queues;
mod revoking;
mod wait_queue;
mod wait_queues;
mod waiting;

use std::sync::Arc;

use ahash::RandomState;
pub(super) use groups::Group;
use groups::Groups;
use matching::Matching;
use offers::Offers;
pub(super) use offers::PoolRef;
use passing_on::PassingOn;
pub(super) use queues::Queue;
use queues::{Queued, Queues, forget_if_unused};
use revoking::{Doomed, Revocable};

use super::answer::Reason;
use super::collections::places::Age;
use super::ctx::Ctx;
use super::ids::{ShardId, Submitter, TypeHash, TypeRef};
use super::job::Job;
use super::message::{JobEvent, Message, Spends, Suspects};
use super::micros::Micros;
use crate::metrics::TypeRow;
use crate::protocol::command::Class;

/// All types whose home this shard is.
///
/// Invariant: a type has an entry only while a job waits, a shard has a worker, an offer is open or a shard rejects suspects.
#[derive(Debug)]
pub(super) struct Home {
    queues: Queues,
    /// The next arrival number. One counter serves all types, so that it outlives their entries.
    next_arrival: u64,
    /// The places of waiting jobs that may be revoked.
    revocable: Revocable,
    /// The tickets and groups of jobs that were revoked while a worker held them, or while they were on their way.
    doomed: Doomed,
    /// The latest end of a job's `wait_ms` that a Recall has named.
    last_recall: Micros,
    matching: Matching,
    pub(super) groups: Groups,
    passing_on: PassingOn,
}

impl Home {
    pub(super) fn new(maps: &RandomState) -> Self {
        Self {
            queues: Queues::default(),
            next_arrival: 0,
            revocable: Revocable::new(maps),
            doomed: Doomed::new(maps.clone()),
            last_recall: Micros::default(),
            matching: Matching::default(),
            groups: Groups::new(maps.clone()),
            passing_on: PassingOn::default(),
        }
    }

    /// Queues a new job (H1), unless it joins another one (K1), or ends at once (H8).
    #[inline(always)]
    pub(super) fn submit(&mut self, mut job: Job, hash: TypeHash, ctx: &mut Ctx<'_>) {
        if job.is_conditional() && !ctx.stopping && self.groups.join(&job, hash) {
            ctx.counts.jobs_joined += 1;
            return self.serve_one_more(ctx);
        }
        // The log names jobs by this number, even those that end here.
        job.arrival = self.next_arrival;
        self.next_arrival += 1;
        if ctx.stopping {
            return end_unqueued(job, hash, Reason::Shutdown, ctx);
        }
        if job.is_conditional() {
            if let Some(reason) = self.why_not_queued(&job, hash) {
                return end_unqueued(job, hash, reason, ctx);
            }
            if job.key().is_some() {
                ctx.counts.job_bytes += self.groups.create(&mut job, hash, ctx.settings.shard);
            }
        }
        ctx.trace(&job, JobEvent::Queued(job.submitter));
        self.enqueue(job, hash, Queued::First, ctx);
    }

    /// Queues new jobs of one type, of which nothing else must be checked, as [`submit`](Self::submit) does one by one.
    #[inline(never)]
    pub(super) fn submit_run(&mut self, jobs: Vec<Job>, hash: TypeHash, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return jobs.into_iter().for_each(|job| self.submit(job, hash, ctx));
        }
        let Some(first) = jobs.first() else { return };
        let (mut entry, places) = self.queues.enter_or_create(first.type_name(), hash);
        for mut job in jobs {
            job.arrival = self.next_arrival;
            self.next_arrival += 1;
            ctx.trace(&job, JobEvent::Queued(job.submitter));
            entry.get_mut().queue.add(job, Queued::First, &mut self.matching, &mut self.revocable, ctx);
        }
        forget_if_unused(entry, places);
    }

    /// Queues a job again (H3), unless it is doomed (H7), durable and without a worker (H10), or too late (H11).
    pub(super) fn requeue(&mut self, from: ShardId, job: Job, suspects: Suspects, ctx: &mut Ctx<'_>) {
        let hash = ctx.settings.hash_of(&job);
        let doomed = self.end_if_doomed(&job, ctx);
        if ctx.stopping {
            if !doomed {
                ctx.end(job, Reason::Shutdown);
            }
            return;
        }
        let over = if doomed { None } else { self.why_not_requeued(&job, hash, ctx.now) };
        if let Suspects::RejectedBy(class) = suspects {
            self.queue_of(job.type_name(), hash).offers.enter(class).reject_suspects(from);
        }
        match over {
            Some(reason) => ctx.end(job, reason),
            None if doomed => {}
            None => self.enqueue(job, hash, Queued::Again, ctx),
        }
    }

    /// Takes a message that stands for one offer or more: `n` more jobs of the type of a pool may be assigned to its workers
    /// (H1). The type has a queue, because the pool is present. Each of the offers may cause an assignment at once.
    pub(super) fn offer(
        &mut self,
        (hash, class): (TypeHash, Class),
        n: u32,
        offers: u32,
        from: PoolRef,
        ctx: &mut Ctx<'_>,
    ) {
        if ctx.stopping {
            return;
        }
        let queue = self.queues.of_pool(hash, class, from);
        debug_assert!(queue.is_some(), "Present comes before Offer");
        let Some((queue, place)) = queue else { return };
        queue.offers.enter(class).add(place, from, n, offers);
        self.matching.allow(offers.saturating_sub(1));
        queue.match_offers(&mut self.matching, &mut self.revocable, ctx);
    }

    /// Answers a pull: a slot of a shard's workers of a class is reserved for one job of a type (H2).
    pub(super) fn pull(&mut self, of: &TypeRef, class: Class, from: PoolRef, ctx: &mut Ctx<'_>) {
        let PoolRef { shard, pool } = from;
        let job = self.queues.change(of, |queue| queue.pop_for(shard, class)).flatten();
        match job {
            Some(job) => {
                self.revocable.forget(&job);
                ctx.counts.jobs_waiting -= 1;
                ctx.post(shard, Message::Assign { job, spends: Spends::Pull, pool });
            }
            None => ctx.post(shard, Message::Decline(pool)),
        }
    }

    /// Called when a shard's workers of a class take suspects again (H4).
    pub(super) fn accept_suspects(&mut self, from: ShardId, of: &TypeRef, class: Class, ctx: &mut Ctx<'_>) {
        self.queues.change(of, |queue| {
            queue.offers.change(class, |offers| offers.accept_suspects(from));
            queue.match_offers(&mut self.matching, &mut self.revocable, ctx);
        });
    }

    /// Continues the assignments of earlier turns, in a new turn.
    pub(super) fn go_on_matching(&mut self, ctx: &mut Ctx<'_>) {
        self.matching.begin_turn(ctx.settings.per_turn.assigns);
        for _ in 0..self.matching.postponed() {
            let Some(of) = self.matching.next() else { return };
            self.queues.change(&of, |queue| {
                queue.is_postponed = false;
                queue.match_offers(&mut self.matching, &mut self.revocable, ctx);
            });
        }
    }

    /// Returns whether the next turn has jobs to assign, or answers or progress to pass on to members of groups.
    pub(super) fn has_work(&self) -> bool {
        self.matching.postponed() > 0 || self.passing_on.any()
    }

    fn find(&self, type_name: &str, hash: TypeHash) -> Option<&Queue> {
        self.queues.table.find(hash.0, |listed| listed.queue.is_of(type_name, hash)).map(|listed| &*listed.queue)
    }

    /// Removes the offers of a shard's workers of a class (H5).
    pub(super) fn withdraw(&mut self, of: &TypeRef, class: Class, from: PoolRef, ctx: &mut Ctx<'_>) {
        let withdraw = |offers: &mut Offers| offers.withdraw(from.shard);
        let n = self.queues.change(of, |queue| queue.offers.change(class, withdraw)).flatten();
        ctx.post(from.shard, Message::Withdrawn(from.pool, n.unwrap_or(0)));
    }

    /// Answers `shutdown` to all waiting jobs, and drops all offers.
    pub(super) fn stop(&mut self, ctx: &mut Ctx<'_>) {
        self.matching = Matching::default();
        for listed in std::mem::take(&mut self.queues).table {
            for job in listed.queue.waiting.into_jobs() {
                self.revocable.forget(&job);
                ctx.counts.jobs_waiting -= 1;
                ctx.end(job, Reason::Shutdown);
            }
        }
        self.go_on_passing_on(ctx);
    }

    /// Returns the figures of a type at this home.
    pub(super) fn row(&self, type_name: &str, hash: TypeHash, now: Micros) -> Option<TypeRow> {
        Some(self.find(type_name, hash)?.row(now))
    }

    /// Returns the figures of the type at a place of the queues, if its queue was created before `until`.
    pub(super) fn row_at(&self, place: u32, until: Age, now: Micros) -> Option<(Arc<str>, TypeRow)> {
        self.queues.at(place, until).map(|queue| (Arc::clone(&queue.of.name), queue.row(now)))
    }

    /// Returns the present age of the queues' places, and a number above all places.
    pub(super) fn places(&self) -> (Age, u32) {
        (self.queues.places.age(), self.queues.places.end())
    }

    /// Returns the tickets and groups of doomed jobs, for tests.
    pub(super) fn doomed(&self) -> impl Iterator<Item = Submitter> {
        self.doomed.keys().copied()
    }

    /// Returns how many waiting jobs may be revoked, for tests.
    pub(super) fn revocable(&self) -> usize {
        self.revocable.len()
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queues.table.iter().map(|listed| &*listed.queue)
    }

    /// Puts a job in its queue, and makes all possible assignments.
    #[inline(always)]
    fn enqueue(&mut self, job: Job, hash: TypeHash, queued: Queued, ctx: &mut Ctx<'_>) {
        let (mut entry, places) = self.queues.enter_or_create(job.type_name(), hash);
        entry.get_mut().queue.add(job, queued, &mut self.matching, &mut self.revocable, ctx);
        forget_if_unused(entry, places);
    }

    /// Returns the queue of a type, and creates it if there is none.
    fn queue_of(&mut self, type_name: &str, hash: TypeHash) -> &mut Queue {
        &mut self.queues.enter_or_create(type_name, hash).0.into_mut().queue
    }
}

/// Counts jobs of a type of this home that ended before they came here.
pub(super) fn count_delayed_ends(of: &TypeRef, n: u64, reason: Reason, ctx: &mut Ctx<'_>) {
    let has_figures = ctx.figures.decide(&of.name, of.hash);
    let id = ctx.figures.place_of(has_figures, &of.name, of.hash);
    ctx.figures.ended(id, reason, n);
}

/// Ends a new job that is not queued.
fn end_unqueued(mut job: Job, hash: TypeHash, reason: Reason, ctx: &mut Ctx<'_>) {
    let has_figures = ctx.figures.decide(job.type_name(), hash);
    job.set_has_figures(has_figures);
    ctx.end(job, reason);
}
