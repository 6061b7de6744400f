//! The naive model: one queue a type, and no shards. Where all workers take one type and everything is delivered after
//! each operation, it says which jobs start next.
//!
//! The line: jobs given back by arrival, then the others by arrival. If no worker has more than one slot, those that start
//! are a head of the line. If some have, a job given back may have to wait for a worker without another one while others
//! pass it, also younger ones of its kind while it is refused: then only the others keep their order. That a free slot is
//! not left idle is checked of the books at rest; together the two say exactly who starts.

use super::schedule::Schedule;
use super::shadow::State;

/// The place of a job in the line of its type.
type Place = (bool, u64);

/// What started since it was last asked, by serial number, with its place then.
pub(crate) fn check(schedule: &mut Schedule) {
    let started = std::mem::take(&mut schedule.shadow.started);
    let shadow = &schedule.shadow;
    let one_slot = schedule.plan.slots_max == 1;
    for (serial, suspect) in started {
        let Some(job) = shadow.jobs.get(&serial) else { continue };
        let place: Place = (!suspect, serial);
        let same_type = shadow.jobs.iter().filter(|(_, other)| other.type_name == job.type_name);
        let waiting = same_type.filter(|(_, other)| other.state == State::Inside);
        let mut passed =
            waiting.map(|(serial, other)| -> Place { (!other.suspect, *serial) }).filter(|other| *other < place);
        let wrong = passed.find(|other| one_slot || other.0);
        assert_eq!(wrong, None, "{place:?} started first: {job:?}");
    }
}
