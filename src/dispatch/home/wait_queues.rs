//! The waiting jobs of one type, in two queues: jobs that a worker of any class may take, and jobs that no spare worker
//! may take. So a spare worker finds its next job without skipping others.

use super::wait_queue::{Position, WaitQueue};
use crate::dispatch::job::Job;
use crate::dispatch::micros::Micros;
use crate::protocol::command::Class;

/// A type's waiting jobs.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct WaitQueues {
    /// Jobs that a worker of any class may take.
    any: WaitQueue,
    /// Jobs that no spare worker may take. Boxed, because most types have none.
    not_spare: Option<Box<WaitQueue>>,
}

impl WaitQueues {
    /// Appends a new job, whose arrival number is above all before it.
    #[inline]
    pub(in crate::dispatch) fn push(&mut self, job: Job) {
        self.of(&job).push(job);
    }

    /// Puts a job back in its place by arrival.
    pub(in crate::dispatch) fn requeue(&mut self, job: Job) {
        self.of(&job).requeue(job);
    }

    #[inline]
    fn of(&mut self, job: &Job) -> &mut WaitQueue {
        if job.fits(Class::Spare) { &mut self.any } else { self.not_spare.get_or_insert_default() }
    }

    /// Returns the jobs that spare workers may take.
    pub(super) fn for_spare(&mut self) -> &mut WaitQueue {
        &mut self.any
    }

    /// Returns all jobs as one queue, if spare workers may take each of them.
    #[inline]
    pub(super) fn alone(&mut self) -> Option<&mut WaitQueue> {
        if self.not_spare.is_none() { Some(&mut self.any) } else { None }
    }

    /// Takes a job from its place; `None` if it is not in this queue.
    pub(in crate::dispatch) fn remove(&mut self, position: Position) -> Option<Job> {
        self.any.remove(position).or_else(|| self.pop_not_spare(|jobs| jobs.remove(position)))
    }

    #[inline(never)]
    fn pop_not_spare(&mut self, pop: impl FnOnce(&mut WaitQueue) -> Option<Job>) -> Option<Job> {
        let job = pop(self.not_spare.as_mut()?);
        self.not_spare.take_if(|jobs| jobs.is_empty());
        job
    }

    pub(in crate::dispatch) fn is_empty(&self) -> bool {
        self.any.is_empty() && self.not_spare.is_none()
    }

    pub(in crate::dispatch) fn len(&self) -> usize {
        self.each().map(WaitQueue::len).sum()
    }

    pub(in crate::dispatch) fn suspects(&self) -> usize {
        self.each().map(WaitQueue::suspects).sum()
    }

    /// Returns when the oldest waiting job was accepted.
    pub(in crate::dispatch) fn oldest(&self) -> Option<Micros> {
        self.each().filter_map(WaitQueue::oldest).min()
    }

    /// Returns all jobs, first to last. For tests.
    pub(in crate::dispatch) fn in_order(&self) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.each().flat_map(WaitQueue::in_order).collect();
        jobs.sort_by_key(|job| WaitQueue::place_of(job));
        jobs
    }

    /// Takes all durable jobs that are not stored.
    pub(in crate::dispatch) fn take_unstored(&mut self) -> Vec<Job> {
        let mut unstored = self.any.take_unstored();
        if let Some(mut not_spare) = self.not_spare.take() {
            unstored.extend(not_spare.take_unstored());
            self.not_spare = Some(not_spare).filter(|jobs| !jobs.is_empty());
            unstored.sort_by_key(WaitQueue::place_of);
        }
        unstored
    }

    /// Returns all jobs.
    pub(in crate::dispatch) fn into_jobs(self) -> impl Iterator<Item = Job> {
        let not_spare = self.not_spare.into_iter().flat_map(|jobs| jobs.into_jobs());
        self.any.into_jobs().chain(not_spare)
    }

    fn each(&self) -> impl Iterator<Item = &WaitQueue> {
        std::iter::once(&self.any).chain(self.not_spare.as_deref())
    }
}

/// Waiting jobs, in the order in which they are assigned: suspects, and others.
pub(super) trait WaitOrder {
    /// Returns whether a suspect waits.
    fn has_suspect(&self) -> bool;
    /// Returns whether a job waits that is no suspect.
    fn has_other(&self) -> bool;
    /// Takes the first suspect.
    fn pop_suspect(&mut self) -> Option<Job>;
    /// Takes the first job that is no suspect.
    fn pop_other(&mut self) -> Option<Job>;
}

impl WaitOrder for WaitQueue {
    #[inline]
    fn has_suspect(&self) -> bool {
        self.has_suspect()
    }

    #[inline]
    fn has_other(&self) -> bool {
        self.has_other()
    }

    #[inline]
    fn pop_suspect(&mut self) -> Option<Job> {
        self.pop_suspect()
    }

    #[inline]
    fn pop_other(&mut self) -> Option<Job> {
        self.pop_other()
    }
}

/// The jobs that ordinary workers may take.
impl WaitOrder for WaitQueues {
    fn has_suspect(&self) -> bool {
        self.each().any(WaitQueue::has_suspect)
    }

    fn has_other(&self) -> bool {
        self.each().any(WaitQueue::has_other)
    }

    fn pop_suspect(&mut self) -> Option<Job> {
        let beside = self.not_spare.as_ref().and_then(|jobs| jobs.first_suspect());
        if is_before(beside, self.any.first_suspect()) {
            return self.pop_not_spare(WaitQueue::pop_suspect);
        }
        self.any.pop_suspect()
    }

