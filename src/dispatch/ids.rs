//! The ids of shards, connections, types, pools and jobs in the core.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use ahash::RandomState;

use crate::protocol::command::Class;

/// A shard, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A connection of a shard. An index is reused; a pair of index and generation is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Where the shard keeps it.
    pub index: u32,
    /// Distinguishes the connections that had this index one after the other.
    pub generation: u32,
}

/// A ticket of a shard: the record that the owner of a job's submitter keeps of a job that may end before a worker
/// answers it. An index is reused; a pair of index and generation is not reused while anything refers to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketId {
    /// Where the shard keeps it.
    pub index: u32,
    /// Distinguishes the tickets that had this index one after the other.
    pub generation: u32,
}

/// A group of a home: the `do` lines with one key that share a job. The id works like [`TicketId`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId {
    /// Where the home keeps it.
    pub index: u32,
    /// Distinguishes the groups that had this index one after the other.
    pub generation: u32,
}

/// The receiver of the answer to a job.
///
/// The shard is a part of each variant, so that a submitter takes 12 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Submitter {
    /// The connection that sent the job, at its owner.
    Conn(ShardId, ConnId),
    /// No receiver: a background job, whose end the owner only counts.
    Background(ShardId),
    /// The ticket of the job, at the owner of the connection that sent it.
    Ticket(ShardId, TicketId),
    /// The group of the job's key, at the home of its type.
    Group(ShardId, GroupId),
}

/// Hashes two words instead of four parts: tables by ticket or group are on the path of a job that can be revoked.
impl Hash for Submitter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (kind, index, generation) = match *self {
            Self::Conn(_, ConnId { index, generation }) => (0, index, generation),
            Self::Background(_) => (1, 0, 0),
            Self::Ticket(_, TicketId { index, generation }) => (2, index, generation),
            Self::Group(_, GroupId { index, generation }) => (3, index, generation),
        };
        state.write_u64(u64::from(index) << 32 | u64::from(generation));
        state.write_u32(u32::from(self.shard().0) << 2 | kind);
    }
}

impl Submitter {
    /// Returns the shard to which the answer goes.
    pub fn shard(self) -> ShardId {
        match self {
            Self::Conn(shard, _) | Self::Background(shard) | Self::Ticket(shard, _) | Self::Group(shard, _) => shard,
        }
    }
}

/// Where an owner keeps its pool of a type.
///
/// A home sends it back, so that the owner need not look the type up. It also finds the type of an offer by it, so it is
/// valid while the pool is present at the home, and while an offer or a pull is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId(pub u32);

/// The entry of one worker in one pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NodeId(pub(super) u32);

/// A worker's place in one of its pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) pool: PoolId,
    pub(super) node: NodeId,
}

/// Identifies a job in the log, once it has reached its home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId {
    /// The shard that queued it.
    pub home: ShardId,
    /// Its arrival number there.
    pub arrival: u64,
}

/// The hash of a type's canonical name. It determines the type's home, and the place of its queue in the home's table,
/// so a name is hashed once per job.
///
/// A type has two queues: durable jobs wait in a separate one. One bit, which is not part of the name's hash, selects
/// the queue. So both queues have the same home, and a `TypeHash` always names one queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeHash(pub(super) u64);

impl TypeHash {
    /// Set for the queue of durable jobs. The home does not depend on this bit. The place in a table of queues does, so
    /// the two queues of a type are rarely compared.
    const DURABLE: u64 = 1 << 63;

    /// Hashes a name. All shards must use the same `homes`.
    #[inline(always)]
    pub fn of(homes: &RandomState, type_name: &str) -> Self {
        Self(homes.hash_one(type_name) & !Self::DURABLE)
    }

    /// Returns the hash of the queue of the type's durable jobs.
    pub(super) fn durable(self) -> Self {
        Self(self.0 | Self::DURABLE)
    }

    /// Returns the hash of the queue from which workers of this class get jobs.
    pub(super) fn of_class(self, class: Class) -> Self {
        match class {
            Class::Ordinary | Class::Spare => self,
            Class::Durable => self.durable(),
        }
    }

    /// Returns the hash without the bit of the queue.
    pub(super) fn of_type(self) -> Self {
        Self(self.0 & !Self::DURABLE)
    }

    /// Returns whether this is the hash of the queue of durable jobs.
    pub(super) fn is_durable(self) -> bool {
        self.0 & Self::DURABLE != 0
    }

    /// Returns the shard that keeps the type's queue, of `shards` shards.
    ///
    /// The home depends on bits in the middle. A table of queues uses the lowest and the highest bits; these must
    /// differ between the names of a home.
    pub fn home(self, shards: u16) -> ShardId {
        let middle = (self.0 >> 16) & u64::from(u32::MAX);
        let home = (middle * u64::from(shards)) >> 32;
        ShardId(u16::try_from(home).expect("it is less than the number of shards"))
    }
}

/// A type, or its durable jobs, as messages name it.
#[derive(Clone, Debug)]
pub struct TypeRef {
    /// The canonical name.
    pub name: Arc<str>,
    /// Its hash, which also selects the queue of its durable jobs.
    pub hash: TypeHash,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn submitters_that_differ_have_different_hashes() {
        let hasher = RandomState::with_seeds(1, 2, 3, 4);
        let mut hashes = BTreeSet::new();
        for (shard, index, generation) in (0..64).map(|n| (ShardId(n % 4), u32::from(n / 4 % 4), u32::from(n / 16))) {
            hashes.insert(hasher.hash_one(Submitter::Conn(shard, ConnId { index, generation })));
            hashes.insert(hasher.hash_one(Submitter::Ticket(shard, TicketId { index, generation })));
            hashes.insert(hasher.hash_one(Submitter::Group(shard, GroupId { index, generation })));
            hashes.insert(hasher.hash_one(Submitter::Background(shard)));
        }
        assert_eq!(hashes.len(), 3 * 64 + 4);
    }

    #[test]
    fn the_two_queues_of_a_type_are_of_one_type_and_home() {
        for hash in [1 << 40, 12_345 << 20].map(TypeHash) {
            let durable = hash.durable();
            assert_eq!([hash, durable, durable.durable()].map(TypeHash::is_durable), [false, true, true]);
            assert_eq!([hash.of_type(), durable.of_type()], [hash; 2]);
            assert_eq!(hash.home(64), durable.home(64));
        }
    }

    /// Otherwise the names of a home would agree in the bits by which a table finds them.
    #[test]
    fn a_home_depends_on_bits_in_the_middle_alone() {
        let homes: BTreeSet<u16> = (0..64).map(|n| TypeHash(n << 42).home(64).0).collect();
        assert_eq!(homes.len(), 64);
        assert_eq!(TypeHash(0x0123_4567_89ab_cdef).home(64), TypeHash(0x7fff_4567_89ab_0000).home(64));
    }
}
