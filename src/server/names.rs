//! Names of connections and jobs: tokens in the poller, short numbers in the log.

use std::fmt;

use mio::Token;

use super::log::Log;
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

/// Logs an event in a job's life. `shard` owns the connections that the event names without a shard.
pub(super) fn trace(log: &Log, shard: usize, job: TraceId, event: JobEvent) {
    let line = |text: fmt::Arguments<'_>| log.debug(format_args!("job {}.{}: {text}", job.home.0, job.arrival));
    match event {
        JobEvent::Queued(Submitter::Conn(shard, conn)) => {
            line(format_args!("queued, from {}", Named(shard.0.into(), conn)));
        }
        JobEvent::Queued(Submitter::Background(_)) => line(format_args!("queued, in the background")),
        JobEvent::Queued(Submitter::Ticket(shard, ticket)) => {
            line(format_args!("queued, for ticket {}/{}", shard.0, ticket.index));
        }
        JobEvent::Queued(Submitter::Group(_, group)) => line(format_args!("queued, for group {}", group.index)),
        JobEvent::Overdue(at) => line(format_args!("past its run limit at {}", Named(shard, at))),
        JobEvent::Revoked => line(format_args!("ended: no client waits for it any more")),
        JobEvent::Sent(to) => line(format_args!("sent to {}", Named(shard, to))),
        JobEvent::Requeued(by) => line(format_args!("requeued: {} left", Named(shard, by))),
        JobEvent::Finished(how) => line(format_args!("finished: {how}")),
    }
}
