//! Handles the lines of connections: a function per command, and the answers to refused lines.

use super::Owner;
use super::capacity::Place;
use super::offering::mark_changed;
use super::slots::Slot;
use super::submitters::bytes_of;
use super::worker::Worker;
use crate::dispatch::answer::{End, QUEUE_FULL, Reason};
use crate::dispatch::ctx::Ctx;
use crate::dispatch::ids::{ConnId, PoolId, Submitter, TypeHash};
use crate::dispatch::job::Job;
use crate::dispatch::message::{Closing, Message};
use crate::limits::TYPES_PER_CONNECTION_MAX;
use crate::metrics::Fault;
use crate::protocol::Code;
use crate::protocol::carried::Carried;
use crate::protocol::command::{
    Class, Command, JobOptions, JobRef, Outcome, Refusal, Severity, TypeName, WorkerOptions,
};
use crate::protocol::reply::Reply;

impl Owner {
    /// Handles a command. The commands of a job without options are handled here, so that they are compiled into the
    /// path of a line. Returns a new job, which the caller sends to the home of its queue.
    #[inline]
    pub(in crate::dispatch) fn handle_command(
        &mut self,
        from: ConnId,
        command: &Command<'_>,
        ctx: &mut Ctx<'_>,
    ) -> Option<(Job, TypeHash)> {
        match command {
            Command::Do { id, type_name, arg, options } => {
                return self.submit(from, id, type_name, *arg, options.as_deref(), ctx);
            }
            &Command::Did { job, id, outcome } => self.complete(from, job, id, outcome, ctx),
            other => self.handle_other_command(from, other, ctx),
        }
        None
    }

    #[inline(never)]
    fn handle_other_command(&mut self, from: ConnId, command: &Command<'_>, ctx: &mut Ctx<'_>) {
        match *command {
            Command::CanDo { ref types, max_jobs, options, id } => self.can_do(from, types, max_jobs, options, id, ctx),
            Command::CantDo { ref types } => self.cant_do(from, types, ctx),
            Command::Cancel { id } => self.cancel(from, id, ctx),
            Command::Progress { job, id, data } => self.progress(from, job, id, data, ctx),
            Command::Stored { job, id } => self.stored(from, job, id, ctx),
            Command::Metrics(ref asked) => self.metrics(from, asked, ctx),
            Command::Ping => self.send(from, &Reply::Pong, ctx),
            Command::Do { .. } | Command::Did { .. } => debug_assert!(false, "these have been handled"),
        }
    }

    /// Answers a line that is refused.
    ///
    /// If a worker that holds jobs sends a line that is not JSON, the line may have been a `did`. The job's slot would
    /// stay taken for ever, so the connection is closed and its jobs are requeued.
    pub(in crate::dispatch) fn handle_refusal(&mut self, from: ConnId, refusal: &Refusal<'_>, ctx: &mut Ctx<'_>) {
        if let Some(fault) = fault_of(refusal) {
            ctx.effects.fault(from, fault);
        }
        match refusal.id {
            Some(id) if refusal.is_do => self.refuse_job(from, id, refusal.code, &refusal.text, ctx),
            id => self.refuse(from, refusal.code, &refusal.text, id, ctx),
        }
        let lost_a_did = refusal.code == Code::BadJson && self.conns.owes_answers(from);
        if refusal.severity == Severity::Connection || lost_a_did {
            self.close(from, Closing::Explained, ctx);
        }
    }

    fn refuse_job(&mut self, from: ConnId, id: &str, code: Code, text: &str, ctx: &mut Ctx<'_>) {
        ctx.counts.jobs_refused += 1;
        self.send(from, &Reply::NotDone { id, code, text }, ctx);
    }

