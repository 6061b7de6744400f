//! The invariants of a world's shards: of each one after any step, and between owners and homes at rest, when nothing is on
//! the way. The rules are in docs/architecture.md.

mod figures;
mod tickets;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deputy::dispatch::audit::{Audit, JobAudit, PoolAudit, QueueAudit, WorkerAudit};
use deputy::dispatch::message::ShardId;
use deputy::protocol::command::Class;

use super::{Peer, World};
use tickets::check_tickets_at_rest;

impl World {
    /// Panics unless one shard is consistent by itself, as it must be after any step.
    pub(crate) fn check_shard(&self, shard: u16) {
        self.check_alone(shard, &self.audit(shard));
    }

    /// Panics unless all shards agree, as they must at rest. Offers to and from shards that stop are not checked.
    pub(crate) fn check_rest(&self) {
        self.check_books_at_rest(&self.audits());
    }

    /// Returns copies of the state of all shards.
    pub(crate) fn audits(&self) -> Vec<Audit> {
        (0..self.shards()).map(|shard| self.audit(shard)).collect()
    }

    /// The same for copies that were made already.
    pub(crate) fn check_books_at_rest(&self, audits: &[Audit]) {
        assert!(self.at_rest(), "something is on the way");
        let any_stops = (0..self.shards()).any(|shard| self.is_stopping(shard));
        for (shard, audit) in (0..).zip(audits) {
            self.check_alone(shard, audit);
            assert!(audit.lost.is_empty(), "jobs of lost workers stay: {:?}", audit.lost);
            let reserved: u32 = audit.workers.iter().map(|worker| worker.reserved).sum();
            assert_eq!(reserved, 0, "slots are reserved at rest");
            audit.pools.iter().for_each(|pool| check_pool_at_rest(pool, any_stops));
        }
        if !any_stops {
            self.check_agreement(audits);
            check_nothing_waits_in_vain(audits);
            self.check_presence(audits);
        }
        check_tickets_at_rest(audits);
        self.check_sums(audits);
        self.check_figures(audits);
    }

    /// Ends these connections. Then every shard must have forgotten everything.
    pub(crate) fn end_all(&mut self, peers: impl IntoIterator<Item = Peer>) {
        peers.into_iter().for_each(|peer| self.end(peer));
        self.settle();
        self.check_empty();
    }

    /// Panics unless each shard has forgotten everything. Offers may remain at a shard that stops.
    pub(crate) fn check_empty(&self) {
        let any_stops = (0..self.shards()).any(|shard| self.is_stopping(shard));
        for shard in 0..self.shards() {
            let audit = self.audit(shard);
            assert_eq!((audit.connections.len(), audit.workers.len()), (0, 0), "shard {shard} remembers: {audit:?}");
            let types_left = audit.pools.len() + audit.queues.len();
            assert!(types_left == 0 || any_stops, "shard {shard} remembers: {audit:?}");
            assert_eq!(audit.leftovers, 0, "leftovers at shard {shard}");
            assert_eq!(self.pending(shard), 0, "shard {shard} waits for answers");
            self.check_no_tickets(shard, &audit);
            let c = self.counts(shard);
            let gauges = [c.jobs_waiting, c.jobs_running, c.workers, c.workers_idle, c.connections_open];
            assert_eq!(gauges, [0; 5], "gauges of shard {shard}");
            assert_eq!([c.job_bytes, c.unsent_bytes, c.partial_bytes], [0; 3], "bytes of shard {shard}");
        }
    }

    fn check_alone(&self, shard: u16, audit: &Audit) {
        check_slots(audit, self.is_stopping(shard));
        let postponed = audit.pools.iter().filter(|pool| pool.is_postponed).count();
        assert!(postponed <= audit.postponed, "{postponed} pools wait for a turn that knows of {}", audit.postponed);
        self.check_tickets_of(shard, audit);
    }

    fn check_agreement(&self, audits: &[Audit]) {
        for (shard, audit) in (0..).zip(audits) {
            let mut open: BTreeMap<(u16, Class, &str), u64> = BTreeMap::new();
            let mut rejecting: BTreeSet<(u16, Class, &str)> = BTreeSet::new();
            for (owner, books) in (0_u16..).zip(audits) {
                for pool in books.pools.iter().filter(|pool| self.home(&pool.type_name) == shard) {
                    if pool.open > 0 {
                        open.insert((owner, pool.class, &pool.type_name), pool.open);
                    }
                    if pool.rejects_suspects {
                        rejecting.insert((owner, pool.class, &pool.type_name));
                    }
                }
            }
            let mut offers = BTreeMap::new();
            let mut rejects = BTreeSet::new();
            for queue in &audit.queues {
                assert_eq!(self.home(&queue.type_name), shard, "a queue away from home: {queue:?}");
                let name = &*queue.type_name;
                offers.extend(queue.offers.iter().map(|(owner, class, n)| ((owner.0, *class, name), *n)));
                rejects.extend(queue.rejects_suspects.iter().map(|(owner, class)| (owner.0, *class, name)));
            }
            assert_eq!(open, offers, "open at the owners, and offers at home {shard}");
            assert_eq!(rejecting, rejects, "rejecting at the owners, and as home {shard} knows");
        }
    }

