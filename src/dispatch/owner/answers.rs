//! Delivers the answers to jobs to their submitters: the rules S3 to S5 of docs/architecture.md.
//!
//! A job ends here when its worker answers, or when the server ends it. Its answer goes to the owner of its submitter,
//! at this shard or another. That owner removes the job from the memory budget, counts the answer and sends it.

use super::Owner;
use super::submitters::Forgotten;
use super::tickets::Stage;
use crate::dispatch::answer::{Answer, End, Reason};
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, Submitter};
use crate::dispatch::job::Job;
use crate::dispatch::message::{JobEvent, Message};
use crate::metrics::Counts;
use crate::protocol::Code;
use crate::protocol::carried::Carried;
use crate::protocol::reply::Reply;

impl Owner {
    /// Ends a job that no worker has answered.
    pub(in crate::dispatch) fn end_job(&mut self, job: Job, reason: Reason, ctx: &mut Ctx<'_>) {
        ctx.count_end(&job, reason);
        self.finish(job, End::NotDone(reason), ctx);
    }

    /// Answers a job that has ended. If its submitter is at this shard too, the answer is written directly from the
    /// worker's line.
    #[inline(always)]
    pub(in crate::dispatch) fn finish(&mut self, job: Job, end: End<'_>, ctx: &mut Ctx<'_>) {
        let here = ctx.settings.shard;
        match job.submitter {
            Submitter::Conn(shard, conn) if shard == here => {
                ctx.trace(&job, JobEvent::Finished(end.name()));
                ctx.counts.job_bytes -= job.bytes();
                self.answer(conn, &end.reply(job.id()), ctx);
            }
            to @ (Submitter::Background(shard) | Submitter::Ticket(shard, _)) if shard == here => {
                ctx.trace(&job, JobEvent::Finished(end.name()));
                self.settle(to, &end.reply(job.id()), job.bytes(), ctx);
            }
            _ => ctx.answer(job, end),
        }
    }

    /// S3: delivers the answer to a job that was submitted here.
    pub(in crate::dispatch) fn deliver(&mut self, to: Submitter, answer: &Answer, ctx: &mut Ctx<'_>) {
        self.settle(to, &answer.reply(), answer.job_bytes, ctx);
    }

    #[inline(never)]
    fn settle(&mut self, to: Submitter, reply: &Reply<'_>, job_bytes: u64, ctx: &mut Ctx<'_>) {
        match to {
            Submitter::Conn(_, conn) => {
                ctx.counts.job_bytes -= job_bytes;
                self.answer(conn, reply, ctx);
            }
            Submitter::Background(_) => {
                ctx.counts.job_bytes -= job_bytes;
                self.count_answer(reply, ctx.counts);
            }
            Submitter::Ticket(_, id) => {
                let Some(Forgotten { conn, home, keyed, stage }) = self.forget_ticket(id, ctx) else { return };
                match stage {
                    Stage::Live => self.answer(conn, reply, ctx),
                    Stage::Background => self.count_answer(reply, ctx.counts),
                    Stage::Answered if keyed => {}
                    Stage::Answered | Stage::Delayed(_) => ctx.post(home, Message::Over(to)),
                }
            }
            // Its home answers its members.
            Submitter::Group(..) => debug_assert!(false, "a group is no connection"),
        }
    }

    /// Sends the one answer to an accepted job, and counts it.
    #[inline(always)]
    pub(super) fn answer(&mut self, to: ConnId, reply: &Reply<'_>, ctx: &mut Ctx<'_>) {
        self.count_answer(reply, ctx.counts);
        if self.conns.get(to).is_some_and(|conn| !conn.leaving) {
            self.send(to, reply, ctx);
        } else {
            ctx.counts.results_dropped += 1;
        }
    }

    #[inline]
    pub(super) fn count_answer(&mut self, reply: &Reply<'_>, counts: &mut Counts) {
        self.pending -= 1;
        match reply {
            Reply::Done { .. } => counts.jobs_done += 1,
            Reply::NotDone { code, .. } => count_failure(*code, counts),
            _ => counts.jobs_failed += 1,
        }
    }

    /// S5: the job of a ticket is stored. An answer from another shard may have overtaken this.
    pub(in crate::dispatch) fn deliver_stored(&mut self, to: Submitter, ctx: &mut Ctx<'_>) {
        let Submitter::Ticket(_, id) = to else { return };
        let Some(ticket) = self.tickets.get(id).filter(|ticket| matches!(ticket.stage, Stage::Live)) else { return };
        let (conn, background, text) = (ticket.conn, ticket.background, ticket.take_id());
        if background {
            ticket.stage = Stage::Background;
        }
        let is_open = self.conns.get(conn).is_some_and(|conn| !conn.leaving);
        match (background, is_open) {
            (true, true) => self.send(conn, &Reply::Done { id: text.as_str(), res: None }, ctx),
            (false, true) => self.send(conn, &Reply::Stored { id: text.as_str() }, ctx),
            (true, false) => ctx.counts.results_dropped += 1,
            (false, false) => {}
        }
        if let Some(ticket) = self.tickets.get(id) {
            ticket.put_id(text);
        }
    }

    /// S4: the worker of a job reports progress.
    pub(in crate::dispatch) fn deliver_progress(&mut self, to: Submitter, data: Carried<'_>, ctx: &mut Ctx<'_>) {
        let Submitter::Ticket(_, id) = to else { return };
        let Some(ticket) = self.tickets.get(id) else { return };
        let conn = ticket.conn;
        if !ticket.wants_progress || !matches!(ticket.stage, Stage::Live) {
            return;
        }
        match self.conns.get(conn) {
            Some(conn) if conn.leaving => {}
            Some(conn) if conn.is_paused() => ctx.counts.progress_dropped += 1,
            Some(_) => {
                let text = ticket.take_id();
                self.send(conn, &Reply::Progress { id: text.as_str(), data }, ctx);
                if let Some(ticket) = self.tickets.get(id) {
                    ticket.put_id(text);
                }
            }
            None => {}
        }
    }
}

#[inline(never)]
fn count_failure(code: Code, counts: &mut Counts) {
    counts.jobs_failed += 1;
    match code {
        Code::Cancelled => counts.jobs_cancelled += 1,
        Code::Expired => counts.jobs_expired += 1,
        Code::TimedOut => counts.jobs_timed_out += 1,
        Code::NoWorker => counts.jobs_no_worker += 1,
        Code::NoBridge => counts.jobs_no_bridge += 1,
        _ => {}
    }
}
