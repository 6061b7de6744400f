//! What connections say, obeyed: a function for each command.

use super::home_of;
use super::job::{End, Job, QUEUE_FULL, SHUTDOWN};
use super::message::{Closing, ConnId, Message, Submitter};
use super::owner::Owner;
use super::step::Step;
use super::worker::Worker;
use crate::limits::TYPES_PER_CONNECTION_MAX;
use crate::metrics::Fault;
use crate::protocol::Code;
use crate::protocol::command::{Command, JobName, Outcome, Refusal, TypeName, TypesAsked};
use crate::protocol::reply::Reply;

impl Owner {
    /// Obeys a command.
    pub(super) fn obey(&mut self, from: ConnId, command: Command<'_>, step: &mut Step<'_>) {
        match command {
            Command::CanDo { types, max_jobs, id } => self.can_do(from, &types, max_jobs, id, step),
            Command::CantDo { types } => self.cant_do(from, &types, step),
            Command::Do { id, type_name, arg } => self.submit(from, id, &type_name, arg, step),
            Command::Did { job, id, outcome } => self.complete(from, job, id, outcome, step),
            Command::Metrics { types } => self.metrics(from, &types, step),
            Command::Ping => self.send(from, &Reply::Pong, step),
        }
    }

    /// Answers a line that cannot be obeyed. `fatal`: the connection ends with it.
    pub(super) fn refused(&mut self, from: ConnId, refusal: &Refusal<'_>, fatal: bool, step: &mut Step<'_>) {
        if let Some(fault) = fault_of(refusal.code, fatal) {
            step.effects.fault(from, fault);
        }
        match refusal.id {
            Some(id) if refusal.is_do => {
                let err = format!("\"{}\"", refusal.text);
                self.refuse_job(from, id, &err, refusal.code, step);
            }
            id => self.refuse(from, refusal.code, &refusal.text, id, step),
        }
        if fatal {
            self.close(from, Closing::Explained, step);
        }
    }

    fn refuse_job(&mut self, from: ConnId, id: &str, err: &str, code: Code, step: &mut Step<'_>) {
        step.counts.jobs_refused += 1;
        self.send(from, &Reply::Failed { id, err, code }, step);
    }

    /// `can_do`: all or nothing, and only once for each type.
    fn can_do(
        &mut self,
        from: ConnId,
        types: &[TypeName<'_>],
        max_jobs: Option<u32>,
        id: Option<&str>,
        step: &mut Step<'_>,
    ) {
        let Some(conn) = self.conns.get(from) else { return };
        let worker = conn.worker.get_or_insert_with(|| Box::new(Worker::new()));
        let is_new = |name: &&str| self.bids.find(name).is_none_or(|bid| worker.find_type(bid).is_err());
        let mut new: Vec<&str> = types.iter().map(AsRef::as_ref).filter(is_new).collect();
        new.sort_unstable();
        new.dedup();
        if worker.types.len() + new.len() > TYPES_PER_CONNECTION_MAX {
            step.effects.fault(from, Fault::BadRequest);
            return self.refuse(from, Code::BadRequest, "a connection may have at most 1024 types", id, step);
        }
        if let Some(max_jobs) = max_jobs {
            worker.set_max_jobs(max_jobs, &self.maps, &mut self.bids);
        }
        if worker.types.is_empty() {
            worker.types.reserve_exact(new.len()); // Most workers give their types once.
        }
        for name in new {
            let bid = self.bids.enter(name, home_of(&step.settings.homes, step.settings.shards, name));
            worker.join(bid, from, &mut self.bids);
            self.touched.push(bid);
        }
        self.refresh(from, false, step);
    }

    /// `cant_do`: jobs that it holds stay its own.
    fn cant_do(&mut self, from: ConnId, types: &[TypeName<'_>], step: &mut Step<'_>) {
        for name in types {
            let Some(bid) = self.bids.find(name) else { continue };
            let Some(worker) = self.conns.get(from).and_then(|conn| conn.worker.as_mut()) else { return };
            if let Some((node, shown)) = worker.leave(bid, &self.bids) {
                worker.gauge(step);
                self.leave_type(bid, node, shown, step);
            }
        }
    }

    /// `do`.
    fn submit(&mut self, from: ConnId, id: &str, type_name: &str, arg: Option<&str>, step: &mut Step<'_>) {
        if step.stopping {
            return self.refuse_job(from, id, SHUTDOWN, Code::Shutdown, step);
        }
        let bytes = Job::bytes_of(id, type_name, arg);
        if !self.fits(bytes, step) {
            step.effects.fault(from, Fault::QueueFull);
            return self.refuse_job(from, id, QUEUE_FULL, Code::QueueFull, step);
        }
        self.pending += 1;
        step.counts.jobs_added += 1;
        step.counts.job_bytes += bytes;
        let submitter = Submitter { shard: step.settings.shard, conn: from };
        let home = home_of(&step.settings.homes, step.settings.shards, type_name);
        step.post(home, Message::Submit(Job::new(submitter, step.now_ms, id, type_name, arg)));
    }

    /// `did`. Only the holder may answer.
    fn complete(
        &mut self,
        from: ConnId,
        name: JobName<'_>,
        id: Option<&str>,
        outcome: Outcome<'_>,
        step: &mut Step<'_>,
    ) {
        let worker = self.conns.get(from).and_then(|conn| conn.worker.as_mut());
        let Some(held) = worker.and_then(|worker| worker.release(name)) else {
            step.effects.fault(from, Fault::NotHolding);
            return self.refuse(from, Code::NotHolding, "this connection holds no such job", id, step);
        };
        let bid = self.bids.get(held.bid);
        bid.running -= 1;
        bid.done += u64::from(matches!(outcome, Outcome::Res(_)));
        self.touched.push(held.bid);
        step.counts.jobs_running -= 1;
        let end = match outcome {
            Outcome::Res(res) => End::Done(res),
            Outcome::Err(err) => End::Failed(err),
        };
        self.finish(held.job, end, step);
        self.refresh(from, true, step);
    }

    /// `metrics`: at once, or when all shards have told of the types.
    fn metrics(&mut self, from: ConnId, types: &TypesAsked<'_>, step: &mut Step<'_>) {
        match types {
            TypesAsked::None => {
                let metrics = format!("{{{}}}", step.effects.totals(step.counts).members());
                self.send(from, &Reply::Metrics { metrics: &metrics }, step);
            }
            TypesAsked::All => self.take_census(from, None, step),
            TypesAsked::Named(names) => self.take_census(from, Some(names), step),
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
