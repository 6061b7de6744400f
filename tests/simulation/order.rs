//! In which order messages are delivered: by chance, or as an enemy would have it. Each pair of shards keeps its own order
//! whatever is chosen here.

use super::schedule::Schedule;
use super::world::{Link, name_of};

/// How the next link is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Any.
    Any,
    /// What was posted last of all that come first on their links: it overtakes all that was posted before.
    Newest,
    /// One link at a time, as long as it has messages: mailboxes are emptied in batches.
    Batches,
    /// What spends offers first, and last what would report the slots that are taken: offers are as stale as can be.
    Stale,
    /// What frees slots and asks for jobs first, and jobs last: what is asked for is gone when it comes.
    Late,
    /// Messages of a class are held back for long.
    Class(&'static str),
    /// All for a shard are held back for long.
    Mailbox(u16),
    /// All from one shard to another are held back for long.
    Pair(u16, u16),
}

/// What may be held back.
pub(crate) const CLASSES: [&str; 18] = [
    "Submit", "Offer", "Pull", "Assign", "Decline", "Requeue", "AcceptSuspects", "Withdraw", "Withdrawn", "Answer",
    "Present", "Absent", "Revoke", "Recall", "Drop", "Dropped", "Revoked", "Progress",
];

/// One of this number of messages that are held back is delivered all the same.
const LEAKS_ONE_IN: usize = 40;
/// One of this number of choices of an adversary is left to chance.
const SLIPS_ONE_IN: usize = 16;

impl Schedule {
    /// The link whose first message is delivered next, if one is; what is held back mostly is not.
    pub(crate) fn next_link(&mut self) -> Option<Link> {
        let link = self.enemy_link().or_else(|| self.any_link())?;
        (!self.is_held_back(link) || self.random.one_in(LEAKS_ONE_IN)).then_some(link)
    }

    /// The same where everything is to be delivered: what is held back comes when nothing else is on the way.
    pub(crate) fn next_link_of_all(&mut self) -> Option<Link> {
        let link = self.enemy_link().or_else(|| self.any_link())?;
        if !self.is_held_back(link) {
            return Some(link);
        }
        let mut links = self.world.busy_links();
        Some(links.find(|link| !self.is_held_back(*link)).unwrap_or(link))
    }

    fn enemy_link(&mut self) -> Option<Link> {
        let order = self.plan.order;
        if order == Order::Any || order != Order::Batches && self.random.one_in(SLIPS_ONE_IN) {
            return None;
        }
        let world = &self.world;
        let first = |link: &Link| name_of(world.on_the_way(*link).next().expect("a busy link has a message"));
        match order {
            Order::Newest => world.busy_links().max_by_key(|link| world.first_posted(*link)),
            Order::Stale => world.busy_links().min_by_key(|link| honesty(first(link))),
            Order::Late => world.busy_links().max_by_key(|link| honesty(first(link))),
            Order::Batches => {
                let batch = self.batch.filter(|link| world.on_the_way(*link).len() > 0);
                self.batch = batch.or_else(|| self.any_link());
                self.batch
            }
            _ => None,
        }
    }

    fn any_link(&mut self) -> Option<Link> {
        let links = self.world.busy_links().len();
        if links == 0 {
            return None;
        }
        let at = self.random.below(links);
        self.world.busy_links().nth(at)
    }

    fn is_held_back(&self, link: Link) -> bool {
        match self.plan.order {
            Order::Class(class) => {
                let first = self.world.on_the_way(link).next().expect("a busy link has a message");
                name_of(first) == class
            }
            Order::Mailbox(shard) => link.to == shard,
            Order::Pair(from, to) => (link.from, link.to) == (from, to),
            _ => false,
        }
    }
}

/// How current a message is for its home: jobs on their way least, what was taken back most.
fn honesty(name: &str) -> u8 {
    match name {
        "Assign" => 0,
        "Submit" => 1,
        "Answer" => 2,
        "Requeue" => 3,
        "Offer" => 4,
        "Decline" => 5,
        "Pull" => 6,
        "AcceptSuspects" => 7,
        "Withdrawn" => 8,
        "Withdraw" => 9,
        "Revoke" | "Recall" | "Drop" => 10,
        "Absent" => 11,
        "Over" => 12,
        _ => 13,
    }
}
