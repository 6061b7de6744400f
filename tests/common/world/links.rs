//! The messages in flight between the shards of a [`World`], and their delivery. Order holds per pair of shards only.

use deputy::dispatch::message::{Input, Message, ShardId};

use super::World;

/// Messages that may be delivered in a world, and how many more per input that is no message. Thousands follow from one if
/// a worker has thousands of types. A world that needs more is in an endless loop.
const DELIVERIES_MAX: u64 = 200_000;
/// See [`DELIVERIES_MAX`].
const DELIVERIES_MAX_EACH: u64 = 1_000;

/// A pair of shards: messages between them keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) from: u16,
    pub(crate) to: u16,
}

impl World {
    /// Returns the links with messages in flight, in an order that is arbitrary but the same in every run.
    pub(crate) fn busy_links(&self) -> impl ExactSizeIterator<Item = Link> {
        let shards = usize::from(self.shell.options.shards);
        let half = |half: usize| u16::try_from(half).expect("shards are few");
        self.shell.busy.iter().map(move |&link| Link { from: half(link / shards), to: half(link % shards) })
    }

    /// Returns the messages in flight from one shard to another, first to last.
    pub(crate) fn on_the_way(&self, link: Link) -> impl ExactSizeIterator<Item = &Message> {
        self.shell.links[self.link(link)].iter().map(|(_, message)| message)
    }

    /// Delivers the first message of a link. Returns whether there was one.
    pub(crate) fn deliver(&mut self, link: Link) -> bool {
        let at = self.link(link);
        let Some((_, message)) = self.shell.links[at].pop_front() else { return false };
        if self.shell.links[at].is_empty() {
            let place = self.shell.busy.iter().position(|&busy| busy == at).expect("a link with messages is busy");
            self.shell.busy.swap_remove(place);
        }
        self.shell.delivered += 1;
        let deliveries_max = DELIVERIES_MAX + DELIVERIES_MAX_EACH * self.inputs;
        assert!(self.shell.delivered <= deliveries_max, "messages circulate for ever");
        self.step_and_read(link.to, Input::Message { from: ShardId(link.from), message });
        true
    }

    /// Delivers messages in the order in which they were posted, until none is in flight. Returns how many.
    pub(crate) fn settle(&mut self) -> u64 {
        let before = self.shell.delivered;
        loop {
            self.deliver_all();
            let Some(shard) = (0..self.shards()).find(|&shard| self.has_work(shard)) else { break };
            self.turn(shard);
        }
        self.shell.delivered - before
    }

    /// Delivers until nothing is on the way, without turns.
    pub(crate) fn deliver_all(&mut self) {
        while let Some(link) = self.oldest_link() {
            self.deliver(link);
        }
    }

    /// Returns the link whose first message was posted before all others in flight.
    pub(crate) fn oldest_link(&self) -> Option<Link> {
        self.busy_links().min_by_key(|&link| self.first_posted(link))
    }

    /// Returns the place of the first message of a busy link among all that were posted.
    pub(crate) fn first_posted(&self, link: Link) -> u64 {
        self.shell.links[self.link(link)][0].0
    }

    /// Returns how many messages are in flight.
    pub(crate) fn on_the_way_in_all(&self) -> usize {
        usize::try_from(self.shell.posted - self.shell.delivered).expect("they are in memory")
    }

    /// Returns whether no message is in flight.
    pub(crate) fn at_rest(&self) -> bool {
        self.shell.busy.is_empty()
    }

    /// Returns how many messages were posted from shard to shard.
    pub(crate) fn posted(&self) -> u64 {
        self.shell.posted
    }

    /// Returns how many offers were added to one on its way, and how many jobs to others.
    pub(crate) fn merged(&self) -> (u64, u64) {
        (self.shell.merged_offers, self.shell.merged_jobs)
    }

    fn link(&self, link: Link) -> usize {
        usize::from(link.from) * usize::from(self.shell.options.shards) + usize::from(link.to)
    }
}
