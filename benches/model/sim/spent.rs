//! Where a shard's time goes.

/// Kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// System calls on sockets, and waiting for them: what a shard on one core does as well.
    Kernel,
    /// Our code for lines and replies of its connections.
    Lines,
    /// Being the home of types: what jobs and offers cost there, how they come and go included.
    Home,
    /// Messages to and from other shards that are not a home's, and the wakes.
    Messages,
    /// The other shards' figures, read at each turn.
    Figures,
}

impl Work {
    /// How many kinds there are.
    pub(crate) const KINDS: usize = 5;
}

/// Time by kind, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent([u64; Work::KINDS]);

impl Spent {
    pub(super) fn add(&mut self, work: Work, ns: u64) {
        self.0[work as usize] += ns;
    }

    /// All of it.
    pub(crate) fn total_ns(&self) -> u64 {
        self.0.iter().sum()
    }

    /// By kind, in the order of [`Work`].
    pub(crate) fn by_kind(&self) -> [u64; Work::KINDS] {
        self.0
    }

    /// What was spent since `before`.
    pub(super) fn since(&self, before: &Spent) -> Spent {
        let mut spent = *self;
        for (now, before) in spent.0.iter_mut().zip(before.0) {
            *now -= before;
        }
        spent
    }

    /// Adds another's.
    pub(crate) fn merge(&mut self, other: &Spent) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
    }
}
