//! The groups of a home: the `do` lines of one type and key that share a job.
//!
//! The home is the submitter of a group's job, and counts it in its own bytes. A group is *open* while further lines
//! may join it. It closes when its last member has left, and then stays until its job has ended. It also closes when
//! its job has ended, and then stays until each member has the answer.

use std::collections::BTreeMap;

use ahash::RandomState;

use super::passing_on::Outgoing;
use crate::dispatch::collections::block_slab::BlockSlab;
use crate::dispatch::collections::parted_table::{PartedMap, PartedTable};
use crate::dispatch::ids::{GroupId, ShardId, Submitter, TypeHash};
use crate::dispatch::job::Job;

/// The groups of all types of a home.
#[derive(Debug)]
pub(in crate::dispatch) struct Groups {
    all: BlockSlab<Group>,
    /// The open groups, by type and key.
    open: PartedTable<u32>,
    /// The members that may leave, each with its group and its number there.
    members: PartedMap<Submitter, (GroupId, u64)>,
    next_generation: u32,
    maps: RandomState,
}

/// One group.
#[derive(Debug)]
pub(in crate::dispatch) struct Group {
    generation: u32,
    type_name: Box<str>,
    key: Box<str>,
    /// The hash of type and key.
    key_hash: u64,
    is_open: bool,
    /// The members, in the order in which they joined.
    pub(in crate::dispatch) members: BTreeMap<u64, Member>,
    /// The number of members that want progress.
    pub(super) watchers: usize,
    pub(super) next_member: u64,
    /// The bytes that its job counts in the memory budget of the home.
    pub(super) job_bytes: u64,
    /// The bytes that it counts in total: its job, and data that is still to be passed on.
    pub(super) bytes: u64,
    /// The data that is still to be passed on. Boxed, because most groups pass on all data at once.
    pub(super) outgoing: Option<Box<Outgoing>>,
}

/// A `do` line that waits for the group's answer.
#[derive(Debug)]
pub(in crate::dispatch) struct Member {
    pub(in crate::dispatch) submitter: Submitter,
    pub(in crate::dispatch) id: Box<str>,
    /// The bytes that it counts in the memory budget of its submitter's owner.
    pub(in crate::dispatch) bytes: u64,
    pub(in crate::dispatch) wants_progress: bool,
}

impl Member {
    fn of(job: &Job) -> Self {
        Self { submitter: job.submitter, id: job.id().into(), bytes: job.bytes(), wants_progress: job.wants_progress() }
    }
}

/// The state of a group after a member has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum Left {
    /// Other members still wait for its answer, or its job has ended.
    Others,
    /// No member waits for its answer. The group is closed now.
    NoMember(GroupId),
}

impl Groups {
    pub(in crate::dispatch) fn new(maps: RandomState) -> Self {
        Self {
            all: BlockSlab::default(),
            open: PartedTable::default(),
            members: PartedMap::new(maps.clone()),
            next_generation: 0,
            maps,
        }
    }

    /// Lets a `do` join the open group of its type and key. Returns whether there is one.
    pub(in crate::dispatch) fn join(&mut self, job: &Job, hash: TypeHash) -> bool {
        let Some(key) = job.key() else { return false };
        let key_hash = self.maps.hash_one((hash.0, key));
        let groups = &self.all;
        let found = self.open.find(key_hash, |&index| groups[index].is_of(job.type_name(), key)).copied();
        if let Some(index) = found {
            self.add_member(index, Member::of(job));
        }
        found.is_some()
    }

    /// Creates a group with the sender of this job as its only member. The group becomes the job's submitter. Returns
    /// the bytes that the job counts.
    pub(in crate::dispatch) fn create(&mut self, job: &mut Job, hash: TypeHash, home: ShardId) -> u64 {
        let key = job.key().expect("a job without a key has no group");
        let key_hash = self.maps.hash_one((hash.0, key));
        let generation = self.next_generation;
        self.next_generation = generation.wrapping_add(1);
        let bytes = job.bytes();
        let index = self.all.insert(|_| Group {
            generation,
            type_name: job.type_name().into(),
            key: key.into(),
            key_hash,
            is_open: true,
            members: BTreeMap::new(),
            watchers: 0,
            next_member: 0,
            job_bytes: bytes,
            bytes,
            outgoing: None,
        });
        let groups = &self.all;
        let hash_of = |&index: &u32| groups[index].key_hash;
        self.open.part(key_hash).insert_unique(key_hash, index, hash_of);
        self.add_member(index, Member::of(job));
        job.submitter = Submitter::Group(home, GroupId { index, generation });
        job.set_revocable();
        // Members that join later may want progress.
        job.set_wants_progress();
        bytes
    }

    fn add_member(&mut self, index: u32, member: Member) {
        let group = &mut self.all[index];
        let number = group.next_member;
        group.next_member += 1;
        group.watchers += usize::from(member.wants_progress);
        if let Submitter::Ticket(..) = member.submitter {
            let id = GroupId { index, generation: group.generation };
            self.members.insert(member.submitter, (id, number));
        }
        group.members.insert(number, member);
    }

    /// Removes the member with this ticket. `None` if its group has ended.
    pub(in crate::dispatch) fn leave(&mut self, ticket: Submitter) -> Option<Left> {
        let (id, number) = self.members.remove(&ticket)?;
        let group = &mut self.all[id.index];
        if let Some(member) = group.members.remove(&number) {
            group.watchers -= usize::from(member.wants_progress);
        }
        if !group.members.is_empty() || group.has_ended() {
            return Some(Left::Others);
        }
        self.close(id);
        Some(Left::NoMember(id))
    }

