//! The core: decides which worker does which job.
//!
//! [`Dispatch::step`] takes one input and calls the resulting effects. **The core never blocks, and interacts with its
//! surroundings only through inputs and effects.** It has no socket, clock, lock, channel, thread or randomness. So all
//! shards can run on one thread, with their messages in any order that keeps the order of each pair of shards.
//!
//! | file | contents |
//! |---|---|
//! | [`ids`], `micros`, [`settings`] | names, time, configuration |
//! | [`message`], [`batch`] | inputs, effects, and the messages between shards; those that leave together |
//! | [`job`], [`answer`] | a job, and the answer that ends it |
//! | `home` | a shard as the home of types: waiting jobs, and offers for them |
//! | `owner` | a shard as the owner of connections: the jobs that they submit, and the workers among them |
//! | `ctx` | the context of a rule |
//! | `figures` | outcomes and durations by type |
//! | [`collections`] | lists and tables that free their memory, and timers |
//! | [`audit`] | a copy of the state, for tests |

pub mod answer;
pub mod audit;
pub mod batch;
pub mod collections;
mod ctx;
mod figures;
mod home;
pub mod ids;
pub mod job;
mod local;
pub mod message;
mod micros;
mod owner;
pub mod settings;

use audit::Audit;
use ctx::Ctx;
use figures::TypeFigures;
use home::{Home, PoolRef};
use ids::{ShardId, Submitter, TypeHash};
use job::Job;
use local::LocalQueue;
use message::{Effects, Input, Message};
use micros::Micros;
use owner::Owner;
pub use settings::{PerTurn, Settings, home_of};

use crate::metrics::Counts;

/// The number of changed pools from which on a line no longer defers the offers, so that a pass over them stays short.
const DIRTY_MAX: usize = 32;

/// The core of one shard.
#[derive(Debug)]
pub struct Dispatch {
    settings: Settings,
    now: Micros,
    stopping: bool,
    counts: Counts,
    figures: TypeFigures,
    /// Messages to the own shard; empty between steps.
    local: LocalQueue,
    home: Home,
    owner: Owner,
}

impl Dispatch {
    /// Returns a core without connections or jobs.
    pub fn new(settings: Settings) -> Self {
        Self {
            now: Micros::default(),
            stopping: false,
            counts: Counts::default(),
            figures: TypeFigures::new(settings.figure_types_max),
            local: LocalQueue::default(),
            home: Home::new(&settings.maps),
            owner: Owner::new(&settings.maps),
            settings,
        }
    }

    /// Handles one input, and calls `effects` with the results.
    pub fn step(&mut self, input: Input<'_>, effects: &mut dyn Effects) {
        match input {
            Input::Turn { now, others } => {
                self.owner.last_turn = std::mem::replace(&mut self.now, now);
                self.owner.others = others;
            }
            Input::Stop => self.stopping = true,
            _ => {}
        }
        let Self { settings, now, stopping, counts, figures, local, home, owner } = self;
        let mut ctx = Ctx { settings, now: *now, stopping: *stopping, counts, figures, local, effects };
        let defers = input.defers_offers() && owner.dirty.len() < DIRTY_MAX;
        // A `did` needs no offer of the lines before it. Any other line may need one.
        if !defers || !(input.is_did() || owner.freed.is_empty()) {
            owner.reconcile_offers(&mut ctx);
        }
        handle_input(input, home, owner, &mut ctx);
        loop {
            if !defers {
                owner.reconcile_offers(&mut ctx);
            }
            if let Some((job, pool, spends)) = ctx.local.pop_assign() {
                owner.assigned(job, spends, pool, &mut ctx);
            } else if let Some(message) = ctx.local.pop_other() {
                handle_message(ctx.settings.shard, message, home, owner, &mut ctx);
            } else {
                return;
            }
        }
    }

    /// Returns when the core next needs an [`Input::Turn`], for a timer or to continue work of an earlier turn. The
    /// time is on the clock of that input.
    pub fn next_call(&self) -> Option<Micros> {
        let Owner { stall_timers, tickets, holding, .. } = &self.owner;
        let defers = !self.owner.dirty.is_empty() || !self.owner.freed.is_empty();
        let at_once = (self.has_work() || defers).then_some(self.now);
        let due = [stall_timers.next_due(), tickets.timers.next_due(), holding.limits.next_due(), at_once];
        due.into_iter().flatten().min()
    }

    /// Returns the shard's counters now.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Returns how many jobs submitted through this shard are not yet answered. After [`Input::Stop`] it only falls.
    pub fn pending(&self) -> u64 {
        self.owner.pending
    }

    /// Returns whether the next [`Input::Turn`] continues work of an earlier turn: metrics queries, assignments for
    /// workers of many slots or types, jobs that are given up, jobs of lost workers, or answers and progress for
    /// groups.
    pub fn has_work(&self) -> bool {
        let Owner { postponed, give_ups, lost_workers, .. } = &self.owner;
        let has_jobs = !postponed.is_empty() || give_ups.any() || lost_workers.any() || self.home.has_work();
        self.has_metrics_work() || has_jobs
    }

    /// Returns whether the next [`Input::Turn`] continues metrics queries.
    pub fn has_metrics_work(&self) -> bool {
        self.owner.scans.has_work() || self.owner.queries.has_work()
    }

    /// Returns the bytes that metrics queries by type count among the unsent ones, while they are not answered.
    pub fn metrics_bytes(&self) -> u64 {
        self.owner.queries.bytes()
    }

