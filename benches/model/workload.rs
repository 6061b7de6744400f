//! The workloads by which the model is compared with the real server.

use crate::harness;
use crate::shape::{Popularity, Shape, SharedMachine};

/// How long a thread keeps its core while another waits that had its slice: what Linux's scheduler gives on two cores.
const SLICE_NS: u64 = 3_000_000;

/// How long at least while one waits that was just roused. Linux decides by what both have had of late; one figure stands
/// for that, and it is the one that was chosen by looking at two shards: from 0 to 1 ms it moves the prediction for the
/// first workload between a tenth more and a quarter less. It has no part where each shard has a core.
const GRANULE_NS: u64 = 200_000;

/// A closed loop of echo jobs with 32-byte arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// For the table.
    pub(crate) name: &'static str,
    /// Connections that submit.
    pub(crate) submitters: usize,
    /// Jobs that each keeps unanswered.
    pub(crate) inflight: usize,
    /// Connections that work, each of one type.
    pub(crate) workers: usize,
    /// Job types.
    pub(crate) types: usize,
    /// Slots of a worker; 0: it does not say, and has one.
    pub(crate) max_jobs: u16,
}

/// Those of docs/performance.md that differ in what bounds them.
pub(crate) const WORKLOADS: [Workload; 3] = [
    Workload { name: "4 x 64 in flight, 16 workers", submitters: 4, inflight: 64, workers: 16, types: 1, max_jobs: 0 },
    Workload {
        name: "8 x 128 in flight, 1,000 workers, 100 types",
        submitters: 8,
        inflight: 128,
        workers: 1_000,
        types: 100,
        max_jobs: 0,
    },
    Workload {
        name: "4 x 256 in flight, 16 workers of 16 slots",
        submitters: 4,
        inflight: 256,
        workers: 16,
        types: 1,
        max_jobs: 16,
    },
];

impl Workload {
    /// As the harness gives it to the real server.
    pub(crate) fn harness_shape(&self) -> harness::traffic::workload::Shape {
        harness::traffic::workload::Shape {
            submitters: u16::try_from(self.submitters).expect("they are few"),
            inflight: self.inflight,
            workers: self.workers,
            types: self.types,
            max_jobs: self.max_jobs,
            ..harness::traffic::workload::Shape::DEFAULT
        }
    }

    /// As the model sees it: server and load share a machine of so many cores.
    pub(crate) fn shape(&self, shards: u16, cores: usize, seed: u64) -> Shape {
        Shape {
            shards,
            submitters: self.submitters,
            inflight: self.inflight,
            workers: self.workers,
            types: self.types,
            types_per_worker: 1,
            popularity: Popularity::Uniform,
            max_jobs: self.max_jobs,
            post_early: false,
            network_ns: 0,
            think_ns: 0,
            shared: Some(SharedMachine { cores, load_threads: 1, granule_ns: GRANULE_NS, slice_ns: SLICE_NS }),
            seed,
        }
    }
}
