//! The pools of an owner: one per type, with its workers' free slots, which of them are ready, and what has been offered to
//! or pulled from the type's home. The rules that use them are in `assign`.
//!
//! A pool *tracks* a worker while it knows the worker's free slots exactly. It assumes that all other workers are idle: so it
//! may overstate what is free, and never understates it. `assign` says when a worker is tracked, and why.

use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;

use ahash::RandomState;

use super::capacity::{Capacity, List, Need, Place};
use crate::dispatch::collections::shrinking_slab::ShrinkingSlab;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::figures::FiguresId;
use crate::dispatch::ids::{ConnId, Membership, NodeId, PoolId, ShardId, TypeHash, TypeRef};
use crate::dispatch::job::Job;
use crate::dispatch::message::Message;

/// No node.
const NONE: u32 = u32::MAX;

/// The pools of all types that this shard's workers take, or that something is still out for.
#[derive(Debug)]
pub(in crate::dispatch) struct Pools {
    by_name: HashMap<Arc<str>, PoolId, RandomState>,
    entries: ShrinkingSlab<Pool>,
    /// One per type of each worker.
    nodes: ShrinkingSlab<Node>,
    next_stamp: u64,
}

/// One type.
#[derive(Debug)]
pub(in crate::dispatch) struct Pool {
    pub(in crate::dispatch) id: PoolId,
    pub(in crate::dispatch) of: TypeRef,
    pub(in crate::dispatch) home: ShardId,
    pub(in crate::dispatch) workers: u32,
    /// Free slots of the workers that it tracks, and all slots of the others.
    pub(in crate::dispatch) free: u64,
    /// Offers sent and not ended: each ends in an Assign, or is counted in a Withdrawn.
    pub(in crate::dispatch) open: u32,
    /// The worker whose slot is reserved for the answer to a Pull.
    pub(in crate::dispatch) pull_pending: Option<ConnId>,
    /// Set while the type is starved: a job was requeued because no slot was free. A growing number says since when.
    pub(in crate::dispatch) starved_since: Option<u64>,
    /// Whether a suspect was rejected, and no `AcceptSuspects` sent since.
    pub(in crate::dispatch) rejects_suspects: bool,
    /// Jobs of this type that workers hold, including workers that take no more of them.
    pub(in crate::dispatch) running: u64,
    /// Slots that jobs of this type have taken although the jobs have ended.
    pub(in crate::dispatch) spent: u32,
    /// Jobs answered with a result.
    pub(in crate::dispatch) done: u64,
    /// Where the jobs of the type are counted. Known once a job was sent to a worker.
    pub(in crate::dispatch) figures: FiguresId,
    /// Workers with a free slot as far as the pool knows: those that hold no suspect, and those that hold one. At the back
    /// are those that came, or took or ended a job, last.
    ready: [Ends; 2],
}

/// A starved type. The longest starved is the least.
pub(in crate::dispatch) type Starved = (u64, PoolId);

impl Pool {
    /// Returns whether a job is to be pulled as soon as a slot is free, and since when.
    pub(in crate::dispatch) fn starved(&self) -> Option<Starved> {
        self.starved_since.filter(|_| self.pull_pending.is_none()).map(|since| (since, self.id))
    }

    /// Adds it to the `max` longest starved types, if it is one of them. Of many starved types, most workers have a slot for
    /// one, so the others are passed over without a list.
    pub(in crate::dispatch) fn keep_if_starved(&self, longest: &mut BinaryHeap<Starved>, max: usize) {
        let Some(starved) = self.starved() else { return };
        if longest.len() < max {
            longest.push(starved);
        } else if let Some(mut last) = longest.peek_mut()
            && starved < *last
        {
            *last = starved;
        }
    }

    /// Returns where this job of the type is counted.
    #[inline]
    pub(in crate::dispatch) fn figures_of(&mut self, job: &Job, ctx: &mut Ctx<'_>) -> FiguresId {
        if self.figures == FiguresId::UNKNOWN {
            self.figures = ctx.figures.place_of(job.has_figures(), &self.of.name, self.of.hash);
        }
        self.figures
    }

    /// Pulls a job, for which a slot of `worker` is reserved.
    pub(in crate::dispatch) fn pull(&mut self, worker: ConnId, ctx: &mut Ctx<'_>) {
        self.starved_since = None;
        self.pull_pending = Some(worker);
        ctx.post(self.home, Message::Pull(self.of.clone(), self.id));
    }

