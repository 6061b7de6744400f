//! Makes the copies.

use std::sync::Arc;

use super::{
    Audit, GroupAudit, HeldAudit, JobAudit, LostAudit, PoolAudit, QueueAudit, SpentAudit, TicketAudit, WorkerAudit,
};
use crate::dispatch::figures::TypeFigures;
use crate::dispatch::home::{Group, Home, Queue};
use crate::dispatch::ids::{ConnId, GroupId, PoolId, TicketId};
use crate::dispatch::job::Job;
use crate::dispatch::owner::Owner;
use crate::dispatch::owner::lost_workers::LostWorker;
use crate::dispatch::owner::pool::Pool;
use crate::dispatch::owner::slots::Slots;
use crate::dispatch::owner::tickets::{Stage, Ticket};
use crate::dispatch::owner::worker::Worker;
use crate::protocol::command::Class;

impl Audit {
    pub(in crate::dispatch) fn of(home: &Home, owner: &Owner, figures: &TypeFigures) -> Self {
        let (_, nodes) = owner.pools.sizes();
        let workers = owner.conns.iter().filter_map(|(id, conn)| {
            conn.worker.as_ref().map(|worker| WorkerAudit::of(id, worker, conn.is_paused(), owner))
        });
        Self {
            connections: owner.conns.ids(),
            workers: workers.collect(),
            lost: owner.lost_workers.iter().map(|(conn, lost)| LostAudit::of(conn, lost, owner)).collect(),
            pools: owner.pools.iter().map(|pool| PoolAudit::of(pool, owner)).collect(),
            postponed: owner.postponed.len(),
            queues: home.queues().map(QueueAudit::of).collect(),
            tickets: owner.tickets.iter().map(|(id, ticket)| TicketAudit::of(id, ticket)).collect(),
            groups: home.groups.iter().map(|(id, group)| GroupAudit::of(id, group)).collect(),
            doomed: home.doomed().collect(),
            revocable: [home.revocable(), owner.holding.sizes().0, home.groups.sizes().1, owner.tickets.sizes().0],
            timers: [owner.tickets.sizes().1, owner.holding.sizes().1],
            figures: figures.iter().map(|(name, &figures)| (Arc::clone(name), figures)).collect(),
            other_figures: *figures.other(),
            leftovers: nodes
                + owner.queries.len()
                + owner.scans.len()
                + owner.give_ups.len()
                + owner.lost_workers.iter().count()
                + owner.partials.len()
                + owner.dirty.len()
                + owner.freed.len(),
        }
    }
}

impl WorkerAudit {
    fn of(conn: ConnId, worker: &Worker, paused: bool, owner: &Owner) -> Self {
        let pool = |id| type_and_class(id, owner);
        let (held, spent) = slots_of(&worker.slots, owner);
        Self {
            conn,
            max_jobs: worker.max_jobs,
            reserved: worker.slots.reserved(),
            paused,
            types: worker.types().iter().map(|member| pool(member.pool)).collect(),
            tracked: worker.tracked().iter().map(|member| pool(member.pool)).collect(),
            recorded: worker.tracked().iter().map(|member| owner.pools.recorded(member.node)).collect(),
            held,
            spent,
            holds_suspect: worker.slots.hold_suspect(),
        }
    }
}

impl LostAudit {
    fn of(conn: ConnId, lost: &LostWorker, owner: &Owner) -> Self {
        let (held, spent) = slots_of(&lost.slots, owner);
        Self { conn, held, spent }
    }
}

fn type_and_class(pool: PoolId, owner: &Owner) -> (Arc<str>, Class) {
    let pool = owner.pools.peek(pool);
    (Arc::clone(&pool.of.name), pool.class)
}

/// Returns the jobs of these slots, and those that are spent.
fn slots_of(slots: &Slots, owner: &Owner) -> (Vec<HeldAudit>, Vec<SpentAudit>) {
    let held = slots.iter().filter_map(|(lease, slot)| Some((lease, slot.held()?)));
    let held = held.map(|(lease, held)| (lease, JobAudit::of(&held.job), type_and_class(held.pool, owner).1));
    let spent = slots.iter().filter_map(|(lease, slot)| {
        let (of, class) = type_and_class(slot.spent()?.pool, owner);
        Some(SpentAudit { lease, of, class })
    });
    (held.collect(), spent.collect())
}

impl TicketAudit {
    fn of(id: TicketId, ticket: &Ticket) -> Self {
        let delayed = match &ticket.stage {
            Stage::Delayed(job) => Some(JobAudit::of(job)),
            Stage::Live | Stage::Background | Stage::Answered => None,
        };
        let answered = matches!(ticket.stage, Stage::Answered);
        Self { id, conn: ticket.conn, delayed, answered, keyed: ticket.keyed }
    }
}

impl GroupAudit {
    fn of(id: GroupId, group: &Group) -> Self {
        let members = group.members.values().map(|member| (member.submitter, member.id.to_string()));
        Self { id, is_open: group.is_open(), has_ended: group.has_ended(), of: group.of(), members: members.collect() }
    }
}

impl PoolAudit {
    fn of(pool: &Pool, owner: &Owner) -> Self {
        Self {
            id: pool.id,
            type_name: Arc::clone(&pool.of.name),
            class: pool.class,
            workers: u64::from(pool.workers),
            free: pool.free,
            clean_ready: owner.pools.clean_ready(pool),
            open: u64::from(pool.open),
            is_postponed: pool.is_postponed,
            pull_pending: pool.pull_pending,
            starved: pool.starved_since.is_some(),
            rejects_suspects: pool.rejects_suspects,
            running: pool.running,
            spent: pool.spent,
        }
    }
}

impl QueueAudit {
    fn of(queue: &Queue) -> Self {
        let is_durable = queue.of.hash.is_durable();
        let offers = || {
            let class = move |class| if is_durable { Class::Durable } else { class };
            queue.offers.iter().map(move |(of, offers)| (class(of), offers))
        };
        let shards = || {
            offers().flat_map(|(class, offers)| {
                offers.shards().map(move |(shard, open, rejects)| (shard, class, open, rejects))
            })
        };
        let present = offers().flat_map(|(class, offers)| offers.present().map(move |of| (of.shard, class, of.pool)));
        Self {
            type_name: Arc::clone(&queue.of.name),
            durable: is_durable,
            is_postponed: queue.is_postponed,
            waiting: queue.waiting.in_order().into_iter().map(JobAudit::of).collect(),
            offers: shards().filter(|shard| shard.2 > 0).map(|(shard, class, n, _)| (shard, class, n.into())).collect(),
            rejects_suspects: shards().filter(|shard| shard.3).map(|(shard, class, ..)| (shard, class)).collect(),
            present: present.collect(),
        }
    }
}

impl JobAudit {
    fn of(job: &Job) -> Self {
        Self {
            id: job.id().to_owned(),
            submitter: job.submitter,
            type_name: job.type_name().to_owned(),
            arrival: job.arrival,
            suspect: job.is_suspect(),
            attempts: job.attempts,
            priority: job.priority,
            key: job.key().map(str::to_owned),
            revocable: job.is_revocable(),
            durable: job.is_durable().then(|| job.is_stored()),
            waits_until: job.wait_ms().map(|_| job.waits_until().unwrap_or_default()),
        }
    }
}
