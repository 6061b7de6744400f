//! What a shard's core asks for in a turn, and the time that everything costs.

use std::collections::VecDeque;

use deputy::dispatch::message::{Closing, ConnId, Effects, Message, ShardId};
use deputy::metrics::{Counts, Fault, ShardRow, Totals};
use deputy::protocol::reply::Reply;

use super::peers::Delivery;
use super::spent::{Spent, Work};
use crate::costs::Costs;

/// What a turn still has to do: a system call or a post each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Read from the connections that are ready.
    Read,
    /// Write to the connection of this index.
    Write(usize),
    /// Post the batch for this shard.
    Post(usize),
}

/// The replies of one connection.
#[derive(Debug, Default)]
struct Unsent {
    lines: Vec<Delivery>,
    bytes: u64,
    is_dirty: bool,
}

/// See the module.
#[derive(Debug)]
pub(super) struct ShardIo {
    pub(super) spent: Spent,
    /// The time that the turn has taken since the last call of [`ShardIo::elapsed`].
    clock_ns: u64,
    pub(super) turns: u64,
    pub(super) wakes: u64,
    unsent: Vec<Unsent>,
    batches: Vec<Vec<Message>>,
    pub(super) actions: VecDeque<Action>,
    /// Shards whose batch is not empty: they are posted to after the writes.
    targets: Vec<usize>,
    costs: Costs,
    /// A reply, while it is encoded; only its length counts.
    line: Vec<u8>,
}

impl ShardIo {
    pub(super) fn new(shards: usize, costs: &Costs) -> Self {
        Self {
            spent: Spent::default(),
            clock_ns: 0,
            turns: 0,
            wakes: 0,
            unsent: Vec::new(),
            batches: (0..shards).map(|_| Vec::new()).collect(),
            actions: VecDeque::new(),
            targets: Vec::new(),
            costs: *costs,
            line: Vec::new(),
        }
    }

    /// Returns how many shards there are.
    pub(super) fn shards(&self) -> usize {
        self.batches.len()
    }

    /// Adds a connection; returns its index.
    pub(super) fn open(&mut self) -> usize {
        self.unsent.push(Unsent::default());
        self.unsent.len() - 1
    }

    /// Records work.
    pub(super) fn spend(&mut self, work: Work, ns: u64) {
        self.spent.add(work, ns);
        self.clock_ns += ns;
    }

    /// Returns the time spent since the last call.
    pub(super) fn elapsed(&mut self) -> u64 {
        std::mem::take(&mut self.clock_ns)
    }

    /// Takes the replies of a connection, and their bytes.
    pub(super) fn take_unsent(&mut self, slot: usize) -> (Vec<Delivery>, u64) {
        let unsent = &mut self.unsent[slot];
        unsent.is_dirty = false;
        (std::mem::take(&mut unsent.lines), std::mem::take(&mut unsent.bytes))
    }

    /// Called when the mailbox is empty: reading is next. With `post_early` the messages so far are posted first.
    pub(super) fn begin_reading(&mut self, post_early: bool) {
        self.actions.push_front(Action::Read);
        if post_early {
            for to in self.targets.drain(..).rev() {
                self.actions.push_front(Action::Post(to));
            }
        }
    }

    /// Returns the next action of the turn: first the writes, then the posts.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        if self.actions.is_empty() {
            self.actions.extend(self.targets.drain(..).map(Action::Post));
        }
        self.actions.pop_front()
    }

    pub(super) fn take_batch(&mut self, to: usize) -> Vec<Message> {
        std::mem::take(&mut self.batches[to])
    }
}

impl Effects for ShardIo {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize {
        let number = |id: &str| id.parse().expect("the model's ids are numbers");
        let (delivery, ns) = match reply {
            Reply::Do { id, job, .. } => (Delivery::Do { job: number(id), number: *job }, self.costs.assign_ns),
            Reply::Done { id, .. } => (Delivery::Done { job: number(id) }, self.costs.result_ns),
            other => panic!("the model's peers receive only jobs and results: {other:?}"),
        };
        self.spend(Work::Lines, ns);
        let unsent = &mut self.unsent[to.index as usize];
        unsent.lines.push(delivery);
        self.line.clear();
        let bytes = reply.encode(&mut self.line);
        unsent.bytes += bytes as u64;
        if !std::mem::replace(&mut unsent.is_dirty, true) {
            self.actions.push_back(Action::Write(to.index as usize));
        }
        bytes
    }

    fn post(&mut self, to: ShardId, message: Message) {
        // The home writes the reference count of the name too.
        let ns = if carries_name(&message) { self.costs.line_ns } else { 0 };
        self.spend(Work::Messages, ns);
        let to = usize::from(to.0);
        if self.batches[to].is_empty() {
            self.targets.push(to);
        }
        self.batches[to].push(message);
    }

    fn close(&mut self, conn: ConnId, how: Closing) {
        panic!("the model's peers do not leave: {conn:?}, {how:?}");
    }

    fn fault(&mut self, conn: ConnId, fault: Fault) {
        panic!("the model's peers do nothing wrong: {conn:?}, {fault:?}");
    }

    fn peer_name(&mut self, conn: ConnId) -> String {
        panic!("no metrics by type are asked for: {conn:?}");
    }

    fn totals(&mut self, _own: &Counts) -> Totals {
        Totals::default()
    }

    fn shards(&mut self, _own: &Counts) -> Vec<ShardRow> {
        Vec::new()
    }
}

/// Whether a message refers to a type's name, so that both ends write its reference count.
fn carries_name(message: &Message) -> bool {
    matches!(message, Message::Offer { .. } | Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(_))
}

/// Returns what a message from another shard costs its receiver, and the kind of work.
pub(super) fn cost_of(message: &Message, costs: &Costs) -> (Work, u64) {
    let name_ns = if carries_name(message) { costs.line_ns } else { 0 };
    let (work, ns) = match message {
        Message::Submit { .. } | Message::Requeue { .. } => (Work::Home, costs.submit_ns),
        Message::Offer { .. } | Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(_) => {
            (Work::Home, costs.offer_ns)
        }
        // The line that results is paid for where it is encoded.
        _ => (Work::Messages, 0),
    };
    (work, ns + name_ns + costs.message_ns)
}

/// Whether a batch comes from a home, judged by its first message.
pub(super) fn is_from_home(batch: &[Message]) -> bool {
    matches!(
        batch.first(),
        Some(Message::Assign { .. } | Message::Decline(_) | Message::Withdrawn(..) | Message::StatsReply { .. })
    )
}
