//! The end of a schedule: the faults stop, all work must get done in a bounded number of steps, everybody leaves, and
//! nothing may be left.

use super::schedule::Schedule;
use super::shadow::State;
use super::world::Peer;

impl Schedule {
    /// Drains the world, and checks that it is as empty as it was at the start.
    pub(crate) fn finish(&mut self) {
        self.poison.clear();
        self.end_faults();
        if self.shadow.stopping.contains(&true) {
            self.finish_stop();
        } else {
            self.bring_workers();
            self.finish_jobs();
        }
        let unanswered = self.shadow.jobs.values().find(|job| !self.shadow.conn(job.submitter).gone);
        assert!(unanswered.is_none(), "never answered: {unanswered:?}");
        self.everybody_leaves();
        self.world.check_empty();
    }

    fn end_faults(&mut self) {
        for peer in self.live.clone() {
            if !self.shadow.conn(peer).gone {
                self.read_on(peer);
            }
            if !self.shadow.conn(peer).gone {
                self.shadow.conn_mut(peer).partial = 0;
                self.world.heard(peer, 0);
                self.after_peer(peer);
            }
        }
        self.settle();
        self.check_rest();
    }

    /// Each type that has jobs gets a worker.
    fn bring_workers(&mut self) {
        for type_name in (0..self.plan.types).map(|at| format!("t{at}")) {
            let waits = self.shadow.jobs.values().any(|job| job.state == State::Inside && job.type_name == type_name);
            if waits {
                let shard = self.any_shard();
                let peer = self.open_at(shard);
                self.tell_can_do(peer, &[type_name], None);
            }
        }
    }

    /// At rest some worker holds a job as long as there is one: so each round ends at least one.
    fn finish_jobs(&mut self) {
        for _ in 0..=self.shadow.jobs.len() {
            self.settle();
            self.check_rest();
            if self.shadow.jobs.is_empty() {
                return;
            }
            let holders = self.holders();
            assert!(!holders.is_empty(), "no progress: {:?}", self.shadow.jobs);
            for peer in holders {
                self.answer_all(peer);
            }
        }
        assert!(self.shadow.jobs.is_empty(), "too slow: {:?}", self.shadow.jobs);
    }

    /// The shards that were not told to stop are told now. Workers end what they hold, or the time for that is over.
    fn finish_stop(&mut self) {
        (0..self.plan.options.shards).for_each(|shard| self.stop_shard(shard));
        self.settle();
        self.check_rest();
        if self.random.one_in(2) {
            self.holders().into_iter().for_each(|peer| self.answer_all(peer));
        } else {
            (0..self.plan.options.shards).for_each(|shard| self.drain_over_at(shard));
        }
        self.settle();
        self.check_rest();
        for shard in 0..self.plan.options.shards {
            assert_eq!(self.world.pending(shard), 0, "shard {shard} would wait for ever");
        }
    }

    fn holders(&self) -> Vec<Peer> {
        self.live.iter().copied().filter(|peer| !self.shadow.conn(*peer).held.is_empty()).collect()
    }

    fn answer_all(&mut self, peer: Peer) {
        for _ in 0..self.shadow.conn(peer).held.len() {
            self.answer(peer);
        }
    }

    fn everybody_leaves(&mut self) {
        while let Some(peer) = self.random.pick_any(self.live.clone()) {
            self.leave(peer);
            if self.random.one_in(2) {
                self.settle();
            }
        }
        self.settle();
    }
}
