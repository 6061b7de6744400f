//! The work: submitters, workers, types, and how popular each type is.

use deputy::limits::CONNECTIONS_PER_MAIL;

use crate::random::Random;

/// Shards, one row each.
pub(crate) const SHARDS: [u16; 7] = [1, 2, 4, 8, 16, 32, 64];

/// Types per shard.
pub(crate) const TYPES: usize = 16;

/// Workers per shard: enough that they are not the limit when a job needs a turn of three shards.
pub(crate) const WORKERS: usize = 128;

/// How often jobs of each type are submitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Popularity {
    /// All types equally often.
    Uniform,
    /// The type of rank r with a weight of 1 / r to the power of this.
    Zipf(f64),
}

/// The work and where it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Shards of the server.
    pub(crate) shards: u16,
    /// Connections that submit.
    pub(crate) submitters: usize,
    /// Unanswered jobs per submitter.
    pub(crate) inflight: usize,
    /// Connections that work.
    pub(crate) workers: usize,
    /// Job types.
    pub(crate) types: usize,
    /// Types of each worker.
    pub(crate) types_per_worker: usize,
    /// How often jobs of each type are submitted.
    pub(crate) popularity: Popularity,
    /// Slots that a worker asks for; 0: it sends no `max_jobs` and has one slot.
    pub(crate) max_jobs: u16,
    /// Time from the server's write to the arrival of the peer's answer.
    pub(crate) network_ns: u64,
    /// Time that a worker needs for its jobs.
    pub(crate) think_ns: u64,
    /// The machine; `None`: each shard has a core, and the peers are elsewhere and infinitely fast.
    pub(crate) shared: Option<SharedMachine>,
    /// The order of a shard's turn.
    pub(crate) order: TurnOrder,
    /// Connections of the shard that is the home of the first type, in percent of those of the others.
    pub(crate) home_share: usize,
    /// Seeds the choice of types and of their homes.
    pub(crate) seed: u64,
}

/// The order of a shard's turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnOrder {
    /// Connections that a shard reads from, or writes to, before it handles its mailbox again; 0: only when a turn begins.
    pub(crate) connections_per_mail: usize,
    /// Whether it posts the messages that its mailbox caused before it reads from its connections.
    pub(crate) post_early: bool,
}

impl TurnOrder {
    /// The server's.
    pub(crate) const SERVER: Self = Self { connections_per_mail: CONNECTIONS_PER_MAIL, post_early: false };
}

/// A machine that the server and the load share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedMachine {
    /// Its cores.
    pub(crate) cores: usize,
    /// Threads of the load.
    pub(crate) load_threads: usize,
    /// How long a thread keeps its core while a thread that was just woken waits for it.
    pub(crate) granule_ns: u64,
    /// How long it keeps its core while another thread waits that has had its slice.
    pub(crate) slice_ns: u64,
}

/// Picks types by their popularity.
#[derive(Clone, Debug)]
pub(crate) struct Types {
    /// By type: the sum of the shares up to it, in units of 1 / [`Types::WHOLE`].
    up_to: Vec<usize>,
}

impl Types {
    const WHOLE: usize = 1 << 48;

    /// Returns `count` types, the most popular first.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shares are between 0 and 1, and 48 bits are within a double's reach"
    )]
    pub(crate) fn new(count: usize, popularity: Popularity) -> Self {
        let weight = |rank: usize| match popularity {
            Popularity::Uniform => 1.0,
            Popularity::Zipf(exponent) => ((rank + 1) as f64).powf(-exponent),
        };
        let sum: f64 = (0..count).map(weight).sum();
        let mut share = 0.0;
        let up_to = (0..count).map(|rank| {
            share += weight(rank) / sum;
            (share * Self::WHOLE as f64) as usize
        });
        Self { up_to: up_to.collect() }
    }

    /// Picks a type at random.
    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        self.at(random.below(Self::WHOLE))
    }

    /// Returns the types of a worker. Each type has a worker, if there are enough; further workers follow the popularity.
    pub(crate) fn of_worker(&self, worker: usize, shape: &Shape) -> Vec<usize> {
        let types = self.up_to.len();
        let in_turn = worker * shape.types_per_worker;
        let first = if in_turn < types {
            in_turn
        } else if worker < types {
            in_turn % types
        } else {
            let spare = shape.workers - types;
            self.at(Self::WHOLE / spare * (worker - types) + Self::WHOLE / spare / 2)
        };
        (0..shape.types_per_worker).map(|nth| (first + nth) % types).collect()
    }

    /// Returns the type whose share contains a point of the whole.
    fn at(&self, point: usize) -> usize {
        self.up_to.partition_point(|&up_to| up_to <= point).min(self.up_to.len() - 1)
    }
}
