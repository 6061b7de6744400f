//! What a schedule is made of: how large its world is, and which operations happen how often in it. Some are switched
//! off for a whole schedule (swarm testing): rare states are reached when what would end them never happens.

use super::random::Random;
use super::world::Options;

/// What kind of trouble a schedule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Messages are delivered in any order, all classes alike.
    Uniform,
    /// One class of message, or one shard's mailbox, is held back for long.
    HeldBack,
    /// Everything is delivered after each operation, and half of the time workers take one type: the naive model predicts
    /// who is next.
    Calm,
    /// The shards are told to stop, each at its own time.
    Stopping,
}

/// All of them.
pub(crate) const FAMILIES: [Family; 4] = [Family::Uniform, Family::HeldBack, Family::Calm, Family::Stopping];

/// One thing that can happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Deliver,
    OpenClient,
    OpenWorker,
    Leave,
    Do,
    Answer,
    AnswerWrongly,
    CanDo,
    CantDo,
    MaxJobs,
    Poison,
    StopReading,
    ReadOn,
    ReadSome,
    Pass,
    Stall,
    Turn,
    HalfLine,
    Garbage,
    Haunt,
    Metrics,
    Ping,
    Rest,
    Stop,
    DrainOver,
}

/// How often each operation happens in an ordinary schedule.
const WEIGHTS: [(Op, usize); 25] = [
    (Op::Deliver, 60),
    (Op::OpenClient, 4),
    (Op::OpenWorker, 8),
    (Op::Leave, 3),
    (Op::Do, 30),
    (Op::Answer, 24),
    (Op::AnswerWrongly, 2),
    (Op::CanDo, 4),
    (Op::CantDo, 3),
    (Op::MaxJobs, 4),
    (Op::Poison, 6),
    (Op::StopReading, 4),
    (Op::ReadOn, 4),
    (Op::ReadSome, 2),
    (Op::Pass, 1),
    (Op::Stall, 1),
    (Op::Turn, 3),
    (Op::HalfLine, 2),
    (Op::Garbage, 1),
    (Op::Haunt, 2),
    (Op::Metrics, 2),
    (Op::Ping, 1),
    (Op::Rest, 2),
    (Op::Stop, 2),
    (Op::DrainOver, 1),
];

/// Operations without which a schedule shows nothing.
const NEEDED: [Op; 5] = [Op::Deliver, Op::OpenClient, Op::OpenWorker, Op::Do, Op::Answer];

/// What may be held back.
const CLASSES: [&str; 9] =
    ["Submit", "Offer", "Ask", "Assign", "Decline", "Return", "Welcome", "Withdraw", "Withdrawn"];

/// One schedule, but for the draws that are made while it runs.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) family: Family,
    pub(crate) options: Options,
    /// Job types in the world.
    pub(crate) types: usize,
    /// Operations before the faults stop.
    pub(crate) ops: usize,
    weights: Vec<(Op, usize)>,
    weight_sum: usize,
    /// The class of message that is held back.
    pub(crate) class: Option<&'static str>,
    /// The shard whose mailbox is held back.
    pub(crate) slow_shard: Option<u16>,
    /// Whether one connection may use an id twice.
    pub(crate) twins: bool,
    /// One in so many jobs pauses a worker that does not read; 0: none.
    pub(crate) big_one_in: usize,
    /// One in so many jobs kills its workers; 0: none.
    pub(crate) poison_one_in: usize,
    /// Most types that a worker gives.
    pub(crate) types_a_worker: usize,
    /// Most slots that a worker gives; 1: `max_jobs` is never said.
    pub(crate) slots_max: usize,
    /// Whether the books of a shard are checked after each of its steps, or only now and then: that takes most of the
    /// time of a schedule.
    pub(crate) watched: bool,
}

impl Plan {
    pub(crate) fn new(family: Family, seed: u64, random: &mut Random) -> Self {
        let calm = family == Family::Calm;
        let tight = !calm && random.one_in(6);
        let big_one_in = if !calm && random.one_in(8) { 8 } else { 0 };
        let options = Options {
            shards: *random.pick(&[1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 8, 16]),
            attempts_max: *random.pick(&[0, 1, 2, 2, 3, 3]),
            memory_bytes_max: if tight { 1_000 + random.below(4_000) as u64 } else { 1 << 40 },
            unsent_bytes_max: if random.one_in(2) { 3 << 20 } else { 64 << 20 },
            stall_ms: if random.one_in(4) { 0 } else { 30_000 },
            trace: false,
            seed,
        };
        let mut plan = Self {
            family,
            options,
            types: 1 + random.below(6),
            ops: 60 + random.below(240),
            weights: Vec::new(),
            weight_sum: 0,
            class: None,
            slow_shard: None,
            twins: family != Family::Stopping && random.one_in(2),
            big_one_in,
            poison_one_in: *random.pick(&[0, 4, 10]),
            types_a_worker: if calm && random.one_in(2) { 1 } else { *random.pick(&[1, 2, 3, 6]) },
            slots_max: *random.pick(&[1, 1, 2, 4]),
            watched: random.one_in(4),
        };
        plan.hold_back(random);
        plan.swarm(random);
        plan
    }

    fn hold_back(&mut self, random: &mut Random) {
        if self.family != Family::HeldBack {
        } else if random.one_in(4) {
            self.slow_shard = Some(u16::try_from(random.below(self.options.shards.into())).expect("a shard"));
        } else {
            self.class = Some(*random.pick(&CLASSES));
        }
    }

    /// Switches some operations off, and makes others rarer or more frequent.
    fn swarm(&mut self, random: &mut Random) {
        for (op, weight) in WEIGHTS {
            let stops = matches!(op, Op::Stop | Op::DrainOver);
            let off = stops && self.family != Family::Stopping || !stops && !NEEDED.contains(&op) && random.one_in(3);
            if !off {
                self.weights.push((op, weight * *random.pick(&[1, 2, 2, 4])));
            }
        }
        self.weight_sum = self.weights.iter().map(|(_, weight)| weight).sum();
    }

    pub(crate) fn next_op(&self, random: &mut Random) -> Op {
        let mut left = random.below(self.weight_sum);
        for (op, weight) in &self.weights {
            if left < *weight {
                return *op;
            }
            left -= weight;
        }
        unreachable!("the draw is below the sum")
    }
}
