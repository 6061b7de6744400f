//! A shard's turn, as `src/server/shard.rs` takes it: the mail, then what the ready connections say, then one write to each
//! connection that was told something, then one batch and at most one wake for each shard that is told something.

use std::collections::VecDeque;

use deputy::dispatch::Dispatch;
use deputy::dispatch::message::{ConnId, Input, MemoryUse, Message, Micros, ShardId};
use deputy::protocol::command::{Command, JobRef, Outcome};

use super::desk::{Act, Desk, cost_of};
use super::events::Event;
use super::peers::{Line, Role};
use super::spent::Work;
use super::world::{World, is_from_home};
use crate::ARG;
use crate::costs::Costs;

/// See the module.
pub(super) struct Shard {
    pub(super) core: Dispatch,
    pub(super) desk: Desk,
    /// Connections with something to read, by their number in the world.
    pub(super) ready: Vec<usize>,
    /// Those of them that this turn reads from.
    reading: Vec<usize>,
    mailbox: VecDeque<(usize, Vec<Message>)>,
    /// The sleeping flag: set until this moment, or until somebody clears it.
    flag_until_ns: Option<u64>,
    /// It slept before this turn.
    slept: bool,
    /// Its poller was woken, which it has not seen yet.
    woken: bool,
    /// By slot: which connection of the world's.
    conns: Vec<usize>,
}

impl Shard {
    pub(super) fn new(core: Dispatch, costs: &Costs, shards: usize) -> Self {
        let desk = Desk::new(shards, costs);
        let (ready, reading, mailbox, conns) = (Vec::new(), Vec::new(), VecDeque::new(), Vec::new());
        Self { core, desk, ready, reading, mailbox, flag_until_ns: Some(u64::MAX), slept: true, woken: false, conns }
    }

    /// A slot for a connection of the world's.
    pub(super) fn open(&mut self, conn: usize) -> usize {
        self.conns.push(conn);
        self.desk.open()
    }

    /// What happened before the clock ran cost nothing.
    pub(super) fn forget_costs(&mut self, costs: &Costs) {
        let shards = self.desk.shards();
        self.desk = Desk::new(shards, costs);
        self.conns.iter().for_each(|_| _ = self.desk.open());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.mailbox.is_empty()
    }

    fn tell(&mut self, input: Input<'_>) {
        self.core.step(input, &mut self.desk);
    }
}

impl World {
    pub(super) fn shard_turn(&mut self, at: usize) {
        let shard = &mut self.shards[at];
        if shard.is_empty() && !shard.woken {
            (shard.slept, shard.flag_until_ns) = (true, Some(u64::MAX));
            return self.sleep(at);
        }
        if self.goes_on(at, false) {
            self.poll(at);
            self.open_mail(at);
            let shard = &mut self.shards[at];
            shard.desk.begin_reading(self.shape.post_early);
            self.events.enter(self.now_ns + shard.desk.elapsed(), Event::Act(at));
        }
    }

    fn poll(&mut self, at: usize) {
        let (costs, shards) = (self.costs, self.shards.len());
        let shard = &mut self.shards[at];
        let slept_ns = if std::mem::take(&mut shard.slept) { costs.sleep_ns } else { 0 };
        shard.reading = std::mem::take(&mut shard.ready);
        let events = shard.reading.len() + usize::from(std::mem::take(&mut shard.woken));
        let poll_ns = slept_ns + costs.poll_ns + costs.event_ns * events as u64;
        // The flag stands while it polls, also if it need not sleep, unless mail is there already.
        shard.flag_until_ns = shard.mailbox.is_empty().then_some(self.now_ns + poll_ns);
        shard.desk.turns += 1;
        shard.desk.spend(Work::Kernel, poll_ns);
        shard.desk.spend(Work::Lines, costs.turn_ns);
        shard.desk.spend(Work::Figures, costs.block_ns * (shards as u64 - 1));
        shard.tell(Input::Turn { now: Micros(self.now_ns / 1_000), others: MemoryUse::default() });
    }

    fn open_mail(&mut self, at: usize) {
        let costs = self.costs;
        let shard = &mut self.shards[at];
        for (from, messages) in std::mem::take(&mut shard.mailbox) {
            let to_home = !is_from_home(&messages) && !matches!(messages.first(), Some(Message::Answer { .. }));
            shard.desk.spend(if to_home { Work::Home } else { Work::Messages }, costs.receive_ns);
            let from = ShardId(u16::try_from(from).expect("shards are few"));
            for message in messages {
                let (work, ns) = cost_of(&message, &costs);
                shard.desk.spend(work, ns);
                shard.tell(Input::Message { from, message });
            }
        }
    }

