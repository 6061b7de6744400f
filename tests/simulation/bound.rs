//! How soon all must be over when the faults have ended: the bound on liveness.
//!
//! A *step* is a message delivered, or a job that a worker answers. From the end of the faults, when every job has a worker
//! of its type, until nothing is left, no schedule may take more than
//!
//! ```text
//! 3 M + (6 + 7 T + 2 N) J + (6 + N) K + 8 B
//! ```
//!
//! | letter | what, at the end of the faults |
//! |---|---|
//! | M | messages on the way |
//! | J | jobs that have not ended, and slots that are spent |
//! | K | `do` lines with a ticket or a key |
//! | T | types in the world |
//! | N | shards |
//! | B | pools that owners may have: N T, and one per type of each worker |
//!
//! Where the terms come from: a message on the way leads to at most two before it is spent (Withdraw, Withdrawn, Offer). A
//! job costs its Assign, the worker's answer and its Answer. A suspect also costs an `AcceptSuspects` and a Requeue. On its
//! way each shard may requeue it once (Assign, Requeue), because a shard withdraws its offers before it requeues a job. The
//! slot that a job leaves is offered for at most T types, and each of those offers is spent in vain at most once: Offer,
//! Assign, Withdraw, Requeue, Withdrawn, Pull, Decline. A pool that was wrong is corrected once (again seven), and removed.
//!
//! A job whose `wait_ms` is over costs its Recall and its Answer. An unwanted job costs its Revoke, a Drop to each shard, and
//! Dropped, Revoked or Over; each member of a group its Answer. A slot that was spent is offered when its worker has
//! answered.
//!
//! Metrics queries are outside of the rules, and have a bound of their own. A query is handled in slices. A slice goes on by
//! one place at least, and costs two messages and a turn.
//!
//! It is proved by no more than this argument and the schedules: the worst of two million took a quarter. A circle of
//! messages passes any bound.

use deputy::dispatch::message::Message;

use super::schedule::Schedule;
use super::world::Link;
use crate::model::shadow::Shadow;

/// Parts of a table of rows, each of which may take a turn: a figure of `dispatch/owner/queries/gathering.rs`.
const PARTS: usize = 256;

impl Schedule {
    /// The most steps from here until all is over, if there are no further faults.
    pub(crate) fn steps_max(&self) -> usize {
        let (types, shards) = (self.plan.types, usize::from(self.plan.options.shards));
        let pools = shards * types + self.shadow.live.len() * types.min(self.plan.types_a_worker);
        let spent = self.shadow.live.iter().flat_map(|peer| &self.shadow.conn(peer).held);
        let jobs = self.shadow.jobs.len() + spent.filter(|held| held.spent.is_some()).count();
        let each = 6 + 7 * types + 2 * shards;
        3 * self.world.on_the_way_in_all() + each * jobs + (6 + shards) * self.shadow.costly + 8 * pools
    }

    /// The most steps, messages and turns, until all metrics queries are answered, if there are no further ones. The
    /// places that a shard goes through are those of connections, and per type of queues, pools, delayed jobs and
    /// figures. A shard may take one more turn when it has sent all answers.
    pub(crate) fn steps_of_queries_max(&self) -> usize {
        let (types, shards) = (self.plan.types, usize::from(self.plan.options.shards));
        let places = self.shadow.conns.len() + 8 * types + 8;
        self.shadow.queries() * (3 * places * shards + PARTS + 4 * types) + shards
    }

    /// Whether the next message of a link is one of a metrics query.
    pub(crate) fn is_of_query(&self, link: Link) -> bool {
        let first = self.world.on_the_way(link).next();
        matches!(first, Some(Message::StatsQuery { .. } | Message::StatsReply { .. }))
    }
}

impl Shadow {
    /// How many metrics queries may be unanswered. Of peers that have left they may be answered already.
    pub(crate) fn queries(&self) -> usize {
        self.conns.iter().map(|conn| conn.asked as usize).sum()
    }
}