    /// Withdraws the open offers, if there are any.
    pub(in crate::dispatch) fn withdraw(&self, ctx: &mut Ctx<'_>) {
        if self.open > 0 {
            ctx.post(self.home, Message::Withdraw(self.of.clone(), self.id));
        }
    }

    /// Tells the home that suspects may come again.
    pub(in crate::dispatch) fn accept_suspects(&mut self, ctx: &mut Ctx<'_>) {
        self.rejects_suspects = false;
        ctx.post(self.home, Message::AcceptSuspects(self.of.clone()));
    }
}

/// First and last of a list.
#[derive(Clone, Copy, Debug)]
struct Ends {
    first: u32,
    last: u32,
}

const EMPTY: Ends = Ends { first: NONE, last: NONE };

/// A worker in one of its pools.
#[derive(Debug)]
struct Node {
    worker: ConnId,
    prev: u32,
    next: u32,
    /// A growing number that says when it was put at the back.
    stamp: u64,
    /// The list that it is in.
    list: Option<List>,
    tracked: bool,
}

/// The worker that a pool has as the next.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct Ready {
    pub(in crate::dispatch) worker: ConnId,
    pub(in crate::dispatch) node: NodeId,
    /// Whether the pool knows this for certain. If not, the worker may be busy.
    pub(in crate::dispatch) tracked: bool,
}