    /// `can_do`: all or nothing. The types of a line are different. A type that the connection has given before stays as it
    /// is, and keeps its class. The type may also be given for durable jobs.
    fn can_do(
        &mut self,
        from: ConnId,
        types: &[TypeName<'_>],
        max_jobs: Option<u32>,
        options: WorkerOptions,
        id: Option<&str>,
        ctx: &mut Ctx<'_>,
    ) {
        let classes = options.classes();
        let Some(conn) = self.conns.get(from) else { return };
        let worker = conn.worker.get_or_insert_with(|| Box::new(Worker::new()));
        let takes = |name: &str, hash, class| self.pools.find(name, hash, class).is_some_and(|pool| worker.takes(pool));
        let is_new = |&(hash, name, class): &(TypeHash, &str, Class)| {
            !class.alternatives().iter().any(|&other| takes(name, hash, other))
        };
        let hashed = types.iter().map(|name| (ctx.settings.hash(name), name.as_ref()));
        let of_line = hashed.flat_map(|(hash, name)| classes.iter().map(move |&class| (hash, name, class)));
        let mut new: Vec<(TypeHash, &str, Class)> = Vec::with_capacity(types.len() * classes.len());
        new.extend(of_line.filter(is_new));
        let refusal = if worker.types().len() + new.len() > TYPES_PER_CONNECTION_MAX {
            Some("a connection may have at most 1024 types")
        } else if options.durable && max_jobs.is_none() && !worker.slots.uses_leases() {
            Some("a worker for durable jobs must give max_jobs")
        } else {
            None
        };
        if let Some(text) = refusal {
            ctx.effects.fault(from, Fault::BadRequest);
            return self.refuse(from, Code::BadRequest, text, id, ctx);
        }
        if let Some(max_jobs) = max_jobs {
            worker.set_max_jobs(max_jobs, &mut self.pools);
        }
        worker.wants_ref |= options.wants_ref;
        worker.reserve_types(new.len());
        self.pools.reserve(&new);
        for (hash, name, class) in new {
            let pool = self.pools.enter(name, hash, class, ctx.settings.shards);
            worker.join(pool, from, &mut self.pools);
            mark_changed(self.pools.get(pool), &mut self.dirty, &mut self.postponed, ctx);
            let pool = self.pools.peek(pool);
            if pool.workers == 1 && !ctx.stopping {
                ctx.post(pool.home, Message::Present(pool.of.clone(), pool.class, pool.id));
            }
        }
        self.refresh(from, Place::Kept, ctx);
    }

    /// `cant_do`: the worker keeps the jobs that it holds.
    fn cant_do(&mut self, from: ConnId, types: &[TypeName<'_>], ctx: &mut Ctx<'_>) {
        let pools: Vec<PoolId> =
            types.iter().flat_map(|name| self.pools.find_all(name, ctx.settings.hash(name))).collect();
        for pool in pools {
            let Some(worker) = self.conns.bare_worker(from) else { return };
            if let Some(member) = worker.leave(pool) {
                worker.gauge(ctx);
                self.leave_type(member, ctx);
            }
        }
    }

    /// `do`: accepts a job, if the memory budget allows it. Returns the job with the hash of its queue, unless the job waits
    /// here for a delay.
    fn submit(
        &mut self,
        from: ConnId,
        id: &str,
        type_name: &str,
        arg: Option<Carried<'_>>,
        options: Option<&JobOptions<'_>>,
        ctx: &mut Ctx<'_>,
    ) -> Option<(Job, TypeHash)> {
        if ctx.stopping {
            self.refuse_job(from, id, Code::Shutdown, Reason::Shutdown.text(), ctx);
            return None;
        }
        let bytes = bytes_of(id, type_name, arg, options);
        if !self.fits(bytes, ctx) {
            ctx.effects.fault(from, Fault::QueueFull);
            self.refuse_job(from, id, Code::QueueFull, QUEUE_FULL, ctx);
            return None;
        }
        self.pending += 1;
        ctx.counts.jobs_added += 1;
        ctx.counts.job_bytes += bytes;
        let submitter = Submitter::Conn(ctx.settings.shard, from);
        let hash = ctx.settings.hash(type_name);
        let job = Job::new(submitter, ctx.now, id, type_name, arg);
        match options {
            None => Some((job, hash)),
            Some(options) => self.submit_with_options(from, job, hash, options, bytes, ctx),
        }
    }

    /// `did`: ends a job. Only the worker that holds the job may answer.
    fn complete(&mut self, from: ConnId, name: JobRef<'_>, id: Option<&str>, outcome: Outcome<'_>, ctx: &mut Ctx<'_>) {
        let worker = self.conns.get(from).and_then(|conn| conn.worker.as_mut());
        let Some(slot) = worker.and_then(|worker| worker.slots.release(name)) else {
            ctx.effects.fault(from, Fault::NotHolding);
            return self.refuse(from, Code::NotHolding, "this connection holds no such job", id, ctx);
        };
        let held = match slot {
            Slot::Held(held) => held,
            Slot::Spent(spent) => return self.late_answer(from, &spent, ctx),
        };
        let done = matches!(outcome, Outcome::Res(_));
        let pool = self.let_go(&held, ctx);
        pool.done += u64::from(done);
        ctx.figures.answered(pool.figures, ctx.now.since(held.sent), done);
        let end = match outcome {
            Outcome::Res(res) => End::Done(res),
            Outcome::Err(err) => End::Failed(err),
        };
        self.finish(held.job, end, ctx);
        self.refresh_after_end(from, ctx);
    }
}

/// Returns the fault of a line that is refused.
fn fault_of(refusal: &Refusal<'_>) -> Option<Fault> {
    match (refusal.code, refusal.severity) {
        (Code::BadJson, Severity::Connection) => Some(Fault::FirstLine),
        (Code::BadJson, Severity::Line) => Some(Fault::BadJson),
        (Code::TooLong, _) => Some(Fault::TooLong),
        (Code::BadRequest, _) => Some(Fault::BadRequest),
        (Code::UnknownCmd, _) => Some(Fault::UnknownCmd),
        // The decoder does not refuse with these codes.
        (
            Code::NotHolding
            | Code::QueueFull
            | Code::Failed
            | Code::GaveUp
            | Code::Shutdown
            | Code::Cancelled
            | Code::Expired
            | Code::TimedOut
            | Code::NoWorker
            | Code::NoBridge,
            _,
        ) => None,
    }
}
