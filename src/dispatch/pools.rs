//! An owner's books by type: the free slots of its workers, who of them is ready, and what has been offered or asked of
//! the type's home. The rules that use them are in `assign`.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use super::ctx::Ctx;
use super::message::{ConnId, Message, PoolId, ShardId};
use super::shrinking_slab::ShrinkingSlab;

/// No node.
const NONE: u32 = u32::MAX;

/// All types that this shard's workers take, or that something is still out for.
#[derive(Debug)]
pub(super) struct Pools {
    by_name: HashMap<Arc<str>, u32, RandomState>,
    entries: ShrinkingSlab<Pool>,
    /// One for each type of each worker.
    nodes: ShrinkingSlab<Node>,
    next_stamp: u64,
}

/// One type.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) id: PoolId,
    pub(super) name: Arc<str>,
    pub(super) home: ShardId,
    pub(super) workers: u32,
    /// Free slots of its workers, where these books follow them; all slots of the others.
    pub(super) free: u64,
    /// Offers sent and not ended: each ends in an Assign, or is counted in a Withdrawn.
    pub(super) open: u32,
    /// Whose slot is kept for the answer to an Ask.
    pub(super) pull_pending: Option<ConnId>,
    /// A job was turned away for want of a free slot; since when, as a growing number.
    pub(super) starved_since: Option<u64>,
    /// A suspect was refused, and no Welcome sent since.
    pub(super) rejects_suspects: bool,
    /// Jobs of this type that workers hold, also such that take no more of them.
    pub(super) running: u64,
    /// Jobs answered with a result.
    pub(super) done: u64,
    /// Workers with a free slot as far as these books know, who came, took or ended a job last at the back: those that
    /// hold no suspect, and those that do.
    ready: [Ends; 2],
}

impl Pool {
    /// A slot of `keeper` is kept for a job.
    pub(super) fn pull(&mut self, keeper: ConnId, ctx: &mut Ctx<'_>) {
        self.starved_since = None;
        self.pull_pending = Some(keeper);
        ctx.post(self.home, Message::Pull(Arc::clone(&self.name), self.id));
    }

    /// Takes back what is offered, if something is.
    pub(super) fn withdraw(&self, ctx: &mut Ctx<'_>) {
        if self.open > 0 {
            ctx.post(self.home, Message::Withdraw(Arc::clone(&self.name), self.id));
        }
    }

    /// Suspects may come again.
    pub(super) fn accept_suspects(&mut self, ctx: &mut Ctx<'_>) {
        self.rejects_suspects = false;
        ctx.post(self.home, Message::AcceptSuspects(Arc::clone(&self.name)));
    }
}

/// First and last of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

const EMPTY: Ends = Ends { first: NONE, last: NONE };

/// A worker in the lists of one of its types.
#[derive(Debug)]
struct Node {
    worker: ConnId,
    prev: u32,
    next: u32,
    /// When it was put at the back, as a growing number.
    stamp: u64,
    /// Which list it is in.
    list: Option<bool>,
    /// Whether the books of the type follow how the worker stands. Books that do not have it as wholly free.
    tracked: bool,
}

/// The worker that a type's books have as the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ready {
    pub(super) worker: ConnId,
    pub(super) node: u32,
    /// Whether that is certain: if not, the worker may be busy.
    pub(super) tracked: bool,
}

/// How a worker stands: what its types' books say of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Capacity {
    pub(super) free: u32,
    /// Whether it holds a suspect.
    pub(super) holds_suspect: bool,
}

impl Capacity {
    /// Whether it is as much as `other` in all.
    pub(super) fn covers(self, other: Self) -> bool {
        self.free >= other.free && (other.holds_suspect || !self.holds_suspect)
    }
}

impl Pools {
    pub(super) fn new(maps: RandomState) -> Self {
        Self {
            by_name: HashMap::with_hasher(maps),
            entries: ShrinkingSlab::default(),
            nodes: ShrinkingSlab::default(),
            next_stamp: 0,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// The books of a type, opened if there are none.
    pub(super) fn enter(&mut self, name: &str, home: ShardId) -> u32 {
        self.find(name).unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            let at = self.entries.next();
            self.entries.insert(Pool {
                id: PoolId(at),
                name: Arc::clone(&name),
                home,
                workers: 0,
                free: 0,
                open: 0,
                pull_pending: None,
                starved_since: None,
                rejects_suspects: false,
                running: 0,
                done: 0,
                ready: [EMPTY; 2],
            });
            self.by_name.insert(name, at);
            at
        })
    }

    pub(super) fn get(&mut self, pool: u32) -> &mut Pool {
        &mut self.entries[pool]
    }

