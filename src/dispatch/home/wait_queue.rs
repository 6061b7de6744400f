//! The waiting jobs of one type, in the order in which they are assigned.
//!
//! First come the suspects, whose workers were lost. The others follow by priority, the highest first. Jobs of equal
//! priority are in order of arrival. So of equal priority, jobs that came back go before jobs that were never assigned,
//! which are all younger.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;

use crate::dispatch::collections::fifo::Fifo;
use crate::dispatch::job::Job;
use crate::dispatch::micros::Micros;

/// A type's waiting jobs.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct WaitQueue {
    /// Jobs that came back, suspects first.
    returned: BTreeMap<Place, Job>,
    /// The number of suspects among them.
    suspects: usize,
    /// Jobs of priority 0 that were never assigned.
    fresh: Fifo<Job>,
    /// The same for other priorities, the highest first. None of the lists is empty. Boxed, because most types have
    /// none.
    classes: Option<Box<Classes>>,
}

type Classes = Vec<(i8, Fifo<Job>)>;

/// The place of a job that came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Whether the job is not a suspect, so that it goes behind all suspects.
    behind: bool,
    /// 0 for suspects, whose priority does not count.
    priority: Reverse<i8>,
    arrival: u64,
}

impl Place {
    fn of(job: &Job) -> Self {
        let behind = !job.is_suspect();
        Self { behind, priority: Reverse(if behind { job.priority } else { 0 }), arrival: job.arrival }
    }
}

/// The position of a waiting job, for [`WaitQueue::remove`].
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) enum Position {
    /// The job was never assigned.
    Fresh {
        /// Its priority.
        priority: i8,
        /// Its arrival number.
        arrival: u64,
    },
    /// The job came back.
    Returned(ReturnedPosition),
}

/// The position of a job that came back.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct ReturnedPosition(Place);

impl Position {
    /// Returns where [`WaitQueue::push`] puts a job.
    pub(in crate::dispatch) fn of_new(job: &Job) -> Self {
        Self::Fresh { priority: job.priority, arrival: job.arrival }
    }

    /// Returns where [`WaitQueue::requeue`] puts a job.
    pub(in crate::dispatch) fn of_returned(job: &Job) -> Self {
        Self::Returned(ReturnedPosition(Place::of(job)))
    }
}

impl WaitQueue {
    /// Appends a new job, whose arrival number is above all before it.
    #[inline]
    pub(in crate::dispatch) fn push(&mut self, job: Job) {
        match job.priority {
            0 => self.fresh.push(job),
            _ => self.push_to_class(job),
        }
    }

    #[inline(never)]
    fn push_to_class(&mut self, job: Job) {
        self.class(job.priority).push(job);
    }

    /// Puts a job back in its place by arrival. It may not simply go to the front, because requeued jobs overtake each
    /// other on their way.
    pub(in crate::dispatch) fn requeue(&mut self, job: Job) {
        self.suspects += usize::from(job.is_suspect());
        self.returned.insert(Place::of(&job), job);
    }

    /// Takes the first suspect.
    pub(in crate::dispatch) fn pop_suspect(&mut self) -> Option<Job> {
        let job = self.returned.first_entry().filter(|entry| !entry.key().behind).map(OccupiedEntry::remove)?;
        self.suspects -= 1;
        Some(job)
    }

    /// Takes the first job that is no suspect.
    #[inline]
    pub(in crate::dispatch) fn pop_other(&mut self) -> Option<Job> {
        if self.returned.is_empty() && self.classes.is_none() {
            return self.fresh.pop();
        }
        self.pop_other_of_several()
    }

    /// Takes the first job that is no suspect, if some jobs have a priority or came back.
    #[inline(never)]
    fn pop_other_of_several(&mut self) -> Option<Job> {
        let fresh = self.first_fresh_priority();
        match self.first_other_returned().filter(|place| fresh.is_none_or(|fresh| place.priority.0 >= fresh)) {
            Some(place) => self.returned.remove(&place),
            None => self.pop_fresh(fresh?),
        }
    }

    /// Takes a job from its place; `None` if it is not in this queue.
    pub(in crate::dispatch) fn remove(&mut self, position: Position) -> Option<Job> {
        match position {
            Position::Returned(ReturnedPosition(place)) => {
                let job = self.returned.remove(&place)?;
                self.suspects -= usize::from(job.is_suspect());
                Some(job)
            }
            Position::Fresh { priority: 0, arrival } => self.fresh.take_by_key(arrival, |job| job.arrival),
            Position::Fresh { priority, arrival } => {
                let at = self.find_class(priority).ok()?;
                let job = self.classes.as_mut()?[at].1.take_by_key(arrival, |job| job.arrival)?;
                self.forget_class_if_empty(at);
                Some(job)
            }
        }
    }

