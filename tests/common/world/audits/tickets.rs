//! The invariants of jobs that may end before a worker answers them: tickets, groups of keys, jobs that no client waits
//! for any more, and which shards have workers. The rules are in docs/architecture.md.

use std::collections::BTreeSet;

use deputy::dispatch::audit::{Audit, JobAudit};
use deputy::dispatch::message::{ShardId, Submitter};

use super::super::World;

impl World {
    /// What holds of one shard whatever is on the way.
    pub(super) fn check_tickets_of(&self, shard: u16, audit: &Audit) {
        let delayed = audit.tickets.iter().filter(|ticket| ticket.delayed.is_some()).count();
        assert_eq!(self.counts(shard).jobs_delayed, delayed as u64, "delayed: {audit:?}");
        let of_lost: usize = audit.lost.iter().map(|lost| lost.spent.len()).sum();
        let spent = of_lost + audit.workers.iter().map(|worker| worker.spent.len()).sum::<usize>();
        assert_eq!(self.counts(shard).slots_spent, spent as u64, "spent: {audit:?}");
        let half_ended = audit.tickets.iter().find(|ticket| ticket.answered && ticket.delayed.is_some());
        assert!(half_ended.is_none(), "answered, but its job is here: {half_ended:?}");
        assert_eq!(audit.revocable[0], revocable(waiting(audit)), "revocable jobs that wait: {audit:?}");
        assert_eq!(audit.revocable[1], revocable(held(audit)), "revocable jobs that are held: {audit:?}");
        assert!(audit.timers[1] <= held(audit).count(), "a run limit without a job: {audit:?}");
        check_groups(shard, audit);
        let doomed: BTreeSet<_> = audit.doomed.iter().collect();
        let waits = waiting(audit).find(|job| doomed.contains(&job.submitter));
        assert!(waits.is_none(), "doomed, but it waits: {waits:?}");
    }

    /// At rest each home knows which shards have workers.
    pub(super) fn check_presence(&self, audits: &[Audit]) {
        let mut owners = Vec::new();
        for (shard, audit) in (0..).map(ShardId).zip(audits) {
            let present = audit.pools.iter().filter(|pool| pool.workers > 0);
            owners
                .extend(present.map(|pool| {
                    (self.home(&pool.type_name), pool.type_name.to_string(), (shard, pool.class, pool.id))
                }));
        }
        let mut homes = Vec::new();
        for (home, audit) in (0..).zip(audits) {
            for queue in &audit.queues {
                homes.extend(queue.present.iter().map(|present| (home, queue.type_name.to_string(), *present)));
            }
        }
        assert_eq!(sorted(homes), sorted(owners), "shards with workers, as homes know and as it is");
    }

    /// Nothing is left when everybody has left.
    pub(super) fn check_no_tickets(&self, shard: u16, audit: &Audit) {
        let left = [audit.tickets.len(), audit.groups.len(), audit.doomed.len()];
        assert_eq!(left, [0; 3], "shard {shard} remembers: {audit:?}");
        assert_eq!((audit.revocable, audit.timers), ([0; 4], [0; 2]), "shard {shard} remembers: {audit:?}");
        let c = self.counts(shard);
        assert_eq!([c.jobs_delayed, c.slots_spent], [0; 2], "gauges of shard {shard}");
    }
}

/// What holds between shards when nothing is on the way.
pub(super) fn check_tickets_at_rest(audits: &[Audit]) {
    let jobs: Vec<Submitter> =
        audits.iter().flat_map(|audit| waiting(audit).chain(held(audit))).map(submitter).collect();
    let mut tickets = Vec::new();
    let mut groups = Vec::new();
    for (shard, audit) in (0..).map(ShardId).zip(audits) {
        assert_eq!(audit.doomed, [], "doomed at rest");
        let answered = audit.tickets.iter().find(|ticket| ticket.answered);
        assert!(answered.is_none(), "a ticket is left: {answered:?}");
        let live = audit.tickets.iter().filter(|ticket| ticket.delayed.is_none());
        tickets.extend(live.map(|ticket| (Submitter::Ticket(shard, ticket.id), ticket.keyed)));
        groups.extend(audit.groups.iter().map(|group| Submitter::Group(shard, group.id)));
    }
    let is_ticket = |submitter: &Submitter| matches!(submitter, Submitter::Ticket(..));
    let members = audits.iter().flat_map(|audit| &audit.groups).flat_map(|group| &group.members);
    let members = members.map(|(submitter, _)| (*submitter, true));
    let alone = jobs.iter().map(|submitter| (*submitter, false));
    let expected = sorted(members.chain(alone).filter(|(submitter, _)| is_ticket(submitter)));
    assert_eq!(sorted(tickets), expected, "tickets, and the jobs and members that have them");
    let is_group = |submitter: &Submitter| matches!(submitter, Submitter::Group(..));
    assert_eq!(sorted(groups), sorted(jobs.into_iter().filter(is_group)), "groups, and their jobs");
}

fn check_groups(shard: u16, audit: &Audit) {
    let mut open = BTreeSet::new();
    let mut members = 0;
    for group in &audit.groups {
        let is_ticket = |(submitter, _): &&(Submitter, String)| matches!(submitter, Submitter::Ticket(..));
        members += group.members.iter().filter(is_ticket).count();
        let may_join = !group.members.is_empty() && !group.has_ended;
        assert_eq!(group.is_open, may_join, "open exactly while it has members that wait for its job: {group:?}");
        assert!(!group.is_open || open.insert(&group.of), "two open groups of a key: {audit:?}");
        let doomed = audit.doomed.contains(&Submitter::Group(ShardId(shard), group.id));
        assert_eq!(doomed, !group.is_open && !group.has_ended, "doomed exactly if all have left its job: {group:?}");
    }
    assert_eq!(audit.revocable[2], members, "members that may leave: {audit:?}");
    let doomed = audit.doomed.iter().filter(|submitter| matches!(submitter, Submitter::Group(..)));
    let ended = audit.groups.iter().filter(|group| group.has_ended).count();
    assert_eq!(
        doomed.count(),
        audit.groups.len() - open.len() - ended,
        "doomed, but there is no such group: {audit:?}"
    );
}

fn waiting(audit: &Audit) -> impl Iterator<Item = &JobAudit> {
    audit.queues.iter().flat_map(|queue| &queue.waiting)
}

/// Jobs of lost workers are held until they are requeued.
fn held(audit: &Audit) -> impl Iterator<Item = &JobAudit> {
    let of_lost = audit.lost.iter().flat_map(|lost| &lost.held);
    audit.workers.iter().flat_map(|worker| &worker.held).chain(of_lost).map(|(_, job, _)| job)
}

fn revocable<'a>(jobs: impl Iterator<Item = &'a JobAudit>) -> usize {
    jobs.filter(|job| job.revocable).count()
}

fn submitter(job: &JobAudit) -> Submitter {
    job.submitter
}

fn sorted<T: Ord>(all: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = all.into_iter().collect();
    all.sort_unstable();
    all
}