impl Pools {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self {
            by_name: HashMap::with_hasher(maps),
            entries: ShrinkingSlab::default(),
            nodes: ShrinkingSlab::default(),
            next_stamp: 0,
        }
    }

    pub(in crate::dispatch) fn find(&self, name: &str) -> Option<PoolId> {
        self.by_name.get(name).copied()
    }

    /// Returns the pool of a type, and makes it if there is none.
    pub(in crate::dispatch) fn enter(&mut self, name: &str, hash: TypeHash, home: ShardId) -> PoolId {
        self.find(name).unwrap_or_else(|| {
            let name: Arc<str> = name.into();
            let id = PoolId(self.entries.next());
            self.entries.insert(Pool {
                id,
                of: TypeRef { name: Arc::clone(&name), hash },
                home,
                workers: 0,
                free: 0,
                open: 0,
                pull_pending: None,
                starved_since: None,
                rejects_suspects: false,
                running: 0,
                spent: 0,
                done: 0,
                figures: FiguresId::UNKNOWN,
                ready: [EMPTY; 2],
            });
            self.by_name.insert(name, id);
            id
        })
    }

    pub(in crate::dispatch) fn get(&mut self, pool: PoolId) -> &mut Pool {
        &mut self.entries[pool.0]
    }

    pub(in crate::dispatch) fn peek(&self, pool: PoolId) -> &Pool {
        &self.entries[pool.0]
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &Pool> {
        self.entries.iter()
    }

    /// Returns the numbers of pools and nodes, for tests.
    pub(in crate::dispatch) fn sizes(&self) -> (usize, usize) {
        (self.entries.len(), self.nodes.len())
    }

    /// Removes a pool that nothing is left of. The table of names shrinks when an eighth of it is in use.
    pub(in crate::dispatch) fn forget_if_unused(&mut self, pool: PoolId) {
        let unused = |pool: &Pool| {
            let filled = pool.running + u64::from(pool.spent);
            pool.workers == 0 && pool.open == 0 && pool.pull_pending.is_none() && filled == 0
        };
        if self.entries.get(pool.0).is_some_and(unused) {
            let pool = self.entries.remove(pool.0);
            self.by_name.remove(&pool.of.name);
            if self.by_name.len() < self.by_name.capacity() / 8 {
                self.by_name.shrink_to(self.by_name.len() * 2);
            }
        }
    }

    /// Adds a worker to a pool, which tracks it from now on.
    pub(in crate::dispatch) fn join(&mut self, pool: PoolId, worker: ConnId, now: Capacity) -> Membership {
        self.get(pool).workers += 1;
        let node = Node { worker, prev: NONE, next: NONE, stamp: 0, list: None, tracked: true };
        let member = Membership { pool, node: NodeId(self.nodes.insert(node)) };
        self.record(member, Capacity::default(), now, Place::Back);
        member
    }

    /// Removes a worker from a pool, of which the pool had recorded `recorded`.
    pub(in crate::dispatch) fn leave(&mut self, member: Membership, recorded: Capacity) {
        self.unlink(member);
        self.nodes.remove(member.node.0);
        let pool = self.get(member.pool);
        pool.workers -= 1;
        pool.free -= u64::from(recorded.free);
    }

    /// Records that a worker's capacity changed from `before` to `now`. It goes to the back of its list for
    /// [`Place::Back`], and if it was not in that list.
    pub(in crate::dispatch) fn record(&mut self, member: Membership, before: Capacity, now: Capacity, place: Place) {
        let pool = self.get(member.pool);
        pool.free = pool.free + u64::from(now.free) - u64::from(before.free);
        let list = now.list();
        if place == Place::Back || self.nodes[member.node.0].list != list {
            self.unlink(member);
            if let Some(list) = list {
                self.link(member, list);
            }
        }
    }

    /// Returns whether a worker is tracked in the pool of this node.
    pub(in crate::dispatch) fn is_tracked(&self, node: NodeId) -> bool {
        self.nodes[node.0].tracked
    }

    /// Starts or ends the tracking of a worker in the pool of this node.
    pub(in crate::dispatch) fn set_tracked(&mut self, node: NodeId, tracked: bool) {
        self.nodes[node.0].tracked = tracked;
    }

    /// Returns the worker that takes the next job, as far as the pool knows: of those that meet the need, the one that
    /// was put at the back longest ago.
    pub(in crate::dispatch) fn first_ready(&self, pool: PoolId, need: Need) -> Option<Ready> {
        let [clean, holds_suspect] = self.peek(pool).ready.map(|ends| ends.first);
        let others = if need == Need::Slot { holds_suspect } else { NONE };
        let heads = [clean, others].into_iter().filter(|&head| head != NONE);
        let node = heads.min_by_key(|&head| self.nodes[head].stamp)?;
        let Node { worker, tracked, .. } = self.nodes[node];
        Some(Ready { worker, node: NodeId(node), tracked })
    }

    fn link(&mut self, Membership { pool, node: NodeId(node) }: Membership, list: List) {
        self.next_stamp += 1;
        let stamp = self.next_stamp;
        let ends = &mut self.entries[pool.0].ready[list as usize];
        let last = std::mem::replace(&mut ends.last, node);
        if last == NONE {
            ends.first = node;
        } else {
            self.nodes[last].next = node;
        }
        let node = &mut self.nodes[node];
        (node.prev, node.next, node.stamp, node.list) = (last, NONE, stamp, Some(list));
    }

    fn unlink(&mut self, Membership { pool, node: NodeId(node) }: Membership) {
        let Node { prev, next, list, .. } = self.nodes[node];
        let Some(list) = list else { return };
        let ends = &mut self.entries[pool.0].ready[list as usize];
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

    /// Counts the ready workers that hold no suspect, as far as the pool knows. Linear; for tests.
    pub(in crate::dispatch) fn clean_ready(&self, pool: &Pool) -> u64 {
        let mut n = 0;
        let mut at = pool.ready[List::Clean as usize].first;
        while at != NONE {
            n += 1;
            at = self.nodes[at].next;
        }
        n
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::collections::shrink_check::ShrinkCheck;

    #[test]
    fn the_table_of_names_gives_its_room_back_as_types_go() {
        let (mut pools, mut room) = (Pools::new(RandomState::with_seeds(1, 2, 3, 4)), ShrinkCheck::of(8));
        let all: Vec<PoolId> =
            (0..10_000).map(|nth| pools.enter(&format!("t{nth}"), TypeHash(nth), ShardId(0))).collect();
        let most = pools.by_name.capacity();
        for pool in all {
            let before = pools.by_name.capacity();
            pools.forget_if_unused(pool);
            room.saw(pools.by_name.len(), before, pools.by_name.capacity());
        }
        room.check_all_back(most);
        assert_eq!((pools.sizes(), pools.find("t1")), ((0, 0), None));
    }

    #[test]
    fn the_longest_starved_are_kept_in_whatever_order_they_are_found() {
        for order in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2]] {
            let (mut pools, mut longest) = (Pools::new(RandomState::with_seeds(1, 2, 3, 4)), BinaryHeap::new());
            pools.enter("not starved", TypeHash(0), ShardId(0));
            for since in order {
                let id = pools.enter(&format!("t{since}"), TypeHash(since), ShardId(0));
                pools.get(id).starved_since = Some(since);
            }
            pools.iter().for_each(|pool| pool.keep_if_starved(&mut longest, 2));
            assert_eq!(longest.into_sorted_vec().iter().map(|&(since, _)| since).collect::<Vec<_>>(), [1, 2]);
        }
    }
}
