//! What a schedule is made of: how large its world is, and which operations happen how often in it. Some are switched
//! off for a whole schedule (swarm testing): rare states are reached when what would end them never happens.

use super::asks::Odds;
use super::order::{CLASSES, Order};
use super::random::Random;
use super::world::Options;

/// What kind of trouble a schedule makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Messages are delivered in any order, all alike.
    Uniform,
    /// Quiet times, in which all is delivered at once, and floods, in which nothing is.
    Bursty,
    /// A class of message, a shard's mailbox or a pair of shards is held back for long.
    HeldBack,
    /// Of the messages that may be delivered the worst is, by one of several opinions.
    Worst,
    /// Peers that read little or nothing, large jobs, and time that passes.
    Slow,
    /// A memory budget that is reached again and again, by jobs and by half lines.
    Tight,
    /// The shards are stopped, each at its own time.
    Stopping,
    /// Everything is delivered after each operation, and half of the time workers take one type: the naive model predicts
    /// who is next.
    Calm,
    /// 64 shards, and many types.
    Wide,
}

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
    Cancel,
    Report,
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
const WEIGHTS: [(Op, usize); 27] = [
    (Op::Deliver, 60),
    (Op::OpenClient, 4),
    (Op::OpenWorker, 8),
    (Op::Leave, 3),
    (Op::Do, 30),
    (Op::Answer, 24),
    (Op::AnswerWrongly, 2),
    (Op::Cancel, 8),
    (Op::Report, 4),
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

/// How much more often some happen in a family that is about them.
fn stress(family: Family, op: Op) -> usize {
    match (family, op) {
        (Family::Slow, Op::StopReading | Op::ReadSome | Op::Stall) | (Family::Tight, Op::HalfLine | Op::Turn) => 6,
        (Family::Tight, Op::Do) => 2,
        _ => 1,
    }
}

/// One schedule, but for the draws that are made while it runs.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) family: Family,
    pub(crate) options: Options,
    /// How often jobs ask for what.
    pub(crate) odds: Odds,
    /// Job types in the world.
    pub(crate) types: usize,
    /// Operations before the faults stop.
    pub(crate) ops: usize,
    weights: Vec<(Op, usize)>,
    weight_sum: usize,
    /// In which order messages are delivered.
    pub(crate) order: Order,
    /// Workers, each with a client, that are there at the start.
    pub(crate) first_workers: usize,
    /// Connections that may be open at once: more are mostly more of the same.
    pub(crate) peers_max: usize,
    /// Most operations of a flood, or of a quiet time.
    pub(crate) flood_max: usize,
    /// Whether one connection may use an id twice.
    pub(crate) twins: bool,
    /// One job of this number pauses a worker that does not read; 0: none.
    pub(crate) big_one_in: usize,
    /// One job of this number kills its workers; 0: none.
    pub(crate) poison_one_in: usize,
    /// Most types that a worker gives.
    pub(crate) types_a_worker: usize,
    /// Most slots that a worker gives; 1: `max_jobs` is never sent.
    pub(crate) slots_max: usize,
    /// One job of this number is durable, and of the workers half take durable jobs; 0: none.
    pub(crate) durable_one_in: usize,
    /// Whether some workers ask for `ref`.
    pub(crate) refs: bool,
    /// One `can_do` of this number makes a spare worker; 0: none.
    pub(crate) spare_one_in: usize,
    /// At one rest of this number all shards are checked. A family that rests often would spend most of its time on it.
    pub(crate) rests_one_in: usize,
    /// Whether the books of a shard are checked after each of its steps, or only now and then: that takes most of the
    /// time of a schedule.
    pub(crate) watched: bool,
}

