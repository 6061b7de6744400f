//! Submits jobs of this shard's connections, and gives them up: the rules S1 to S3 and S6 of docs/architecture.md.
//!
//! A job without options goes to its home at once, and its answer comes back. A job that may end earlier has a ticket.
//! It is *given up* when it is cancelled, its submitter leaves or its deadline passes. Then its `did` is sent, and the
//! home is informed. The ticket stays until the home reports that the job has ended (Revoked), or until its answer
//! comes.

use super::Owner;
use super::tickets::{Cancellable, Purpose, Stage, Ticket, Tickets};
use crate::dispatch::answer::{End, Reason};
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, ShardId, Submitter, TicketId, TypeHash, TypeRef};
use crate::dispatch::job::Job;
use crate::dispatch::message::Message;
use crate::dispatch::micros::Micros;
use crate::limits::{JOB_OPTIONS_BYTES, TIMERS_PER_TURN};
use crate::protocol::carried::Carried;
use crate::protocol::command::JobOptions;
use crate::protocol::reply::Reply;

impl Owner {
    /// Submits a job with options that was accepted from `from`. `bytes` are what it counts in the memory budget. Returns
    /// the job with the hash of its queue, unless the job waits here for a delay.
    #[inline(never)]
    pub(in crate::dispatch) fn submit_with_options(
        &mut self,
        from: ConnId,
        mut job: Job,
        hash: TypeHash,
        options: &JobOptions<'_>,
        bytes: u64,
        ctx: &mut Ctx<'_>,
    ) -> Option<(Job, TypeHash)> {
        job.set_options(options);
        let hash = if options.durable { hash.durable() } else { hash };
        if options.background && !options.durable {
            job.submitter = Submitter::Background(ctx.settings.shard);
            self.send(from, &Reply::Done { id: job.id(), res: None }, ctx);
        }
        if !needs_ticket(options) {
            return Some((job, hash));
        }
        let expires = options.deadline_ms.map(|ms| ctx.now + Micros::from_ms(ms));
        let purpose = Purpose {
            cancellable: options.cancellable,
            wants_progress: options.progress,
            keyed: options.key.is_some(),
            background: options.background,
            expires,
        };
        let conn = self.conns.get(from)?;
        let home = hash.home(ctx.settings.shards);
        let id = self.tickets.add(from, &mut conn.cancellable, job.id(), bytes, home, purpose);
        let recall_at = job.waits_until();
        let is_revocable = options.cancellable || expires.is_some() || recall_at.is_some();
        if is_revocable {
            job.set_revocable();
        }
        // Otherwise the ticket is only for the delay.
        if is_revocable || options.progress || options.durable {
            job.submitter = Submitter::Ticket(ctx.settings.shard, id);
        }
        if options.delay_ms == 0 {
            // The `did` of a durable job in the background comes when it is stored.
            let only_counted = options.background && !options.durable;
            if only_counted || recall_at.is_some() || expires.is_some() {
                self.tickets.queued(id, only_counted, recall_at);
            }
            return Some((job, hash));
        }
        let due = ctx.now + Micros::from_ms(options.delay_ms);
        self.tickets.set_timer(id, expires.map_or(due, |at| at.min(due)));
        ctx.counts.jobs_delayed += 1;
        self.tickets.count_delayed(job.type_name());
        if let Some(ticket) = self.tickets.get(id) {
            ticket.stage = Stage::Delayed(job);
        }
        None
    }

    /// Handles the delays, deadlines and `wait_ms` that have passed, until the turn's share is used up.
    ///
    /// The time of the last turn is used, as in [`Owner::close_stalled`]: answers that came by then have been read.
    pub(in crate::dispatch) fn end_times(&mut self, ctx: &mut Ctx<'_>) {
        let mut budget = TIMERS_PER_TURN;
        while let Some(id) = self.tickets.timers.pop_due(self.last_turn, &mut budget) {
            self.tickets.timer_fired(id);
            let Some(ticket) = self.tickets.peek(id) else { continue };
            if ticket.expires.is_some_and(|at| at <= self.last_turn) {
                self.give_up(id, Reason::Expired, ctx);
            } else if let Stage::Delayed(_) = ticket.stage {
                self.submit_delayed(id, ctx);
            } else {
                self.recall(id, ctx);
            }
        }
    }

    /// S6: the `wait_ms` of a job has passed.
    fn recall(&mut self, id: TicketId, ctx: &mut Ctx<'_>) {
        let Some(home) = self.tickets.peek(id).map(|ticket| ticket.home) else { return };
        if let Some(due) = self.tickets.take_recall(id) {
            ctx.post(home, Message::Recall { ticket: Submitter::Ticket(ctx.settings.shard, id), due });
        }
    }

    /// S1: the delay of a job has ended.
    fn submit_delayed(&mut self, id: TicketId, ctx: &mut Ctx<'_>) {
        let Some(background) = self.tickets.peek(id).map(|ticket| ticket.background) else { return };
        let Some(mut job) = self.take_delayed(id, Stage::Live, ctx) else { return };
        job.accepted = ctx.now;
        let hash = ctx.settings.hash(job.type_name());
        let home = hash.home(ctx.settings.shards);
        if let Submitter::Ticket(..) = job.submitter {
            self.tickets.queued(id, background, job.waits_until());
        } else {
            // The job had a ticket only because of its delay.
            self.forget_ticket(id, ctx);
            ctx.counts.job_bytes += job.bytes();
        }
        ctx.post(home, Message::Submit { job, hash });
    }

