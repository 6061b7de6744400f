//! The naive model: one queue a type, and no shards. It predicts where everything is delivered after each operation.
//!
//! Where workers take one type each, it says which jobs start next. The line: jobs given back by arrival, then the others
//! by arrival. If no worker has more than one slot, those that start are a head of the line. If some have, a job given
//! back may have to wait for a worker without another one while others pass it, also younger ones of its kind while it
//! is refused: then only the others keep their order. Of a shard's workers with one slot the one starts it that has been
//! ready for longest. That a free slot is not left idle is checked of the books at rest; together these say exactly who
//! starts.
//!
//! Where they take several, it says how long a type may have to wait for its turn, and that jobs given back come before
//! others where nothing keeps them apart.

use std::collections::{BTreeMap, BTreeSet};

use super::schedule::Schedule;
use super::shadow::{Conn, Job, Shadow, Start, State};
use super::world::Peer;

/// The most jobs of other types that a worker may start while a type of its own waits: what the rules give a lone worker of
/// five types. Other workers only help.
const PASSED_MAX: usize = 8;

/// The place of a job in the line of its type.
type Place = (bool, u64);

/// What the model has to remember.
#[derive(Default)]
pub(crate) struct Model {
    /// By worker and type: how many jobs of other types it started while one of this waits, and none of it started.
    passed: BTreeMap<(Peer, String), usize>,
    /// Jobs given back that waited after the operation before.
    suspects: Vec<u64>,
    /// Shards of workers that held such jobs then.
    tainted: BTreeSet<u16>,
}

/// Checks what started in one operation.
pub(crate) fn check(schedule: &mut Schedule) {
    let started = std::mem::take(&mut schedule.shadow.started);
    schedule.model.check_suspects(&schedule.shadow, &started);
    if schedule.plan.types_a_worker == 1 {
        let one_slot = schedule.plan.slots_max == 1;
        for start in &started {
            check_line(&schedule.shadow, start, one_slot);
        }
    } else {
        schedule.model.check_turns(&schedule.shadow, &started);
    }
}

fn check_line(shadow: &Shadow, start: &Start, one_slot: bool) {
    let place: Place = (!start.suspect, start.serial);
    let waiting = waiting(shadow, &start.type_name);
    let mut passed = waiting.filter(|other| *other < place);
    let wrong = passed.find(|other| one_slot || other.0);
    assert_eq!(wrong, None, "{place:?} started first: {start:?}");
    if one_slot {
        check_worker(shadow, start);
    }
}

/// Of a shard's workers the one has the job that has been ready for longest.
fn check_worker(shadow: &Shadow, start: &Start) {
    let worker = shadow.conn(start.worker);
    let waits_longer = |conn: &Conn| {
        let is_ready = conn.held.is_empty() && conn.shard == worker.shard && conn.types.contains(&start.type_name);
        is_ready && conn.ready_since < worker.ready_since
    };
    let passed = shadow.live.iter().find(|peer| waits_longer(shadow.conn(*peer)));
    assert_eq!(passed, None, "was ready before: {start:?}");
}

fn waiting<'a>(shadow: &'a Shadow, type_name: &'a str) -> impl Iterator<Item = Place> + 'a {
    let jobs = shadow.jobs.iter();
    let waiting = jobs.filter(move |(_, job)| job.type_name == type_name && job.state == State::Inside);
    waiting.map(|(serial, job)| (!job.suspect, *serial))
}

impl Model {
    /// No job passes one that was given back and waited before it at a shard that cannot have refused that: none of its
    /// workers holds another.
    fn check_suspects(&mut self, shadow: &Shadow, started: &[Start]) {
        let holders = shadow.live.iter().map(|peer| shadow.conn(peer));
        let holders = holders.filter(|conn| conn.held.iter().any(|held| shadow.jobs[&held.serial].suspect));
        let tainted: BTreeSet<u16> = holders.map(|conn| conn.shard).collect();
        for start in started.iter().filter(|start| !start.suspect) {
            let shard = shadow.conn(start.worker).shard;
            let still = |serial: &&u64| {
                let job = shadow.jobs.get(serial);
                job.is_some_and(|job| job.state == State::Inside && job.type_name == start.type_name)
            };
            if !tainted.contains(&shard) && !self.tainted.contains(&shard) {
                assert_eq!(self.suspects.iter().find(still), None, "was given back and waits: passed by {start:?}");
            }
        }
        let waits = |job: &Job| job.suspect && job.state == State::Inside;
        self.suspects = shadow.jobs.iter().filter(|(_, job)| waits(job)).map(|(serial, _)| *serial).collect();
        self.tainted = tainted;
    }

    fn check_turns(&mut self, shadow: &Shadow, started: &[Start]) {
        let started_type = |type_name: &str| started.iter().any(|start| start.type_name == type_name);
        self.passed.retain(|(worker, type_name), _| {
            let still = shadow.conn(*worker).types.contains(type_name);
            still && !started_type(type_name) && waiting(shadow, type_name).any(|place| place.0)
        });
        for start in started {
            for type_name in shadow.conn(start.worker).types.iter().filter(|name| !started_type(name)) {
                if waiting(shadow, type_name).any(|place| place.0) {
                    let passed = self.passed.entry((start.worker, type_name.clone())).or_default();
                    *passed += 1;
                    assert!(*passed <= PASSED_MAX, "{type_name} has no turn at {:?}", start.worker);
                }
            }
        }
    }
}