impl Plan {
    pub(crate) fn new(family: Family, seed: u64, random: &mut Random) -> Self {
        let calm = family == Family::Calm;
        let tight = family == Family::Tight || !calm && random.one_in(20);
        let big_one_in = if family == Family::Slow { 2 } else { 0 };
        let odds = Odds::draw(family, random);
        let run_limit_ms = if odds.need_time() && random.one_in(6) { 50 } else { 0 };
        let options = Options {
            shards: if family == Family::Wide { 64 } else { *random.pick(&[1, 2, 2, 2, 3, 3, 3, 4, 4, 5, 8, 16]) },
            attempts_max: *random.pick(&[0, 1, 2, 2, 3, 3]),
            run_limit_ms,
            memory_bytes_max: if tight { 1_000 + random.below(4_000) as u64 } else { 1 << 40 },
            unsent_bytes_max: if random.one_in(4) { 64 << 20 } else { 2 << 20 },
            stall_ms: if random.one_in(4) { 0 } else { 30_000 },
            // Drawn from the seed itself, so that schedules stay what they were.
            figure_types_max: if seed.is_multiple_of(2) { 4_096 } else { 1 },
            rows_per_turn: if seed.is_multiple_of(3) { 1_024 } else { 2 },
            assigns_per_turn: if seed.is_multiple_of(5) { 1 } else { 512 },
            types_per_turn: if seed.is_multiple_of(7) { 1 } else { 64 },
            pools_per_job: if seed.is_multiple_of(2) { 1 } else { 16 },
            give_ups_per_turn: if seed.is_multiple_of(3) { 1 + (seed / 3 % 4) as usize } else { 256 },
            losses_per_turn: if seed.is_multiple_of(2) { 1 + (seed / 2 % 4) as usize } else { 512 },
            members_per_turn: if seed.is_multiple_of(5) { 1 + (seed / 5 % 4) as usize } else { 256 },
            merges: (seed / 11).is_multiple_of(2),
            trace: true,
            seed,
        };
        let mut plan = Self {
            family,
            order: order(family, options.shards, random),
            options,
            odds,
            types: 1 + random.below(if family == Family::Wide { 40 } else { 6 }),
            ops: ops(random),
            first_workers: random.below(5),
            peers_max: 20,
            flood_max: 20,
            weights: Vec::new(),
            weight_sum: 0,
            twins: family != Family::Stopping && random.one_in(2),
            big_one_in,
            poison_one_in: *random.pick(&[0, 4, 10]),
            types_a_worker: if calm && random.one_in(2) { 1 } else { *random.pick(&[1, 2, 3, 6]) },
            slots_max: *random.pick(&[1, 1, 2, 4]),
            // From the seed likewise.
            spare_one_in: match seed % 3 {
                0 => 0,
                1 => 2,
                _ => 5,
            },
            // The naive model knows one line per type.
            durable_one_in: if calm { 0 } else { [0, 2, 0, 6][(seed / 3 % 4) as usize] },
            refs: seed.is_multiple_of(5),
            rests_one_in: if matches!(family, Family::Calm | Family::Bursty) { 4 } else { 1 },
            watched: random.one_in(4),
        };
        plan.swarm(random);
        plan
    }

    /// Switches some operations off, and makes others rarer or more frequent.
    fn swarm(&mut self, random: &mut Random) {
        for (op, weight) in WEIGHTS {
            let stops = matches!(op, Op::Stop | Op::DrainOver);
            let needed = NEEDED.contains(&op) || stress(self.family, op) > 1;
            let off = stops && self.family != Family::Stopping || !stops && !needed && random.one_in(3);
            if !off {
                let often = match op {
                    Op::Pass if self.odds.need_time() => 8,
                    Op::Report if self.odds.need_reports() => 5,
                    _ => stress(self.family, op),
                };
                self.weights.push((op, weight * often * *random.pick(&[1, 2, 2, 4])));
            }
        }
        if self.odds.need_time() && random.one_in(4) {
            // Its workers hang.
            self.weights.iter_mut().filter(|(op, _)| *op == Op::Answer).for_each(|(_, weight)| *weight = 1);
        }
        self.weight_sum = self.weights.iter().map(|(_, weight)| weight).sum();
    }

    /// Of all operations these alone happen, so often.
    pub(crate) fn only(&mut self, weights: &[(Op, usize)]) {
        self.weights = weights.to_vec();
        self.weight_sum = weights.iter().map(|(_, weight)| weight).sum();
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

/// How many operations: mostly few, as a fault that needs few is found soonest by many short schedules; sometimes many.
fn ops(random: &mut Random) -> usize {
    match random.below(20) {
        0 => 100 + random.below(300),
        1..=5 => 40 + random.below(80),
        _ => 8 + random.below(40),
    }
}

fn order(family: Family, shards: u16, random: &mut Random) -> Order {
    let mut shard = || u16::try_from(random.below(shards.into())).expect("a shard");
    let (one, other) = (shard(), shard());
    match family {
        Family::HeldBack => match random.below(6) {
            0 => Order::Mailbox(one),
            1 => Order::Pair(one, other),
            _ => Order::Class(CLASSES[random.below(CLASSES.len())]),
        },
        Family::Worst => *random.pick(&[Order::Newest, Order::Stale, Order::Stale, Order::Late, Order::Batches]),
        Family::Uniform | Family::Calm => Order::Any,
        _ => match random.below(4) {
            0 => Order::Stale,
            1 => Order::Batches,
            _ => Order::Any,
        },
    }
}