    /// Removes a delayed job from its ticket, whose stage is `stage` from now on.
    fn take_delayed(&mut self, id: TicketId, stage: Stage, ctx: &mut Ctx<'_>) -> Option<Job> {
        let ticket = self.tickets.get(id)?;
        match std::mem::replace(&mut ticket.stage, stage) {
            Stage::Delayed(job) => {
                self.tickets.uncount_delayed(job.type_name());
                ctx.counts.jobs_delayed -= 1;
                Some(job)
            }
            other => {
                ticket.stage = other;
                None
            }
        }
    }

    /// S2: the submitter of a job no longer waits for it.
    pub(super) fn give_up(&mut self, id: TicketId, reason: Reason, ctx: &mut Ctx<'_>) {
        let Some(job) = self.take_delayed(id, Stage::Answered, ctx) else {
            let Some(ticket) = self.tickets.get(id) else { return };
            if !matches!(std::mem::replace(&mut ticket.stage, Stage::Answered), Stage::Live) {
                return;
            }
            let (home, keyed) = (ticket.home, ticket.keyed);
            let ticket = Submitter::Ticket(ctx.settings.shard, id);
            self.settle_ticket(id);
            self.answer_ticket(id, End::NotDone(reason), ctx);
            return ctx.post(home, Message::Revoke { ticket, keyed, reason });
        };
        count_delayed_ends(job.type_name(), 1, reason, ctx);
        self.answer_ticket(id, End::NotDone(reason), ctx);
        self.forget_ticket(id, ctx);
    }

    /// Sends the answer of a job whose ticket is given up. The ticket no longer needs its id.
    fn answer_ticket(&mut self, id: TicketId, end: End<'_>, ctx: &mut Ctx<'_>) {
        let Some(ticket) = self.tickets.get(id) else { return };
        let (conn, background, text) = (ticket.conn, ticket.background, ticket.take_id());
        let reply = end.reply(text.as_str());
        if background {
            self.count_answer(&reply, ctx.counts);
        } else {
            self.answer(conn, &reply, ctx);
        }
    }

    /// S3: the job of a ticket that was given up has ended.
    pub(in crate::dispatch) fn revoked(&mut self, ticket: Submitter, ctx: &mut Ctx<'_>) {
        if let Submitter::Ticket(_, id) = ticket {
            self.forget_ticket(id, ctx);
        }
    }

    /// S1: answers `shutdown` to all delayed jobs, because the server stops.
    pub(in crate::dispatch) fn stop_delayed(&mut self, ctx: &mut Ctx<'_>) {
        for (type_name, n) in self.tickets.delayed.iter() {
            count_delayed_ends(type_name, n, Reason::Shutdown, ctx);
        }
        for id in self.tickets.all_delayed() {
            if self.take_delayed(id, Stage::Answered, ctx).is_some() {
                self.answer_ticket(id, End::NotDone(Reason::Shutdown), ctx);
                self.forget_ticket(id, ctx);
            }
        }
    }

    /// Makes a ticket no longer cancellable, and removes its timer.
    fn settle_ticket(&mut self, id: TicketId) {
        if let Some((tickets, list)) = self.ticket_and_list(id) {
            tickets.settle(id, list);
        }
    }

    /// Returns the tickets, and the list of the connection of one of them if it is cancellable; `None` if this ticket does
    /// not exist.
    #[inline]
    fn ticket_and_list(&mut self, id: TicketId) -> Option<(&mut Tickets, Option<&mut Cancellable>)> {
        let ticket = self.tickets.peek(id)?;
        let (conn, is_cancellable) = (ticket.conn, ticket.is_cancellable());
        let list = if !is_cancellable {
            None
        } else if let Some(list) = self.give_ups.list_of(conn) {
            Some(list)
        } else {
            self.conns.get(conn).map(|conn| &mut conn.cancellable)
        };
        Some((&mut self.tickets, list))
    }

    /// Removes a ticket, and the bytes that its job counts. Returns the data for handling the answer of the job.
    #[inline]
    pub(super) fn forget_ticket(&mut self, id: TicketId, ctx: &mut Ctx<'_>) -> Option<Forgotten> {
        let (tickets, list) = self.ticket_and_list(id)?;
        let Ticket { bytes, conn, home, keyed, stage, .. } = tickets.remove(id, list);
        ctx.counts.job_bytes -= bytes;
        Some(Forgotten { conn, home, keyed, stage })
    }
}

/// The remaining data of a removed ticket.
pub(super) struct Forgotten {
    pub(super) conn: ConnId,
    pub(super) home: ShardId,
    pub(super) keyed: bool,
    pub(super) stage: Stage,
}

/// Lets the home of a type count jobs that have ended here before they reached it. Only the home knows their figures.
fn count_delayed_ends(type_name: &str, n: u64, reason: Reason, ctx: &mut Ctx<'_>) {
    let of = TypeRef { name: type_name.into(), hash: ctx.settings.hash(type_name) };
    ctx.post(of.hash.home(ctx.settings.shards), Message::EndedDelayed { of, n, reason });
}

/// Returns whether something may happen to the job before its answer comes.
fn needs_ticket(options: &JobOptions<'_>) -> bool {
    let JobOptions { cancellable, progress, durable, deadline_ms, delay_ms, wait_ms, .. } = *options;
    let waits = delay_ms > 0 || wait_ms.is_some_and(|ms| ms > 0);
    cancellable || progress || durable || deadline_ms.is_some() || waits
}

/// Returns the bytes that a `do` with these texts counts in the memory budget.
#[inline]
pub(in crate::dispatch) fn bytes_of(
    id: &str,
    type_name: &str,
    arg: Option<Carried<'_>>,
    options: Option<&JobOptions<'_>>,
) -> u64 {
    let ticket = if options.is_some_and(needs_ticket) { JOB_OPTIONS_BYTES } else { 0 };
    Job::bytes_of(id, type_name, arg, options) + ticket
}
