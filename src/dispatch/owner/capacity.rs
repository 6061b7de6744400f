//! The capacity of a worker, the need of a job, and the place of a worker in the lists of its pools.

/// The lists of ready workers that a pool has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum List {
    /// Workers that hold no suspect.
    Clean,
    /// Workers that hold a suspect.
    HoldsSuspect,
}

/// The requirement of a job, besides its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum Need {
    /// A free slot.
    Slot,
    /// A free slot of a worker that holds no suspect, because the job is a suspect.
    SlotWithoutSuspect,
}

/// How a worker's place in the lists of ready workers changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum Place {
    /// It keeps its place.
    Kept,
    /// It goes to the back, because it came, or took or ended a job.
    Back,
}

/// The capacity of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::dispatch) struct Capacity {
    pub(in crate::dispatch) free: u32,
    pub(in crate::dispatch) holds_suspect: bool,
}

impl Capacity {
    /// Returns whether it is at least as much as `other` in both respects.
    pub(in crate::dispatch) fn covers(self, other: Self) -> bool {
        self.free >= other.free && (other.holds_suspect || !self.holds_suspect)
    }

    /// Returns whether a worker with this capacity can take a job.
    pub(in crate::dispatch) fn meets(self, need: Need) -> bool {
        self.free > 0 && !(need == Need::SlotWithoutSuspect && self.holds_suspect)
    }

    /// Returns the list in which a worker with this capacity is, if it is ready.
    pub(in crate::dispatch) fn list(self) -> Option<List> {
        (self.free > 0).then_some(if self.holds_suspect { List::HoldsSuspect } else { List::Clean })
    }
}
