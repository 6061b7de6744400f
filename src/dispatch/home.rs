//! A shard as the home of job types: their queues, and the rules H1 to H5 of docs/architecture.md.
//!
//! A home deals with shards, not with workers: it knows how many jobs of a type each shard would take, and gives the
//! first waiting job to the shard that offered first.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use super::job::{End, Job};
use super::line::Line;
use super::message::{Message, Passage, ShardId, TypeRow};
use super::offers::Offers;
use super::step::Step;

/// All types whose home this shard is. A type's entry goes when nothing waits, no offer stands and no shard refuses.
#[derive(Debug)]
pub(super) struct Home {
    /// Boxed, so that the table stays small and grows fast.
    queues: HashMap<Arc<str>, Box<Queue>, RandomState>,
    /// The next arrival number: one counter for all types, so that it outlives their entries.
    next_number: u64,
}

/// One type.
#[derive(Debug)]
pub(super) struct Queue {
    name: Arc<str>,
    pub(super) line: Line,
    pub(super) offers: Offers,
}

impl Home {
    pub(super) fn new(maps: RandomState) -> Self {
        Self { queues: HashMap::with_hasher(maps), next_number: 0 }
    }

    /// A new job (H1).
    pub(super) fn submit(&mut self, mut job: Job, step: &mut Step<'_>) {
        if step.stopping {
            return step.end(job, End::Shutdown);
        }
        job.number = self.next_number;
        self.next_number += 1;
        step.trace(&job, Passage::Waits(job.submitter));
        step.counts.jobs_waiting += 1;
        self.with_queue_of(job, step, |queue, job| queue.line.push(job));
    }

    /// A job that comes again (H3).
    pub(super) fn put_back(&mut self, from: ShardId, job: Job, refused: bool, step: &mut Step<'_>) {
        if step.stopping {
            return step.end(job, End::Shutdown);
        }
        step.counts.jobs_waiting += 1;
        self.with_queue_of(job, step, |queue, job| {
            if refused {
                queue.offers.refuse(from);
            }
            queue.line.put_back(job);
        });
    }

    /// `n` more jobs of a type may go to a shard (H1).
    pub(super) fn offer(&mut self, from: ShardId, type_name: &Arc<str>, n: u32, step: &mut Step<'_>) {
        if !step.stopping {
            // Cloning the name costs a word that other shards write as well: only for a new entry.
            let Some(queue) = self.queues.get_mut(type_name) else {
                let mut queue = Queue::boxed(type_name);
                queue.offers.add(from, n);
                self.queues.insert(Arc::clone(type_name), queue);
                return; // Nothing waits.
            };
            queue.offers.add(from, n);
            queue.hand_out(step);
            if queue.is_unused() {
                self.forget(type_name);
            }
        }
    }

    /// A slot is kept for one job of a type (H2).
    pub(super) fn ask(&mut self, from: ShardId, type_name: Arc<str>, step: &mut Step<'_>) {
        let job = self.queues.get_mut(&type_name).and_then(|queue| queue.pop_for(from));
        match job {
            Some(job) => {
                self.forget_if_unused(&type_name);
                step.counts.jobs_waiting -= 1;
                step.post(from, Message::Assign { job, asked: true });
            }
            None => step.post(from, Message::Decline(type_name)),
        }
    }

    /// Suspects may go to a shard again (H4).
    pub(super) fn welcome(&mut self, from: ShardId, type_name: &Arc<str>, step: &mut Step<'_>) {
        if let Some(queue) = self.queues.get_mut(type_name) {
            queue.offers.welcome(from);
            queue.hand_out(step);
            self.forget_if_unused(type_name);
        }
    }

    /// A shard takes its offers back (H5).
    pub(super) fn withdraw(&mut self, from: ShardId, type_name: Arc<str>, step: &mut Step<'_>) {
        let n = self.queues.get_mut(&type_name).map_or(0, |queue| queue.offers.withdraw(from));
        self.forget_if_unused(&type_name);
        step.post(from, Message::Withdrawn(type_name, n));
    }

