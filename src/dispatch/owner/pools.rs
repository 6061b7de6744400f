//! The pools of an owner: one per type and class, with its workers' free slots, the ready workers, and the offers and
//! pulls at the type's home. The rules that use them are in `offering` and `assign`.
//!
//! A pool *tracks* a worker while its record of the worker's free slots is exact. It assumes that all other workers are
//! idle. So it may overstate the free slots, but never understates them. `assign` explains when a worker is tracked,
//! and why.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::capacity::{Capacity, List, Need, Place};
use super::pool::{EMPTY, NONE, Pool};
use crate::dispatch::collections::places::{Age, Places};
use crate::dispatch::collections::shrinking_slab::ShrinkingSlab;
use crate::dispatch::figures::FiguresId;
use crate::dispatch::ids::{ConnId, Membership, NodeId, PoolId, TypeHash, TypeRef};
use crate::protocol::command::Class;

/// The pools of all types that this shard's workers take, or that have open offers, pulls or running jobs.
#[derive(Debug, Default)]
pub(in crate::dispatch) struct Pools {
    /// By class, then by type. A table and not a map, because the hash of a type is known, and a name may be long.
    by_type: [HashTable<PoolId>; Class::COUNT],
    entries: Places<Pool>,
    /// One per type of each worker.
    nodes: ShrinkingSlab<Node>,
    next_stamp: u64,
}

/// A worker in one of its pools.
#[derive(Debug)]
struct Node {
    worker: ConnId,
    prev: u32,
    next: u32,
    /// A growing number that orders nodes by the time at which they were put at the back.
    stamp: u64,
    /// The worker's free slots, as the pool has recorded them.
    free: u32,
    /// The list that it is in.
    list: Option<List>,
    tracked: bool,
}

/// The worker that is the next in a pool.
#[derive(Clone, Copy, Debug)]
pub(in crate::dispatch) struct Ready {
    pub(in crate::dispatch) worker: ConnId,
    pub(in crate::dispatch) node: NodeId,
    /// Whether the pool tracks it. If not, the worker may be busy.
    pub(in crate::dispatch) tracked: bool,
}

impl Pools {
    /// Returns the pool of the type with this name and hash, and of this class.
    pub(in crate::dispatch) fn find(&self, name: &str, hash: TypeHash, class: Class) -> Option<PoolId> {
        let hash = hash.of_class(class);
        let is_it = |&id: &PoolId| self.entries[id.0].is_of(name, hash);
        self.by_type[class as usize].find(hash.0, is_it).copied()
    }

    /// Iterates over the pools of the type with this name and hash, of all classes.
    pub(in crate::dispatch) fn find_all(&self, name: &str, hash: TypeHash) -> impl Iterator<Item = PoolId> {
        Class::ALL.into_iter().filter_map(move |class| self.find(name, hash, class))
    }

    /// Returns the pool of the type with this name and hash, and of this class. Creates the pool if there is none.
    pub(in crate::dispatch) fn enter(&mut self, name: &str, hash: TypeHash, class: Class, shards: u16) -> PoolId {
        let home = hash.home(shards);
        let hash = hash.of_class(class);
        let entries = &self.entries;
        let id = PoolId(entries.next());
        let is_it = |&id: &PoolId| entries[id.0].is_of(name, hash);
        match self.by_type[class as usize].entry(hash.0, is_it, |&id| entries[id.0].of.hash.0) {
            Entry::Occupied(entry) => return *entry.get(),
            Entry::Vacant(entry) => _ = entry.insert(id),
        }
        self.entries.insert(Pool {
            id,
            of: TypeRef { name: name.into(), hash },
            class,
            home,
            workers: 0,
            free: 0,
            open: 0,
            pull_pending: None,
            starved_since: None,
            rejects_suspects: false,
            is_postponed: false,
            running: 0,
            spent: 0,
            done: 0,
            figures: FiguresId::UNKNOWN,
            ready: [EMPTY; 2],
        });
        id
    }

    /// Makes room for a worker of these types and classes, so that nothing is moved several times.
    pub(in crate::dispatch) fn reserve(&mut self, of: &[(TypeHash, &str, Class)]) {
        let mut missing = [0; Class::COUNT];
        for &(hash, name, class) in of {
            missing[class as usize] += usize::from(self.find(name, hash, class).is_none());
        }
        for (table, missing) in self.by_type.iter_mut().zip(missing) {
            table.reserve(missing, |&id| self.entries[id.0].of.hash.0);
        }
        self.entries.reserve(missing.into_iter().sum());
        self.nodes.reserve(of.len());
    }

    pub(in crate::dispatch) fn get(&mut self, pool: PoolId) -> &mut Pool {
        &mut self.entries[pool.0]
    }

    pub(in crate::dispatch) fn peek(&self, pool: PoolId) -> &Pool {
        &self.entries[pool.0]
    }

