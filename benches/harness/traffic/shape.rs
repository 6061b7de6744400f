//! The sizes of a workload, as the options give them.

use std::time::Duration;

use super::asks::Ask;

/// The least and the most bytes of a payload, its quotes included.
pub(crate) type Bytes = (usize, usize);

/// The sizes of a workload, as the options give them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Connections that submit.
    pub(crate) submitters: u16,
    /// Jobs that each submitter keeps unanswered.
    pub(crate) inflight: usize,
    /// Connections that work.
    pub(crate) workers: usize,
    /// Job types; a submitter uses them in rotation.
    pub(crate) types: usize,
    /// Types that each worker does.
    pub(crate) types_per_worker: usize,
    /// Slots that a worker asks for; 0: it sends no `max_jobs` and has one slot.
    pub(crate) max_jobs: u16,
    /// Size of an argument.
    pub(crate) arg_bytes: Bytes,
    /// Size of a result; `None`: the result repeats the argument.
    pub(crate) res_bytes: Option<Bytes>,
    /// How long a job takes.
    pub(crate) work: Work,
    /// Connections that send nothing.
    pub(crate) idle: usize,
    /// Size of the argument of a large job, in bytes. One more submitter submits such a job each second, of a type that
    /// one more worker does. 0: there are none.
    pub(crate) large_job_bytes: usize,
    /// Whether ids have 16 digits instead of as many as they need.
    pub(crate) long_ids: bool,
    /// What other clients do to the server meanwhile.
    pub(crate) interference: Interference,
    /// What the jobs ask for besides being done.
    pub(crate) ask: Ask,
}

/// What clients outside the load do to the server meanwhile, all from one thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Interference {
    /// There are no such clients.
    None,
    /// This many submitters never read the answers to their jobs; each answer has [`STALLED_BYTES`].
    StalledReaders(u16),
    /// One submitter submits this many jobs at once, of a type that no worker does.
    Burst(u64),
    /// One client asks for the metrics and keeps this many questions in flight.
    MetricsQueries(usize),
    /// One submitter submits this many jobs per second, each of which ends the connection of the worker that takes it.
    Poison(f64),
}

/// Bytes of an argument of a stalled reader, and so of its answer.
pub(crate) const STALLED_BYTES: usize = 16 << 10;

impl Shape {
    /// The values of the options that are not given: the workload `baseline`.
    pub(crate) const DEFAULT: Self = Self {
        submitters: 4,
        inflight: 64,
        workers: 16,
        types: 1,
        types_per_worker: 1,
        max_jobs: 0,
        arg_bytes: (32, 32),
        res_bytes: None,
        work: Work::None,
        idle: 0,
        large_job_bytes: 0,
        long_ids: false,
        interference: Interference::None,
        ask: Ask::Nothing,
    };
}

/// How long a worker is busy with a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Work {
    /// It answers at once.
    None,
    /// The same time for each job.
    Fixed(Duration),
    /// Exponentially distributed, with this mean.
    Exponential(Duration),
}
