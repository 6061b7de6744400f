//! One schedule: a world, the shadow books, and random operations on both, with all checks after each step.

use deputy::dispatch::message::{JobEvent, Message};
use deputy::protocol::command::Class;

use super::checks::serial_of;
use super::model::{self, Model};
use super::plan::{Family, Op, Plan};
use super::random::Random;
use super::reached::Reached;
use super::world::{Event, Link, Peer, World};
use crate::model::shadow::{Conn, Shadow};

/// Operations between two checks of the whole world while messages are on the way.
const OPS_PER_CENSUS: usize = 24;

/// A schedule that runs.
pub(crate) struct Schedule {
    pub(crate) plan: Plan,
    pub(crate) random: Random,
    pub(crate) world: World,
    pub(crate) shadow: Shadow,
    pub(crate) model: Model,
    /// What kills its workers.
    pub(crate) poison: Vec<u64>,
    /// Of the job that was submitted last.
    pub(crate) serial: u64,
    /// The link that is emptied now, where they are emptied one by one.
    pub(crate) batch: Option<Link>,
    /// Operations until a flood ends, or a quiet time, whichever it is.
    phase: (bool, usize),
    /// Bytes of the lines that the last step sent.
    pub(crate) sent_bytes: u64,
    /// Jobs that come to their home in this step.
    pub(crate) arrived: Vec<u64>,
    /// The number of the last report of progress.
    pub(crate) reports: u64,
    /// What happened that a family is for.
    pub(crate) reached: Reached,
}

impl Schedule {
    pub(crate) fn new(family: Family, seed: u64) -> Self {
        Self::drawn(family, seed, Random::new(seed))
    }

    /// A schedule all of whose draws are from `random`.
    pub(crate) fn drawn(family: Family, seed: u64, mut random: Random) -> Self {
        let plan = Plan::new(family, seed, &mut random);
        Self::of(plan, random)
    }

    /// A schedule by a plan that is made already.
    pub(crate) fn of(plan: Plan, random: Random) -> Self {
        let mut world = World::new(plan.options.clone());
        world.keep_log();
        world.drop_lines();
        let shadow = Shadow::new(&plan.options);
        let (model, poison, reached) = (Model::default(), Vec::new(), Reached::default());
        Self {
            plan,
            random,
            world,
            shadow,
            model,
            poison,
            serial: 0,
            batch: None,
            phase: (false, 0),
            sent_bytes: 0,
            arrived: Vec::new(),
            reports: 0,
            reached,
        }
    }

    /// Runs all of it.
    pub(crate) fn run(mut self) -> Self {
        self.begin();
        for nth in 0..self.plan.ops {
            self.act(nth);
        }
        self.finish();
        self
    }

    /// Does the `nth` operation, whichever is drawn, and checks what is due.
    pub(crate) fn act(&mut self, nth: usize) {
        self.trouble();
        if self.plan.family == Family::Calm {
            self.rest();
            model::check(self);
        } else if nth % OPS_PER_CENSUS == OPS_PER_CENSUS - 1 {
            self.check_places();
        }
    }

    /// Some are there already: a short schedule is not spent on their coming.
    pub(crate) fn begin(&mut self) {
        for _ in 0..self.plan.first_workers {
            self.open_worker();
            self.open();
        }
        if self.plan.first_workers.is_multiple_of(2) {
            self.settle();
        }
    }

    pub(crate) fn trouble(&mut self) {
        let op = self.plan.next_op(&mut self.random);
        if self.plan.family != Family::Bursty {
            return self.perform(op);
        }
        let (flood, left) = self.phase;
        if left == 0 {
            self.phase = (!flood, 1 + self.random.below(self.plan.flood_max));
        } else {
            self.phase.1 -= 1;
        }
        if flood {
            // Nothing is delivered while all come at once.
            let instead = *self.random.pick(&[Op::Do, Op::Do, Op::Do, Op::Answer, Op::Leave]);
            self.perform(if matches!(op, Op::Deliver | Op::Rest) { instead } else { op });
        } else {
            self.perform(op);
            self.rest();
        }
    }

    fn perform(&mut self, op: Op) {
        match op {
            Op::Deliver => self.deliver_some(),
            Op::OpenClient => self.open(),
            Op::OpenWorker => self.open_worker(),
            Op::Leave => self.for_any(|_| true, Self::leave),
            Op::Do => self.for_any(|_| true, Self::submit),
            // The model of a naive queue looks after each line.
            Op::Answer if self.plan.family != Family::Calm && self.random.one_in(4) => {
                self.for_any(has_seen_job, Self::send_several);
            }
            Op::Answer => self.for_any(has_seen_job, Self::answer),
            Op::Cancel => self.for_any(|_| true, Self::cancel),
            Op::Report => self.for_any(has_seen_job, Self::report),
            Op::AnswerWrongly => self.for_any(|_| true, Self::answer_wrongly),
            Op::CanDo => self.for_any(|_| true, Self::can_do),
            Op::CantDo => self.for_any(Conn::is_worker, Self::cant_do),
            Op::MaxJobs => self.for_any(|conn| conn.ever_worker, Self::max_jobs),
            Op::Poison => self.poison(),
            Op::StopReading => self.for_any(|conn| conn.reads, Self::stop_reading),
            Op::ReadOn => self.for_any(|conn| !conn.reads, Self::read_on),
            Op::ReadSome => self.for_any(|conn| !conn.reads, Self::read_some),
            Op::Pass => {
                let ms = *self.random.pick(&[1, 10, 40, 40, 40, 90]);
                self.pass(ms);
            }
            Op::Stall => self.pass(31_000),
            Op::Turn => {
                let shard = self.any_shard();
                self.shadow.next_queue_place();
                self.turn(shard);
            }
            Op::HalfLine => self.for_any(|_| true, Self::half_line),
            Op::Garbage => self.for_any(|_| true, Self::garbage),
            Op::Haunt => self.haunt(),
            Op::Metrics => self.for_any(|_| true, Self::metrics),
            Op::Ping => self.for_any(|_| true, Self::ping),
            Op::Rest => self.rest(),
            Op::Stop => {
                let shard = self.any_shard();
                self.stop_shard(shard);
            }
            Op::DrainOver => {
                let shard = self.any_shard();
                self.drain_over_at(shard);
            }
        }
    }

