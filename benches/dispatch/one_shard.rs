//! A closed loop around one core that is all the server: what it sends to workers is answered, what it answers is asked
//! again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use deputy::dispatch::Dispatch;
use deputy::dispatch::message::{Closing, ConnId, Effects, Input, MemoryUse, Message, Micros, ShardId};
use deputy::metrics::{Counts, Fault, Totals};
use deputy::protocol::command::{Command, JobRef, Outcome, TypeName};
use deputy::protocol::reply::Reply;

use crate::{ARG, JOBS, core};

/// Connections that submit: the first slots, the workers have the others.
const SUBMITTERS: usize = 4;

/// Jobs that a turn submits and answers at most: what a busy server's turns come to.
const JOBS_PER_TURN: usize = 64;

/// The sizes of a workload.
pub(crate) struct Shape {
    pub(crate) types: usize,
    pub(crate) workers: usize,
    /// Slots of each worker; 0: one, and it does not give `max_jobs`.
    pub(crate) slots: u32,
    /// Worker `w` takes so many, from type `w * types_per_worker` on, and round again.
    pub(crate) types_per_worker: usize,
    /// Jobs that are submitted and not answered.
    pub(crate) in_flight: usize,
}

/// The core, and what a run needs of its surroundings.
pub(crate) struct OneShard {
    core: Dispatch,
    outside: Outside,
    /// The ids of a run's jobs; each is its result as well.
    ids: Vec<String>,
    types: Vec<String>,
    in_flight_max: usize,
}

/// What lies around the core.
#[derive(Default)]
struct Outside {
    /// Jobs that workers were given, with who has them and their numbers on the wire.
    given: VecDeque<(ConnId, usize, Option<u64>)>,
    /// By job: how many answers it got.
    answers: Vec<u32>,
    answered: usize,
    /// Connections that were sent something in this turn, and how many bytes.
    unsent: Vec<(ConnId, u64)>,
    /// The line that is sent.
    line: Vec<u8>,
}

impl Effects for Outside {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize {
        let number = |id: &str| id.parse::<usize>().expect("the ids are numbers");
        match *reply {
            Reply::Do { id, job, .. } => self.given.push_back((to, number(id), job)),
            Reply::Done { id, res } => {
                let job = number(id);
                assert!(res == Some(id) && to == submitter_of(job), "job {job} has another's answer");
                self.answers[job] += 1;
                self.answered += 1;
            }
            _ => panic!("nothing here is refused: {reply:?}"),
        }
        self.line.clear();
        let bytes = reply.encode(&mut self.line);
        self.unsent.push((to, bytes as u64));
        bytes
    }

    fn post(&mut self, _: ShardId, _: Message) {
        panic!("there is no other shard");
    }

    fn close(&mut self, _: ConnId, _: Closing) {
        panic!("nobody leaves");
    }

    fn fault(&mut self, conn: ConnId, fault: Fault) {
        panic!("nobody does anything wrong: {conn:?}, {fault:?}");
    }

    fn totals(&mut self, _: &Counts) -> Totals {
        panic!("nobody asks for the metrics");
    }
}

fn conn(slot: usize) -> ConnId {
    ConnId { index: u32::try_from(slot).expect("connections are few"), generation: 0 }
}

fn submitter_of(job: usize) -> ConnId {
    conn(job % SUBMITTERS)
}

impl OneShard {
    /// A shard whose submitters and workers have come.
    pub(crate) fn new(shape: &Shape) -> Self {
        let mut shard = Self {
            core: core(1),
            outside: Outside::default(),
            ids: (0..JOBS).map(|job| job.to_string()).collect(),
            types: (0..shape.types).map(|number| format!("t{number}")).collect(),
            in_flight_max: shape.in_flight,
        };
        for slot in 0..SUBMITTERS + shape.workers {
            shard.core.step(Input::Opened { conn: conn(slot) }, &mut shard.outside);
        }
        for worker in 0..shape.workers {
            let numbers = worker * shape.types_per_worker..(worker + 1) * shape.types_per_worker;
            let types = numbers.map(|number| TypeName::from(&shard.types[number % shape.types])).collect();
            let command = Command::CanDo { types, max_jobs: (shape.slots > 0).then_some(shape.slots), id: None };
            shard.core.step(Input::Command { from: conn(SUBMITTERS + worker), command }, &mut shard.outside);
        }
        shard
    }

    /// Does all jobs; how long that took. They go round the types.
    pub(crate) fn run(&mut self) -> Duration {
        self.outside.answers = vec![0; JOBS];
        self.outside.answered = 0;
        let (mut submitted, mut turns) = (0, 0);
        let start = Instant::now();
        while self.outside.answered < JOBS {
            turns += 1;
            assert!(turns <= JOBS, "the jobs do not end");
            self.core.step(Input::Turn { now: Micros::default(), others: MemoryUse::default() }, &mut self.outside);
            let given = self.outside.given.len().min(JOBS_PER_TURN);
            for _ in 0..given {
                self.answer();
            }
            let room = self.in_flight_max - (submitted - self.outside.answered);
            let next = submitted + room.min(JOBS_PER_TURN).min(JOBS - submitted);
            for job in submitted..next {
                self.submit(job);
            }
            submitted = next;
            self.end_turn();
        }
        let took = start.elapsed();
        assert!(self.outside.answers.iter().all(|&answers| answers == 1), "each job is answered once");
        assert_eq!(self.core.pending(), 0);
        took
    }

    fn answer(&mut self) {
        let (from, job, lease) = self.outside.given.pop_front().expect("so many were given");
        let id = self.ids[job].as_str();
        let name = lease.map_or(JobRef::Id(id), JobRef::Lease);
        let command = Command::Did { job: name, id: Some(id), outcome: Outcome::Res(Some(id)) };
        self.core.step(Input::Command { from, command }, &mut self.outside);
    }

    fn submit(&mut self, job: usize) {
        let type_name = TypeName::from(&self.types[job % self.types.len()]);
        let command = Command::Do { id: &self.ids[job], type_name, arg: Some(ARG) };
        self.core.step(Input::Command { from: submitter_of(job), command }, &mut self.outside);
    }

    /// Every line that was sent in this turn is taken at once: a write each, where a shell makes one a connection.
    fn end_turn(&mut self) {
        let mut unsent = std::mem::take(&mut self.outside.unsent);
        for (conn, bytes) in unsent.drain(..) {
            self.core.step(Input::Written { conn, bytes }, &mut self.outside);
        }
        assert!(self.outside.unsent.is_empty(), "nobody was paused");
        self.outside.unsent = unsent;
    }
}
