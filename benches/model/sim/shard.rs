//! A shard of the model: a real core, its input and output, and its mailbox.

use std::collections::VecDeque;

use deputy::dispatch::Dispatch;
use deputy::dispatch::message::{Input, Message};

use super::shard_io::ShardIo;
use crate::costs::Costs;

/// See the module.
pub(super) struct Shard {
    pub(super) core: Dispatch,
    pub(super) io: ShardIo,
    /// Connections with something to read, by their index in the world.
    pub(super) ready: Vec<usize>,
    /// Those of them that this turn reads from.
    pub(super) reading: Vec<usize>,
    /// Batches, each with the shard that posted it.
    pub(super) mailbox: VecDeque<(usize, Vec<Message>)>,
    /// The sleeping flag: set until this moment, or until a sender clears it.
    flag_until_ns: Option<u64>,
    /// How often the flag was set.
    flag_sets: u64,
    /// It slept before this turn.
    pub(super) slept: bool,
    /// Its poller was woken and has not noticed it yet.
    pub(super) woken: bool,
    /// By index in the shard: the connection's index in the world.
    pub(super) conns: Vec<usize>,
}

impl Shard {
    /// Returns a shard without connections.
    pub(super) fn new(core: Dispatch, costs: &Costs, shards: usize) -> Self {
        let io = ShardIo::new(shards, costs);
        let (ready, reading, mailbox, conns) = (Vec::new(), Vec::new(), VecDeque::new(), Vec::new());
        let (flag_until_ns, flag_sets) = (Some(u64::MAX), 1);
        Self { core, io, ready, reading, mailbox, flag_until_ns, flag_sets, slept: true, woken: false, conns }
    }

    /// Adds a connection of the world; returns its index in the shard.
    pub(super) fn open(&mut self, conn: usize) -> usize {
        self.conns.push(conn);
        self.io.open()
    }

    /// Forgets the costs of what happened before the clock started.
    pub(super) fn forget_costs(&mut self, costs: &Costs) {
        let shards = self.io.shards();
        self.io = ShardIo::new(shards, costs);
        self.conns.iter().for_each(|_| _ = self.io.open());
    }

    /// Sets the sleeping flag until this moment.
    pub(super) fn set_flag(&mut self, until_ns: u64) {
        self.flag_until_ns = Some(until_ns);
        self.flag_sets += 1;
    }

    /// Clears the sleeping flag, as a sender does that wakes the shard.
    pub(super) fn clear_flag(&mut self) {
        self.flag_until_ns = None;
    }

    /// Returns whether the sleeping flag is set, and how often it was written so far.
    pub(super) fn flag(&self, now_ns: u64) -> (bool, u64) {
        let is_set = self.flag_until_ns.is_some_and(|until_ns| now_ns < until_ns);
        (is_set, 2 * self.flag_sets - u64::from(is_set))
    }

    /// Whether nothing waits to be read.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.mailbox.is_empty() && !self.io.has_replies()
    }

    /// Gives an input to the core.
    pub(super) fn step(&mut self, input: Input<'_>) {
        self.core.step(input, &mut self.io);
    }
}