    fn check_sums(&self, audits: &[Audit]) {
        let c = self.totals().counts;
        // A job of a group is one that waits or runs, however many members have joined.
        let groups = audits.iter().flat_map(|audit| &audit.groups);
        let joined: usize = groups.map(|group| group.members.len().saturating_sub(1)).sum();
        let open = c.jobs_waiting + c.jobs_running + c.jobs_delayed + joined as u64;
        assert_eq!(c.jobs_added, c.jobs_done + c.jobs_failed + open, "{c:?}");
        assert!(c.workers_idle <= c.workers && c.workers <= c.connections_open, "{c:?}");
    }
}

/// What holds of one shard's slots, offers and queues whatever is on the way.
fn check_slots(audit: &Audit, stopping: bool) {
    for worker in &audit.workers {
        assert_eq!(audit.connections.iter().filter(|conn| **conn == worker.conn).count(), 1, "{worker:?}");
        let stray = worker.held.iter().find(|(_, job, class)| job.durable.is_some() != (*class == Class::Durable));
        assert!(stray.is_none(), "held in another class than its own: {stray:?}");
    }
    for lost in &audit.lost {
        assert!(audit.workers.iter().all(|worker| worker.conn != lost.conn), "lost, and there: {lost:?}");
        assert!(!lost.held.is_empty() || !lost.spent.is_empty(), "nothing is left of it: {lost:?}");
    }
    for pool in &audit.pools {
        check_pool(pool, audit, stopping);
    }
    let reserved: u32 = audit.workers.iter().map(|worker| worker.reserved).sum();
    // The worker whose slot is reserved may be gone while the answer is on the way.
    assert!(reserved as usize <= audit.pools.iter().filter(|pool| pool.pull_pending.is_some()).count(), "{audit:?}");
    for queue in &audit.queues {
        check_queue(queue, stopping);
    }
}

fn check_pool(pool: &PoolAudit, audit: &Audit, stopping: bool) {
    let name = (Arc::clone(&pool.type_name), pool.class);
    let takers = || audit.workers.iter().filter(|worker| worker.types.contains(&name));
    let tracks = |worker: &WorkerAudit| worker.tracked.contains(&name);
    let seen = |worker: &WorkerAudit| {
        let at = worker.tracked.iter().position(|tracked| *tracked == name);
        at.map_or(u64::from(worker.max_jobs), |at| seen_free(worker, at))
    };
    let free: u64 = takers().map(seen).sum();
    let clean = takers().filter(|worker| !tracks(worker) || free_slots(worker) > 0 && !holds_suspect(worker)).count();
    let lost = || audit.lost.iter();
    let running = audit.workers.iter().flat_map(|worker| &worker.held).chain(lost().flat_map(|lost| &lost.held));
    let running = running.filter(|(_, job, class)| *job.type_name == *pool.type_name && *class == pool.class).count();
    assert_eq!(pool.workers, takers().count() as u64, "workers: {pool:?}");
    assert_eq!(pool.free, free, "free: {pool:?}");
    assert_eq!(pool.clean_ready, clean as u64, "ready workers without a suspect: {pool:?}");
    assert_eq!(pool.running, running as u64, "running: {pool:?}");
    let spent = audit.workers.iter().flat_map(|worker| &worker.spent).chain(lost().flat_map(|lost| &lost.spent));
    let spent = spent.filter(|spent| spent.of == pool.type_name && spent.class == pool.class).count();
    assert_eq!(pool.spent as usize, spent, "spent: {pool:?}");
    if stopping {
        return;
    }
    assert!(pool.free <= pool.open || pool.is_postponed, "a free slot is not offered: {pool:?}");
    assert!(
        !pool.rejects_suspects || pool.clean_ready == 0 || pool.is_postponed,
        "an AcceptSuspects is missing: {pool:?}"
    );
    let pulls = pool.pull_pending.is_some() || pool.free == 0 || pool.is_postponed;
    assert!(!pool.starved || pulls, "a Pull is missing: {pool:?}");
    if !pool.is_postponed && (pool.rejects_suspects || pool.starved && pool.pull_pending.is_none()) {
        assert!(takers().all(tracks), "starved without tracking all workers: {pool:?}");
    }
    if pool.workers == 0 {
        assert!(!pool.starved && !pool.rejects_suspects, "no worker, but state: {pool:?}");
        assert!(
            pool.open > 0 || pool.pull_pending.is_some() || pool.running > 0 || pool.spent > 0,
            "an entry without a reason: {pool:?}"
        );
    }
}

