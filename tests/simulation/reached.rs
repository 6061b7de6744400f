//! What happened in the schedules of a family that it is for. A family that never comes to its trouble shows nothing, so
//! that is a failure too.

use deputy::metrics::Fault;

use super::plan::Family;
use super::schedule::Schedule;

/// Schedules of a family from which on its trouble must have come.
const ENOUGH: u64 = 200;

/// Sums over the schedules of a family.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reached {
    jobs: u64,
    delivered: u64,
    /// Offers that were added to one on its way.
    merged_offers: u64,
    /// The same of jobs.
    merged_jobs: u64,
    /// Jobs that went back to their home.
    pub(crate) returned: u64,
    /// Jobs that homes gave to spare workers.
    pub(crate) spared: u64,
    gave_up: u64,
    queue_full: u64,
    half_line: u64,
    unsent: u64,
    stalled: u64,
    shutdown: u64,
    cancelled: u64,
    expired: u64,
    timed_out: u64,
    no_worker: u64,
    no_bridge: u64,
    stored: u64,
    joined: u64,
    /// Answers to spent slots.
    late: u64,
    reports: u64,
    too_late: u64,
    /// Jobs that were stored, and waited when the time of their `wait_ms` was over.
    pub(crate) outlasted: u64,
    /// Of the bound on steps, the most that was used, in thousandths.
    pub(crate) bound_used: u64,
}

impl Schedule {
    /// At the end: what its tally has of it.
    pub(crate) fn record_reached(&mut self) {
        let (tally, faults) = (&self.shadow.tally, &self.shadow.tally.faults);
        self.reached = Reached {
            jobs: tally.added,
            delivered: self.world.posted(),
            merged_offers: self.world.merged().0,
            merged_jobs: self.world.merged().1,
            gave_up: faults.of(Fault::GaveUp),
            queue_full: faults.of(Fault::QueueFull),
            half_line: faults.of(Fault::HalfLine),
            unsent: faults.of(Fault::Unsent),
            stalled: faults.of(Fault::Stalled),
            shutdown: tally.shutdown,
            cancelled: tally.cancelled,
            expired: tally.expired,
            timed_out: tally.timed_out,
            no_worker: tally.no_worker,
            no_bridge: tally.no_bridge,
            stored: tally.stored,
            joined: tally.joined,
            late: tally.late,
            reports: tally.reports,
            too_late: tally.too_late,
            ..self.reached
        };
    }
}

impl Reached {
    pub(crate) fn add(&mut self, other: &Self) {
        *self = Self {
            jobs: self.jobs + other.jobs,
            delivered: self.delivered + other.delivered,
            merged_offers: self.merged_offers + other.merged_offers,
            merged_jobs: self.merged_jobs + other.merged_jobs,
            returned: self.returned + other.returned,
            spared: self.spared + other.spared,
            gave_up: self.gave_up + other.gave_up,
            queue_full: self.queue_full + other.queue_full,
            half_line: self.half_line + other.half_line,
            unsent: self.unsent + other.unsent,
            stalled: self.stalled + other.stalled,
            shutdown: self.shutdown + other.shutdown,
            cancelled: self.cancelled + other.cancelled,
            expired: self.expired + other.expired,
            timed_out: self.timed_out + other.timed_out,
            no_worker: self.no_worker + other.no_worker,
            no_bridge: self.no_bridge + other.no_bridge,
            stored: self.stored + other.stored,
            joined: self.joined + other.joined,
            late: self.late + other.late,
            reports: self.reports + other.reports,
            too_late: self.too_late + other.too_late,
            outlasted: self.outlasted + other.outlasted,
            bound_used: self.bound_used.max(other.bound_used),
        };
    }

    /// Prints the sums, and panics unless the family came to what it is for.
    #[allow(clippy::print_stdout)] // For the reports of long runs.
    pub(crate) fn check(&self, family: Family, schedules: u64) {
        println!("{schedules} schedules of {family:?}: {self:?}");
        if schedules < ENOUGH {
            return;
        }
        let mut needed = match family {
            Family::Slow => vec![self.unsent, self.stalled],
            Family::Tight => vec![self.queue_full, self.half_line],
            Family::Stopping => vec![self.shutdown],
            Family::Wide => vec![self.returned],
            _ => vec![self.returned, self.gave_up],
        };
        needed.extend([
            self.merged_offers, self.spared, self.cancelled, self.expired, self.no_worker, self.joined, self.late,
        ]);
        if family != Family::Calm {
            needed.extend([self.merged_jobs, self.no_bridge, self.stored]);
        }
        if family == Family::HeldBack && schedules >= 2_000 {
            // It is rare, and elsewhere rarer.
            needed.push(self.outlasted);
        }
        if !matches!(family, Family::Slow | Family::Wide) {
            needed.extend([self.timed_out, self.reports, self.too_late]);
        }
        assert!(needed.iter().all(|figure| *figure > 0), "{family:?} shows nothing: {self:?}");
    }
}