    pub(super) fn peek(&self, pool: u32) -> &Pool {
        &self.entries[pool]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pool> {
        self.entries.iter()
    }

    /// Entries and nodes, for tests.
    pub(super) fn sizes(&self) -> (usize, usize) {
        (self.entries.len(), self.nodes.len())
    }

    /// Closes the books of a type that nothing is left of. The table of names shrinks when an eighth of it is in use.
    pub(super) fn forget_if_unused(&mut self, pool: u32) {
        let unused = |b: &Pool| b.workers == 0 && b.open == 0 && b.pull_pending.is_none() && b.running == 0;
        if self.entries.get(pool).is_some_and(unused) {
            let pool = self.entries.remove(pool);
            self.by_name.remove(&pool.name);
            if self.by_name.len() < self.by_name.capacity() / 8 {
                self.by_name.shrink_to(self.by_name.len() * 2);
            }
        }
    }

    /// A worker takes a type, whose books follow it from now on. Returns its node, for the calls below.
    pub(super) fn join(&mut self, pool: u32, worker: ConnId, now: Capacity) -> u32 {
        self.get(pool).workers += 1;
        let node = Node { worker, prev: NONE, next: NONE, stamp: 0, list: None, tracked: true };
        let node = self.nodes.insert(node);
        self.record(pool, node, Capacity::default(), now, true);
        node
    }

    /// It takes the type no more.
    pub(super) fn leave(&mut self, pool: u32, node: u32, shown: Capacity) {
        self.unlink(pool, node);
        self.nodes.remove(node);
        let pool = self.get(pool);
        pool.workers -= 1;
        pool.free -= u64::from(shown.free);
    }

    /// A worker's standing changed from `shown` to `now`. It goes to the back of the list if `to_back`, or if it was not
    /// in that list.
    pub(super) fn record(&mut self, pool: u32, node: u32, shown: Capacity, now: Capacity, to_back: bool) {
        let entry = self.get(pool);
        entry.free = entry.free + u64::from(now.free) - u64::from(shown.free);
        let list = (now.free > 0).then_some(now.holds_suspect);
        if to_back || self.nodes[node].list != list {
            self.unlink(pool, node);
            if let Some(tainted) = list {
                self.link(pool, node, tainted);
            }
        }
    }

    /// Whether a type's books follow how a worker stands.
    pub(super) fn is_tracked(&self, node: u32) -> bool {
        self.nodes[node].tracked
    }

    /// The books of a type follow a worker from now on, or do so no more.
    pub(super) fn set_tracked(&mut self, node: u32, followed: bool) {
        self.nodes[node].tracked = followed;
    }

    /// Who takes the next job, as far as the books know: of those with a free slot the one that waits longest; for a
    /// suspect, of those that hold no other.
    pub(super) fn first_ready(&self, pool: u32, suspect: bool) -> Option<Ready> {
        let [clean, tainted] = self.peek(pool).ready.map(|ends| ends.first);
        let heads = [clean, if suspect { NONE } else { tainted }].into_iter().filter(|&head| head != NONE);
        let node = heads.min_by_key(|&head| self.nodes[head].stamp)?;
        let Node { worker, tracked: followed, .. } = self.nodes[node];
        Some(Ready { worker, node, tracked: followed })
    }

    fn link(&mut self, pool: u32, node: u32, tainted: bool) {
        self.next_stamp += 1;
        let stamp = self.next_stamp;
        let ends = &mut self.entries[pool].ready[usize::from(tainted)];
        let last = std::mem::replace(&mut ends.last, node);
        if last == NONE {
            ends.first = node;
        } else {
            self.nodes[last].next = node;
        }
        let node = &mut self.nodes[node];
        (node.prev, node.next, node.stamp, node.list) = (last, NONE, stamp, Some(tainted));
    }

    fn unlink(&mut self, pool: u32, node: u32) {
        let Node { prev, next, list, .. } = self.nodes[node];
        let Some(tainted) = list else { return };
        let ends = &mut self.entries[pool].ready[usize::from(tainted)];
        if prev == NONE {
            ends.first = next;
        } else {
            self.nodes[prev].next = next;
        }
        if next == NONE {
            ends.last = prev;
        } else {
            self.nodes[next].prev = prev;
        }
        self.nodes[node].list = None;
    }

    /// How many ready workers hold no suspect, as far as the books know. Linear; for tests.
    pub(super) fn clean_ready(&self, pool: &Pool) -> u64 {
        let mut n = 0;
        let mut at = pool.ready[0].first;
        while at != NONE {
            n += 1;
            at = self.nodes[at].next;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::super::shrink_check::ShrinkCheck;
    use super::*;

    #[test]
    fn the_table_of_names_gives_its_room_back_as_types_go() {
        let (mut pools, mut room) = (Pools::new(RandomState::with_seeds(1, 2, 3, 4)), ShrinkCheck::of(8));
        let all: Vec<u32> = (0..10_000).map(|nth| pools.enter(&format!("t{nth}"), ShardId(0))).collect();
        let most = pools.by_name.capacity();
        for pool in all {
            let before = pools.by_name.capacity();
            pools.forget_if_unused(pool);
            room.saw(pools.by_name.len(), before, pools.by_name.capacity());
        }
        room.check_all_back(most);
        assert_eq!((pools.sizes(), pools.find("t1")), ((0, 0), None));
    }
}
