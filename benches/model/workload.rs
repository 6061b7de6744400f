//! The workloads with which the model is compared with the real server.

use crate::harness;
use crate::shape::{Popularity, Shape, SharedMachine, TurnOrder};

/// How long a thread keeps its core while another waits that has had its slice: Linux's slice on two cores.
const SLICE_NS: u64 = 3_000_000;

/// How long it keeps its core while a thread waits that was just woken. Linux decides by the recent use of both; this one
/// figure replaces that. It is the only figure that was chosen by looking at two shards. Between 0 and 1 ms it changes
/// the prediction for the first workload from a tenth more to a quarter less. It has no effect if each shard has a core.
const GRANULE_NS: u64 = 200_000;

/// A closed loop of echo jobs with 32-byte arguments.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workload {
    /// Its name in the table.
    pub(crate) name: &'static str,
    /// Connections that submit.
    pub(crate) submitters: usize,
    /// Unanswered jobs per submitter.
    pub(crate) inflight: usize,
    /// Connections that work, each of one type.
    pub(crate) workers: usize,
    /// Job types.
    pub(crate) types: usize,
    /// Slots that a worker asks for; 0: it sends no `max_jobs` and has one slot.
    pub(crate) max_jobs: u16,
}

/// The workloads of docs/performance.md whose limits differ.
pub(crate) const WORKLOADS: [Workload; 3] = [
    Workload { name: "baseline", submitters: 4, inflight: 64, workers: 16, types: 1, max_jobs: 0 },
    Workload { name: "many-types", submitters: 8, inflight: 128, workers: 1_000, types: 100, max_jobs: 0 },
    Workload { name: "slots", submitters: 4, inflight: 256, workers: 16, types: 1, max_jobs: 16 },
];

impl Workload {
    /// Returns its shape for the harness, which loads the real server.
    pub(crate) fn harness_shape(&self) -> harness::traffic::workload::Shape {
        harness::traffic::workload::Shape {
            submitters: u16::try_from(self.submitters).expect("submitters are few"),
            inflight: self.inflight,
            workers: self.workers,
            types: self.types,
            max_jobs: self.max_jobs,
            ..harness::traffic::workload::Shape::DEFAULT
        }
    }

    /// Returns its shape for the model: server and load share a machine with this many cores.
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
            order: TurnOrder::SERVER,
            home_share: 100,
            network_ns: 0,
            think_ns: 0,
            shared: Some(SharedMachine { cores, load_threads: 1, granule_ns: GRANULE_NS, slice_ns: SLICE_NS }),
            seed,
        }
    }
}
