//! How soon all must be over when the faults have ended: the bound on liveness.
//!
//! A *step* is a message delivered, or a job that a worker answers. From the end of the faults, when every job has a worker
//! of its type, until nothing is left, no schedule may take more than
//!
//! ```text
//! 3 M + (6 + 7 T + 2 N) J + 8 B
//! ```
//!
//! | letter | what, at the end of the faults |
//! |---|---|
//! | M | messages on the way |
//! | J | jobs without an answer |
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
//! It is proved by no more than this argument and the schedules: the worst of two million took a quarter. A circle of
//! messages passes any bound.

use super::schedule::Schedule;

impl Schedule {
    /// The most steps from here until all is over, if there are no further faults.
    pub(crate) fn steps_max(&self) -> usize {
        let (types, shards) = (self.plan.types, usize::from(self.plan.options.shards));
        let pools = shards * types + self.shadow.live.len() * types.min(self.plan.types_a_worker);
        3 * self.world.on_the_way_in_all() + (6 + 7 * types + 2 * shards) * self.shadow.jobs.len() + 8 * pools
    }
}
