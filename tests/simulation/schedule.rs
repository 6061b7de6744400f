//! One schedule: a world, the shadow books, and random operations on both, with all checks after each step.

use super::model::{self, Model};
use super::plan::{Family, Op, Plan};
use super::random::Random;
use super::shadow::{Conn, Shadow};
use super::world::{Link, Peer, World, name_of};

/// Operations between two checks of the whole world while messages are on the way.
const OPS_PER_CENSUS: usize = 24;

/// A schedule that runs.
pub(crate) struct Schedule {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) world: World,
    pub(crate) shadow: Shadow,
    pub(crate) model: Model,
    /// Peers whose connection is open.
    pub(crate) live: Vec<Peer>,
    /// What kills its workers.
    pub(crate) poison: Vec<u64>,
    /// Of the job that was submitted last.
    pub(crate) serial: u64,
}

impl Schedule {
    pub(crate) fn new(family: Family, seed: u64) -> Self {
        Self::drawn(family, seed, Random::new(seed))
    }

    /// A schedule all of whose draws are from `random`.
    pub(crate) fn drawn(family: Family, seed: u64, mut random: Random) -> Self {
        let plan = Plan::new(family, seed, &mut random);
        let mut world = World::new(plan.options.clone());
        world.keep_log();
        let shadow = Shadow::new(plan.options.shards, plan.options.attempts_max);
        Self { plan, random, world, shadow, model: Model::default(), live: Vec::new(), poison: Vec::new(), serial: 0 }
    }

    /// Runs all of it; the transcript's hash.
    pub(crate) fn run(mut self) -> u64 {
        for nth in 0..self.plan.ops {
            self.act(nth);
        }
        self.finish();
        self.world.transcript()
    }

    /// Does the `nth` operation, whichever is drawn, and checks what is due.
    pub(crate) fn act(&mut self, nth: usize) {
        self.trouble();
        if self.plan.family == Family::Calm {
            self.rest();
            model::check(self);
        } else if nth.is_multiple_of(OPS_PER_CENSUS) {
            self.check_places();
        }
    }

    fn trouble(&mut self) {
        match self.plan.next_op(&mut self.random) {
            Op::Deliver => self.deliver_some(),
            Op::OpenClient => self.open(),
            Op::OpenWorker => self.open_worker(),
            Op::Leave => self.for_any(|_| true, Self::leave),
            Op::Do => self.for_any(|_| true, Self::submit),
            Op::Answer => self.for_any(|conn| conn.held.iter().any(|held| held.seen), Self::answer),
            Op::AnswerWrongly => self.for_any(|_| true, Self::answer_wrongly),
            Op::CanDo => self.for_any(|_| true, Self::can_do),
            Op::CantDo => self.for_any(|conn| !conn.types.is_empty(), Self::cant_do),
            Op::MaxJobs => self.for_any(|conn| conn.ever_worker, Self::max_jobs),
            Op::Poison => self.poison(),
            Op::StopReading => self.for_any(|conn| conn.reads, Self::stop_reading),
            Op::ReadOn => self.for_any(|conn| !conn.reads, Self::read_on),
            Op::ReadSome => self.for_any(|conn| !conn.reads, Self::read_some),
            Op::Pass => self.pass(40),
            Op::Stall => self.pass(31_000),
            Op::Turn => self.turn(),
            Op::HalfLine => self.for_any(|_| true, Self::half_line),
            Op::Garbage => self.for_any(|_| true, Self::garbage),
            Op::Haunt => self.haunt(),
            Op::Metrics => self.for_any(|_| true, Self::metrics),
            Op::Ping => self.for_any(|_| true, Self::ping),
            Op::Rest => self.rest(),
            Op::Stop => self.stop(),
            Op::DrainOver => self.drain_over(),
        }
    }

    /// Does `op` to one of the live peers that `fit`, if there is one.
    pub(crate) fn for_any(&mut self, fit: impl Fn(&Conn) -> bool, op: impl FnOnce(&mut Self, Peer)) {
        let fitting = self.live.iter().copied().filter(|peer| fit(self.shadow.conn(*peer)));
        if let Some(peer) = self.random.pick_any(fitting) {
            op(self, peer);
        }
    }

    /// Lets the shadow follow what one step, or several of one shard, brought about, and checks that shard.
    pub(crate) fn after(&mut self, shard: u16) {
        let events = self.world.take_log();
        self.shadow.follow(&events);
        self.live.retain(|peer| !self.shadow.conn(*peer).gone);
        if self.plan.watched {
            self.world.check_shard(shard);
        }
    }

    pub(crate) fn after_peer(&mut self, peer: Peer) {
        self.after(self.shadow.conn(peer).shard);
    }

    // Messages.

    fn deliver_some(&mut self) {
        for _ in 0..=self.random.below(4) {
            let links = self.world.busy_links().len();
            if links == 0 {
                return;
            }
            let at = self.random.below(links);
            let link = self.world.busy_links().nth(at).expect("below their number");
            if !self.is_held_back(link) || self.random.one_in(40) {
                self.deliver(link);
            }
        }
    }

    fn is_held_back(&self, link: Link) -> bool {
        let first = self.world.on_the_way(link).next().expect("a busy link has a message");
        self.plan.slow_shard == Some(link.to) || self.plan.class == Some(name_of(first))
    }

    pub(crate) fn deliver(&mut self, link: Link) {
        self.world.deliver(link);
        self.after(link.to);
    }

    // Shards.

    fn pass(&mut self, ms: u64) {
        self.world.advance(ms);
        (0..self.plan.options.shards).for_each(|shard| self.after(shard));
    }

    fn turn(&mut self) {
        let shard = self.any_shard();
        self.world.turn(shard);
        self.after(shard);
    }

    fn rest(&mut self) {
        self.settle();
        self.check_rest();
    }

    fn stop(&mut self) {
        let shard = self.any_shard();
        self.stop_shard(shard);
    }

    pub(crate) fn stop_shard(&mut self, shard: u16) {
        if !std::mem::replace(&mut self.shadow.stopping[usize::from(shard)], true) {
            self.world.stop(shard);
            self.after(shard);
        }
    }

    fn drain_over(&mut self) {
        let shard = self.any_shard();
        self.drain_over_at(shard);
    }

    pub(crate) fn drain_over_at(&mut self, shard: u16) {
        if self.shadow.stopping[usize::from(shard)] {
            self.shadow.drain_over(shard);
            self.world.drain_over(shard);
            self.after(shard);
        }
    }

    // Draws.

    pub(crate) fn any_shard(&mut self) -> u16 {
        u16::try_from(self.random.below(self.plan.options.shards.into())).expect("shards are few")
    }

    pub(crate) fn any_type(&mut self) -> String {
        format!("t{}", self.random.below(self.plan.types))
    }

    pub(crate) fn any_slots(&mut self) -> u32 {
        1 + u32::try_from(self.random.below(self.plan.slots_max)).expect("slots are few")
    }
}
