//! What happens because time passes: delays, deadlines and run limits end. Each in the first turn that begins after one in
//! which it was over; so no job is overdue whose worker answered in time, even if the whole shard was held up.

use super::homes::closed_first;
use super::plan::Family;
use super::requests::{End, State};
use super::schedule::Schedule;
use super::shadow::Shadow;
use super::world::{Event, World};

impl Schedule {
    /// Time passes. A shard may be held up, and miss its turn.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.world.wait(ms);
        self.shadow.next_line();
        for shard in 0..self.plan.options.shards {
            if self.plan.family == Family::Calm || !self.random.one_in(8) {
                self.turn(shard);
            }
        }
    }

    pub(crate) fn turn(&mut self, shard: u16) {
        let (before, cuts, had) = self.before_cuts(shard);
        self.settle_late_deadlines(shard);
        self.submitted = self.shadow.turn(shard, self.world.now_ms());
        self.world.turn(shard);
        self.after(shard);
        let cut = self.shadow.bounds.cuts() - cuts;
        if before.connections_open == self.world.counts(shard).connections_open + cut {
            self.check_cuts(shard, self.passed(shard, &before, 0) && had, cut);
        }
    }

    /// Of deadlines that are over now, and whose submitters left, some may have come too late: an answer was there already.
    /// The shard's tickets tell.
    fn settle_late_deadlines(&mut self, shard: u16) {
        let Shadow { bounds, clocks, jobs, requests, conns, .. } = &self.shadow;
        let over = (bounds.now_ms(shard), u64::MAX);
        let late = clocks[usize::from(shard)].deadlines.range(..=over).filter_map(|(_, serial)| {
            let request = &requests[serial];
            let State::Ended(end) = jobs[&request.job].state else { return None };
            conns[request.submitter.0].gone.then_some((*serial, request.ticket, end))
        });
        let late: Vec<(u64, Option<u32>, End)> = late.collect();
        if late.is_empty() {
            return;
        }
        let audit = self.world.audit(shard);
        for (serial, ticket, end) in late {
            let live = |ticket: u32| audit.tickets.iter().any(|left| left.id.generation == ticket && !left.answered);
            if !ticket.is_some_and(live) {
                self.shadow.answered(serial, end);
            }
        }
    }
}

impl Shadow {
    /// A shard's turn is about to begin. Returns the jobs whose delay is over.
    pub(crate) fn turn(&mut self, shard: u16, now_ms: u64) -> Vec<u64> {
        self.look_at_stalls(shard, now_ms);
        let last_ms = self.bounds.shard(shard).last_turn_ms;
        let at = usize::from(shard);
        while let Some(&(ms, serial)) = self.clocks[at].deadlines.first()
            && ms <= last_ms
        {
            self.give_up(serial, End::Expired);
        }
        let mut submitted = Vec::new();
        let line = self.line;
        while let Some(&(ms, serial)) = self.clocks[at].delays.first()
            && ms <= last_ms
        {
            self.clocks[at].delays.pop_first();
            let job = self.jobs.get_mut(&serial).expect("it is delayed");
            (job.state, job.accepted_ms, job.line) = (State::Inside, now_ms, line);
            let request = self.requests.get_mut(&serial).expect("it is delayed");
            if !request.asks.is_named() {
                // The delay alone gave it a ticket.
                request.bytes -= request.asks.ticket_bytes();
            }
            submitted.push(serial);
        }
        let over = (last_ms, u64::MAX);
        self.overdue = self.clocks[at].limits.range(..=over).map(|(_, serial)| *serial).collect();
        submitted
    }

    /// The delay of a job is over in this step. It is cancelled instead if its submitter was closed at the beginning of the
    /// turn. Returns whether it was submitted.
    pub(super) fn check_submitted(&mut self, serial: u64, events: &[Event]) -> bool {
        let job = self.jobs.get_mut(&serial).expect("its delay is over just now");
        let cancelled = job.asks.cancellable && closed_first(events).contains(&job.submitter);
        if cancelled {
            job.state = State::Delayed;
        }
        !cancelled
    }

    /// A shard is told to stop: what is delayed there is answered.
    pub(crate) fn stop(&mut self, shard: u16) {
        let delayed: Vec<u64> = self.clocks[usize::from(shard)].delays.iter().map(|(_, serial)| *serial).collect();
        for serial in delayed {
            self.give_up(serial, End::Shutdown);
        }
    }

    /// The shard wants to be called before anything is over.
    pub(super) fn check_clock(&self, world: &World, shard: u16) {
        let clock = &self.clocks[usize::from(shard)];
        let told = |serial: u64| !self.conn(self.requests[&serial].submitter).gone;
        let deadline = clock.deadlines.iter().find(|(_, serial)| told(*serial));
        let first = [clock.delays.first(), deadline, clock.limits.first()];
        let Some((due_ms, serial)) = first.into_iter().flatten().min() else { return };
        let call_ms = world.next_call_ms(shard);
        assert!(call_ms.is_some_and(|ms| ms <= *due_ms), "{serial} is due at {due_ms}: {call_ms:?}");
    }
}
