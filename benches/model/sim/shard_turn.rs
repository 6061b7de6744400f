//! A shard's turn, as `src/server/shard.rs` takes it: the mailbox, then the lines of the ready connections, then one batch and
//! at most one wake per shard with messages, then one write per connection with replies, then the messages that came of that.
//! After every few connections that it reads or writes it handles its mailbox, and delivers to shards for which it has several
//! messages. It wakes shards for that when it posts.

use deputy::dispatch::message::{ConnId, Input, MemoryUse, Message, Micros, ShardId};
use deputy::protocol::command::{Command, JobRef, Outcome};

use super::events::Event;
use super::peers::{Request, Role};
use super::shard_io::{Action, cost_of, is_from_home};
use super::spent::Work;
use super::world::World;
use crate::ARG;

impl World {
    /// Begins a turn, or goes to sleep if there is nothing to do.
    pub(super) fn shard_turn(&mut self, at: usize) {
        let shard = &mut self.shards[at];
        if shard.is_empty() && !shard.woken {
            shard.slept = true;
            shard.set_flag(u64::MAX);
            return self.sleep(at);
        }
        if self.goes_on(at, false) {
            self.poll(at);
            self.drain_mailbox(at);
            let shard = &mut self.shards[at];
            let reading = std::mem::take(&mut shard.reading);
            shard.io.begin_reading(reading, self.shape.order);
            self.events.schedule(self.now_ns + shard.io.elapsed(), Event::Action(at));
        }
    }

    fn poll(&mut self, at: usize) {
        let (costs, shards) = (self.costs, self.shards.len());
        let shard = &mut self.shards[at];
        let slept_ns = if std::mem::take(&mut shard.slept) { costs.sleep_ns } else { 0 };
        shard.reading = std::mem::take(&mut shard.ready);
        let events = shard.reading.len() + usize::from(std::mem::take(&mut shard.woken));
        let poll_ns = slept_ns + costs.poll_ns + costs.event_ns * events as u64;
        // The flag is set while the shard polls, even if it need not sleep, unless a batch is in the mailbox already.
        if shard.mailbox.is_empty() {
            shard.set_flag(self.now_ns + poll_ns);
        }
        shard.io.turns += 1;
        shard.io.spend(Work::Kernel, poll_ns);
        shard.io.spend(Work::Lines, costs.turn_ns);
        shard.io.spend(Work::Figures, costs.block_ns * (shards as u64 - 1));
        shard.step(Input::Turn { now: Micros(self.now_ns / 1_000), others: MemoryUse::default() });
        let assigned = shard.io.assigned();
        shard.io.spend(Work::Home, costs.pair_ns * assigned);
    }

    fn drain_mailbox(&mut self, at: usize) {
        let costs = self.costs;
        let shard = &mut self.shards[at];
        for (from, messages) in std::mem::take(&mut shard.mailbox) {
            let to_home = !is_from_home(&messages) && !matches!(messages.first(), Some(Message::Answer { .. }));
            shard.io.spend(if to_home { Work::Home } else { Work::Messages }, costs.receive_ns);
            let from = ShardId(u16::try_from(from).expect("shards are few"));
            for message in messages {
                let (work, ns) = cost_of(&message, &costs);
                shard.io.spend(work, ns);
                let assigns_itself = matches!(message, Message::Submit { .. } | Message::SubmitRun { .. });
                shard.step(Input::Message { from, message });
                let assigned = shard.io.assigned();
                // The cost of a Submit has an assignment in it.
                shard.io.spend(Work::Home, if assigns_itself { 0 } else { costs.pair_ns * assigned });
            }
        }
    }

    fn read(&mut self, at: usize, conn: usize) {
        self.shards[at].io.spend(Work::Kernel, self.costs.read_ns);
        self.shards[at].io.spend(Work::Lines, self.costs.conn_ns / 2);
        let id = self.conns[conn].id;
        for line in std::mem::take(&mut self.conns[conn].at_server) {
            self.handle_request(at, conn, id, line);
        }
        self.shards[at].step(Input::BytesRead { conn: id, partial_bytes: 0 });
        self.shards[at].io.assigned(); // The costs of the lines have these assignments in them.
    }

