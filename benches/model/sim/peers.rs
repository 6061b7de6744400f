//! The peers: how each answers what it receives, and the state of each job.

use deputy::dispatch::message::ConnId;

use crate::random::Random;
use crate::shape::{Shape, Types};

/// A line to the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Request {
    /// Submits a job of a type; both are numbers.
    Do { job: u64, type_number: usize },
    /// Answers a job; `number` is its lease on the wire, if it has one.
    Did { job: u64, number: Option<u64> },
}

/// A line from the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Delivery {
    /// A job for a worker.
    Do { job: u64, number: Option<u64> },
    /// A result for a submitter.
    Done { job: u64 },
}

/// What a connection is for.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Submits jobs.
    Submitter,
    /// Does jobs of these types.
    Worker(Vec<usize>),
}

/// A connection with both its ends.
#[derive(Debug)]
pub(super) struct Conn {
    pub(super) role: Role,
    pub(super) shard: usize,
    pub(super) id: ConnId,
    /// The load thread with the peer's end, if the load is part of the model.
    pub(super) thread: Option<usize>,
    /// Lines that wait at the server's end.
    pub(super) at_server: Vec<Request>,
    /// Lines that wait at the peer's end.
    pub(super) at_peer: Vec<Delivery>,
}

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Submitted,
    Held,
    Done,
    Answered,
}

/// The state of every job, and the source of new jobs.
pub(super) struct JobStates {
    stages: Vec<Stage>,
    types: Types,
    random: Random,
    pub(super) answered: u64,
    /// Whether submitters submit no more jobs.
    pub(super) stopped: bool,
}

impl JobStates {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            stages: Vec::new(),
            types: Types::new(shape.types, shape.popularity),
            random: Random::new(shape.seed),
            answered: 0,
            stopped: false,
        }
    }

    /// Returns the types of a worker.
    pub(super) fn types_of(&self, worker: usize, shape: &Shape) -> Vec<usize> {
        self.types.of_worker(worker, shape)
    }

    /// Creates the next job.
    pub(super) fn submit(&mut self) -> Request {
        self.stages.push(Stage::Submitted);
        Request::Do { job: self.stages.len() as u64 - 1, type_number: self.types.pick(&mut self.random) }
    }

    /// Returns how a peer answers a line, if it does.
    ///
    /// # Panics
    /// If a job is sent to two workers or answered twice: then the server is wrong.
    pub(super) fn answer(&mut self, deliveries: Delivery) -> Option<Request> {
        match deliveries {
            Delivery::Do { job, number } => {
                self.advance(job, Stage::Submitted, Stage::Held);
                self.advance(job, Stage::Held, Stage::Done);
                Some(Request::Did { job, number })
            }
            Delivery::Done { job } => {
                self.advance(job, Stage::Done, Stage::Answered);
                self.answered += 1;
                (!self.stopped).then(|| self.submit())
            }
        }
    }

    /// Checks that every job is answered.
    ///
    /// # Panics
    /// If a job has no answer.
    pub(super) fn check_all_answered(&self) {
        let open = self.stages.iter().filter(|&&stage| stage != Stage::Answered).count();
        assert_eq!(open, 0, "no job is without an answer");
    }

    fn advance(&mut self, job: u64, from: Stage, to: Stage) {
        let at = usize::try_from(job).expect("jobs are numbered from 0 on");
        let stage = &mut self.stages[at];
        assert_eq!(*stage, from, "job {job} came to {to:?} out of order");
        *stage = to;
    }
}
