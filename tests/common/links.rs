//! What is on the way between the shards of a [`World`], and delivering it. Order holds per pair of shards only.

use deputy::dispatch::message::{Input, Message, ShardId};

use super::World;

/// Messages that may be delivered in a world, and how many more per input that is no message. Thousands follow from one if
/// a worker has thousands of types. A world that needs more goes in a circle.
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
    /// Links with messages on the way, in no order of meaning, but the same in every run.
    pub(crate) fn busy_links(&self) -> impl ExactSizeIterator<Item = Link> {
        let shards = usize::from(self.outside.options.shards);
        let half = |half: usize| u16::try_from(half).expect("shards are few");
        self.outside.busy.iter().map(move |&link| Link { from: half(link / shards), to: half(link % shards) })
    }

    /// What is on the way from one shard to another, first to last.
    pub(crate) fn on_the_way(&self, link: Link) -> impl ExactSizeIterator<Item = &Message> {
        self.outside.links[self.link(link)].iter().map(|(_, message)| message)
    }

    /// Delivers the first message of a link; whether there was one.
    pub(crate) fn deliver(&mut self, link: Link) -> bool {
        let at = self.link(link);
        let Some((_, message)) = self.outside.links[at].pop_front() else { return false };
        if self.outside.links[at].is_empty() {
            let place = self.outside.busy.iter().position(|&busy| busy == at).expect("a link with messages is busy");
            self.outside.busy.swap_remove(place);
        }
        self.outside.delivered += 1;
        let deliveries_max = DELIVERIES_MAX + DELIVERIES_MAX_EACH * self.told;
        assert!(self.outside.delivered <= deliveries_max, "messages circulate for ever");
        self.step_and_read(link.to, Input::Message { from: ShardId(link.from), message });
        true
    }

    /// Delivers in the order in which they were posted, until nothing is on the way; how many they were.
    pub(crate) fn settle(&mut self) -> u64 {
        let before = self.outside.delivered;
        while let Some(link) = self.oldest_link() {
            self.deliver(link);
        }
        self.outside.delivered - before
    }

    /// The link with the message that was posted first of all that are on the way.
    pub(crate) fn oldest_link(&self) -> Option<Link> {
        self.busy_links().min_by_key(|&link| self.first_posted(link))
    }

    /// The place of the first message of a busy link among all that were ever posted.
    pub(crate) fn first_posted(&self, link: Link) -> u64 {
        self.outside.links[self.link(link)][0].0
    }

    /// How many messages are on the way.
    pub(crate) fn on_the_way_in_all(&self) -> usize {
        usize::try_from(self.outside.posted - self.outside.delivered).expect("they are in memory")
    }

    /// Whether nothing is on the way.
    pub(crate) fn at_rest(&self) -> bool {
        self.outside.busy.is_empty()
    }

    /// Messages that were ever posted from shard to shard.
    pub(crate) fn posted(&self) -> u64 {
        self.outside.posted
    }

    fn link(&self, link: Link) -> usize {
        usize::from(link.from) * usize::from(self.outside.options.shards) + usize::from(link.to)
    }
}