    /// Returns whether metrics queries that came before [`Input::Stop`] are not yet answered.
    pub fn owes_metrics(&self) -> bool {
        self.owner.queries.any_before_stop()
    }

    /// Returns a copy of the state, for tests. Takes time in proportion to the state.
    pub fn audit(&self) -> Audit {
        Audit::of(&self.home, &self.owner, &self.figures)
    }
}

#[inline(always)]
fn handle_input(input: Input<'_>, home: &mut Home, owner: &mut Owner, ctx: &mut Ctx<'_>) {
    match input {
        Input::Turn { .. } => {
            owner.begin_give_ups(ctx);
            owner.begin_losses(ctx);
            owner.close_stalled(ctx);
            owner.cut_partials(ctx);
            owner.end_times(ctx);
            owner.end_overdue(ctx);
            owner.go_on_giving_up(ctx);
            owner.go_on_losing(ctx);
            owner.go_on_with_metrics(home, ctx);
            home.go_on_matching(ctx);
            home.go_on_passing_on_in_turn(ctx);
            owner.go_on_offering(ctx);
        }
        Input::Opened { conn } => owner.open(conn, ctx),
        Input::Command { from, command } => {
            if owner.line_ended(from, ctx)
                && let Some((job, hash)) = owner.handle_command(from, command, ctx)
            {
                submit(job, hash, home, ctx);
            }
        }
        Input::Refused { from, refusal } => {
            if owner.line_ended(from, ctx) {
                owner.handle_refusal(from, refusal, ctx);
            }
        }
        Input::BytesRead { conn, partial_bytes } => owner.bytes_read(conn, partial_bytes, ctx),
        Input::Written { conn, bytes } => owner.written(conn, bytes, ctx),
        Input::Ended { conn } => owner.end(conn, ctx),
        Input::Message { from, message } => handle_message(from, message, home, owner, ctx),
        Input::Stop => {
            home.stop(ctx);
            owner.stop_delayed(ctx);
        }
        Input::DrainOver => owner.drain_over(ctx),
    }
}

/// Sends a new job to its home. If that is this shard and no message waits before it, the home handles it at once: then
/// no message is copied.
#[inline]
fn submit(job: Job, hash: TypeHash, home: &mut Home, ctx: &mut Ctx<'_>) {
    let to = hash.home(ctx.settings.shards);
    if to == ctx.settings.shard && ctx.local.is_empty() {
        home.submit(job, hash, ctx);
    } else {
        ctx.post(to, Message::Submit { job, hash });
    }
}

/// Handles a message of this or another shard. Messages of a job without options are handled here, so that they are
/// compiled into its path.
fn handle_message(from: ShardId, message: Message, home: &mut Home, owner: &mut Owner, ctx: &mut Ctx<'_>) {
    match message {
        Message::Submit { job, hash } => home.submit(job, hash, ctx),
        Message::SubmitRun { jobs, hash } => home.submit_run(jobs, hash, ctx),
        Message::Offer { hash, class, n, offers, pool } => {
            home.offer((hash, class), n, offers, PoolRef { shard: from, pool }, ctx);
        }
        Message::Pull(of, class, pool) => home.pull(&of, class, PoolRef { shard: from, pool }, ctx),
        Message::Requeue { job, suspects } => home.requeue(from, job, suspects, ctx),
        Message::Withdraw(of, class, pool) => home.withdraw(&of, class, PoolRef { shard: from, pool }, ctx),
        Message::Assign { job, spends, pool } => owner.assigned(job, spends, pool, ctx),
        Message::Decline(pool) => owner.declined(pool, ctx),
        Message::Withdrawn(pool, n) => owner.withdrawn(pool, n),
        Message::Answer { to: to @ Submitter::Conn(..), answer } => owner.deliver(to, &answer, ctx),
        other => handle_other_message(from, other, home, owner, ctx),
    }
}

#[inline(never)]
fn handle_other_message(from: ShardId, message: Message, home: &mut Home, owner: &mut Owner, ctx: &mut Ctx<'_>) {
    match message {
        Message::AcceptSuspects(of, class) => home.accept_suspects(from, &of, class, ctx),
        Message::Present(of, class, pool) => home.present(of, class, PoolRef { shard: from, pool }, ctx),
        Message::Absent(of, class) => home.absent(from, &of, class, ctx),
        Message::Answer { to: Submitter::Group(_, group), answer } => home.group_answered(group, answer, ctx),
        Message::Answer { to, answer } => owner.deliver(to, &answer, ctx),
        Message::Progress { to: Submitter::Group(_, group), data } => home.group_progress(group, data, ctx),
        Message::Progress { to, data } => owner.deliver_progress(to, data.as_carried(), ctx),
        Message::Stored(to) => owner.deliver_stored(to, ctx),
        Message::Revoke { ticket, keyed, reason } => home.revoke(ticket, keyed, reason, ctx),
        Message::Recall { ticket, due } => home.recall(ticket, due, ctx),
        Message::Drop(submitter, reason) => owner.drop_job(from, submitter, reason, ctx),
        Message::Dropped(submitter) => home.dropped(submitter, ctx),
        Message::Revoked(ticket) => owner.revoked(ticket, ctx),
        Message::Over(ticket) => home.over(ticket),
        Message::EndedDelayed { of, n, reason } => home::count_delayed_ends(&of, n, reason, ctx),
        Message::StatsQuery { wanted, rows_max } => owner.stats_query(home, from, wanted, rows_max, ctx),
        Message::StatsReply { rows, other, last } => owner.stats_reply(from, rows, other, last, ctx),
        _ => debug_assert!(false, "these have been handled"),
    }
}
