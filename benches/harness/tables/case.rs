//! One row of a table: which server, how it is set up, and the load that it gets.

use std::time::Duration;

use crate::harness::servers::ServerKind;
use crate::harness::traffic::workload::Shape;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Names it within its table.
    pub(crate) label: String,
    /// Which server.
    pub(crate) kind: ServerKind,
    /// The server's threads.
    pub(crate) threads: usize,
    /// Whether the connections use a UNIX socket.
    pub(crate) unix: bool,
    /// Where server and load run.
    pub(crate) placement: Placement,
    /// The sizes of the load.
    pub(crate) shape: Shape,
    /// How jobs are submitted.
    pub(crate) loop_kind: LoopKind,
    /// Measures this many jobs instead of a time, unless the options say how many.
    pub(crate) jobs: Option<u64>,
    /// The least time before the measured one.
    pub(crate) warm_up: Duration,
    /// Whether to count system calls after the measured time.
    pub(crate) count_calls: bool,
}

/// Where server and load run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Both on all cores.
    Shared,
    /// The server on this many cores, the load on the others.
    Pinned(usize),
    /// The server was started by someone else; where it runs is not known.
    Running,
}

/// How jobs are submitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum LoopKind {
    /// A closed loop: each answer makes a submitter submit again.
    Closed,
    /// An open loop: this many jobs per second, however fast the answers arrive.
    Rate(f64),
    /// An open loop at this share of what this server, with one thread, does in a closed loop.
    ShareOf(ServerKind, f64),
    /// This many jobs before a worker connects; with `own_types` each has a type of its own.
    Backlog { jobs: u64, own_types: bool },
}

impl Case {
    /// Returns a case with one server thread over TCP in a closed loop, pinned to one core.
    pub(crate) fn new(kind: ServerKind, shape: Shape) -> Self {
        Self {
            label: kind.name().to_owned(),
            kind,
            threads: 1,
            unix: false,
            placement: Placement::Pinned(1),
            shape,
            loop_kind: LoopKind::Closed,
            jobs: None,
            warm_up: Duration::ZERO,
            count_calls: false,
        }
    }

    /// Sets the label.
    pub(crate) fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// Sets how jobs are submitted.
    pub(crate) fn loop_kind(self, loop_kind: LoopKind) -> Self {
        Self { loop_kind, ..self }
    }

    /// Uses a UNIX socket.
    pub(crate) fn unix(self) -> Self {
        Self { unix: true, ..self }
    }

    /// Sets the server's threads.
    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Sets where server and load run.
    pub(crate) fn placement(self, placement: Placement) -> Self {
        Self { placement, ..self }
    }

    /// Lets server and load share all cores.
    pub(crate) fn shared(self) -> Self {
        self.placement(Placement::Shared)
    }

    /// Measures this many jobs instead of a time.
    pub(crate) fn jobs(self, jobs: u64) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// Loads for so long before it measures.
    pub(crate) fn warm_up(self, warm_up: Duration) -> Self {
        Self { warm_up, ..self }
    }

    /// Counts system calls.
    pub(crate) fn count_calls(self) -> Self {
        Self { count_calls: true, ..self }
    }
}
