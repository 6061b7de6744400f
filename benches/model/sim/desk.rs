//! A shard but for its core: what the core's effects go to, and the time that all of it costs.

use std::collections::VecDeque;

use deputy::dispatch::message::{Closing, ConnId, Effects, Message, ShardId};
use deputy::metrics::{Counts, Fault, Totals};
use deputy::protocol::reply::Reply;

use super::peers::Said;
use super::spent::{Spent, Work};
use crate::costs::Costs;

/// What a turn still has to do, a system call or a post each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Act {
    /// Read from the connections that are ready.
    Read,
    /// Write to the connection in this slot.
    Write(usize),
    /// Post the batch for this shard.
    Post(usize),
}

/// One connection's replies.
#[derive(Debug, Default)]
struct Unsent {
    lines: Vec<Said>,
    bytes: u64,
    touched: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) spent: Spent,
    /// Time that the turn has taken since it was last asked.
    clock_ns: u64,
    pub(super) turns: u64,
    pub(super) wakes: u64,
    unsent: Vec<Unsent>,
    batches: Vec<Vec<Message>>,
    pub(super) acts: VecDeque<Act>,
    /// Targets whose batch is not empty: they come after the writes.
    targets: Vec<usize>,
    costs: Costs,
    /// The line that is sent; only its length counts.
    line: Vec<u8>,
}

impl Desk {
    pub(super) fn new(shards: usize, costs: &Costs) -> Self {
        Self {
            spent: Spent::default(),
            clock_ns: 0,
            turns: 0,
            wakes: 0,
            unsent: Vec::new(),
            batches: (0..shards).map(|_| Vec::new()).collect(),
            acts: VecDeque::new(),
            targets: Vec::new(),
            costs: *costs,
            line: Vec::new(),
        }
    }

    /// How many shards there are.
    pub(super) fn shards(&self) -> usize {
        self.batches.len()
    }

    /// A slot for one more connection.
    pub(super) fn open(&mut self) -> usize {
        self.unsent.push(Unsent::default());
        self.unsent.len() - 1
    }

    /// Work was done.
    pub(super) fn spend(&mut self, work: Work, ns: u64) {
        self.spent.add(work, ns);
        self.clock_ns += ns;
    }

    /// The time spent since this was last asked.
    pub(super) fn elapsed(&mut self) -> u64 {
        std::mem::take(&mut self.clock_ns)
    }

    /// What a connection is sent, and its bytes.
    pub(super) fn take_unsent(&mut self, slot: usize) -> (Vec<Said>, u64) {
        let unsent = &mut self.unsent[slot];
        unsent.touched = false;
        (std::mem::take(&mut unsent.lines), std::mem::take(&mut unsent.bytes))
    }

    /// What the mail led to is known: reading comes next, and if `post_early` what is to be posted before it.
    pub(super) fn begin_reading(&mut self, post_early: bool) {
        self.acts.push_front(Act::Read);
        if post_early {
            for to in self.targets.drain(..).rev() {
                self.acts.push_front(Act::Post(to));
            }
        }
    }

    /// The next thing to do before the turn ends: first the writes, then the posts.
    pub(super) fn next_act(&mut self) -> Option<Act> {
        if self.acts.is_empty() {
            self.acts.extend(self.targets.drain(..).map(Act::Post));
        }
        self.acts.pop_front()
    }

    pub(super) fn take_batch(&mut self, to: usize) -> Vec<Message> {
        std::mem::take(&mut self.batches[to])
    }
}

impl Effects for Desk {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize {
        let number = |id: &str| id.parse().expect("the model's ids are numbers");
        let (said, ns) = match reply {
            Reply::Do { id, job, .. } => (Said::Do { job: number(id), number: *job }, self.costs.assign_ns),
            Reply::Done { id, .. } => (Said::Done { job: number(id) }, self.costs.result_ns),
            other => panic!("the model's peers are told nothing but jobs and results: {other:?}"),
        };
        self.spend(Work::Lines, ns);
        let unsent = &mut self.unsent[to.index as usize];
        unsent.lines.push(said);
        self.line.clear();
        let bytes = reply.encode(&mut self.line);
        unsent.bytes += bytes as u64;
        if !std::mem::replace(&mut unsent.touched, true) {
            self.acts.push_back(Act::Write(to.index as usize));
        }
        bytes
    }

    fn post(&mut self, to: ShardId, message: Message) {
        // Its name's count of references is a word that the home writes as well.
        let ns = if carries_name(&message) { self.costs.line_ns } else { 0 };
        self.spend(Work::Messages, ns);
        let to = usize::from(to.0);
        if self.batches[to].is_empty() {
            self.targets.push(to);
        }
        self.batches[to].push(message);
    }

    fn close(&mut self, conn: ConnId, how: Closing) {
        panic!("the model's peers stay: {conn:?}, {how:?}");
    }

    fn fault(&mut self, conn: ConnId, fault: Fault) {
        panic!("the model's peers do nothing wrong: {conn:?}, {fault:?}");
    }

    fn totals(&mut self, _own: &Counts) -> Totals {
        Totals::default()
    }
}

/// Whether a message has a type's name by reference, so that both ends write the count of its references.
fn carries_name(message: &Message) -> bool {
    matches!(message, Message::Offer { .. } | Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(_))
}

/// What a message from another shard costs its receiver, and whether the receiver has it as a home.
pub(super) fn cost_of(message: &Message, costs: &Costs) -> (Work, u64) {
    let name_ns = if carries_name(message) { costs.line_ns } else { 0 };
    let (work, ns) = match message {
        Message::Submit { .. } | Message::Requeue { .. } => (Work::Home, costs.submit_ns),
        Message::Offer { .. } | Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(_) => {
            (Work::Home, costs.offer_ns)
        }
        // The line that they lead to is paid for where it is encoded.
        _ => (Work::Messages, 0),
    };
    (work, ns + name_ns + costs.message_ns)
}