    fn handle_request(&mut self, at: usize, conn: usize, from: ConnId, line: Request) {
        let costs = &self.costs;
        let shard = &mut self.shards[at];
        let is_home = |&type_number: &usize| self.types[type_number].home == at;
        match line {
            Request::Do { job, type_number } => {
                shard.io.spend(Work::Lines, costs.do_ns);
                shard.io.spend(Work::Home, costs.submit_ns * u64::from(is_home(&type_number)));
                let id = job.to_string();
                let type_name = self.types[type_number].name.as_str().into();
                shard.step(Input::Command {
                    from,
                    command: &Command::Do { id: &id, type_name, arg: Some(ARG.into()), options: None },
                });
            }
            Request::Did { job, number } => {
                let Role::Worker(types) = &self.conns[conn].role else { unreachable!("only workers receive jobs") };
                shard.io.spend(Work::Lines, costs.did_ns);
                let own = types.iter().copied().filter(is_home).count() as u64;
                shard.io.spend(Work::Home, costs.offer_ns * own);
                let id = job.to_string();
                let job = number.map_or(JobRef::Id(&id), JobRef::Lease);
                let command = Command::Did { job, id: Some(&id), outcome: Outcome::Res(Some(ARG.into())) };
                shard.step(Input::Command { from, command: &command });
            }
        }
    }

    /// Does the next system call or post of a turn; after the last one the next turn begins.
    pub(super) fn shard_action(&mut self, at: usize) {
        if !self.goes_on(at, true) {
            return;
        }
        let action = self.shards[at].io.next_action();
        match action {
            Some(Action::Read(conn)) => self.read(at, conn),
            Some(Action::Flush) => self.shards[at].io.begin_writing(self.shape.order),
            Some(Action::PostRest) => self.shards[at].io.post_first(),
            Some(Action::Mail(min)) => self.take_mail_between(at, min),
            Some(Action::Write(slot)) => self.write(at, slot),
            Some(Action::Deliver(to)) => self.deliver(at, to),
            Some(Action::Post(to)) => self.post(at, to),
            None => return self.events.schedule(self.now_ns, Event::Turn(at)),
        }
        let taken_ns = self.shards[at].io.elapsed();
        self.events.schedule(self.now_ns + taken_ns, Event::Action(at));
    }

    /// Handles what came while the shard read or wrote, and delivers batches of at least `min` messages. The metrics are
    /// published again, which takes about as long as the rest of a turn's own code. If something came, the channel's tail
    /// comes from another core's cache.
    fn take_mail_between(&mut self, at: usize, min: usize) {
        let shard = &mut self.shards[at];
        let any = !shard.mailbox.is_empty();
        if any || min == 1 {
            let lines_ns = if any { self.costs.line_ns } else { 0 };
            shard.io.spend(Work::Messages, lines_ns + self.costs.turn_ns);
            self.drain_mailbox(at);
            self.shards[at].io.deliver_first(min);
        }
    }

    fn write(&mut self, at: usize, slot: usize) {
        let conn = self.shards[at].conns[slot];
        let thread = self.conns[conn].thread.map(|thread| self.shards.len() + thread);
        let wakes = thread.is_some_and(|thread| self.threads.is_asleep(thread));
        let shard = &mut self.shards[at];
        let (deliveries, bytes) = shard.io.take_unsent(slot);
        shard.io.spend(Work::Kernel, self.costs.write_ns + self.costs.rouse_ns * u64::from(wakes));
        shard.io.spend(Work::Lines, self.costs.conn_ns / 2);
        shard.step(Input::Written { conn: self.conns[conn].id, bytes });
        if thread.is_some() {
            self.arrive_at_peer(conn, deliveries); // The kernel delivers it within the write.
        } else {
            self.events.schedule(self.now_ns + self.shape.network_ns.div_ceil(2), Event::ToPeer(conn, deliveries));
        }
    }

    fn deliver(&mut self, at: usize, to: usize) {
        let batch = self.shards[at].io.take_batch(to);
        if batch.is_empty() {
            return; // It was delivered earlier in the turn.
        }
        let work = if is_from_home(&batch) { Work::Home } else { Work::Messages };
        // With several senders the channel's tail is in another core's cache.
        let lines = u64::from(self.shards.len() > 2);
        self.shards[to].mailbox.push_back((at, batch));
        self.shards[at].io.batches_sent += 1;
        self.shards[at].io.spend(work, self.costs.post_ns + self.costs.line_ns * lines);
    }

    fn post(&mut self, at: usize, to: usize) {
        self.deliver(at, to);
        let (is_asleep, writes) = self.shards[to].flag(self.now_ns);
        // The flag, if it was written since, and the channel's head, if the flag is set, are in the target's cache.
        let lines = u64::from(self.shards[at].io.sees_flag(to, writes)) + u64::from(is_asleep);
        self.shards[at].io.spend(Work::Messages, self.costs.line_ns * lines);
        if is_asleep && !self.shards[to].mailbox.is_empty() {
            self.shards[to].clear_flag();
            self.shards[to].woken = true;
            let io = &mut self.shards[at].io;
            io.spend(Work::Messages, self.costs.wake_ns);
            io.wakes += 1;
            self.events.schedule(self.now_ns + self.costs.post_ns + self.costs.wake_ns, Event::Wake(to));
        }
    }
}