    /// Does `op` to one of the live peers that `fit`, if there is one.
    pub(crate) fn for_any(&mut self, fit: impl Fn(&Conn) -> bool, op: impl FnOnce(&mut Self, Peer)) {
        let Self { shadow, random, .. } = self;
        if let Some(peer) = shadow.live.draw(random, |peer| fit(shadow.conn(peer))) {
            op(self, peer);
        }
    }

    /// Lets the shadow follow what one step, or several of one shard, brought about, and checks that shard.
    pub(crate) fn after(&mut self, shard: u16) {
        let events = self.world.take_log();
        let sent = events.iter().map(|event| if let Event::Sent(_, text) = event { text.len() as u64 + 2 } else { 0 });
        self.sent_bytes = sent.sum();
        let mut arrived = std::mem::take(&mut self.arrived);
        let (first, rest) = events.split_at(self.closings_first(&events));
        let is_turn = self.shadow.time_ends.is_some();
        self.shadow.follow(first);
        for serial in self.shadow.end_times(shard) {
            if self.world.home(&self.shadow.jobs[&serial].type_name) == shard {
                arrived.push(serial);
            }
        }
        self.arrive(shard, &arrived, &events);
        let (overdue, rest) = rest.split_at(if is_turn { end_of_limits(rest) } else { 0 });
        self.shadow.follow(overdue);
        if is_turn {
            self.shadow.go_on_giving_up(shard);
        }
        self.shadow.follow(rest);
        self.check_no_bridge();
        self.shadow.check_all_sent();
        self.shadow.bounds.check(&self.world, shard, &self.shadow);
        self.shadow.check_clock(&self.world, shard);
        self.check_returns(shard, &events);
        self.check_spared(shard, &events);
        if self.plan.watched && !self.world.is_reading() {
            self.world.check_shard(shard);
        }
    }

    pub(crate) fn after_peer(&mut self, peer: Peer) {
        self.after(self.shadow.conn(peer).shard);
    }

    // Messages.

    fn deliver_some(&mut self) {
        for _ in 0..=self.random.below(4) {
            if let Some(link) = self.next_link() {
                self.deliver(link);
            }
        }
    }

    pub(crate) fn deliver(&mut self, link: Link) {
        let mut returned = false;
        let over = match self.world.on_the_way(link).next() {
            Some(Message::Submit { job, .. }) => {
                self.arrived.push(serial_of(job));
                None
            }
            Some(Message::SubmitRun { jobs, .. }) => {
                self.arrived.extend(jobs.iter().map(serial_of));
                None
            }
            Some(&Message::Recall { ticket, .. }) => self.shadow.recall(ticket),
            Some(Message::Requeue { job, .. }) => {
                returned = true;
                Some(serial_of(job)).filter(|serial| self.shadow.is_recalled(*serial))
            }
            _ => None,
        };
        self.world.deliver(link);
        self.after(link.to);
        if let Some(serial) = over {
            self.check_over(serial, link.to, returned);
        }
    }

    pub(crate) fn rest(&mut self) {
        self.settle();
        if self.random.one_in(self.plan.rests_one_in) {
            self.check_rest();
            if self.random.one_in(8) {
                self.check_table();
            }
        }
    }

    // Shards.

    pub(crate) fn stop_shard(&mut self, shard: u16) {
        if !std::mem::replace(&mut self.shadow.stopping[usize::from(shard)], true) {
            self.shadow.stop(shard);
            self.world.stop(shard);
            self.after(shard);
        }
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

    /// How a worker takes the types that it gives next.
    pub(crate) fn any_class(&mut self) -> Class {
        let one_in = self.plan.spare_one_in;
        if one_in > 0 && self.random.one_in(one_in) { Class::Spare } else { Class::Ordinary }
    }

    pub(crate) fn any_slots(&mut self) -> u32 {
        1 + u32::try_from(self.random.below(self.plan.slots_max)).expect("slots are few")
    }
}

/// Whether it has received a job that it has not answered.
fn has_seen_job(conn: &Conn) -> bool {
    conn.held.iter().any(|held| held.seen)
}

/// How many events of a turn come before it goes on with what is to be given up: those of run limits that are over.
fn end_of_limits(events: &[Event]) -> usize {
    let is_overdue = |event: &Event| matches!(event, Event::Traced(_, JobEvent::Overdue(_)));
    let Some(last) = events.iter().rposition(is_overdue) else { return 0 };
    let follows = |event: &&Event| match event {
        Event::Traced(_, JobEvent::Finished(_)) => true,
        Event::Posted(_, _, name) => matches!(*name, "Answer" | "Requeue"),
        Event::Sent(_, text) => text.contains("timed_out") || text.contains("shutdown"),
        _ => false,
    };
    last + 1 + events[last + 1..].iter().take(2).take_while(follows).count()
}