    /// Returns the place of a job that is queued.
    pub(super) fn place_of(job: &Job) -> Place {
        Place::of(job)
    }

    /// Returns the place of the first suspect.
    pub(super) fn first_suspect(&self) -> Option<Place> {
        self.returned.first_key_value().map(|(&place, _)| place).filter(|place| !place.behind)
    }

    /// Returns the place of the first job that is no suspect.
    pub(super) fn first_other(&self) -> Option<Place> {
        let fresh = self.first_fresh_priority().and_then(|priority| match priority {
            0 => self.fresh.first(),
            _ => self.classes.as_ref().and_then(|classes| classes[0].1.first()),
        });
        fresh.map(Place::of).into_iter().chain(self.first_other_returned()).min()
    }

    pub(in crate::dispatch) fn has_suspect(&self) -> bool {
        self.suspects > 0
    }

    pub(in crate::dispatch) fn has_other(&self) -> bool {
        !self.fresh.is_empty()
            || self.classes.is_some()
            || self.returned.last_key_value().is_some_and(|(place, _)| place.behind)
    }

    pub(in crate::dispatch) fn is_empty(&self) -> bool {
        self.returned.is_empty() && self.fresh.is_empty() && self.classes.is_none()
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.returned.len() + self.fifos().map(Fifo::len).sum::<usize>()
    }

    pub(in crate::dispatch) fn suspects(&self) -> usize {
        self.suspects
    }

    /// Returns when the oldest waiting job was accepted.
    pub(in crate::dispatch) fn oldest(&self) -> Option<Micros> {
        let fresh = self.fifos().filter_map(Fifo::first).map(|job| job.accepted);
        let returned = self.first_of_each_returned().map(|job| job.accepted);
        fresh.chain(returned).min()
    }

