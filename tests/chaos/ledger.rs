//! Who holds which job, as far as it can be seen from outside.
//!
//! A worker enters a job when it receives it, and removes it before it answers or leaves. If another worker receives a job
//! that is still entered, two hold it, unless the server has closed one of the connections and that worker has not seen it
//! yet. This is a *dispute*: each of the two has to show, by an answer from the server, that its connection lives. If both
//! do, the server sent one job to two workers.
//!
//! The server may also take a job from a worker that lives, if the job is revocable. It sends `cancel` before the job goes
//! elsewhere, so a worker that has received `cancel` before its proof is out of the dispute. Where one side is not sent
//! `cancel`, or cannot be asked, revocable jobs are not disputed. Jobs that have a key in common never are.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::work::Hold;

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
    /// Workers without numbers, which are not sent `cancel`.
    unnumbered: HashSet<WorkerId>,
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

    /// The worker's jobs have no numbers.
    pub(crate) fn is_unnumbered(&self, worker: WorkerId) {
        self.entries().unnumbered.insert(worker);
    }

    /// Called when the worker has received the job.
    pub(crate) fn enter(&self, job: u64, hold: Hold, worker: WorkerId) {
        let mut entries = self.entries();
        if let Some(other) = entries.holders.insert(job, worker)
            && entries.is_disputable(hold, [other, worker])
        {
            let standing = |side| if entries.vouched.contains(&side) { Standing::Alive } else { Standing::Doubted };
            let sides = [other, worker].map(|side| (side, standing(side)));
            entries.disputes.push(Dispute { job, sides });
        }
    }

    /// The worker has received `cancel` for the job.
    pub(crate) fn revoke(&self, job: u64, worker: WorkerId) {
        self.strike(job, worker);
        let mut entries = self.entries();
        entries.disputes.retain(|dispute| dispute.job != job || dispute.sides.iter().all(|side| side.0 != worker));
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
        entries.unnumbered.remove(&worker);
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
    /// Whether these two may not hold a job at once, as far as they can show it.
    fn is_disputable(&self, hold: Hold, sides: [WorkerId; 2]) -> bool {
        match hold {
            Hold::Firm => true,
            Hold::Revocable => sides.iter().all(|side| !self.vouched.contains(side) && !self.unnumbered.contains(side)),
            Hold::Shared => false,
        }
    }

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
fn a_job_that_two_living_workers_hold_is_reported() {
    let ledger = Ledger::default();
    ledger.enter(7, Hold::Firm, 1);
    ledger.enter(7, Hold::Firm, 2);
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
    ledger.enter(7, Hold::Firm, 1);
    ledger.enter(7, Hold::Firm, 2);
    // An answer to what it had asked before is no proof.
    ledger.had_answer(2);
    assert!(ledger.is_doubted(2) && ledger.held_twice().is_none());
    ledger.leave(2, true);
    assert!(ledger.held_twice().is_none() && ledger.held().is_empty());
    ledger.enter(8, Hold::Firm, 1);
    ledger.strike(8, 1);
    ledger.enter(8, Hold::Firm, 3);
    assert!(ledger.held_twice().is_none() && ledger.held_by(3) == 1);
}

#[test]
fn a_revocable_job_is_held_twice_only_if_no_side_has_received_cancel() {
    let ledger = Ledger::default();
    let is_held_by_both = |job| {
        ledger.enter(job, Hold::Revocable, 1);
        ledger.enter(job, Hold::Revocable, 2);
        assert!(ledger.must_ask(1) && ledger.must_ask(2));
    };
    is_held_by_both(7);
    ledger.revoke(7, 1);
    ledger.had_answer(1);
    ledger.had_answer(2);
    assert!(ledger.held_twice().is_none() && ledger.held_by(2) == 1);
    ledger.strike(7, 2);
    // No `cancel` is sent to worker 3, and jobs with a key may be at two workers for a moment.
    ledger.is_unnumbered(3);
    ledger.enter(8, Hold::Revocable, 3);
    ledger.enter(8, Hold::Revocable, 1);
    ledger.enter(9, Hold::Shared, 1);
    ledger.enter(9, Hold::Shared, 2);
    assert!(!ledger.is_doubted(1));
    is_held_by_both(10);
    ledger.revoke(9, 1);
    ledger.had_answer(1);
    ledger.had_answer(2);
    assert_eq!(ledger.held_twice().unwrap(), "job 10 was held by the workers 1 and 2 at once");
}
