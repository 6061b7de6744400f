//! What the core is told ([`Input`]), what it asks for ([`Effects`]), and what shards tell each other ([`Message`]).

use std::sync::Arc;

use super::job::{Answer, Job};
use crate::metrics::{Counts, Fault, Totals};
use crate::protocol::Code;
use crate::protocol::command::{Command, Refusal, decode};
use crate::protocol::frame::Frame;
use crate::protocol::reply::Reply;

/// A shard, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(pub u16);

/// A connection of a shard. Slots are used again, a pair of slot and generation never.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    /// Where the shard keeps it.
    pub index: u32,
    /// Which of the connections that were kept there.
    pub generation: u32,
}

/// Where a job came from and its answer goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Submitter {
    /// The connection's owner.
    pub shard: ShardId,
    /// The connection.
    pub conn: ConnId,
}

/// Where an owner keeps its books of a type. It means nothing to others: a home gives it back, so that the owner need not
/// look the type up. It holds while an offer or an Ask is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolId(pub u32);

/// One thing that the core is told. Every input is legal in every state: peers and shards race.
#[derive(Debug)]
pub enum Input<'a> {
    /// A turn begins. Time passes only here; it never goes back.
    Turn {
        /// Milliseconds on a monotonic clock that all shards share.
        now_ms: u64,
        /// What the other shards hold, as they last said.
        others: MemoryUse,
    },
    /// A connection has come. The caller picks a slot that is free and a generation that was not used before.
    Opened {
        /// Its name from now on.
        conn: ConnId,
    },
    /// A connection said something.
    Command {
        /// Who.
        from: ConnId,
        /// What.
        command: Command<'a>,
    },
    /// A connection said something that cannot be obeyed.
    Refused {
        /// Who.
        from: ConnId,
        /// Why not.
        refusal: Refusal<'a>,
        /// Whether the connection ends with it.
        fatal: bool,
    },
    /// Bytes came from a connection; all whole lines among them have been told before.
    BytesRead {
        /// Who.
        conn: ConnId,
        /// Bytes of an unfinished line that are kept for it.
        partial_bytes: u64,
    },
    /// The turn's write to a connection has been tried. To be told after every try, also when nothing was taken.
    Written {
        /// Who.
        conn: ConnId,
        /// Bytes that were taken.
        bytes: u64,
    },
    /// A connection's input has ended, or it broke.
    Ended {
        /// Who.
        conn: ConnId,
    },
    /// Another shard says something.
    Message {
        /// Who.
        from: ShardId,
        /// What.
        message: Message,
    },
    /// The server stops: jobs that are held may be finished, everything else is answered `shutdown`.
    Stop,
    /// The time for that is over: jobs that are held are answered `shutdown`.
    DrainOver,
}

impl<'a> Input<'a> {
    /// What a frame from `from` means: a command, or why it cannot be obeyed and whether the connection ends with it.
    pub fn of_frame(from: ConnId, frame: Frame<'a>) -> Self {
        let refused = |code, text: &'static str| Refusal { code, text: text.into(), id: None, is_do: false };
        match frame {
            Frame::Line { bytes, first } => match decode(bytes) {
                Ok(command) => Self::Command { from, command },
                Err(refusal) => Self::Refused { from, fatal: first && refusal.code == Code::BadJson, refusal },
            },
            Frame::TooLong => {
                let refusal = refused(Code::TooLong, "the line is longer than this server takes (--max-line)");
                Self::Refused { from, refusal, fatal: true }
            }
            Frame::NotJson => {
                let refusal = refused(Code::BadJson, "a connection must begin with a JSON object");
                Self::Refused { from, refusal, fatal: true }
            }
        }
    }
}

/// What counts in the memory budget, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Jobs that were accepted and not yet answered, and unsent bytes.
    pub committed: u64,
    /// Unfinished lines.
    pub partial: u64,
}

/// How a connection is to be closed. The core has forgotten it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Send what is unsent, then close.
    Flushed,
    /// Send what is unsent, end writing, let input pass unread for a while, then close: it was told why.
    Explained,
    /// Close at once.
    Dropped,
}