    /// Returns all jobs, first to last. For tests.
    pub(in crate::dispatch) fn in_order(&self) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.returned.values().chain(self.fifos().flat_map(Fifo::iter)).collect();
        jobs.sort_by_key(|job| Place::of(job));
        jobs
    }

    /// Takes all durable jobs that are not stored. Stored jobs have been at a worker, and came back.
    pub(in crate::dispatch) fn take_unstored(&mut self) -> Vec<Job> {
        let (stored, mut unstored): (Vec<Job>, Vec<Job>) =
            std::mem::take(self).into_jobs().partition(|job: &Job| job.is_stored());
        unstored.sort_by_key(Place::of);
        for job in stored {
            self.requeue(job);
        }
        unstored
    }

    /// Returns all jobs.
    pub(in crate::dispatch) fn into_jobs(self) -> impl Iterator<Item = Job> {
        let classes = self.classes.into_iter().flat_map(|classes| *classes);
        let fresh = self.fresh.into_entries().chain(classes.flat_map(|(_, fifo)| fifo.into_entries()));
        self.returned.into_values().chain(fresh)
    }

    fn fifos(&self) -> impl Iterator<Item = &Fifo<Job>> {
        let classes = self.classes.iter().flat_map(|classes| classes.iter());
        std::iter::once(&self.fresh).chain(classes.map(|(_, fifo)| fifo))
    }

    /// Returns the highest priority of the jobs that were never assigned.
    fn first_fresh_priority(&self) -> Option<i8> {
        let highest = self.classes.as_ref().map(|classes| classes[0].0);
        highest.into_iter().chain((!self.fresh.is_empty()).then_some(0)).max()
    }

    fn pop_fresh(&mut self, priority: i8) -> Option<Job> {
        if priority == 0 {
            return self.fresh.pop();
        }
        let at = self.find_class(priority).ok()?;
        let job = self.classes.as_mut()?[at].1.pop();
        self.forget_class_if_empty(at);
        job
    }

    fn class(&mut self, priority: i8) -> &mut Fifo<Job> {
        let found = self.find_class(priority);
        let classes = self.classes.get_or_insert_default();
        let at = found.unwrap_or_else(|at| {
            classes.insert(at, (priority, Fifo::default()));
            at
        });
        &mut classes[at].1
    }

    fn find_class(&self, priority: i8) -> Result<usize, usize> {
        let Some(classes) = &self.classes else { return Err(0) };
        classes.binary_search_by_key(&Reverse(priority), |&(priority, _)| Reverse(priority))
    }

    fn forget_class_if_empty(&mut self, at: usize) {
        let Some(classes) = &mut self.classes else { return };
        if classes[at].1.is_empty() {
            classes.remove(at);
            if classes.is_empty() {
                self.classes = None;
            }
        }
    }

    fn first_other_returned(&self) -> Option<Place> {
        if self.returned.len() == self.suspects {
            return None;
        }
        self.next_returned(Place { behind: true, priority: Reverse(i8::MAX), arrival: 0 })
    }

    fn next_returned(&self, from: Place) -> Option<Place> {
        self.returned.range(from..).next().map(|(&place, _)| place)
    }

    /// Iterates over the first suspect that came back, and the first other job of each priority that came back.
    fn first_of_each_returned(&self) -> impl Iterator<Item = &Job> {
        let first = self.returned.first_key_value().map(|(&place, _)| place);
        let next = |place: &Place| self.next_returned(Place { arrival: u64::MAX, ..*place });
        std::iter::successors(first, next).map(|place| &self.returned[&place])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::ids::{ConnId, ShardId, Submitter};

    /// A queue beside a plain list of what waits in it.
    #[derive(Default)]
    struct Both {
        queue: WaitQueue,
        waiting: Vec<(Place, Position)>,
        /// Jobs that were taken, and may come back.
        taken: Vec<Job>,
        /// Where jobs were that are there no more.
        left: Vec<Position>,
        arrivals: u64,
    }

    impl Both {
        fn act(&mut self, act: usize, mut draw: impl FnMut(usize) -> usize) {
            match act {
                0 | 1 => {
                    let priority = [0, 0, 0, -2, -1, 1, i8::MIN, i8::MAX][draw(8)];
                    let job = self.new_job(priority);
                    let place = Place::of(&job);
                    let position = Position::of_new(&job);
                    self.queue.push(job);
                    self.waiting.push((place, position));
                }
                2 => {
                    let taken = self.queue.pop_suspect();
                    self.expect(taken, |place| !place.behind);
                }
                3 => {
                    let taken = self.queue.pop_other();
                    self.expect(taken, |place| place.behind);
                }
                4 if !self.taken.is_empty() => {
                    let mut job = self.taken.swap_remove(draw(self.taken.len()));
                    if draw(2) == 0 {
                        job.set_suspect();
                    }
                    let place = Place::of(&job);
                    let position = Position::of_returned(&job);
                    self.queue.requeue(job);
                    self.waiting.push((place, position));
                    // It may have been there before.
                    self.left
                        .retain(|left| !matches!(left, Position::Returned(ReturnedPosition(left)) if *left == place));
                }
                5 if !self.waiting.is_empty() => {
                    let (place, position) = self.waiting.swap_remove(draw(self.waiting.len()));
                    let job = self.queue.remove(position).expect("it waits there");
                    assert_eq!(Place::of(&job), place);
                    self.left.push(position);
                }
                6 if !self.left.is_empty() => {
                    let position = self.left.swap_remove(draw(self.left.len()));
                    assert_eq!(self.queue.remove(position), None, "{position:?}");
                }
                _ => {}
            }
        }

        fn new_job(&mut self, priority: i8) -> Job {
            let submitter = Submitter::Conn(ShardId(0), ConnId { index: 0, generation: 0 });
            let mut job = Job::new(submitter, Micros(self.arrivals), "1", "t", None);
            (job.arrival, job.priority) = (self.arrivals, priority);
            self.arrivals += 1;
            job
        }

        /// Checks that the first job of these was taken.
        fn expect(&mut self, taken: Option<Job>, of: impl Fn(&Place) -> bool) {
            let first = self.waiting.iter().map(|(place, _)| *place).filter(of).min();
            assert_eq!(taken.as_ref().map(Place::of), first);
            if let Some(at) = self.waiting.iter().position(|(place, _)| Some(*place) == first) {
                self.left.push(self.waiting.swap_remove(at).1);
            }
            self.taken.extend(taken);
        }

        fn check(&self) {
            let Self { queue, waiting, .. } = self;
            let mut places: Vec<Place> = waiting.iter().map(|(place, _)| *place).collect();
            places.sort_unstable();
            assert!(queue.in_order().into_iter().map(Place::of).eq(places.iter().copied()));
            let suspects = places.iter().filter(|place| !place.behind).count();
            assert_eq!((queue.len(), queue.suspects()), (places.len(), suspects));
            let some = (queue.is_empty(), queue.has_suspect(), queue.has_other());
            assert_eq!(some, (places.is_empty(), suspects > 0, places.len() > suspects));
            let oldest = places.iter().map(|place| Micros(place.arrival)).min();
            assert_eq!(queue.oldest(), oldest);
            let first = |suspect| places.iter().copied().find(|place| place.behind != suspect);
            assert_eq!((queue.first_suspect(), queue.first_other()), (first(true), first(false)));
        }
    }

    #[test]
    fn every_job_has_its_place_as_in_a_plain_list() {
        let mut state = 1_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        // In some rounds more come than go.
        for kinds in [6, 7, 8].into_iter().cycle().take(60) {
            let mut both = Both::default();
            for _ in 0..500 {
                let act = draw(kinds);
                both.act(act, &mut draw);
                both.check();
            }
            let jobs: Vec<u64> = both.queue.into_jobs().map(|job| job.arrival).collect();
            assert_eq!(jobs.len(), both.waiting.len());
        }
    }
}
