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
//! | B | books of owners that may be open: N T, and a type of each worker |
//!
//! Where the terms come from: a message on the way leads to two at most before it is spent (Withdraw, Withdrawn, Offer). A
//! job costs its Assign, the worker's answer and its Result, and, if it is a suspect, a Welcome and a Return more; on its way
//! it may be turned away once by each shard (Assign, Return), as a shard takes its offers back before it turns one away. The
//! slot that it leaves is offered for T types at most, and each of those offers is spent in vain at most once: Offer, Assign,
//! Withdraw, Return, Withdrawn, Ask, Decline. Books that were wrong are set right once (again seven), and are closed.
//!
//! It is proved by no more than this argument and the schedules: the worst of two million took a quarter. A circle of
//! messages passes any bound.

use super::schedule::Schedule;

impl Schedule {
    /// The most steps from here until all is over, if there are no further faults.
    pub(crate) fn steps_max(&self) -> usize {
        let (types, shards) = (self.plan.types, usize::from(self.plan.options.shards));
        let books = shards * types + self.shadow.live.len() * types.min(self.plan.types_a_worker);
        3 * self.world.on_the_way_in_all() + (6 + 7 * types + 2 * shards) * self.shadow.jobs.len() + 8 * books
    }
}
