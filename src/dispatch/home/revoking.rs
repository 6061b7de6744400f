//! Revokes jobs that no client waits for any more, and removes members from the group of a key: the rules H6, H7 and K3
//! of docs/architecture.md.
//!
//! A waiting job is removed from its queue at once. Any other job is held by a worker, is on its way, or has ended. The
//! home records it as *doomed*, and sends a Drop to every shard. A Drop cannot miss the job: it follows each Assign to
//! a shard, and a doomed job is not assigned again. So there are three cases: a worker holds the job when the Drop
//! comes, the job comes back and ends here, or it has ended already. In the last case its answer reaches the ticket,
//! whose owner sends Over.

use ahash::RandomState;

use super::Home;
use super::groups::{Group, Left};
use super::queues::Queue;
use super::wait_queue::Position;
use crate::dispatch::answer::Reason;
use crate::dispatch::collections::parted_table::PartedMap;
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{GroupId, ShardId, Submitter};
use crate::dispatch::job::Job;
use crate::dispatch::message::{JobEvent, Message};

/// The tickets and groups of doomed jobs, each with the reason.
pub(super) type Doomed = PartedMap<Submitter, Reason>;

/// The places of waiting jobs that may be revoked, by ticket or group.
#[derive(Debug)]
pub(super) struct Revocable(PartedMap<Submitter, Place>);

#[derive(Debug)]
struct Place {
    /// Its queue, by the place of that. It stays while the job waits.
    queue: u32,
    position: Position,
}

impl Revocable {
    pub(super) fn new(maps: &RandomState) -> Self {
        Self(PartedMap::new(maps.clone()))
    }

    /// Records where a job waits.
    pub(super) fn record(&mut self, submitter: Submitter, queue: &Queue, position: Position) {
        self.0.insert(submitter, Place { queue: queue.place, position });
    }

    /// Removes a job that no longer waits.
    #[inline]
    pub(super) fn forget(&mut self, job: &Job) {
        if job.is_revocable() {
            self.take(job.submitter);
        }
    }

    #[inline(never)]
    fn take(&mut self, submitter: Submitter) -> Option<Place> {
        self.0.remove(&submitter)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Home {
    /// H6 and K3: no client waits for the `do` of this ticket any more.
    pub(in crate::dispatch) fn revoke(&mut self, ticket: Submitter, keyed: bool, reason: Reason, ctx: &mut Ctx<'_>) {
        if !keyed {
            return self.revoke_job(ticket, reason, ctx);
        }
        // If there is no group, its answer is on the way.
        let Some(left) = self.groups.leave(ticket) else { return };
        ctx.post(ticket.shard(), Message::Revoked(ticket));
        if let Left::NoMember(group) = left {
            self.revoke_job(Submitter::Group(ctx.settings.shard, group), reason, ctx);
        }
    }

    /// Removes a job from its queue, or dooms it.
    fn revoke_job(&mut self, submitter: Submitter, reason: Reason, ctx: &mut Ctx<'_>) {
        if let Some(job) = self.take_waiting(submitter) {
            ctx.counts.jobs_waiting -= 1;
            ctx.count_end(&job, reason);
            ctx.trace(&job, JobEvent::Revoked);
            return self.revoked(submitter, ctx);
        }
        self.doomed.insert(submitter, reason);
        for shard in 0..ctx.settings.shards {
            ctx.post(ShardId(shard), Message::Drop(submitter, reason));
        }
    }

    pub(super) fn take_waiting(&mut self, submitter: Submitter) -> Option<Job> {
        let Place { queue, position } = self.revocable.take(submitter)?;
        self.queues.change_at(queue, |queue| queue.waiting.remove(position)).flatten()
    }

    /// H7: ends a job that came back, if it is doomed.
    pub(super) fn end_if_doomed(&mut self, job: &Job, ctx: &mut Ctx<'_>) -> bool {
        if !job.is_revocable() {
            return false;
        }
        let Some(reason) = self.forget_doomed(job.submitter) else { return false };
        ctx.count_end(job, reason);
        ctx.trace(job, JobEvent::Revoked);
        self.revoked(job.submitter, ctx);
        true
    }

    /// Called when a doomed job that a worker held has ended.
    pub(in crate::dispatch) fn dropped(&mut self, submitter: Submitter, ctx: &mut Ctx<'_>) {
        if self.forget_doomed(submitter).is_some() {
            self.revoked(submitter, ctx);
        }
    }

    /// Called when a doomed job had already ended, and its answer has reached its ticket.
    pub(in crate::dispatch) fn over(&mut self, ticket: Submitter) {
        self.forget_doomed(ticket);
    }

    /// Called when a job of a ticket or group has ended without an answer.
    fn revoked(&mut self, submitter: Submitter, ctx: &mut Ctx<'_>) {
        match submitter {
            Submitter::Group(_, id) => drop(self.end_group(id, ctx)),
            ticket => ctx.post(ticket.shard(), Message::Revoked(ticket)),
        }
    }

    pub(super) fn end_group(&mut self, id: GroupId, ctx: &mut Ctx<'_>) -> Option<Group> {
        let group = self.groups.remove(id)?;
        ctx.counts.job_bytes -= group.bytes;
        Some(group)
    }

    /// Removes a doomed job, and returns the reason, if it was doomed.
    pub(super) fn forget_doomed(&mut self, submitter: Submitter) -> Option<Reason> {
        self.doomed.remove(&submitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::collections::places::Places;
    use crate::dispatch::ids::{TicketId, TypeHash, TypeRef};
    use crate::dispatch::micros::Micros;

    const MANY: u32 = 10_000;

    fn ticket(index: u32) -> Submitter {
        Submitter::Ticket(ShardId(0), TicketId { index, generation: 1 })
    }

    #[test]
    fn the_table_of_waiting_jobs_gives_its_room_back_as_they_go() {
        let maps = RandomState::with_seeds(1, 2, 3, 4);
        let of = TypeRef { name: "t".into(), hash: TypeHash::of(&maps, "t") };
        let queue = Queue::listed(of, &mut Places::default()).queue;
        let mut revocable = Revocable::new(&maps);
        for index in 0..MANY {
            revocable.record(ticket(index), &queue, Position::Fresh { priority: 0, arrival: index.into() });
        }
        for index in 0..MANY {
            let mut job = Job::new(ticket(index), Micros::default(), "1", "t", None);
            revocable.forget(&job);
            assert_eq!(revocable.len(), (MANY - index) as usize, "a job that cannot be revoked is not there");
            job.set_revocable();
            revocable.forget(&job);
        }
        assert!(revocable.0.is_as_new());
    }

    #[test]
    fn the_table_of_doomed_jobs_gives_its_room_back_as_they_end() {
        let mut home = Home::new(&RandomState::with_seeds(1, 2, 3, 4));
        (0..MANY).for_each(|index| home.doomed.insert(ticket(index), Reason::Cancelled));
        (0..MANY).for_each(|index| home.over(ticket(index)));
        assert!(home.doomed.is_as_new());
    }
}
