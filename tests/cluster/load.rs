//! Submitters that keep books: which job has no answer, which durable one was stored, and what is wrong with the lines
//! that they receive. The checks of answers are the load test's.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::SockAddr;

use crate::books::{Books, Taken};
use crate::traffic::workload::{Shape, Workload, nanoseconds};
use crate::wait::PATIENCE;
use crate::wire::{Leave, Received, Wire};

/// A job: its submitter, and its number there.
pub(crate) type Id = (u16, u64);

/// How long a submitter waits before it connects or submits again after a refusal.
const RETRY: Duration = Duration::from_millis(10);

/// What jobs carry: each its own argument, and each its own result.
pub(crate) fn workload() -> &'static Workload {
    static WORKLOAD: OnceLock<Workload> = OnceLock::new();
    let shape = Shape { arg_bytes: (16, 200), res_bytes: Some((16, 400)), submitters: u16::MAX, ..Shape::DEFAULT };
    WORKLOAD.get_or_init(|| Workload::new(shape, 1))
}

/// What is promised of a submitter's jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// They end with their submitter's server at the latest.
    Ordinary,
    /// From `stored` on they are done whatever happens.
    Durable,
}

/// A submitter, which comes again when its connection ends.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// Its number among all plans.
    pub(crate) number: usize,
    /// The machine to whose server it connects, and its address there.
    pub(crate) machine: usize,
    pub(crate) address: SockAddr,
    pub(crate) type_name: &'static str,
    pub(crate) kind: Kind,
    /// Jobs that it keeps unanswered.
    pub(crate) window: usize,
}

/// All submitters of a test.
pub(crate) struct Load {
    since: Instant,
    /// No new jobs; what is open is waited for.
    is_over: AtomicBool,
    /// Durable jobs may be refused with `no_bridge`.
    refuses_durable: AtomicBool,
    books: Mutex<Vec<Books>>,
    failures: Mutex<Vec<String>>,
    machines: Vec<Machine>,
    plans: usize,
}

/// What is done to the submitters of a machine.
#[derive(Default)]
struct Machine {
    /// Their connections may end.
    may_end: AtomicBool,
    /// How often they had to break off.
    breaks: AtomicU64,
}

