//! What happens because time passes: delays, deadlines and run limits end. Each in the first turn that begins after one in
//! which it was over; so no job is overdue whose worker answered in time, even if the whole shard was held up.

use deputy::dispatch::audit::TicketAudit;
use deputy::metrics::Fault;

use super::plan::Family;
use super::schedule::Schedule;
use super::world::{Event, Peer, World};
use crate::model::requests::{End, State};
use crate::model::shadow::Shadow;

impl Schedule {
    /// Time passes. A shard may be held up, and miss its turn.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.world.wait(ms);
        self.shadow.next_queue_place();
        for shard in 0..self.plan.options.shards {
            if self.plan.family == Family::Calm || !self.random.one_in(8) {
                self.turn(shard);
            }
        }
    }

    pub(crate) fn turn(&mut self, shard: u16) {
        let before = self.before_cuts(shard);
        self.shadow.turn(shard, self.world.now_ms());
        self.settle_late_deadlines(shard);
        self.settle_late_give_ups(shard);
        self.world.turn(shard);
        self.after(shard);
        let cut = self.shadow.bounds.cuts() - before.cuts;
        if before.counts.connections_open == self.world.counts(shard).connections_open + cut {
            let must = before.has_partials && self.passed(shard, &before.counts, 0);
            self.check_cuts(shard, &before, must);
        }
    }

    /// A turn begins with the end of those that stand still, or have half a line for too long. Returns how many events that
    /// takes.
    pub(super) fn closings_first(&self, events: &[Event]) -> usize {
        let of_turn = |peer: Peer| {
            let why = |event: &Event| {
                *event == Event::Fault(peer, Fault::Stalled) || *event == Event::Fault(peer, Fault::HalfLine)
            };
            events.iter().any(why)
        };
        let last = events.iter().rposition(|event| matches!(event, Event::Closed(peer, _) if of_turn(*peer)));
        last.filter(|_| self.shadow.time_ends.is_some()).map_or(0, |at| at + 1)
    }

    /// Of deadlines that are over now, and whose submitters left, some may have come too late: an answer was there already.
    /// The shard's tickets show it.
    fn settle_late_deadlines(&mut self, shard: u16) {
        let Shadow { bounds, clocks, jobs, requests, conns, .. } = &mut self.shadow;
        let over = (bounds.shard(shard).last_turn_ms, u64::MAX);
        let late = clocks[usize::from(shard)].deadlines.range(..=over).filter_map(|(_, serial)| {
            let request = &requests[serial];
            let State::Ended(end) = jobs[&request.job].state else { return None };
            Some((*serial, request.ticket, conns[request.submitter.0].gone, end))
        });
        let late: Vec<(u64, Option<u32>, bool, End)> = late.collect();
        let audit = late.iter().any(|(.., gone, _)| *gone).then(|| self.world.audit(shard));
        self.shadow.ended_before.clear();
        for (serial, ticket, gone, end) in late {
            let is_it = |left: &TicketAudit| Some(left.id.generation) == ticket && !left.answered;
            if gone && audit.as_ref().is_none_or(|audit| !audit.tickets.iter().any(is_it)) {
                self.shadow.answered(serial, end);
            } else {
                self.shadow.ended_before.insert(serial);
            }
        }
    }
}

impl Shadow {
    /// A shard's turn is about to begin.
    fn turn(&mut self, shard: u16, now_ms: u64) {
        self.look_at_stalls(shard, now_ms);
        self.give_ups[usize::from(shard)].begin_turn();
        self.time_ends = Some(self.bounds.shard(shard).last_turn_ms);
    }

    /// The times that are over end, after those were closed that must be in this turn. Returns the jobs whose delay is over.
    pub(super) fn end_times(&mut self, shard: u16) -> Vec<u64> {
        let Some(last_ms) = self.time_ends.take() else { return Vec::new() };
        let at = usize::from(shard);
        while let Some(&(ms, serial)) = self.clocks[at].deadlines.first()
            && ms <= last_ms
        {
            let request = &self.requests[&serial];
            match self.jobs[&request.job].state {
                // It ended with its worker, which was closed just now. A group's answer comes later.
                State::Ended(end) if !self.ended_before.contains(&serial) && request.asks.key.is_none() => {
                    self.answered(serial, end);
                }
                _ => self.give_up(serial, End::Expired),
            }
        }
        while let Some(&(ms, serial)) = self.clocks[at].recalls.first()
            && ms <= last_ms
        {
            self.clocks[at].recalls.pop_first();
            self.requests.get_mut(&serial).expect("it waits").recall_ms = None;
        }
        let now_ms = self.bounds.now_ms(shard);
        let mut submitted = Vec::new();
        while let Some(&(ms, serial)) = self.clocks[at].delays.first()
            && ms <= last_ms
        {
            self.clocks[at].delays.pop_first();
            let job = self.jobs.get_mut(&serial).expect("it is delayed");
            (job.state, job.accepted_ms, job.queue_place) = (State::Inside, now_ms, self.queue_place);
            let request = self.requests.get_mut(&serial).expect("it is delayed");
            if !request.asks.is_named() {
                // The delay alone gave it a ticket.
                request.bytes -= request.asks.ticket_bytes();
            }
            request.begin_to_wait(now_ms);
            if let Some(ms) = request.recall_ms {
                self.clocks[at].recalls.insert((ms, serial));
            }
            submitted.push(serial);
        }
        let over = (last_ms, u64::MAX);
        self.overdue = self.clocks[at].limits.range(..=over).map(|(_, serial)| *serial).collect();
        submitted
    }

    /// A shard stops: what is delayed there is answered.
    pub(crate) fn stop(&mut self, shard: u16) {
        let delayed: Vec<u64> = self.clocks[usize::from(shard)].delays.iter().map(|(_, serial)| *serial).collect();
        for serial in delayed {
            self.give_up(serial, End::Shutdown);
        }
    }

    /// The shard wants to be called before anything is over.
    pub(super) fn check_clock(&self, world: &World, shard: u16) {
        let clock = &self.clocks[usize::from(shard)];
        let is_awaited = |serial: u64| {
            let request = &self.requests[&serial];
            !request.asks.background && !self.conn(request.submitter).gone
        };
        let [deadline, recall] =
            [&clock.deadlines, &clock.recalls].map(|times| times.iter().find(|(_, serial)| is_awaited(*serial)));
        let first = [clock.delays.first(), deadline, clock.limits.first(), recall];
        let Some((due_ms, serial)) = first.into_iter().flatten().min() else { return };
        let call_ms = world.next_call_ms(shard);
        assert!(call_ms.is_some_and(|ms| ms <= *due_ms), "{serial} is due at {due_ms}: {call_ms:?}");
    }
}
