//! The work: who asks, who works, which types there are, and how often each is asked for.

use crate::random::Random;

/// How often types are asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Popularity {
    /// All alike.
    Uniform,
    /// The type of rank r as often as 1 / r to the power of this.
    Zipf(f64),
}

/// The work and where it runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Shards of the server.
    pub(crate) shards: u16,
    /// Connections that submit.
    pub(crate) submitters: usize,
    /// Jobs that each keeps unanswered.
    pub(crate) inflight: usize,
    /// Connections that work.
    pub(crate) workers: usize,
    /// Job types.
    pub(crate) types: usize,
    /// Types of each worker.
    pub(crate) types_per_worker: usize,
    /// How often each type is asked for.
    pub(crate) popularity: Popularity,
    /// Slots of a worker; 0: it does not say, and has one.
    pub(crate) max_jobs: u16,
    /// Time between a server's write and its peer's answer's arrival at the server, there and back.
    pub(crate) network_ns: u64,
    /// Time that a worker takes for its jobs.
    pub(crate) think_ns: u64,
    /// The machine; none: a core for each shard, and the peers elsewhere, as fast as can be.
    pub(crate) shared: Option<SharedMachine>,
    /// Whether a shard posts what its mail led to before it reads from its connections, and not only at its turn's end.
    pub(crate) post_early: bool,
    /// Seeds the choice of types, and which shard is whose home.
    pub(crate) seed: u64,
}

/// A machine that server and load share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SharedMachine {
    /// Its cores.
    pub(crate) cores: usize,
    /// Threads of the load.
    pub(crate) load_threads: usize,
    /// How long a thread keeps its core at least, while one that was just roused waits for it.
    pub(crate) granule_ns: u64,
    /// How long, while another waits that had its slice.
    pub(crate) slice_ns: u64,
}

/// Picks types as often as their popularity says.
#[derive(Clone, Debug)]
pub(crate) struct Types {
    /// By type: the sum of the shares up to it, in parts of [`Types::WHOLE`].
    up_to: Vec<usize>,
}

impl Types {
    const WHOLE: usize = 1 << 48;

    /// `count` types, the most popular first.
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

    /// One at random.
    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        self.at(random.below(Self::WHOLE))
    }

    /// The types of each worker. Each type has one, if there are enough; the others go where the jobs are.
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

    /// The type within whose share a point of the whole is.
    fn at(&self, point: usize) -> usize {
        self.up_to.partition_point(|&up_to| up_to <= point).min(self.up_to.len() - 1)
    }
}
