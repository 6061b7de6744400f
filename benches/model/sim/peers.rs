//! The peers: what each says when it is told something, and the book of who is owed what.

use deputy::dispatch::message::ConnId;

use crate::random::Random;
use crate::shape::{Shape, Types};

/// A line to the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Line {
    /// A job of a type, by their numbers.
    Do { job: u64, type_number: usize },
    /// It is done; named by its number on the wire, if it had one.
    Did { job: u64, number: Option<u64> },
}

/// A line of the server.
#[derive(Clone, Copy, Debug)]
pub(super) enum Said {
    /// Do this job.
    Do { job: u64, number: Option<u64> },
    /// It is done.
    Done { job: u64 },
}

/// What a connection is for.
#[derive(Clone, Debug)]
pub(super) enum Role {
    /// Asks.
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
    /// The load's thread that has the peer's end, if the load has threads.
    pub(super) thread: Option<usize>,
    /// What waits at the server's end to be read.
    pub(super) at_server: Vec<Line>,
    /// What waits at the peer's end.
    pub(super) at_peer: Vec<Said>,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Submitted,
    Held,
    Done,
    Answered,
}

/// All jobs, and where the next ones come from.
pub(super) struct Book {
    stages: Vec<Stage>,
    types: Types,
    random: Random,
    pub(super) answered: u64,
    /// Whether the submitters submit no more.
    pub(super) closed: bool,
}

impl Book {
    pub(super) fn new(shape: &Shape) -> Self {
        Self {
            stages: Vec::new(),
            types: Types::new(shape.types, shape.popularity),
            random: Random::new(shape.seed),
            answered: 0,
            closed: false,
        }
    }

    /// The types of a worker.
    pub(super) fn types_of(&self, worker: usize, shape: &Shape) -> Vec<usize> {
        self.types.of_worker(worker, shape)
    }

    /// The next job.
    pub(super) fn submit(&mut self) -> Line {
        self.stages.push(Stage::Submitted);
        Line::Do { job: self.stages.len() as u64 - 1, type_number: self.types.pick(&mut self.random) }
    }

    /// What a peer says to what it is told, if anything.
    ///
    /// # Panics
    /// If a job is given to two workers or answered twice: then the server is wrong.
    pub(super) fn answer(&mut self, said: Said) -> Option<Line> {
        match said {
            Said::Do { job, number } => {
                self.advance(job, Stage::Submitted, Stage::Held);
                self.advance(job, Stage::Held, Stage::Done);
                Some(Line::Did { job, number })
            }
            Said::Done { job } => {
                self.advance(job, Stage::Done, Stage::Answered);
                self.answered += 1;
                (!self.closed).then(|| self.submit())
            }
        }
    }

    /// # Panics
    /// If a job is without its answer.
    pub(super) fn check_closed(&self) {
        let open = self.stages.iter().filter(|&&stage| stage != Stage::Answered).count();
        assert_eq!(open, 0, "jobs without an answer");
    }

    fn advance(&mut self, job: u64, from: Stage, to: Stage) {
        let at = usize::try_from(job).expect("jobs are numbered from 0 on");
        let stage = &mut self.stages[at];
        assert_eq!(*stage, from, "job {job} came to {to:?} out of order");
        *stage = to;
    }
}
