//! What a connection and a job are called, in the poller and in the log.

use std::fmt;

use mio::Token;

use super::log::Log;
use crate::dispatch::message::{ConnId, JobEvent, TraceId};

/// A connection's name in the log: its shard, its place there, and how many connections the shard had before it.
pub(super) struct Named(pub(super) usize, pub(super) ConnId);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1.index, self.1.generation)
    }
}

/// A connection's name in the poller. The generation is part of it, so that an event for a connection that is gone cannot
/// be taken for its successor's.
pub(super) fn token(id: ConnId) -> Token {
    Token((id.generation as usize) << 32 | id.index as usize)
}

/// The connection that a token names.
pub(super) fn conn_of(token: Token) -> ConnId {
    let low = |bits: usize| u32::try_from(bits & 0xffff_ffff).expect("32 bits are left");
    ConnId { index: low(token.0), generation: low(token.0 >> 32) }
}

/// Tells where a job has come to. A shard names its own connections.
pub(super) fn trace(log: &Log, shard: usize, job: TraceId, passage: JobEvent) {
    let tell = |text: fmt::Arguments<'_>| log.debug(format_args!("job {}.{}: {text}", job.home.0, job.arrival));
    match passage {
        JobEvent::Queued(from) => tell(format_args!("from {}, waits", Named(from.shard.0.into(), from.conn))),
        JobEvent::Sent(to) => tell(format_args!("given to {}", Named(shard, to))),
        JobEvent::Requeued(by) => tell(format_args!("{} left with it", Named(shard, by))),
        JobEvent::Finished(how) => tell(format_args!("ended: {how}")),
    }
}