    /// Answers `shutdown` to all that waits, and forgets who would have taken it.
    pub(super) fn stop(&mut self, step: &mut Step<'_>) {
        for (_, queue) in self.queues.drain() {
            for job in queue.line.into_jobs() {
                step.counts.jobs_waiting -= 1;
                step.end(job, End::Shutdown);
            }
        }
    }

    /// What is known here of a type.
    pub(super) fn row(&self, type_name: &str, now_ms: u64) -> Option<TypeRow> {
        self.queues.get(type_name).map(|queue| queue.row(now_ms))
    }

    /// What is known here of all types.
    pub(super) fn rows(&self, now_ms: u64) -> impl Iterator<Item = (&Arc<str>, TypeRow)> {
        self.queues.iter().map(move |(name, queue)| (name, queue.row(now_ms)))
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = (&Arc<str>, &Queue)> {
        self.queues.iter().map(|(name, queue)| (name, &**queue))
    }

    /// Puts a job in its queue by `put`, and hands out what can be.
    fn with_queue_of(&mut self, job: Job, step: &mut Step<'_>, put: impl FnOnce(&mut Queue, Job)) {
        let Some(queue) = self.queues.get_mut(job.type_name()) else {
            let name: Arc<str> = job.type_name().into();
            let mut queue = Queue::boxed(&name);
            put(&mut queue, job);
            self.queues.insert(name, queue);
            return; // No entry, so no offer: nothing can be handed out.
        };
        put(queue, job);
        queue.hand_out(step);
        if queue.is_unused() {
            let name = Arc::clone(&queue.name);
            self.forget(&name);
        }
    }

    fn forget_if_unused(&mut self, type_name: &Arc<str>) {
        if self.queues.get(type_name).is_some_and(|queue| queue.is_unused()) {
            self.forget(type_name);
        }
    }

    /// The table shrinks when an eighth of it is in use.
    fn forget(&mut self, type_name: &str) {
        self.queues.remove(type_name);
        if self.queues.len() < self.queues.capacity() / 8 {
            self.queues.shrink_to(self.queues.len() * 2);
        }
    }
}

impl Queue {
    fn boxed(name: &Arc<str>) -> Box<Self> {
        Box::new(Self { name: Arc::clone(name), line: Line::default(), offers: Offers::default() })
    }

    /// H1: as long as a waiting job and an offer go together, the first such job is assigned to the first such offer.
    fn hand_out(&mut self, step: &mut Step<'_>) {
        while let Some((job, to)) = self.pop_pair() {
            step.counts.jobs_waiting -= 1;
            step.post(to, Message::Assign { job, asked: false });
        }
    }

    fn pop_pair(&mut self) -> Option<(Job, ShardId)> {
        if self.line.has_suspect()
            && let Some(to) = self.offers.take_welcoming()
        {
            return self.line.pop_suspect().map(|job| (job, to));
        }
        if !self.line.has_other() {
            return None;
        }
        let to = self.offers.take()?;
        self.line.pop_other().map(|job| (job, to))
    }

    /// The first waiting job that may go to `shard`.
    fn pop_for(&mut self, shard: ShardId) -> Option<Job> {
        if self.line.has_suspect() && !self.offers.refuses(shard) {
            return self.line.pop_suspect();
        }
        self.line.pop_other()
    }

    fn is_unused(&self) -> bool {
        self.line.is_empty() && self.offers.is_empty()
    }

    fn row(&self, now_ms: u64) -> TypeRow {
        TypeRow {
            waiting: self.line.len() as u64,
            oldest_ms: self.line.oldest_ms().map_or(0, |accepted_ms| now_ms.saturating_sub(accepted_ms)),
            ..TypeRow::default()
        }
    }
}
