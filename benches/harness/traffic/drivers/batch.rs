//! Jobs that a connection takes several at a time, because it can send nothing else while it waits for one.
//!
//! A connection asks for a batch, does every job of it, and then asks for the next. So the slots of jobs that are done wait
//! for a slow one.

/// What is left of the batch that was asked for last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Jobs of the reply that have not come.
    coming: u64,
    /// Jobs that came and are not done.
    held: u64,
}

impl Batch {
    /// Begins a batch whose reply has this many jobs or answers.
    pub(super) fn begin(&mut self, jobs: u64) {
        self.coming = jobs;
    }

    /// Whether more of the reply is to come.
    pub(super) fn is_coming(self) -> bool {
        self.coming > 0
    }

    /// Called when a job comes that is to be done.
    pub(super) fn on_job(&mut self) {
        self.held += 1;
        self.on_answer();
    }

    /// Called when an answer comes, for which nothing is to be done.
    pub(super) fn on_answer(&mut self) {
        self.coming = self.coming.saturating_sub(1);
    }

    /// Called when a job is done.
    pub(super) fn on_done(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// Whether the next batch can be asked for.
    pub(super) fn is_over(self) -> bool {
        self.coming == 0 && self.held == 0
    }
}
