//! Who holds which job, as far as it can be seen from outside.
//!
//! A worker enters a job when it receives it, and removes it before it answers or leaves. If another worker receives a job
//! that is still entered, two hold it, unless the server has closed one of the connections and that worker has not seen it
//! yet. This is a *dispute*: each of the two has to show, by an answer from the server, that its connection lives. If both
//! do, the server sent one job to two workers.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A worker's connection. No two of a server have the same.
pub(crate) type WorkerId = u64;

/// See the module.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    holders: HashMap<u64, WorkerId>,
    disputes: Vec<Dispute>,
    /// Workers that cannot be asked, and whose connections the server has no reason to close.
    vouched: HashSet<WorkerId>,
}

struct Dispute {
    job: u64,
    sides: [(WorkerId, Standing); 2],
}

/// What is known of one side of a dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Doubted,
    /// It has asked the server something since.
    Asking,
    /// It had an answer.
    Alive,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker is a process of its own, that lives until it is killed.
    pub(crate) fn vouch_for(&self, worker: WorkerId) {
        self.entries().vouched.insert(worker);
    }

    /// Called when the worker has received the job.
    pub(crate) fn enter(&self, job: u64, worker: WorkerId) {
        let mut entries = self.entries();
        if let Some(other) = entries.holders.insert(job, worker) {
            let standing = |side| if entries.vouched.contains(&side) { Standing::Alive } else { Standing::Doubted };
            let sides = [other, worker].map(|side| (side, standing(side)));
            entries.disputes.push(Dispute { job, sides });
        }
    }

    /// The worker is about to answer the job.
    pub(crate) fn strike(&self, job: u64, worker: WorkerId) {
        let mut entries = self.entries();
        if entries.holders.get(&job) == Some(&worker) {
            entries.holders.remove(&job);
        }
    }

    /// The worker is about to go, or the server has closed its connection, which ends its disputes.
    pub(crate) fn leave(&self, worker: WorkerId, closed_by_server: bool) {
        let mut entries = self.entries();
        entries.holders.retain(|_, holder| *holder != worker);
        if closed_by_server {
            entries.disputes.retain(|dispute| dispute.sides.iter().all(|side| side.0 != worker));
        }
    }

    /// Whether the worker has to ask the server something, to show that its connection lives.
    pub(crate) fn must_ask(&self, worker: WorkerId) -> bool {
        self.entries().advance(worker, Standing::Doubted, Standing::Asking)
    }

    /// The server has answered what the worker asked when it had to.
    pub(crate) fn had_answer(&self, worker: WorkerId) {
        self.entries().advance(worker, Standing::Asking, Standing::Alive);
    }

    /// Whether the worker has yet to show that its connection lives.
    pub(crate) fn is_doubted(&self, worker: WorkerId) -> bool {
        let entries = self.entries();
        let mut sides = entries.disputes.iter().flat_map(|dispute| &dispute.sides);
        sides.any(|side| side.0 == worker && side.1 != Standing::Alive)
    }

    /// A job that two workers held, both of them alive.
    pub(crate) fn held_twice(&self) -> Option<String> {
        let entries = self.entries();
        let dispute =
            entries.disputes.iter().find(|dispute| dispute.sides.iter().all(|side| side.1 == Standing::Alive))?;
        let [(one, _), (other, _)] = dispute.sides;
        Some(format!("job {} was held by the workers {one} and {other} at once", dispute.job))
    }

    /// Jobs that the worker holds.
    pub(crate) fn held_by(&self, worker: WorkerId) -> usize {
        self.entries().holders.values().filter(|&&holder| holder == worker).count()
    }

    /// Jobs that are held, for people.
    pub(crate) fn held(&self) -> Vec<String> {
        let entries = self.entries();
        entries.holders.iter().map(|(job, worker)| format!("job {job} is held by worker {worker}")).collect()
    }
}

impl Entries {
    /// Whether there was a side to take further.
    fn advance(&mut self, worker: WorkerId, from: Standing, to: Standing) -> bool {
        let sides = self.disputes.iter_mut().flat_map(|dispute| &mut dispute.sides);
        let due = sides.filter(|side| **side == (worker, from));
        due.fold(false, |_, side| {
            side.1 = to;
            true
        })
    }
}

#[test]
fn a_job_that_two_living_workers_hold_is_told_of() {
    let ledger = Ledger::default();
    ledger.enter(7, 1);
    ledger.enter(7, 2);
    assert!(ledger.must_ask(1) && ledger.must_ask(2) && !ledger.must_ask(1));
    ledger.had_answer(1);
    assert!(!ledger.is_doubted(1) && ledger.held_twice().is_none());
    ledger.leave(1, false);
    ledger.had_answer(2);
    assert_eq!(ledger.held_twice().unwrap(), "job 7 was held by the workers 1 and 2 at once");
}

#[test]
fn a_job_is_not_held_twice_if_one_of_the_two_was_closed_or_answered_too_early() {
    let ledger = Ledger::default();
    ledger.vouch_for(1);
    ledger.enter(7, 1);
    ledger.enter(7, 2);
    // An answer to what it had asked before is no proof.
    ledger.had_answer(2);
    assert!(ledger.is_doubted(2) && ledger.held_twice().is_none());
    ledger.leave(2, true);
    assert!(ledger.held_twice().is_none() && ledger.held().is_empty());
    ledger.enter(8, 1);
    ledger.strike(8, 1);
    ledger.enter(8, 3);
    assert!(ledger.held_twice().is_none() && ledger.held_by(3) == 1);
}