    fn read_ready(&mut self, at: usize) {
        for conn in std::mem::take(&mut self.shards[at].reading) {
            self.shards[at].desk.spend(Work::Kernel, self.costs.read_ns);
            self.shards[at].desk.spend(Work::Lines, self.costs.conn_ns / 2);
            let id = self.conns[conn].id;
            for line in std::mem::take(&mut self.conns[conn].at_server) {
                self.obey(at, conn, id, line);
            }
            self.shards[at].tell(Input::BytesRead { conn: id, partial_bytes: 0 });
        }
    }

    fn obey(&mut self, at: usize, conn: usize, from: ConnId, line: Line) {
        let costs = &self.costs;
        let shard = &mut self.shards[at];
        let is_home = |&type_number: &usize| self.types[type_number].home == at;
        match line {
            Line::Do { job, type_number } => {
                shard.desk.spend(Work::Lines, costs.do_ns);
                shard.desk.spend(Work::Home, costs.submit_ns * u64::from(is_home(&type_number)));
                let id = job.to_string();
                let type_name = self.types[type_number].name.as_str().into();
                shard.tell(Input::Command { from, command: Command::Do { id: &id, type_name, arg: Some(ARG) } });
            }
            Line::Did { job, number } => {
                let Role::Worker(types) = &self.conns[conn].role else { unreachable!("only workers are given jobs") };
                shard.desk.spend(Work::Lines, costs.did_ns);
                let own = types.iter().copied().filter(is_home).count() as u64;
                shard.desk.spend(Work::Home, costs.offer_ns * own);
                let id = job.to_string();
                let job = number.map_or(JobRef::Id(&id), JobRef::Lease);
                let command = Command::Did { job, id: Some(&id), outcome: Outcome::Res(Some(ARG)) };
                shard.tell(Input::Command { from, command });
            }
        }
    }

    /// The next system call or post of a turn; after the last the next turn begins.
    pub(super) fn shard_act(&mut self, at: usize) {
        if !self.goes_on(at, true) {
            return;
        }
        let act = self.shards[at].desk.next_act();
        match act {
            Some(Act::Read) => self.read_ready(at),
            Some(Act::Write(slot)) => self.write(at, slot),
            Some(Act::Post(to)) => self.post(at, to),
            None => return self.events.enter(self.now_ns, Event::Turn(at)),
        }
        let taken_ns = self.shards[at].desk.elapsed();
        self.events.enter(self.now_ns + taken_ns, Event::Act(at));
    }

    fn write(&mut self, at: usize, slot: usize) {
        let conn = self.shards[at].conns[slot];
        let thread = self.conns[conn].thread.map(|thread| self.shards.len() + thread);
        let rouses = thread.is_some_and(|thread| self.threads.is_asleep(thread));
        let shard = &mut self.shards[at];
        let (said, bytes) = shard.desk.take_unsent(slot);
        shard.desk.spend(Work::Kernel, self.costs.write_ns + self.costs.rouse_ns * u64::from(rouses));
        shard.desk.spend(Work::Lines, self.costs.conn_ns / 2);
        shard.tell(Input::Written { conn: self.conns[conn].id, bytes });
        if thread.is_some() {
            self.arrive_at_peer(conn, said); // The system delivers it within the write.
        } else {
            self.events.enter(self.now_ns + self.shape.network_ns.div_ceil(2), Event::ToPeer(conn, said));
        }
    }

    fn post(&mut self, at: usize, to: usize) {
        let batch = self.shards[at].desk.take_batch(to);
        let work = if is_from_home(&batch) { Work::Home } else { Work::Messages };
        // The target's flag comes from its core; with more than one sender the channel's tail does from another's.
        let lines = 1 + u64::from(self.shards.len() > 2);
        self.shards[to].mailbox.push_back((at, batch));
        let set = self.shards[to].flag_until_ns.is_some_and(|until_ns| self.now_ns < until_ns);
        self.shards[at].desk.spend(work, self.costs.post_ns + self.costs.line_ns * lines);
        if set {
            (self.shards[to].flag_until_ns, self.shards[to].woken) = (None, true);
            let desk = &mut self.shards[at].desk;
            desk.spend(Work::Messages, self.costs.wake_ns);
            desk.wakes += 1;
            self.events.enter(self.now_ns + self.costs.post_ns + self.costs.wake_ns, Event::Rouse(to));
        }
    }
}
