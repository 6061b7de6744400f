//! What a shard's core asks for in a turn, and the time that everything costs.

use std::collections::VecDeque;

use deputy::dispatch::batch::Batch;
use deputy::dispatch::message::{Closing, ConnId, Effects, Message, PoolId, ShardId};
use deputy::limits::{CONNECTIONS_PER_DELIVERY, MESSAGES_PER_DELIVERY};
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
    /// Handle what the mailbox has received meanwhile, and deliver batches of at least this many messages.
    Mail(usize),
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
    pub(super) batches_sent: u64,
    pub(super) wakes: u64,
    /// Jobs that were assigned since the last call of [`ShardIo::assigned`].
    assigned: u64,
    unsent: Vec<Unsent>,
    batches: Vec<Batch>,
    actions: VecDeque<Action>,
    /// Connections with replies, by their index.
    dirty: Vec<usize>,
    /// Shards with messages since they were last posted to.
    targets: Vec<usize>,
    /// By shard: whether it is one of them.
    is_target: Vec<bool>,
    /// How often each shard had written its sleeping flag when this shard last read it.
    flags_seen: Vec<u64>,
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
            batches_sent: 0,
            wakes: 0,
            assigned: 0,
            unsent: Vec::new(),
            batches: (0..shards).map(|_| Batch::default()).collect(),
            actions: VecDeque::new(),
            dirty: Vec::new(),
            targets: Vec::new(),
            is_target: vec![false; shards],
            flags_seen: vec![0; shards],
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

    /// Returns how many jobs were assigned since the last call.
    pub(super) fn assigned(&mut self) -> u64 {
        std::mem::take(&mut self.assigned)
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

    /// Delivers batches of at least `min` messages before any other action.
    pub(super) fn deliver_first(&mut self, min: usize) {
        for &to in self.targets.iter().rev().filter(|&&to| self.batches[to].posted() >= min) {
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
                let delivers_all = (at + 1).is_multiple_of(CONNECTIONS_PER_DELIVERY);
                self.actions.push_back(Action::Mail(if delivers_all { 1 } else { MESSAGES_PER_DELIVERY }));
            }
        }
    }

    /// Called when the shard reads the sleeping flag of another. Returns whether the flag was written since the last time.
    pub(super) fn sees_flag(&mut self, of: usize, writes: u64) -> bool {
        std::mem::replace(&mut self.flags_seen[of], writes) != writes
    }

    /// Returns the next action of the turn.
    pub(super) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    pub(super) fn take_batch(&mut self, to: usize) -> Vec<Message> {
        self.batches[to].take(Vec::new())
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
        self.assigned += u64::from(matches!(message, Message::Assign { .. }));
        if carries_name(&message) {
            self.spend(Work::Messages, self.costs.line_ns); // Both shards write the name's reference count.
        }
        let to = usize::from(to.0);
        if !std::mem::replace(&mut self.is_target[to], true) {
            self.targets.push(to);
        }
        self.batches[to].push(message);
    }

    fn add_to_offer(&mut self, to: ShardId, pool: PoolId, n: u32) -> bool {
        self.batches[usize::from(to.0)].add_to_offer(pool, n)
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

/// Returns what a message from another shard costs its receiver, and the kind of work. The line that an Assign or an Answer
/// results in is paid for where it is encoded.
pub(super) fn cost_of(message: &Message, costs: &Costs) -> (Work, u64) {
    match message {
        Message::Submit { .. } | Message::Requeue { .. } => (Work::Home, costs.submit_ns + costs.far_submit_ns),
        Message::SubmitRun { jobs, .. } => (Work::Home, (costs.run_ns + costs.far_run_ns) * jobs.len() as u64),
        Message::Assign { .. } => (Work::Messages, costs.far_assign_ns),
        Message::Answer { .. } => (Work::Messages, costs.far_result_ns),
        Message::Offer { .. } => (Work::Home, costs.offer_ns + costs.far_offer_ns),
        other if carries_name(other) => (Work::Home, costs.offer_ns + costs.far_offer_ns + costs.line_ns),
        _ => (Work::Messages, costs.far_offer_ns),
    }
}

/// Whether a message refers to a type's name, whose reference count both ends write.
fn carries_name(message: &Message) -> bool {
    matches!(message, Message::Pull(..) | Message::Withdraw(..) | Message::AcceptSuspects(..))
}

/// Whether a batch comes from a home, judged by its first message.
pub(super) fn is_from_home(batch: &[Message]) -> bool {
    matches!(
        batch.first(),
        Some(Message::Assign { .. } | Message::Decline(_) | Message::Withdrawn(..) | Message::StatsReply { .. })
    )
}
