//! Formats names of connections and jobs: tokens in the poller, short numbers in the log.

use std::fmt;

use mio::Token;

use super::log::Log;
use super::log::event::Event;
use super::log::line::Value;
use crate::dispatch::message::{ConnId, JobEvent, Submitter, TraceId};

/// Formats a connection's name in the log: its shard, its index there, and how many connections the shard had before.
pub(super) struct Named(pub(super) usize, pub(super) ConnId);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1.index, self.1.generation)
    }
}

/// Returns the poller's token of a connection. The generation is part of it, so that an event of a closed connection is
/// never taken for an event of the next connection with the same index.
pub(super) fn token(id: ConnId) -> Token {
    Token((id.generation as usize) << 32 | id.index as usize)
}

/// Returns the connection that `token` names.
pub(super) fn conn_of(token: Token) -> ConnId {
    let low = |bits: usize| u32::try_from(bits & 0xffff_ffff).expect("32 bits are left");
    ConnId { index: low(token.0), generation: low(token.0 >> 32) }
}

/// Formats a job's name in the log: its home, and how many jobs the home had before.
struct NamedJob(TraceId);

impl fmt::Display for NamedJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0.home.0, self.0.arrival)
    }
}

/// Formats where a job is from: the name of a connection, or of the ticket or group that replaces it.
struct Origin(Submitter);

impl Origin {
    /// Returns the preposition before it in a sentence.
    fn preposition(&self) -> &'static str {
        match self.0 {
            Submitter::Conn(..) => "from ",
            Submitter::Background(_) => "in the ",
            Submitter::Ticket(..) | Submitter::Group(..) => "for ",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Submitter::Conn(shard, conn) => Named(shard.0.into(), conn).fmt(f),
            Submitter::Background(_) => f.write_str("background"),
            Submitter::Ticket(shard, ticket) => write!(f, "ticket {}/{}", shard.0, ticket.index),
            Submitter::Group(_, group) => write!(f, "group {}", group.index),
        }
    }
}

/// Logs an event in a job's life. `shard` owns the connections that the event names without a shard.
pub(super) fn trace(log: &Log, shard: usize, job: TraceId, event: JobEvent) {
    let job = NamedJob(job);
    let line = |event: Event, text: fmt::Arguments<'_>, name: &'static str, value: Value<'_>| {
        log.event(event, format_args!("job {job}: {text}"), &[("job", Value::Text(&job)), (name, value)]);
    };
    match event {
        JobEvent::Queued(submitter) => {
            let from = Origin(submitter);
            line(Event::JobQueued, format_args!("queued, {}{from}", from.preposition()), "from", Value::Text(&from));
        }
        JobEvent::Sent(to) => {
            let to = Named(shard, to);
            line(Event::JobSent, format_args!("sent to {to}"), "connection", Value::Text(&to));
        }
        JobEvent::Requeued(by) => {
            let by = Named(shard, by);
            line(Event::JobRequeued, format_args!("requeued: {by} left"), "connection", Value::Text(&by));
        }
        JobEvent::Lost(by, how) => {
            let by = Named(shard, by);
            let members =
                [("job", Value::Text(&job)), ("connection", Value::Text(&by)), ("outcome", Value::Text(&how))];
            log.event(Event::JobLost, format_args!("job {job}: {how}: {by} left"), &members);
        }
        JobEvent::Overdue(at) => {
            let at = Named(shard, at);
            line(Event::JobOverdue, format_args!("past its run limit at {at}"), "connection", Value::Text(&at));
        }
        JobEvent::Revoked => {
            let text = format_args!("job {job}: ended: no client waits for it any more");
            log.event(Event::JobRevoked, text, &[("job", Value::Text(&job))]);
        }
        JobEvent::Finished(how) => {
            line(Event::JobFinished, format_args!("finished: {how}"), "outcome", Value::Text(&how));
        }
    }
}