    /// Removes the member that joined first, because its answer is about to be sent.
    pub(super) fn pop_member(&mut self, id: GroupId) -> Option<Member> {
        let (_, member) = self.get_mut(id)?.members.pop_first()?;
        if let Submitter::Ticket(..) = member.submitter {
            self.members.remove(&member.submitter);
        }
        Some(member)
    }

    pub(in crate::dispatch) fn get(&self, id: GroupId) -> Option<&Group> {
        self.all.get(id.index).filter(|group| group.generation == id.generation)
    }

    pub(super) fn get_mut(&mut self, id: GroupId) -> Option<&mut Group> {
        self.all.get_mut(id.index).filter(|group| group.generation == id.generation)
    }

    /// Removes a group whose job has ended, and which has no member.
    pub(in crate::dispatch) fn remove(&mut self, id: GroupId) -> Option<Group> {
        debug_assert!(self.get(id)?.members.is_empty(), "each member is answered first");
        self.close(id);
        Some(self.all.remove(id.index))
    }

    /// Closes a group: no further line may join it.
    pub(super) fn close(&mut self, id: GroupId) {
        if let Some(group) = self.get_mut(id)
            && std::mem::take(&mut group.is_open)
        {
            let key_hash = group.key_hash;
            let groups = &self.all;
            self.open.remove(key_hash, |&open| open == id.index, |&index| groups[index].key_hash);
        }
    }

    pub(in crate::dispatch) fn iter(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        let name = |index, group: &Group| GroupId { index, generation: group.generation };
        self.all.iter_with_index().map(move |(index, group)| (name(index, group), group))
    }

    /// Returns the numbers of open groups, and of members that may leave, for tests.
    pub(in crate::dispatch) fn sizes(&self) -> (usize, usize) {
        (self.open.len(), self.members.len())
    }
}

impl Group {
    fn is_of(&self, type_name: &str, key: &str) -> bool {
        *self.type_name == *type_name && *self.key == *key
    }

    /// Returns the type and the key, for tests.
    pub(in crate::dispatch) fn of(&self) -> (String, String) {
        (self.type_name.to_string(), self.key.to_string())
    }

    pub(in crate::dispatch) fn is_open(&self) -> bool {
        self.is_open
    }

    /// Returns whether its job has ended, and members wait for their turn to be answered.
    pub(in crate::dispatch) fn has_ended(&self) -> bool {
        self.outgoing.as_ref().is_some_and(|outgoing| outgoing.has_answer())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::ids::TicketId;
    use crate::dispatch::micros::Micros;
    use crate::protocol::command::JobOptions;

    const MANY: u32 = 10_000;

    fn ticket(index: u32) -> Submitter {
        Submitter::Ticket(ShardId(0), TicketId { index, generation: 1 })
    }

    /// A job of the ticket `index`.
    fn job(index: u32, type_name: &str, key: &str) -> Job {
        let mut job = Job::new(ticket(index), Micros::default(), &index.to_string(), type_name, None);
        job.set_options(&JobOptions { key: Some(key.into()), ..JobOptions::default() });
        job
    }

    fn groups() -> (Groups, TypeHash) {
        let maps = RandomState::with_seeds(1, 2, 3, 4);
        (Groups::new(maps.clone()), TypeHash::of(&maps, "t"))
    }

    #[test]
    fn its_tables_give_their_room_back_as_groups_are_left() {
        let (mut groups, hash) = groups();
        for index in 0..MANY {
            groups.create(&mut job(index, "t", &index.to_string()), hash, ShardId(0));
        }
        assert_eq!(groups.sizes(), (MANY as usize, MANY as usize));
        for index in 0..MANY {
            let Some(Left::NoMember(id)) = groups.leave(ticket(index)) else { panic!("it was the only member") };
            assert!(groups.remove(id).is_some());
        }
        assert_eq!((groups.sizes(), groups.iter().count()), ((0, 0), 0));
        assert!(groups.open.is_as_new() && groups.members.is_as_new() && groups.all.capacity() == 0);
    }

    #[test]
    fn they_give_it_back_as_one_group_ends_that_all_have_joined() {
        let (mut groups, hash) = groups();
        groups.create(&mut job(0, "t", "k"), hash, ShardId(0));
        assert!((1..MANY).all(|index| groups.join(&job(index, "t", "k"), hash)));
        let (id, _) = groups.iter().next().expect("there is one");
        let joined: Vec<Submitter> =
            std::iter::from_fn(|| groups.pop_member(id)).map(|member| member.submitter).collect();
        assert!(joined.into_iter().eq((0..MANY).map(ticket)), "in the order in which they joined");
        assert!(groups.remove(id).is_some());
        assert!(groups.open.is_as_new() && groups.members.is_as_new());
        assert!(groups.remove(id).is_none() && groups.leave(ticket(5)).is_none());
    }

    #[test]
    fn a_group_is_of_one_type_and_key_and_closed_when_nobody_is_left() {
        let (mut groups, hash) = groups();
        groups.create(&mut job(0, "t", "k"), hash, ShardId(0));
        // One hash is not yet one type.
        assert!(!groups.join(&job(1, "u", "k"), hash) && !groups.join(&job(1, "t", "l"), hash));
        assert!(groups.join(&job(1, "t", "k"), hash));
        assert_eq!(groups.leave(ticket(0)), Some(Left::Others));
        let Some(Left::NoMember(first)) = groups.leave(ticket(1)) else { panic!("it was the last") };
        assert!(!groups.join(&job(2, "t", "k"), hash), "it takes no more members");
        groups.create(&mut job(2, "t", "k"), hash, ShardId(0));
        assert_eq!(groups.iter().count(), 2);
        groups.remove(first);
        assert!(groups.join(&job(3, "t", "k"), hash), "the end of a closed one leaves the open one open");
    }
}