/// What the core asks of the world, carried out in the order of the calls. A step cannot fail; carrying an effect out
/// can, and is told by [`Input::Ended`].
///
/// Calls on a trait, not a list: so a reply may borrow from the line that caused it, and its bytes are written once, in
/// place.
pub trait Effects {
    /// Appends `reply` to the unsent bytes of a connection that this shard owns.
    fn send(&mut self, to: ConnId, reply: &Reply<'_>);
    /// Puts `message` in another shard's mailbox. Order holds per pair of shards, not across pairs.
    fn post(&mut self, to: ShardId, message: Message);
    /// Ends a connection.
    fn close(&mut self, conn: ConnId, how: Closing);
    /// Counts and tells what a connection did wrong. Comes before what is sent to it for that, and before its end.
    fn fault(&mut self, conn: ConnId, fault: Fault);
    /// Tells where a job has come to. Only called if [`Settings::trace`](super::Settings::trace) is set; where nobody
    /// wants to know, nothing has to be done.
    fn trace(&mut self, job: TraceId, passage: JobEvent) {
        let _ = (job, passage);
    }
    /// The sum over all shards, `own` standing for this one's latest figures. The one question that the core asks.
    fn totals(&mut self, own: &Counts) -> Totals;
}

/// When a job arrived at its home, which is its name for people who follow its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceId {
    /// The shard that queued it.
    pub home: ShardId,
    /// Its number among those that did.
    pub arrival: u64,
}

/// Where a job has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// It is in line for the first time.
    Queued(Submitter),
    /// A worker of this shard has it.
    Sent(ConnId),
    /// This worker went away with it.
    Requeued(ConnId),
    /// It is over, in this way: `done`, or the code of its failure.
    Finished(&'static str),
}

/// What shards tell each other. The rules are in docs/architecture.md.
#[derive(Debug)]
pub enum Message {
    /// Owner to home: queue this job.
    Submit(Job),
    /// Owner to home: so many more jobs of this type may come here.
    Offer {
        /// The type.
        type_name: Arc<str>,
        /// How many.
        n: u32,
        /// The owner's books.
        pool: PoolId,
    },
    /// Owner to home: a slot is kept for one job of this type; answer at once.
    Pull(Arc<str>, PoolId),
    /// Home to owner: spends one offer, or answers the ask.
    Assign {
        /// The job.
        job: Job,
        /// Whether it answers an ask.
        asked: bool,
        /// As in the offer or the ask.
        pool: PoolId,
    },
    /// Home to owner: nothing waits that may go to you. The ask is over.
    Decline(PoolId),
    /// Owner to home: queue this job again.
    Requeue {
        /// The job.
        job: Job,
        /// Whether no free slot may take this suspect.
        refused: bool,
    },
    /// Owner to home: suspects may come again.
    AcceptSuspects(Arc<str>),
    /// Owner to home: take back all our offers of this type.
    Withdraw(Arc<str>, PoolId),
    /// Home to owner: they were so many. If they were none, the books may be gone.
    Withdrawn(PoolId, u32),
    /// Who ends a job to its submitter's owner: the one answer.
    Answer {
        /// Whom it is for.
        to: Submitter,
        /// The answer.
        answer: Answer,
    },
    /// Any to any: what do you know of these types?
    StatsQuery {
        /// The asker's name for the question.
        query: u64,
        /// Which types; none for all.
        types: Option<Arc<[Arc<str>]>>,
    },
    /// The answer to a census.
    StatsReply {
        /// The asker's name for the question.
        query: u64,
        /// A row for each type that is known here.
        rows: Vec<(Arc<str>, TypeRow)>,
    },
}

/// What is known of a type, here or, summed, everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeRow {
    /// Jobs in the queue.
    pub waiting: u64,
    /// Jobs that workers hold.
    pub running: u64,
    /// Connections that take jobs of this type.
    pub workers: u64,
    /// Jobs answered with a result since the type last had no worker.
    pub done: u64,
    /// Age of the oldest waiting job in milliseconds, or 0.
    pub oldest_ms: u64,
}
