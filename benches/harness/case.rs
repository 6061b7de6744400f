//! One row of a table: which server, how it is set up, and what it is given to do.

use super::server::Kind;
use super::workload::Shape;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// Tells it from the others of its table.
    pub(crate) label: String,
    /// Which server.
    pub(crate) kind: Kind,
    /// Its threads.
    pub(crate) threads: usize,
    /// Whether over a UNIX socket.
    pub(crate) unix: bool,
    /// Whether server and load are kept on cores of their own.
    pub(crate) pin: bool,
    /// The work.
    pub(crate) shape: Shape,
    /// How the work goes.
    pub(crate) course: Course,
    /// Whether to count system calls behind the measured time.
    pub(crate) count_calls: bool,
}

/// How the work goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Course {
    /// A submitter asks again when it was answered.
    Closed,
    /// So many jobs a second are asked for, whatever becomes of them.
    Rate(f64),
    /// As many as a part of what this server, with one thread, does in a closed loop.
    PartOf(Kind, f64),
    /// So many jobs are submitted before a worker comes; each of a type of its own, if so.
    Backlog { jobs: u64, own_types: bool },
}

impl Case {
    /// A server with one thread under this work, over TCP, in a closed loop, server and load apart.
    pub(crate) fn new(kind: Kind, shape: Shape) -> Self {
        Self {
            label: kind.name().to_owned(),
            kind,
            threads: 1,
            unix: false,
            pin: true,
            shape,
            course: Course::Closed,
            count_calls: false,
        }
    }

    /// The same with another name.
    pub(crate) fn label(self, label: impl Into<String>) -> Self {
        Self { label: label.into(), ..self }
    }

    /// The same with another course.
    pub(crate) fn course(self, course: Course) -> Self {
        Self { course, ..self }
    }

    /// The same over a UNIX socket.
    pub(crate) fn unix(self) -> Self {
        Self { unix: true, ..self }
    }

    /// The same with so many threads.
    pub(crate) fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// The same with server and load sharing all cores.
    pub(crate) fn anywhere(self) -> Self {
        Self { pin: false, ..self }
    }

    /// The same, and system calls are counted.
    pub(crate) fn count_calls(self) -> Self {
        Self { count_calls: true, ..self }
    }
}
