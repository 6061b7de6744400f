//! What is counted by type: at rest the shadow has counted the same. It does not look into the cores, so it knows how often a
//! type's jobs were sent first and answered, how long that took, and how they ended.

use std::collections::BTreeMap;

use deputy::dispatch::audit::Audit;
use deputy::metrics::{Figures, Histogram};

use crate::model::requests::End;
use crate::schedule::Schedule;
use crate::world::World;

/// What the shadow has counted of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TypeTally {
    wait: Durations,
    run: Durations,
    done: u64,
    failed: u64,
    gave_up: u64,
    shutdown: u64,
    timed_out: u64,
    no_worker: u64,
    no_bridge: u64,
    /// Cancelled or expired. Of a job whose last `do` lines were given up in both ways, no line says which came to its home
    /// last.
    given_up: u64,
    workers_lost: u64,
}

/// How many durations there were, and their sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Durations {
    count: u64,
    sum_us: u64,
}

impl Durations {
    fn add(&mut self, ms: u64) {
        self.count += 1;
        self.sum_us += ms * 1_000;
    }

    fn of(histogram: &Histogram) -> Self {
        Self { count: histogram.count(), sum_us: histogram.sum_us }
    }
}

impl TypeTally {
    pub(crate) fn waited(&mut self, ms: u64) {
        self.wait.add(ms);
    }

    pub(crate) fn ran(&mut self, ms: u64) {
        self.run.add(ms);
    }

    pub(crate) fn ended(&mut self, end: End) {
        *match end {
            End::Done => &mut self.done,
            End::Failed => &mut self.failed,
            End::GaveUp => &mut self.gave_up,
            End::Shutdown => &mut self.shutdown,
            End::Cancelled | End::Expired => &mut self.given_up,
            End::TimedOut => &mut self.timed_out,
            End::NoWorker => &mut self.no_worker,
            End::NoBridge => &mut self.no_bridge,
        } += 1;
    }

    pub(crate) fn lost_a_worker(&mut self) {
        self.workers_lost += 1;
    }

    fn of(figures: &Figures) -> Self {
        let outcomes = figures.outcomes;
        Self {
            wait: Durations::of(&figures.wait),
            run: Durations::of(&figures.run),
            done: outcomes.done,
            failed: outcomes.failed,
            gave_up: outcomes.gave_up,
            shutdown: outcomes.shutdown,
            timed_out: outcomes.timed_out,
            no_worker: outcomes.no_worker,
            no_bridge: outcomes.no_bridge,
            given_up: outcomes.cancelled + outcomes.expired,
            workers_lost: outcomes.workers_lost,
        }
    }

    fn add(&mut self, other: &Self) {
        for (own, other) in [(&mut self.wait, other.wait), (&mut self.run, other.run)] {
            own.count += other.count;
            own.sum_us += other.sum_us;
        }
        self.done += other.done;
        self.failed += other.failed;
        self.gave_up += other.gave_up;
        self.shutdown += other.shutdown;
        self.timed_out += other.timed_out;
        self.no_worker += other.no_worker;
        self.no_bridge += other.no_bridge;
        self.given_up += other.given_up;
        self.workers_lost += other.workers_lost;
    }
}

/// Counts by type.
pub(crate) type Tallies = BTreeMap<String, TypeTally>;

impl Schedule {
    /// Each type has been counted as the shadow has; those without figures of their own together.
    pub(crate) fn check_tallies(&self, audits: &[Audit]) {
        let mut others = TypeTally::default();
        for (type_name, tally) in &self.shadow.by_type {
            match World::figures_of(audits, type_name) {
                Some(figures) => assert_eq!(TypeTally::of(&figures), *tally, "{type_name}"),
                None => others.add(tally),
            }
        }
        assert_eq!(TypeTally::of(&World::other_figures(audits)), others, "types without figures of their own");
    }
}
