//! The naive model: one queue per type, and no shards. It is for schedules in which all messages are delivered after
//! each operation.
//!
//! If each worker takes one type, the model says which jobs start next. It knows the order of a type's waiting jobs:
//! suspects by arrival, then the others by priority and arrival. It does not know the order of jobs that come in one
//! operation, such as those whose delay is over.
//! - If no worker has more than one slot, the jobs that start are the first ones in this order.
//! - If a worker has more, a suspect may have to wait for a worker without another suspect. Other jobs then pass it,
//!   and so do younger suspects while it is refused. Only the other jobs keep their order.
//! - Of a shard's workers with one slot, the one that has been ready for longest gets the job.
//! - A job that is no suspect does not start at a spare worker while an ordinary worker has a free slot.
//!
//! The audit checks that no free slot is left idle when all messages are delivered. Together these rules say which jobs
//! start.
//!
//! If workers take several types, the model says how long a type may have to wait, and that suspects come before other
//! jobs unless a rule keeps them apart.

pub(crate) mod line;
pub(crate) mod received;
pub(crate) mod requests;
pub(crate) mod shadow;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use deputy::protocol::command::Class;

use crate::closings::PAUSE_BYTES;
use crate::model::requests::{Job, State};
use crate::model::shadow::{Conn, Shadow, Start};
use crate::schedule::Schedule;
use crate::world::Peer;

/// The most jobs of other types that a worker may start while a type of its own waits. The rules give this number for a
/// single worker of five types; with more workers it is smaller.
const PASSED_MAX: usize = 8;

/// The place of a job among the waiting jobs of its type: suspects first, then by priority, then by arrival.
pub(crate) type Place = (bool, Reverse<i8>, u64);

impl Job {
    /// Whether it waits in its queue, if all messages are delivered.
    fn waits(&self) -> bool {
        self.state == State::Inside && !self.never_waits()
    }

    pub(crate) fn place(&self) -> Place {
        let priority = if self.suspect { 0 } else { self.asks.priority };
        (!self.suspect, Reverse(priority), self.queue_place)
    }
}

/// What the model has to remember.
#[derive(Default)]
pub(crate) struct Model {
    /// By worker and type: how many jobs of other types it started while one of this waits, and none of it started.
    passed: BTreeMap<(Peer, String), usize>,
    /// Jobs that waited after the operation before.
    waited: BTreeSet<u64>,
    /// Shards whose workers held a suspect then.
    tainted: BTreeSet<u16>,
    /// Workers that had a free slot then, and their types that they take as ordinary ones.
    free: BTreeSet<(Peer, String)>,
}

/// Checks what started in one operation.
pub(crate) fn check(schedule: &mut Schedule) {
    let started = std::mem::take(&mut schedule.shadow.started);
    schedule.model.check_suspects(&schedule.shadow, &started);
    schedule.model.check_spared(&schedule.shadow, &started);
    if schedule.plan.types_a_worker == 1 {
        let one_slot = schedule.plan.slots_max == 1;
        for start in &started {
            schedule.model.check_line(&schedule.shadow, start, one_slot);
        }
    } else {
        schedule.model.check_turns(&schedule.shadow, &started);
    }
    schedule.model.remember(&schedule.shadow);
}

/// Of a shard's workers of a class the one has the job that has been ready for longest.
fn check_worker(shadow: &Shadow, start: &Start) {
    let worker = shadow.conn(start.worker);
    let class = worker.types[&start.type_name];
    let waits_longer = |conn: &Conn| {
        let is_ready = conn.held.is_empty() && conn.shard == worker.shard && conn.takes_as(&start.type_name, class);
        is_ready && conn.ready_since < worker.ready_since
    };
    let passed = shadow.live.iter().find(|peer| waits_longer(shadow.conn(*peer)));
    assert_eq!(passed, None, "was ready before: {start:?}");
}

/// The jobs of a type that wait, and that a worker may take.
fn waiting<'a>(shadow: &'a Shadow, type_name: &'a str, worker: Peer) -> impl Iterator<Item = (u64, Place)> + use<'a> {
    let class = shadow.conn(worker).types.get(type_name).copied().unwrap_or(Class::Ordinary);
    let jobs = shadow.jobs.iter();
    let waiting = jobs.filter(move |(_, job)| job.type_name == type_name && job.waits() && job.asks.fits(class));
    waiting.map(|(serial, job)| (*serial, job.place()))
}