    pub(in crate::dispatch) fn contains(&self, pool: PoolId) -> bool {
        self.entries.get(pool.0).is_some()
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = &Pool> {
        self.entries.iter()
    }

    /// Returns the pool at a place, if it was created before `until`.
    pub(in crate::dispatch) fn at(&self, place: u32, until: Age) -> Option<&Pool> {
        self.entries.get_older(place, until)
    }

    /// Returns the present age of the pools' places, and a number above all places.
    pub(in crate::dispatch) fn places(&self) -> (Age, u32) {
        (self.entries.age(), self.entries.end())
    }

    /// Returns the numbers of pools and nodes, for tests.
    pub(in crate::dispatch) fn sizes(&self) -> (usize, usize) {
        (self.entries.len(), self.nodes.len())
    }

    /// Removes a pool that is unused. The table by type shrinks when an eighth of it is in use.
    pub(in crate::dispatch) fn forget_if_unused(&mut self, pool: PoolId) {
        let unused = |pool: &Pool| {
            let filled = pool.running + u64::from(pool.spent);
            pool.workers == 0 && pool.open == 0 && pool.pull_pending.is_none() && filled == 0
        };
        if self.entries.get(pool.0).is_some_and(unused) {
            let pool = self.entries.remove(pool.0);
            let by_type = &mut self.by_type[pool.class as usize];
            if let Ok(entry) = by_type.find_entry(pool.of.hash.0, |&id| id == pool.id) {
                entry.remove();
            }
            if by_type.len() < by_type.capacity() / 8 {
                by_type.shrink_to(by_type.len() * 2, |&id| self.entries[id.0].of.hash.0);
            }
        }
    }

    /// Adds a worker to a pool, which tracks it from now on.
    pub(in crate::dispatch) fn join(&mut self, pool: PoolId, worker: ConnId, now: Capacity) -> Membership {
        self.get(pool).workers += 1;
        let node = Node { worker, prev: NONE, next: NONE, stamp: 0, free: 0, list: None, tracked: true };
        let member = Membership { pool, node: NodeId(self.nodes.insert(node)) };
        self.record(member, now, Place::Back);
        member
    }

    /// Removes a worker from a pool.
    pub(in crate::dispatch) fn leave(&mut self, member: Membership) {
        self.unlink(member);
        let node = self.nodes.remove(member.node.0);
        let pool = self.get(member.pool);
        pool.workers -= 1;
        pool.free -= u64::from(node.free);
    }

    /// Records a worker's capacity. It goes to the back of its list for [`Place::Back`], and if it was not in that list.
    pub(in crate::dispatch) fn record(&mut self, member: Membership, now: Capacity, place: Place) {
        let node = &mut self.nodes[member.node.0];
        let before = std::mem::replace(&mut node.free, now.free);
        let (list, moves) = (now.list(), place == Place::Back || node.list != now.list());
        let pool = self.get(member.pool);
        pool.free = pool.free + u64::from(now.free) - u64::from(before);
        if moves {
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

    /// Returns a worker's free slots as the pool of this node has recorded them, for tests.
    pub(in crate::dispatch) fn recorded(&self, node: NodeId) -> u32 {
        self.nodes[node.0].free
    }

    /// Starts or ends the tracking of a worker in the pool of this node.
    pub(in crate::dispatch) fn set_tracked(&mut self, node: NodeId, tracked: bool) {
        self.nodes[node.0].tracked = tracked;
    }

    /// Returns the worker that takes the next job, by the pool's records: of the workers that meet the need, the one
    /// that was put at the back longest ago.
    pub(in crate::dispatch) fn first_ready(&self, pool: PoolId, need: Need) -> Option<Ready> {
        let [clean, holds_suspect] = self.peek(pool).ready.map(|ends| ends.first);
        let others = if need == Need::Slot { holds_suspect } else { NONE };
        let node = match (clean, others) {
            (NONE, NONE) => return None,
            (head, NONE) | (NONE, head) => head,
            (clean, others) if self.nodes[clean].stamp < self.nodes[others].stamp => clean,
            (_, others) => others,
        };
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

    /// Counts the ready workers that hold no suspect, by the pool's records. Linear; for tests.
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
    use std::collections::BinaryHeap;

    use ahash::RandomState;

    use super::*;
    use crate::dispatch::collections::shrink_check::ShrinkCheck;

    #[test]
    fn the_table_by_type_gives_its_room_back_as_types_go() {
        let (mut pools, mut room) = (Pools::default(), ShrinkCheck::of(8));
        let homes = RandomState::with_seeds(1, 2, 3, 4);
        let hash = |name: &str| TypeHash::of(&homes, name);
        let all: Vec<PoolId> = (0..10_000)
            .map(|nth| format!("t{nth}"))
            .map(|name| pools.enter(&name, hash(&name), Class::Spare, 1))
            .collect();
        let most = pools.by_type[Class::Spare as usize].capacity();
        for pool in all {
            let before = pools.by_type[Class::Spare as usize].capacity();
            pools.forget_if_unused(pool);
            room.saw(
                pools.by_type[Class::Spare as usize].len(),
                before,
                pools.by_type[Class::Spare as usize].capacity(),
            );
        }
        room.check_all_back(most);
        assert_eq!((pools.sizes(), pools.find("t1", hash("t1"), Class::Spare)), ((0, 0), None));
    }

    #[test]
    fn the_longest_starved_are_kept_in_whatever_order_they_are_found() {
        for order in [[1, 2, 3, 4], [4, 3, 2, 1], [3, 1, 4, 2]] {
            let (mut pools, mut longest) = (Pools::default(), BinaryHeap::new());
            pools.enter("not starved", TypeHash(0), Class::Ordinary, 1);
            for since in order {
                let id = pools.enter(&format!("t{since}"), TypeHash(since), Class::Ordinary, 1);
                pools.get(id).starved_since = Some(since);
            }
            pools.iter().for_each(|pool| pool.keep_if_starved(&mut longest, 2));
            assert_eq!(longest.into_sorted_vec().iter().map(|&(since, _)| since).collect::<Vec<_>>(), [1, 2]);
        }
    }
}
