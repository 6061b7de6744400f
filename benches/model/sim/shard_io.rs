//! What a shard's core asks for in a turn, and the time that everything costs.

use std::collections::VecDeque;

use deputy::dispatch::message::{Closing, ConnId, Effects, Message, ShardId};
use deputy::metrics::{Counts, Fault, ShardRow, Totals};
use deputy::protocol::reply::Reply;

use super::peers::Delivery;
use super::spent::{Spent, Work};
use crate::costs::Costs;
use crate::shape::TurnOrder;

/// What a turn still has to do: a system call, a post, or a look into the mailbox each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Read from a connection, given by its index in the world.
    Read(usize),
    /// Begin to write: post what there is, then write to each connection with replies.
    Flush,
    /// Write to the connection of this index.
    Write(usize),
    /// Put the batch for this shard into its mailbox.
    Deliver(usize),
    /// The same, and wake the shard if it sleeps and has something in its mailbox.
    Post(usize),
    /// Handle what the mailbox has received meanwhile, and deliver what it leads to.
    Mail,
    /// Post what the writes led to.
    PostRest,
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
    actions: VecDeque<Action>,
    /// Connections with replies, by their index.
    dirty: Vec<usize>,
    /// Shards with messages since they were last posted to.
    targets: Vec<usize>,
    /// By shard: whether it is one of them.
    is_target: Vec<bool>,
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
            dirty: Vec::new(),
            targets: Vec::new(),
            is_target: vec![false; shards],
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

    /// Whether replies wait for the next turn.
    pub(super) fn has_replies(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Plans the turn, after the mailbox was handled.
    pub(super) fn begin_reading(&mut self, reading: Vec<usize>, order: TurnOrder) {
        if order.post_early {
            self.post_first();
        }
        self.plan(reading, Action::Read, order);
        self.actions.push_back(Action::Flush);
    }

    /// Posts what there is before any other action.
    pub(super) fn post_first(&mut self) {
        for action in self.posts().into_iter().rev() {
            self.actions.push_front(action);
        }
    }

    /// Delivers what there is before any other action.
    pub(super) fn deliver_first(&mut self) {
        for &to in self.targets.iter().rev().filter(|&&to| !self.batches[to].is_empty()) {
            self.actions.push_front(Action::Deliver(to));
        }
    }

    fn posts(&mut self) -> Vec<Action> {
        let targets = std::mem::take(&mut self.targets);
        for &to in &targets {
            self.is_target[to] = false;
        }
        targets.into_iter().map(Action::Post).collect()
    }

    /// Plans the rest of the turn, when everything is read. Replies that come meanwhile are written in the next turn.
    pub(super) fn begin_writing(&mut self, order: TurnOrder) {
        let posts = self.posts();
        self.actions.extend(posts);
        let dirty = std::mem::take(&mut self.dirty);
        self.plan(dirty, Action::Write, order);
        self.actions.push_back(Action::PostRest);
    }

    /// Plans an action per connection, with a look into the mailbox after every few.
    fn plan(&mut self, connections: Vec<usize>, action: fn(usize) -> Action, order: TurnOrder) {
        for (at, index) in connections.into_iter().enumerate() {
            self.actions.push_back(action(index));
            if order.connections_per_mail > 0 && (at + 1).is_multiple_of(order.connections_per_mail) {
                self.actions.push_back(Action::Mail);
            }
        }
    }

    /// Returns the next action of the turn.
    pub(super) fn next_action(&mut self) -> Option<Action> {
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
            self.dirty.push(to.index as usize);
        }
        bytes
    }

    fn post(&mut self, to: ShardId, message: Message) {
        // The home writes the reference count of the name too.
        let ns = if carries_name(&message) { self.costs.line_ns } else { 0 };
        self.spend(Work::Messages, ns);
        let to = usize::from(to.0);
        if !std::mem::replace(&mut self.is_target[to], true) {
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
    matches!(message, Message::Offer { .. } | Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(..))
}

/// Returns what a message from another shard costs its receiver, and the kind of work.
pub(super) fn cost_of(message: &Message, costs: &Costs) -> (Work, u64) {
    let name_ns = if carries_name(message) { costs.line_ns } else { 0 };
    let (work, ns) = match message {
        Message::Submit { .. } | Message::Requeue { .. } => (Work::Home, costs.submit_ns),
        Message::Offer { .. } | Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(..) => {
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