fn fresh_waits(shadow: &Shadow, type_name: &str, worker: Peer) -> bool {
    waiting(shadow, type_name, worker).any(|(_, place)| place.0)
}

impl Model {
    fn check_line(&self, shadow: &Shadow, start: &Start, one_slot: bool) {
        let before = waiting(shadow, &start.type_name, start.worker)
            .filter(|(serial, place)| self.waited.contains(serial) && *place < start.place);
        let wrong = before.map(|(_, place)| place).find(|place| one_slot || place.0);
        assert_eq!(wrong, None, "waits, but another one started first: {start:?}");
        if one_slot {
            check_worker(shadow, start);
        }
    }

    /// No job passes one that was given back and waited before it at a shard that cannot have refused that: none of its
    /// workers holds another.
    fn check_suspects(&self, shadow: &Shadow, started: &[Start]) {
        let tainted = tainted(shadow);
        for start in started.iter().filter(|start| start.place.0) {
            let shard = shadow.conn(start.worker).shard;
            if !tainted.contains(&shard) && !self.tainted.contains(&shard) {
                let mut suspects = waiting(shadow, &start.type_name, start.worker).filter(|(_, place)| !place.0);
                let passed = suspects.find(|(serial, _)| self.waited.contains(serial));
                assert_eq!(passed, None, "was given back and waits: passed by {start:?}");
            }
        }
    }

    /// No job that is no suspect goes to a spare worker while an ordinary one has a free slot, before and after. A shard whose
    /// workers hold a suspect may have refused another one, which then has spent the offer of the slot.
    fn check_spared(&self, shadow: &Shadow, started: &[Start]) {
        let (free, tainted) = (free(shadow), tainted(shadow));
        let may_refuse = |shard| tainted.contains(shard) || self.tainted.contains(shard);
        for start in started.iter().filter(|start| start.place.0) {
            if shadow.conn(start.worker).takes_as(&start.type_name, Class::Spare) {
                let idle = self.free.intersection(&free);
                let mut idle = idle.filter(|(peer, _)| !may_refuse(&shadow.conn(*peer).shard));
                let passed = idle.find(|(_, type_name)| *type_name == start.type_name);
                assert_eq!(passed, None, "an ordinary worker has a free slot: {start:?}");
            }
        }
    }

    fn remember(&mut self, shadow: &Shadow) {
        self.free = free(shadow);
        let waits = shadow.jobs.iter().filter(|(_, job)| job.waits());
        self.waited = waits.map(|(serial, _)| *serial).collect();
        self.tainted = tainted(shadow);
    }

    fn check_turns(&mut self, shadow: &Shadow, started: &[Start]) {
        let started_type = |type_name: &str| started.iter().any(|start| start.type_name == type_name);
        self.passed.retain(|(worker, type_name), _| {
            let still = shadow.conn(*worker).types.contains_key(type_name);
            still && !started_type(type_name) && fresh_waits(shadow, type_name, *worker)
        });
        for start in started {
            for type_name in shadow.conn(start.worker).types.keys().filter(|name| !started_type(name)) {
                if fresh_waits(shadow, type_name, start.worker) {
                    let passed = self.passed.entry((start.worker, type_name.clone())).or_default();
                    *passed += 1;
                    assert!(*passed <= PASSED_MAX, "{type_name} has no turn at {:?}", start.worker);
                }
            }
        }
    }
}

/// Workers with a free slot, with each type that they take as ordinary ones.
fn free(shadow: &Shadow) -> BTreeSet<(Peer, String)> {
    let is_free = |conn: &Conn| conn.held.len() < conn.slots as usize && conn.unsent <= PAUSE_BYTES;
    let free = shadow.live.iter().filter(|peer| is_free(shadow.conn(*peer)));
    let types = |peer: Peer| {
        let ordinary = shadow.conn(peer).types.iter().filter(|(_, class)| **class == Class::Ordinary);
        ordinary.map(move |(name, _)| (peer, name.clone()))
    };
    free.flat_map(types).collect()
}

/// Shards whose workers hold a job that was given back, or whose slot is spent by one.
fn tainted(shadow: &Shadow) -> BTreeSet<u16> {
    let holders = shadow.live.iter().map(|peer| shadow.conn(peer));
    let holders = holders.filter(|conn| conn.held.iter().any(|held| held.suspect));
    holders.map(|conn| conn.shard).collect()
}
