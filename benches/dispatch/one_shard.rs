//! A closed loop around one core: workers answer each job at once, and each answer makes a submitter submit again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use deputy::dispatch::Dispatch;
use deputy::dispatch::message::{Closing, ConnId, Effects, Input, MemoryUse, Message, Micros, ShardId};
use deputy::metrics::{Counts, Fault, ShardRow, Totals};
use deputy::protocol::command::{Command, JobOptions, JobRef, Outcome, TypeName, WorkerOptions};
use deputy::protocol::reply::Reply;

use crate::fixture::{ARG, JOBS, core, no_other_effects};

/// Connections that submit: the first indices. The workers have the others.
const SUBMITTERS: usize = 4;

/// Jobs that a turn submits and answers at most, about as many as in a busy server.
const JOBS_PER_TURN: usize = 64;

/// The sizes of a workload.
pub(crate) struct Shape {
    pub(crate) types: usize,
    pub(crate) workers: usize,
    /// Slots that each worker asks for; 0: it sends no `max_jobs` and has one slot.
    pub(crate) slots: u32,
    /// Worker `w` does this many types, from `w * types_per_worker` on, modulo the number of types.
    pub(crate) types_per_worker: usize,
    /// Unanswered jobs.
    pub(crate) in_flight: usize,
    /// What each job asks for; `None`: it is a plain one.
    pub(crate) options: Option<JobOptions<'static>>,
}

/// The core, and its surroundings.
pub(crate) struct OneShard {
    core: Dispatch,
    surroundings: Surroundings,
    /// The ids of the jobs in rotation; each is the job's result too.
    ids: Vec<String>,
    types: Vec<String>,
    in_flight_max: usize,
    /// What each job asks for.
    options: Option<JobOptions<'static>>,
    /// The same for each of the next jobs, as the decoder would have made it.
    #[expect(clippy::vec_box, reason = "the decoder boxes them too")]
    decoded: Vec<Box<JobOptions<'static>>>,
    submitted: usize,
}

/// The surroundings of the core.
#[derive(Default)]
struct Surroundings {
    /// By worker: the jobs that it was sent, each with its lease on the wire.
    given: Vec<VecDeque<(usize, Option<u64>)>>,
    /// The workers that were sent jobs, the one that waits longest first.
    busy: VecDeque<ConnId>,
    /// By id: the number of its answers in this run.
    answers: Vec<u32>,
    answered: usize,
    /// Connections with replies in this turn, and their bytes.
    unsent: Vec<(ConnId, u64)>,
    /// A reply, while it is encoded.
    line: Vec<u8>,
}

impl Effects for Surroundings {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize {
        let number = |id: &str| id.parse::<usize>().expect("the ids are numbers");
        match *reply {
            Reply::Do { id, job, .. } => {
                let given = &mut self.given[to.index as usize - SUBMITTERS];
                if given.is_empty() {
                    self.busy.push_back(to);
                }
                given.push_back((number(id), job));
            }
            Reply::Done { id, res } => {
                let job = number(id);
                assert!(res == Some(id.into()) && to == submitter_of(job), "job {job} has the result of another job");
                self.answers[job] += 1;
                self.answered += 1;
            }
            _ => panic!("no job is refused: {reply:?}"),
        }
        self.line.clear();
        let bytes = reply.encode(&mut self.line);
        self.unsent.push((to, bytes as u64));
        bytes
    }

    fn post(&mut self, _: ShardId, _: Message) {
        panic!("this is the only shard");
    }

    no_other_effects!();
}

fn conn(slot: usize) -> ConnId {
    ConnId { index: u32::try_from(slot).expect("there are few connections"), generation: 0 }
}

fn submitter_of(job: usize) -> ConnId {
    conn(job % SUBMITTERS)
}

impl OneShard {
    /// Returns a shard whose submitters and workers are connected.
    pub(crate) fn new(shape: &Shape) -> Self {
        let mut shard = Self {
            core: core(1),
            surroundings: Surroundings::default(),
            ids: (0..shape.in_flight + JOBS).map(|job| job.to_string()).collect(),
            types: (0..shape.types).map(|number| format!("t{number}")).collect(),
            in_flight_max: shape.in_flight,
            options: shape.options.clone(),
            decoded: Vec::new(),
            submitted: 0,
        };
        for slot in 0..SUBMITTERS + shape.workers {
            shard.core.step(Input::Opened { conn: conn(slot) }, &mut shard.surroundings);
        }
        shard.surroundings.answers = vec![0; shard.ids.len()];
        shard.surroundings.given = vec![VecDeque::new(); shape.workers];
        shard
    }

    /// Returns a shard with its backlog: as many jobs wait as are to be unanswered. The workers come afterwards.
    pub(crate) fn with_backlog(shape: &Shape) -> Self {
        let mut shard = Self::new(shape);
        shard.decode_options(shape.in_flight);
        for job in 0..shape.in_flight {
            shard.submit(job);
        }
        shard.submitted = shape.in_flight;
        shard.connect_workers(shape);
        shard
    }