/// The counts of a load, for people.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) submitted: u64,
    pub(crate) done: u64,
    pub(crate) stored: u64,
    pub(crate) refused: u64,
    pub(crate) left: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    /// Starts these submitters. Durable jobs may be refused for now.
    pub(crate) fn start(machines: usize, plans: Vec<Plan>) -> (Arc<Self>, Vec<JoinHandle<()>>) {
        let load = Arc::new(Self {
            since: Instant::now(),
            is_over: AtomicBool::new(false),
            // Before the first job: bridges have to learn of the types.
            refuses_durable: AtomicBool::new(true),
            books: Mutex::default(),
            failures: Mutex::default(),
            machines: (0..machines).map(|_| Machine::default()).collect(),
            plans: plans.len(),
        });
        let threads = plans.into_iter().map(|plan| {
            let load = Arc::clone(&load);
            thread::spawn(move || load.keep_submitting(&plan))
        });
        let threads = threads.collect();
        (load, threads)
    }

    /// Nanoseconds since the load began.
    pub(crate) fn now_ns(&self) -> u64 {
        nanoseconds(self.since.elapsed())
    }

    /// Says whether the connections of a machine's submitters may end.
    pub(crate) fn expect_ends(&self, machine: usize, may_end: bool) {
        self.machines[machine].may_end.store(may_end, Ordering::Release);
    }

    /// Says whether durable jobs may be refused.
    pub(crate) fn expect_refusals(&self, refuses: bool) {
        self.refuses_durable.store(refuses, Ordering::Release);
    }

    /// Makes a machine's submitters break off, and come again.
    pub(crate) fn break_off(&self, machine: usize) {
        self.machines[machine].breaks.fetch_add(1, Ordering::Release);
    }

    /// Submits no more.
    pub(crate) fn finish(&self) {
        self.is_over.store(true, Ordering::Release);
    }

    /// Whether all jobs are answered that were submitted before, except those of this machine's submitters and those
    /// whose submitter is gone.
    pub(crate) fn has_answered(&self, before_ns: u64, except: Option<usize>) -> bool {
        self.check();
        let books = lock(&self.books);
        let mut waiting = books.iter().filter(|books| !books.is_lost && Some(books.plan.machine) != except);
        waiting.all(|books| books.outstanding.oldest_ns().is_none_or(|ns| ns > before_ns))
    }

    /// Returns how many jobs were done for each plan so far.
    pub(crate) fn done(&self) -> Vec<u64> {
        let mut done = vec![0; self.plans];
        for books in lock(&self.books).iter() {
            done[books.plan.number] += books.done.len() as u64;
        }
        done
    }

    /// Whether a job was submitted at this machine.
    pub(crate) fn is_of(&self, machine: usize, id: Id) -> bool {
        lock(&self.books).get(usize::from(id.0)).is_some_and(|books| books.plan.machine == machine)
    }

    /// Returns the jobs that must have been done: answered with a result, or stored.
    pub(crate) fn promised(&self) -> Vec<Id> {
        let books = lock(&self.books);
        books
            .iter()
            .flat_map(|books| books.done.union(&books.stored).map(|sequence| (books.number, *sequence)))
            .collect()
    }

    /// Returns the durable jobs of submitters that are gone.
    pub(crate) fn stored_and_left(&self) -> Vec<Id> {
        let books = lock(&self.books);
        let left = books.iter().filter(|books| books.is_lost);
        left.flat_map(|books| books.stored.iter().map(|sequence| (books.number, *sequence))).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        lock(&self.books).iter().fold(Counts::default(), |counts, books| Counts {
            submitted: counts.submitted + books.submitted(),
            done: counts.done + books.done.len() as u64,
            stored: counts.stored + books.stored.len() as u64,
            refused: counts.refused + books.refused,
            left: counts.left + if books.is_lost { books.open() } else { 0 },
        })
    }

    /// # Panics
    /// If a submitter received a line that it must not receive.
    pub(crate) fn check(&self) {
        let failures = lock(&self.failures);
        assert!(failures.is_empty(), "{}", failures.join("\n"));
    }

    fn fail(&self, why: String) {
        lock(&self.failures).push(why);
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn keep_submitting(&self, plan: &Plan) {
        while !self.is_over() {
            match Wire::connect(&plan.address) {
                Some(wire) => self.submit_over(wire, plan),
                None => thread::sleep(RETRY),
            }
        }
    }

    /// Submits over a connection until it ends, or all is over and answered.
    fn submit_over(&self, mut wire: Wire, plan: &Plan) {
        let machine = &self.machines[plan.machine];
        let breaks = machine.breaks.load(Ordering::Acquire);
        let index = {
            let mut books = lock(&self.books);
            let number = u16::try_from(books.len()).expect("few connections");
            books.push(Books::new(number, plan.clone()));
            books.len() - 1
        };
        let (mut over_since, mut not_before) = (None, Instant::now());
        loop {
            if machine.breaks.load(Ordering::Acquire) > breaks {
                lock(&self.books)[index].is_lost = true;
                return wire.leave(Leave::Reset);
            }
            if self.is_over() {
                if lock(&self.books)[index].outstanding.check_empty().is_ok() {
                    return;
                }
                if over_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                    return self.fail(lock(&self.books)[index].missing());
                }
            } else if not_before <= Instant::now() {
                let lines = lock(&self.books)[index].submit(self.now_ns());
                wire.send(lines);
            }
            let line = match wire.receive() {
                Received::Nothing => continue,
                Received::Line(line) => line,
                Received::End => {
                    lock(&self.books)[index].is_lost = true;
                    if !machine.may_end.load(Ordering::Acquire) {
                        self.fail(format!("the server of machine {} closed a submitter's connection", plan.machine));
                    }
                    return;
                }
            };
            let may_refuse = self.refuses_durable.load(Ordering::Acquire);
            let taken = lock(&self.books)[index].take(&line, may_refuse);
            match taken {
                Ok(Taken::Well) => {}
                Ok(Taken::Refused) => not_before = Instant::now() + RETRY,
                Err(why) => self.fail(format!("a submitter of {:?} received {line}\n{why}", plan.kind)),
            }
        }
    }
}
