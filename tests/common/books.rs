//! What must hold of the books of a world's shards: of each one after any step, and between owners and homes when
//! nothing is on the way. The rules are in docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};

use deputy::dispatch::audit::{Audit, JobAudit, PoolAudit, QueueAudit, WorkerAudit};
use deputy::dispatch::message::ShardId;

use super::World;

impl World {
    /// Panics unless the books of one shard make sense by themselves, as they must after any step.
    pub(crate) fn check_shard(&self, shard: u16) {
        check_alone(&self.audit(shard), self.is_stopping(shard));
    }

    /// Panics unless the books of all shards agree, as they must when nothing is on the way. Offers to and from shards
    /// that were told to stop are no longer looked after.
    pub(crate) fn check_rest(&self) {
        self.check_books_at_rest(&self.audits());
    }

    /// The books of all shards.
    pub(crate) fn audits(&self) -> Vec<Audit> {
        (0..self.shards()).map(|shard| self.audit(shard)).collect()
    }

    /// The same for books that were laid open already.
    pub(crate) fn check_books_at_rest(&self, audits: &[Audit]) {
        assert!(self.at_rest(), "something is on the way");
        let any_stops = (0..self.shards()).any(|shard| self.is_stopping(shard));
        for (shard, audit) in (0..).zip(audits) {
            check_alone(audit, self.is_stopping(shard));
            let kept: u32 = audit.workers.iter().map(|worker| worker.reserved).sum();
            assert_eq!(kept, 0, "slots are kept at rest");
            audit.pools.iter().for_each(|bid| check_bid_at_rest(bid, any_stops));
        }
        if !any_stops {
            self.check_agreement(audits);
            check_nothing_waits_in_vain(audits);
        }
        self.check_sums();
    }

    /// Panics unless each shard has forgotten everything. Offers may stand where a shard was told to stop: nobody looks
    /// after them any more, and they go down with the server.
    pub(crate) fn check_empty(&self) {
        let any_stops = (0..self.shards()).any(|shard| self.is_stopping(shard));
        for shard in 0..self.shards() {
            let audit = self.audit(shard);
            assert_eq!((audit.connections.len(), audit.workers.len()), (0, 0), "shard {shard} remembers: {audit:?}");
            let types_left = audit.pools.len() + audit.queues.len();
            assert!(types_left == 0 || any_stops, "shard {shard} remembers: {audit:?}");
            assert_eq!(audit.leftovers, 0, "leftovers at shard {shard}");
            assert_eq!(self.pending(shard), 0, "shard {shard} waits for answers");
            let c = self.counts(shard);
            let gauges = [c.jobs_waiting, c.jobs_running, c.workers, c.workers_idle, c.connections_open];
            assert_eq!(gauges, [0; 5], "gauges of shard {shard}");
            assert_eq!([c.job_bytes, c.unsent_bytes, c.partial_bytes], [0; 3], "bytes of shard {shard}");
        }
    }

    fn check_agreement(&self, audits: &[Audit]) {
        for (shard, audit) in (0..).zip(audits) {
            let mut open: BTreeMap<(u16, &str), u64> = BTreeMap::new();
            let mut refusing: BTreeSet<(u16, &str)> = BTreeSet::new();
            for (owner, books) in (0_u16..).zip(audits) {
                for bid in books.pools.iter().filter(|bid| self.home(&bid.type_name) == shard) {
                    if bid.open > 0 {
                        open.insert((owner, &bid.type_name), bid.open);
                    }
                    if bid.rejects_suspects {
                        refusing.insert((owner, &bid.type_name));
                    }
                }
            }
            let mut offers = BTreeMap::new();
            let mut refuses = BTreeSet::new();
            for queue in &audit.queues {
                assert_eq!(self.home(&queue.type_name), shard, "a queue away from home: {queue:?}");
                offers.extend(queue.offers.iter().map(|(owner, n)| ((owner.0, &*queue.type_name), *n)));
                refuses.extend(queue.rejects_suspects.iter().map(|owner| (owner.0, &*queue.type_name)));
            }
            assert_eq!(open, offers, "open at the owners, and offers at home {shard}");
            assert_eq!(refusing, refuses, "refusing at the owners, and as home {shard} knows");
        }
    }

    fn check_sums(&self) {
        let c = self.totals().counts;
        assert_eq!(c.jobs_added, c.jobs_done + c.jobs_failed + c.jobs_waiting + c.jobs_running, "{c:?}");
        assert!(c.workers_idle <= c.workers && c.workers <= c.connections_open, "{c:?}");
    }
}