    /// Returns a shard whose workers are there before the first job.
    pub(crate) fn with_workers(shape: &Shape) -> Self {
        let mut shard = Self::new(shape);
        shard.connect_workers(shape);
        shard
    }

    fn connect_workers(&mut self, shape: &Shape) {
        for worker in 0..shape.workers {
            let numbers = worker * shape.types_per_worker..(worker + 1) * shape.types_per_worker;
            let types = numbers.map(|number| TypeName::from(&self.types[number % shape.types])).collect();
            let command = Command::CanDo {
                types,
                max_jobs: (shape.slots > 0).then_some(shape.slots),
                options: WorkerOptions::default(),
                id: None,
            };
            self.core
                .step(Input::Command { from: conn(SUBMITTERS + worker), command: &command }, &mut self.surroundings);
        }
        self.end_turn();
    }

    /// Submits and answers [`JOBS`] jobs, with the types in rotation, beside the backlog. Returns how long that took.
    pub(crate) fn run(&mut self) -> Duration {
        self.decode_options(JOBS);
        let took = self.run_jobs();
        let answers = &mut self.surroundings.answers;
        assert!(answers.iter().all(|&answers| answers <= 1), "no job is answered twice");
        answers.fill(0);
        took
    }

    /// Makes what the decoder makes for this number of jobs.
    fn decode_options(&mut self, jobs: usize) {
        if let Some(options) = &self.options {
            self.decoded.resize(jobs, Box::new(options.clone()));
        }
    }

    /// Never inlined, so that a profiler shows it by itself.
    #[inline(never)]
    fn run_jobs(&mut self) -> Duration {
        let (end, last) = (self.surroundings.answered + JOBS, self.submitted + JOBS);
        let mut turns = 0;
        let start = Instant::now();
        while self.surroundings.answered < end {
            turns += 1;
            assert!(turns <= JOBS, "the jobs end");
            self.core
                .step(Input::Turn { now: Micros::default(), others: MemoryUse::default() }, &mut self.surroundings);
            let enough = (self.surroundings.answered + JOBS_PER_TURN).min(end);
            while self.surroundings.answered < enough
                && let Some(worker) = self.surroundings.busy.pop_front()
            {
                self.read_answers_of(worker, end);
            }
            let room = self.in_flight_max - (self.submitted - self.surroundings.answered);
            let next = self.submitted + room.min(JOBS_PER_TURN).min(last - self.submitted);
            for submitter in 0..SUBMITTERS {
                // No closure: valgrind would take it for another call of this function.
                for job in self.submitted..next {
                    if job % SUBMITTERS == submitter {
                        self.submit(job);
                    }
                }
                self.end_read(conn(submitter));
            }
            self.submitted = next;
            self.end_turn();
        }
        let took = start.elapsed();
        assert_eq!(self.core.pending(), (self.submitted - self.surroundings.answered) as u64);
        took
    }

    /// Reads from a worker, which has answered all its jobs. The run ends with answer number `end`.
    fn read_answers_of(&mut self, worker: ConnId, end: usize) {
        let slot = worker.index as usize - SUBMITTERS;
        while self.surroundings.answered < end
            && let Some((job, lease)) = self.surroundings.given[slot].pop_front()
        {
            self.answer(worker, job, lease);
        }
        if !self.surroundings.given[slot].is_empty() {
            self.surroundings.busy.push_front(worker);
        }
        self.end_read(worker);
    }

    fn answer(&mut self, from: ConnId, job: usize, lease: Option<u64>) {
        let id = self.ids[job].as_str();
        let name = lease.map_or(JobRef::Id(id), JobRef::Lease);
        let command = Command::Did { job: name, id: Some(id), outcome: Outcome::Res(Some(id.into())) };
        self.core.step(Input::Command { from, command: &command }, &mut self.surroundings);
    }

    fn submit(&mut self, job: usize) {
        let job = job % self.ids.len();
        let type_name = TypeName::from(&self.types[job % self.types.len()]);
        let options = self.decoded.pop();
        assert_eq!(options.is_some(), self.options.is_some(), "they were made for each job");
        let command = Command::Do { id: &self.ids[job], type_name, arg: Some(ARG.into()), options };
        self.core.step(Input::Command { from: submitter_of(job), command: &command }, &mut self.surroundings);
    }

    fn end_read(&mut self, conn: ConnId) {
        self.core.step(Input::BytesRead { conn, partial_bytes: 0 }, &mut self.surroundings);
    }

    /// Acknowledges each reply of this turn with a write of its own, where the server makes one write per connection.
    fn end_turn(&mut self) {
        let mut unsent = std::mem::take(&mut self.surroundings.unsent);
        for (conn, bytes) in unsent.drain(..) {
            self.core.step(Input::Written { conn, bytes }, &mut self.surroundings);
        }
        assert!(self.surroundings.unsent.is_empty(), "no connection was paused");
        self.surroundings.unsent = unsent;
    }
}