    fn pop_other(&mut self) -> Option<Job> {
        let beside = self.not_spare.as_ref().and_then(|jobs| jobs.first_other());
        if is_before(beside, self.any.first_other()) {
            return self.pop_not_spare(WaitQueue::pop_other);
        }
        self.any.pop_other()
    }
}

/// Returns whether a place is before another one, if there is one.
fn is_before<T: Ord>(place: Option<T>, other: Option<T>) -> bool {
    place.is_some_and(|place| other.is_none_or(|other| place < other))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::ids::{ConnId, ShardId, Submitter};
    use crate::protocol::command::JobOptions;

    /// Queues beside a plain list of the jobs that wait: suspect or not, priority, arrival, and whether a spare worker may
    /// take it.
    #[derive(Default)]
    struct Both {
        queues: WaitQueues,
        waiting: Vec<Waiting>,
        taken: Vec<Job>,
        arrivals: u64,
    }

    type Waiting = (bool, i8, u64, bool);

    fn of(job: &Job) -> Waiting {
        let priority = if job.is_suspect() { 0 } else { job.priority };
        (job.is_suspect(), priority, job.arrival, job.fits(Class::Spare))
    }

    impl Both {
        fn act(&mut self, act: usize, mut draw: impl FnMut(usize) -> usize) {
            match act {
                0 | 1 => {
                    let options = JobOptions {
                        priority: [0, 0, -1, 1][draw(4)],
                        wait_ms: [None, None, Some(5)][draw(3)],
                        ..JobOptions::default()
                    };
                    let submitter = Submitter::Conn(ShardId(0), ConnId { index: 0, generation: 0 });
                    let mut job = Job::new(submitter, Micros(self.arrivals), "1", "t", None);
                    job.set_options(&options);
                    job.arrival = self.arrivals;
                    self.arrivals += 1;
                    self.waiting.push(of(&job));
                    self.queues.push(job);
                }
                2 | 3 => {
                    let class = Class::ALL[draw(Class::ALL.len())];
                    let suspect = act == 2;
                    let taken = match (suspect, class) {
                        (true, Class::Spare) => self.queues.for_spare().pop_suspect(),
                        (true, _) => self.queues.pop_suspect(),
                        (false, Class::Spare) => self.queues.for_spare().pop_other(),
                        (false, _) => self.queues.pop_other(),
                    };
                    let fit = |job: &&Waiting| job.0 == suspect && (job.3 || class != Class::Spare);
                    let first = self.waiting.iter().filter(fit).min_by_key(|job| (-i16::from(job.1), job.2)).copied();
                    assert_eq!(taken.as_ref().map(of), first, "{class:?}");
                    self.waiting.retain(|job| Some(*job) != first);
                    self.taken.extend(taken);
                }
                4 if !self.taken.is_empty() => {
                    let mut job = self.taken.swap_remove(draw(self.taken.len()));
                    if draw(2) == 0 {
                        job.set_suspect();
                    }
                    self.waiting.push(of(&job));
                    self.queues.requeue(job);
                }
                5 if !self.waiting.is_empty() => {
                    let (suspect, priority, arrival, _) = self.waiting.swap_remove(draw(self.waiting.len()));
                    let jobs = self.queues.in_order();
                    let job = jobs.into_iter().find(|job| job.arrival == arrival).expect("it waits");
                    assert_eq!((job.is_suspect(), of(job).1), (suspect, priority));
                    let positions = [Position::of_new(job), Position::of_returned(job)];
                    let removed = positions.into_iter().find_map(|position| self.queues.remove(position));
                    assert_eq!(removed.map(|job| job.arrival), Some(arrival));
                    for position in positions {
                        assert_eq!(self.queues.remove(position), None, "it is there no more");
                    }
                }
                _ => {}
            }
        }

        fn check(&self) {
            let Self { queues, waiting, .. } = self;
            let mut sorted = waiting.clone();
            sorted.sort_by_key(|job| (!job.0, -i16::from(job.1), job.2));
            assert!(queues.in_order().into_iter().map(of).eq(sorted));
            let suspects = |spare: bool| waiting.iter().filter(|job| job.0 && (job.3 || !spare)).count();
            let others = |spare: bool| waiting.iter().filter(|job| !job.0 && (job.3 || !spare)).count();
            let has = (queues.has_suspect(), queues.has_other(), queues.any.has_suspect(), queues.any.has_other());
            let expected = (suspects(false) > 0, others(false) > 0, suspects(true) > 0, others(true) > 0);
            assert_eq!(has, expected);
            assert_eq!((queues.len(), queues.suspects()), (waiting.len(), suspects(false)));
            assert_eq!(queues.is_empty(), waiting.is_empty());
            assert_eq!(queues.oldest(), waiting.iter().map(|job| Micros(job.2)).min());
            assert_eq!(queues.not_spare.is_some(), waiting.iter().any(|job| !job.3), "no empty box is kept");
        }
    }

    #[test]
    fn each_class_takes_the_first_that_it_may() {
        let mut state = 1_u64;
        let mut draw = |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(state >> 33).unwrap() % below
        };
        for kinds in [4, 5, 6].into_iter().cycle().take(60) {
            let mut both = Both::default();
            for _ in 0..400 {
                let act = draw(kinds);
                both.act(act, &mut draw);
                both.check();
            }
            assert_eq!(both.queues.into_jobs().count(), both.waiting.len());
        }
    }
}
