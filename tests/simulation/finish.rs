//! The end of a schedule: the faults stop, all work must get done within the steps that `bound.rs` allows, everybody
//! leaves, and nothing may be left.

use deputy::protocol::command::Class;

use super::schedule::Schedule;
use super::world::Peer;
use crate::model::requests::{Job, State};

/// One step of this number is an answer of a worker, if there are messages on the way too.
const ANSWERS_ONE_IN: usize = 4;

impl Schedule {
    /// Drains the world, and checks that it is as empty as it was at the start.
    pub(crate) fn finish(&mut self) {
        self.poison.clear();
        self.end_faults();
        if self.shadow.stopping.contains(&true) {
            self.finish_stop();
        } else {
            self.end_delays();
            self.bring_workers();
            self.finish_jobs();
        }
        let there = self.shadow.live.iter().map(|peer| self.shadow.conn(peer));
        let unanswered = there.flat_map(|conn| &conn.requests).map(|serial| &self.shadow.requests[serial]).next();
        assert!(unanswered.is_none(), "never answered: {unanswered:?}");
        self.everybody_leaves();
        self.world.check_empty();
        self.record_reached();
    }

    /// Everybody reads on, and no line is left half. Half of the time what is on the way comes before the work goes on.
    fn end_faults(&mut self) {
        for peer in self.shadow.live.all() {
            if !self.shadow.conn(peer).gone && !self.shadow.conn(peer).reads {
                self.read_on(peer);
            }
            if !self.shadow.conn(peer).gone {
                self.half_line_of(peer, 0);
            }
        }
        if self.random.one_in(2) {
            self.settle();
            self.check_rest();
            if self.random.one_in(4) {
                self.check_table();
            }
        }
    }

    /// Time passes until no job is delayed. Half of the time what is held comes to its run limit too.
    fn end_delays(&mut self) {
        while self.shadow.clocks.iter().any(|clock| !clock.delays.is_empty()) || self.random.one_in(2) {
            self.pass(50);
        }
    }

    /// Each type that has jobs gets a worker.
    fn bring_workers(&mut self) {
        for type_name in (0..self.plan.types).map(|at| format!("t{at}")) {
            for durable in [false, true] {
                if self.waiting(&type_name, durable).next().is_some() {
                    let shard = self.any_shard();
                    let peer = self.open_at(shard);
                    let drawn = if durable { Class::Durable } else { self.any_class() };
                    let all_fit = self.waiting(&type_name, durable).all(|job| job.asks.fits(drawn));
                    let class = if all_fit { drawn } else { Class::Ordinary };
                    self.send_can_do(peer, std::slice::from_ref(&type_name), class, durable.then_some(1));
                }
            }
        }
    }

    /// The jobs of a type that wait for a worker, or will when their lost worker's are requeued.
    fn waiting(&self, type_name: &str, durable: bool) -> impl Iterator<Item = &Job> {
        let waits = |job: &Job| match job.state {
            State::Held(worker) => self.shadow.conn(worker).gone,
            state => state == State::Inside,
        };
        let is_one = move |job: &&Job| waits(job) && job.type_name == type_name && job.asks.durable == durable;
        self.shadow.jobs.values().filter(is_one)
    }

    /// Messages come and workers answer, in any order. At rest some worker holds a job as long as there is one.
    fn finish_jobs(&mut self) {
        let steps_max = self.steps_max();
        let mut steps = 0;
        let mut holders = self.holders();
        while !(self.world.at_rest() && self.all_is_over()) {
            if self.world.at_rest() && holders.is_empty() {
                let has_work = self.has_work();
                if self.random.one_in(self.plan.rests_one_in) || has_work {
                    self.settle();
                    self.check_rest();
                }
                if has_work && self.all_is_over() {
                    break;
                }
                holders = self.holders();
                assert!(!holders.is_empty(), "no progress: {:?}", self.shadow.jobs);
            }
            if !holders.is_empty() && (self.world.at_rest() || self.random.one_in(ANSWERS_ONE_IN)) {
                let at = self.random.below(holders.len());
                steps += self.answer_all(holders.swap_remove(at));
            } else if let Some(link) = self.next_link_of_all() {
                steps += usize::from(!self.is_of_query(link));
                self.deliver(link);
            }
            assert!(steps <= steps_max, "not over in {steps_max} steps: {:?}", self.shadow.jobs);
        }
        self.reached.bound_used = self.reached.bound_used.max((steps * 1_000 / steps_max.max(1)) as u64);
        self.settle();
        self.check_rest();
    }

    /// Whether further turns go on with something.
    fn has_work(&self) -> bool {
        (0..self.plan.options.shards).any(|shard| self.world.has_work(shard))
    }

    /// At rest, whether no job is left. Answers may wait for further turns.
    fn all_is_over(&mut self) -> bool {
        if self.has_work() {
            return false;
        }
        self.shadow.all_has_come();
        self.shadow.jobs.is_empty()
    }

    /// Stops the shards that were not stopped. Workers end what they hold, or the drain time-out passes.
    fn finish_stop(&mut self) {
        (0..self.plan.options.shards).for_each(|shard| self.stop_shard(shard));
        self.settle();
        self.check_rest();
        if self.random.one_in(2) {
            for peer in self.holders() {
                self.answer_all(peer);
            }
        } else {
            (0..self.plan.options.shards).for_each(|shard| self.drain_over_at(shard));
        }
        self.settle();
        self.check_rest();
        for shard in 0..self.plan.options.shards {
            let is_over = self.world.pending(shard) == 0 && !self.world.owes_metrics(shard);
            assert!(is_over, "shard {shard} would wait for ever");
        }
    }

    fn holders(&self) -> Vec<Peer> {
        self.shadow.live.iter().filter(|peer| !self.shadow.conn(*peer).held.is_empty()).collect()
    }

    /// Answers what a worker holds now; how many jobs that were.
    fn answer_all(&mut self, peer: Peer) -> usize {
        let held = self.shadow.conn(peer).held.len();
        (0..held).for_each(|_| self.answer_at(peer, 0));
        held
    }

    fn everybody_leaves(&mut self) {
        let settles_one_in = 2 + self.shadow.live.len() / 8;
        while let Some(peer) = self.shadow.live.draw(&mut self.random, |_| true) {
            self.leave(peer);
            if self.random.one_in(settles_one_in) {
                self.settle();
            }
        }
        self.settle();
    }
}