/// What holds of one shard's books whatever is on the way.
fn check_alone(audit: &Audit, stopping: bool) {
    for worker in &audit.workers {
        assert_eq!(audit.connections.iter().filter(|conn| **conn == worker.conn).count(), 1, "{worker:?}");
    }
    for bid in &audit.pools {
        check_bid(bid, audit, stopping);
    }
    let kept: u32 = audit.workers.iter().map(|worker| worker.reserved).sum();
    // The worker whose slot is kept may be gone while the answer is on the way.
    assert!(kept as usize <= audit.pools.iter().filter(|bid| bid.pull_pending.is_some()).count(), "{audit:?}");
    for queue in &audit.queues {
        check_queue(queue, stopping);
    }
}

fn check_bid(bid: &PoolAudit, audit: &Audit, stopping: bool) {
    let takers = || audit.workers.iter().filter(|worker| worker.types.contains(&bid.type_name));
    let follows = |worker: &WorkerAudit| worker.tracked.contains(&bid.type_name);
    let seen = |worker| if follows(worker) { free_slots(worker) } else { u64::from(worker.max_jobs) };
    let free: u64 = takers().map(seen).sum();
    let clean = takers().filter(|worker| !follows(worker) || free_slots(worker) > 0 && !holds_suspect(worker)).count();
    let running = audit.workers.iter().flat_map(|worker| &worker.held);
    let running = running.filter(|(_, job)| *job.type_name == *bid.type_name).count();
    assert_eq!(bid.workers, takers().count() as u64, "workers: {bid:?}");
    assert_eq!(bid.free, free, "free: {bid:?}");
    assert_eq!(bid.clean_ready, clean as u64, "ready workers without a suspect: {bid:?}");
    assert_eq!(bid.running, running as u64, "running: {bid:?}");
    if stopping {
        return;
    }
    assert!(bid.free <= bid.open, "a free slot is not offered: {bid:?}");
    assert!(!bid.rejects_suspects || bid.clean_ready == 0, "a Welcome is missing: {bid:?}");
    assert!(!bid.starved || bid.pull_pending.is_some() || bid.free == 0, "an Ask is missing: {bid:?}");
    if bid.rejects_suspects || bid.starved && bid.pull_pending.is_none() {
        assert!(takers().all(follows), "turned a job away without having met all workers: {bid:?}");
    }
    if bid.workers == 0 {
        assert!(!bid.starved && !bid.rejects_suspects, "no worker, but books: {bid:?}");
        assert!(bid.open > 0 || bid.pull_pending.is_some() || bid.running > 0, "an entry without a reason: {bid:?}");
    }
}

fn check_queue(queue: &QueueAudit, stopping: bool) {
    let place = |job: &JobAudit| (!job.suspect, job.arrival);
    let places: Vec<_> = queue.waiting.iter().map(place).collect();
    assert!(places.is_sorted_by(|a, b| a < b), "the line is out of order: {queue:?}");
    assert!(queue.waiting.iter().all(|job| *job.type_name == *queue.type_name), "{queue:?}");
    assert!(queue.offers.iter().all(|(_, n)| *n > 0), "an offer of nothing: {queue:?}");
    let empty = queue.waiting.is_empty() && queue.offers.is_empty() && queue.rejects_suspects.is_empty();
    assert!(!empty, "an entry without a reason: {queue:?}");
    if stopping {
        assert!(queue.waiting.is_empty(), "jobs wait at a shard that stops: {queue:?}");
    }
    let together = |job: &JobAudit, shard: &ShardId| !(job.suspect && queue.rejects_suspects.contains(shard));
    let meet = queue.offers.iter().any(|(shard, _)| queue.waiting.iter().any(|job| together(job, shard)));
    assert!(!meet, "a job waits beside an offer: {queue:?}");
}

fn check_bid_at_rest(bid: &PoolAudit, any_stops: bool) {
    assert_eq!(bid.pull_pending, None, "{bid:?}");
    if bid.workers == 0 && !any_stops {
        assert!(bid.open == 0 && !bid.starved && !bid.rejects_suspects, "{bid:?}");
    }
}

/// Invariant 4: at rest no job waits while a worker of its type has a free slot that may take it.
fn check_nothing_waits_in_vain(audits: &[Audit]) {
    for queue in audits.iter().flat_map(|audit| &audit.queues) {
        let workers = audits.iter().flat_map(|audit| &audit.workers);
        let free: Vec<&WorkerAudit> =
            workers.filter(|worker| worker.types.contains(&queue.type_name) && free_slots(worker) > 0).collect();
        for job in &queue.waiting {
            let taker = free.iter().find(|worker| !(job.suspect && holds_suspect(worker)));
            assert!(taker.is_none(), "{job:?} waits beside a free slot of {taker:?}");
        }
    }
}

/// The free slots of a worker, as docs/architecture.md defines them.
pub(crate) fn free_slots(worker: &WorkerAudit) -> u64 {
    let used = worker.held.len() as u64 + u64::from(worker.reserved);
    if worker.paused { 0 } else { u64::from(worker.max_jobs).saturating_sub(used) }
}

fn holds_suspect(worker: &WorkerAudit) -> bool {
    worker.held.iter().any(|(_, job)| job.suspect)
}
