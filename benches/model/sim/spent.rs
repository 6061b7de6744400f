//! Where a shard's time goes.

/// Kinds of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// System calls on sockets, which a single shard makes too.
    Kernel,
    /// The server's code for the lines and replies of its connections.
    Lines,
    /// The work of a home: jobs and offers, and the messages that carry them.
    Home,
    /// Other messages between shards, and wakes.
    Messages,
    /// Reading the metrics of the other shards in each turn.
    Figures,
}

impl Work {
    /// The number of kinds.
    pub(crate) const KINDS: usize = 5;
}

/// Time by kind of work, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spent([u64; Work::KINDS]);

impl Spent {
    pub(super) fn add(&mut self, work: Work, ns: u64) {
        self.0[work as usize] += ns;
    }

    /// Returns the sum.
    pub(crate) fn total_ns(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the time of each kind, in the order of [`Work`].
    pub(crate) fn by_kind(&self) -> [u64; Work::KINDS] {
        self.0
    }

    /// Returns the time spent since `before`.
    pub(super) fn since(&self, before: &Spent) -> Spent {
        let mut spent = *self;
        for (now, before) in spent.0.iter_mut().zip(before.0) {
            *now -= before;
        }
        spent
    }

    /// Adds the time of another shard.
    pub(crate) fn merge(&mut self, other: &Spent) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
    }
}
