//! What connections say, obeyed: a function for each command.

use super::ctx::Ctx;
use super::home_of;
use super::job::{End, Job, QUEUE_FULL, SHUTDOWN};
use super::message::{Closing, ConnId, Message, Submitter};
use super::owner::Owner;
use super::worker::Worker;
use crate::limits::TYPES_PER_CONNECTION_MAX;
use crate::metrics::Fault;
use crate::protocol::Code;
use crate::protocol::command::{Command, JobRef, Outcome, Refusal, TypeName, TypesAsked};
use crate::protocol::reply::Reply;

impl Owner {
    /// Obeys a command.
    pub(super) fn handle_command(&mut self, from: ConnId, command: Command<'_>, ctx: &mut Ctx<'_>) {
        match command {
            Command::CanDo { types, max_jobs, id } => self.can_do(from, &types, max_jobs, id, ctx),
            Command::CantDo { types } => self.cant_do(from, &types, ctx),
            Command::Do { id, type_name, arg } => self.submit(from, id, &type_name, arg, ctx),
            Command::Did { job, id, outcome } => self.complete(from, job, id, outcome, ctx),
            Command::Metrics { types } => self.metrics(from, &types, ctx),
            Command::Ping => self.send(from, &Reply::Pong, ctx),
        }
    }

    /// Answers a line that cannot be obeyed. `fatal`: the connection ends with it.
    pub(super) fn handle_refusal(&mut self, from: ConnId, refusal: &Refusal<'_>, fatal: bool, ctx: &mut Ctx<'_>) {
        if let Some(fault) = fault_of(refusal.code, fatal) {
            ctx.effects.fault(from, fault);
        }
        match refusal.id {
            Some(id) if refusal.is_do => {
                let err = format!("\"{}\"", refusal.text);
                self.refuse_job(from, id, &err, refusal.code, ctx);
            }
            id => self.refuse(from, refusal.code, &refusal.text, id, ctx),
        }
        if fatal {
            self.close(from, Closing::Explained, ctx);
        }
    }

    fn refuse_job(&mut self, from: ConnId, id: &str, err: &str, code: Code, ctx: &mut Ctx<'_>) {
        ctx.counts.jobs_refused += 1;
        self.send(from, &Reply::Failed { id, err, code }, ctx);
    }

    /// `can_do`: all or nothing, and only once for each type.
    fn can_do(
        &mut self,
        from: ConnId,
        types: &[TypeName<'_>],
        max_jobs: Option<u32>,
        id: Option<&str>,
        ctx: &mut Ctx<'_>,
    ) {
        let Some(conn) = self.conns.get(from) else { return };
        let worker = conn.worker.get_or_insert_with(|| Box::new(Worker::new()));
        let is_new = |name: &&str| self.pools.find(name).is_none_or(|pool| worker.find_type(pool).is_err());
        let mut new: Vec<&str> = types.iter().map(AsRef::as_ref).filter(is_new).collect();
        new.sort_unstable();
        new.dedup();
        if worker.types.len() + new.len() > TYPES_PER_CONNECTION_MAX {
            ctx.effects.fault(from, Fault::BadRequest);
            return self.refuse(from, Code::BadRequest, "a connection may have at most 1024 types", id, ctx);
        }
        if let Some(max_jobs) = max_jobs {
            worker.set_max_jobs(max_jobs, &self.maps, &mut self.pools);
        }
        if worker.types.is_empty() {
            worker.types.reserve_exact(new.len()); // Most workers give their types once.
        }
        for name in new {
            let pool = self.pools.enter(name, home_of(&ctx.settings.homes, ctx.settings.shards, name));
            worker.join(pool, from, &mut self.pools);
            self.dirty.push(pool);
        }
        self.refresh(from, false, ctx);
    }

    /// `cant_do`: jobs that it holds stay its own.
    fn cant_do(&mut self, from: ConnId, types: &[TypeName<'_>], ctx: &mut Ctx<'_>) {
        for name in types {
            let Some(pool) = self.pools.find(name) else { continue };
            let Some(worker) = self.conns.get(from).and_then(|conn| conn.worker.as_mut()) else { return };
            if let Some((node, shown)) = worker.leave(pool, &self.pools) {
                worker.gauge(ctx);
                self.leave_type(pool, node, shown, ctx);
            }
        }
    }

    /// `do`.
    fn submit(&mut self, from: ConnId, id: &str, type_name: &str, arg: Option<&str>, ctx: &mut Ctx<'_>) {
        if ctx.stopping {
            return self.refuse_job(from, id, SHUTDOWN, Code::Shutdown, ctx);
        }
        let bytes = Job::bytes_of(id, type_name, arg);
        if !self.fits(bytes, ctx) {
            ctx.effects.fault(from, Fault::QueueFull);
            return self.refuse_job(from, id, QUEUE_FULL, Code::QueueFull, ctx);
        }
        self.pending += 1;
        ctx.counts.jobs_added += 1;
        ctx.counts.job_bytes += bytes;
        let submitter = Submitter { shard: ctx.settings.shard, conn: from };
        let home = home_of(&ctx.settings.homes, ctx.settings.shards, type_name);
        ctx.post(home, Message::Submit(Job::new(submitter, ctx.now_ms, id, type_name, arg)));
    }

    /// `did`. Only the holder may answer.
    fn complete(&mut self, from: ConnId, name: JobRef<'_>, id: Option<&str>, outcome: Outcome<'_>, ctx: &mut Ctx<'_>) {
        let worker = self.conns.get(from).and_then(|conn| conn.worker.as_mut());
        let Some(held) = worker.and_then(|worker| worker.release(name)) else {
            ctx.effects.fault(from, Fault::NotHolding);
            return self.refuse(from, Code::NotHolding, "this connection holds no such job", id, ctx);
        };
        let pool = self.pools.get(held.pool);
        pool.running -= 1;
        pool.done += u64::from(matches!(outcome, Outcome::Res(_)));
        self.dirty.push(held.pool);
        ctx.counts.jobs_running -= 1;
        let end = match outcome {
            Outcome::Res(res) => End::Done(res),
            Outcome::Err(err) => End::Failed(err),
        };
        self.finish(held.job, end, ctx);
        self.refresh(from, true, ctx);
    }

    /// `metrics`: at once, or when all shards have told of the types.
    fn metrics(&mut self, from: ConnId, types: &TypesAsked<'_>, ctx: &mut Ctx<'_>) {
        match types {
            TypesAsked::None => {
                let metrics = format!("{{{}}}", ctx.effects.totals(ctx.counts).members());
                self.send(from, &Reply::Metrics { metrics: &metrics }, ctx);
            }
            TypesAsked::All => self.query_types(from, None, ctx),
            TypesAsked::Named(names) => self.query_types(from, Some(names), ctx),
        }
    }
}

/// The fault of a line that is refused with this code. `fatal`: the connection ends with it.
fn fault_of(code: Code, fatal: bool) -> Option<Fault> {
    match code {
        Code::BadJson if fatal => Some(Fault::FirstLine),
        Code::BadJson => Some(Fault::BadJson),
        Code::TooLong => Some(Fault::TooLong),
        Code::BadRequest => Some(Fault::BadRequest),
        Code::UnknownCmd => Some(Fault::UnknownCmd),
        // A line that could be read, or no line at all, is answered so.
        Code::NotHolding | Code::QueueFull | Code::Failed | Code::GaveUp | Code::Shutdown => None,
    }
}