fn check_queue(queue: &QueueAudit, stopping: bool) {
    let priority = |job: &JobAudit| Reverse(if job.suspect { 0 } else { job.priority });
    let place = |job: &JobAudit| (!job.suspect, priority(job), job.arrival);
    let places: Vec<_> = queue.waiting.iter().map(place).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "the queue is out of order: {queue:?}");
    assert!(queue.waiting.iter().all(|job| *job.type_name == *queue.type_name), "{queue:?}");
    assert!(queue.waiting.iter().all(|job| job.durable.is_some() == queue.durable), "{queue:?}");
    assert!(queue.waiting.iter().all(|job| !job.suspect || !queue.durable), "a durable suspect: {queue:?}");
    let unsafe_job = queue.waiting.iter().find(|job| job.durable == Some(false));
    assert!(unsafe_job.is_none() || !queue.present.is_empty(), "not stored, and no durable worker: {queue:?}");
    let classes = queue.present.iter().map(|(_, class, _)| class).chain(queue.offers.iter().map(|(_, class, _)| class));
    assert!(classes.into_iter().all(|class| (*class == Class::Durable) == queue.durable), "{queue:?}");
    assert!(queue.offers.iter().all(|(.., n)| *n > 0), "an offer of nothing: {queue:?}");
    let empty = queue.waiting.is_empty() && queue.offers.is_empty() && queue.rejects_suspects.is_empty();
    assert!(!empty || !queue.present.is_empty(), "an entry without a reason: {queue:?}");
    if stopping {
        assert!(queue.waiting.is_empty(), "jobs wait at a shard that stops: {queue:?}");
    }
    let together = |job: &JobAudit, of: &(ShardId, Class)| {
        fits(job, of.1) && !(job.suspect && queue.rejects_suspects.contains(of))
    };
    let meet =
        queue.offers.iter().any(|&(shard, class, _)| queue.waiting.iter().any(|job| together(job, &(shard, class))));
    assert!(!meet || queue.is_postponed, "a job waits beside an offer: {queue:?}");
}

fn check_pool_at_rest(pool: &PoolAudit, any_stops: bool) {
    assert_eq!(pool.pull_pending, None, "{pool:?}");
    if pool.workers == 0 && !any_stops {
        assert!(pool.open == 0 && !pool.starved && !pool.rejects_suspects, "{pool:?}");
    }
}

/// Invariant 4: at rest no job waits while a worker of its type has a free slot that may take it.
fn check_nothing_waits_in_vain(audits: &[Audit]) {
    for queue in audits.iter().flat_map(|audit| &audit.queues) {
        let workers = audits.iter().flat_map(|audit| &audit.workers);
        let free: Vec<&WorkerAudit> = workers.filter(|worker| free_slots(worker) > 0).collect();
        for job in &queue.waiting {
            let taker = free.iter().find(|worker| takes(worker, job) && !(job.suspect && holds_suspect(worker)));
            assert!(taker.is_none(), "{job:?} waits beside a free slot of {taker:?}");
        }
    }
}

/// Whether a worker takes a job, in whichever class.
fn takes(worker: &WorkerAudit, job: &JobAudit) -> bool {
    worker.types.iter().any(|(name, class)| **name == *job.type_name && fits(job, *class))
}

/// Whether workers of a class may take a job.
fn fits(job: &JobAudit, class: Class) -> bool {
    (class == Class::Durable) == job.durable.is_some() && (class != Class::Spare || job.waits_until.is_none())
}

/// The free slots of a worker, as docs/architecture.md defines them.
/// The free slots of a worker that the pool at `at` of those that follow it has recorded. If many follow it, or did so, it
/// may see too many, but fewer than twice as many, and it knows whether there are any.
fn seen_free(worker: &WorkerAudit, at: usize) -> u64 {
    let (seen, free) = (u64::from(worker.recorded[at]), free_slots(worker));
    let is_near = free < seen && seen < free * 2;
    assert!(seen == free || is_near, "{seen} free slots are recorded, and there are {free}: {worker:?}");
    seen
}

pub(crate) fn free_slots(worker: &WorkerAudit) -> u64 {
    let used = (worker.held.len() + worker.spent.len()) as u64 + u64::from(worker.reserved);
    if worker.paused { 0 } else { u64::from(worker.max_jobs).saturating_sub(used) }
}

fn holds_suspect(worker: &WorkerAudit) -> bool {
    worker.holds_suspect
}
