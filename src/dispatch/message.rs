//! The inputs of the core ([`Input`]), its effects ([`Effects`]), and the messages between shards ([`Message`]).

use std::sync::Arc;

use super::answer::{Answer, Reason};
pub use super::ids::{ConnId, GroupId, PoolId, ShardId, Submitter, TicketId, TraceId, TypeHash, TypeRef};
use super::job::Job;
pub use super::micros::Micros;
use crate::metrics::{Counts, Fault, Figures, ShardRow, Totals, TypeRows};
use crate::protocol::carried::OwnedCarried;
use crate::protocol::command::{Class, Command, Refusal};
use crate::protocol::reply::Reply;

/// One event for the core. Every input is legal in every state, because peers and shards race.
#[derive(Debug)]
pub enum Input<'a> {
    /// A turn begins. Time passes only here; it never goes back.
    Turn {
        /// The time on a monotonic clock that all shards share.
        now: Micros,
        /// The memory use of the other shards, as last published.
        others: MemoryUse,
    },
    /// A connection was accepted. The caller picks an index that is free and a generation that was not used before.
    Opened {
        /// Its name from now on.
        conn: ConnId,
    },
    /// A connection sent a line that is a command.
    Command {
        /// The sender.
        from: ConnId,
        /// The command.
        command: &'a Command<'a>,
    },
    /// A connection sent a line that is refused.
    Refused {
        /// The sender.
        from: ConnId,
        /// The reason, and whether the connection ends with it.
        refusal: &'a Refusal<'a>,
    },
    /// Bytes were read from a connection that is still open. The lines among them that this turn handles were passed on
    /// before. The owner now offers the slots that these lines have freed, so this input must follow each read.
    BytesRead {
        /// The connection.
        conn: ConnId,
        /// Bytes of an unfinished line that are kept for it.
        partial_bytes: u64,
    },
    /// The turn has tried to write to a connection. Follows every try, even if the socket accepted no bytes.
    Written {
        /// The connection.
        conn: ConnId,
        /// Bytes that the socket accepted.
        bytes: u64,
    },
    /// A connection's input has ended, or the connection failed.
    Ended {
        /// The connection.
        conn: ConnId,
    },
    /// A message of another shard has arrived.
    Message {
        /// The sender.
        from: ShardId,
        /// The message.
        message: Message,
    },
    /// The server stops. Jobs that workers hold may be finished; everything else is answered `shutdown`.
    Stop,
    /// The drain time-out has passed: jobs that workers hold are answered `shutdown`.
    DrainOver,
}

impl<'a> Input<'a> {
    /// Returns whether the offers for this input may wait for a later input: whether it is a `did`, or a `do` without options. One offer
    /// is then enough for all lines of the read.
    #[inline]
    pub(super) fn defers_offers(&self) -> bool {
        matches!(self, Self::Command { command: Command::Did { .. } | Command::Do { options: None, .. }, .. })
    }

    /// Returns whether it is an answer of a worker.
    #[inline]
    pub(super) fn is_did(&self) -> bool {
        matches!(self, Self::Command { command: Command::Did { .. }, .. })
    }

    /// Makes the input of a line, given what the decoder made of it.
    pub fn of_line(from: ConnId, line: &'a Result<Command<'a>, Refusal<'a>>) -> Self {
        match line {
            Ok(command) => Self::Command { from, command },
            Err(refusal) => Self::Refused { from, refusal },
        }
    }
}

/// The bytes that count in the memory budget.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryUse {
    /// Jobs that were accepted and not yet answered, and unsent bytes.
    pub committed: u64,
    /// Unfinished lines.
    pub partial: u64,
}

/// How to close a connection, which the core has already removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// Send the unsent bytes, then close.
    Flushed,
    /// Send the unsent bytes, whose last line is the reason. Then end writing, discard input for a while, and close.
    Explained,
    /// Close at once.
    Dropped,
}

/// The effects of the core, carried out by the shell in the order of the calls. A step cannot fail. Carrying out an
/// effect can fail, which [`Input::Ended`] reports.
///
/// Effects are calls on a trait, not a list. So a reply can borrow from the line that caused it, and its bytes are
/// written once, in place.
pub trait Effects {
    /// Appends `reply` to the unsent bytes of a connection that this shard owns. Returns how many bytes it added.
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize;
    /// Puts `message` in another shard's mailbox. Order holds per pair of shards, not across pairs.
    fn post(&mut self, to: ShardId, message: Message);
    /// Adds `n` to an [`Offer`](Message::Offer) of this pool that was posted and has not left the shard. Returns whether there
    /// is one; otherwise the core posts another. See [`Batch::add_to_offer`](super::batch::Batch::add_to_offer).
    fn add_to_offer(&mut self, to: ShardId, pool: PoolId, n: u32) -> bool {
        let _ = (to, pool, n); // Without a list of posted messages there is nothing to add to.
        false
    }
    /// Ends a connection.
    fn close(&mut self, conn: ConnId, how: Closing);
    /// Counts and logs a fault of a connection. Called before the reply to the fault, and before the connection's end.
    fn fault(&mut self, conn: ConnId, fault: Fault);
    /// Logs an event of a job. Called only if [`Settings::trace`](super::Settings::trace) is set.
    fn trace(&mut self, job: TraceId, event: JobEvent) {
        let _ = (job, event); // Without a log there is nothing to do.
    }
    /// Returns the peer of a connection as the log prints it. Called only for metrics by type.
    fn peer_name(&mut self, conn: ConnId) -> String;
    /// Returns the sum over all shards, with `own` as this one's latest figures.
    fn totals(&mut self, own: &Counts) -> Totals;
    /// Returns a row for each shard, with `own` as this one's latest figures. Called only for metrics by shard.
    fn shards(&mut self, own: &Counts) -> Vec<ShardRow>;
}

/// An event of a job, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// The job has reached its home for the first time.
    Queued(Submitter),
    /// The job was sent to a worker of this shard.
    Sent(ConnId),
    /// This worker was lost while it held the job, which waits again. A job that comes back because no slot was free has no
    /// event.
    Requeued(ConnId),
    /// This worker was lost while it held the job, and the job ends with this code.
    Lost(ConnId, &'static str),
    /// This worker held the job past its run limit.
    Overdue(ConnId),
    /// No client waits for the job any more, so it ended without an answer.
    Revoked,
    /// The job has ended with `done`, or with the code of its failure.
    Finished(&'static str),
}

/// The offer or pull that an assigned job uses up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spends {
    /// One of the shard's open offers.
    Offer,
    /// The shard's pull, with the slot that is reserved for it.
    Pull,
}

/// Whether a shard's workers of a type and class take more suspects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspects {
    /// Unchanged: they take suspects if they did so before.
    AsBefore,
    /// The workers of this class take no more suspects until the shard sends `AcceptSuspects`: each free slot is at a
    /// worker that holds a suspect.
    RejectedBy(Class),
}

/// The messages between shards. The rules are in docs/architecture.md.
#[derive(Debug)]
pub enum Message {
    /// Owner to home: queue this new job.
    Submit {
        /// The job.
        job: Job,
        /// The hash of its type.
        hash: TypeHash,
    },
    /// Owner to home: queue these new jobs of one type, in this order, as if each came in a Submit. There are two or more,
    /// and the home need not check more than their type.
    SubmitRun {
        /// The jobs.
        jobs: Vec<Job>,
        /// The hash of their type.
        hash: TypeHash,
    },
    /// Owner to home: `n` more jobs of this type may be assigned to this shard.
    Offer {
        /// The hash of the type. The name is not needed: Present has named the type of this pool.
        hash: TypeHash,
        /// The class of the workers that would take them.
        class: Class,
        /// How many.
        n: u32,
        /// How many offers the message stands for: 1, or more if offers were merged. At most `n`.
        offers: u32,
        /// The owner's pool.
        pool: PoolId,
    },
    /// Owner to home: a slot of a worker of this class is reserved for one job of this type; answer at once.
    Pull(TypeRef, Class, PoolId),
    /// Home to owner: a worker of this shard is to do this job.
    Assign {
        /// The job.
        job: Job,
        /// Whether it uses up an offer or the pull.
        spends: Spends,
        /// The pool of the offer or the pull.
        pool: PoolId,
    },
    /// Home to owner: no waiting job may go to this shard. The pull is over.
    Decline(PoolId),
    /// Owner to home: queue this job again.
    Requeue {
        /// The job.
        job: Job,
        /// Whether the workers that were to take it take more suspects.
        suspects: Suspects,
    },
    /// Owner to home: this shard's workers of this class take suspects of this type again.
    AcceptSuspects(TypeRef, Class),
    /// Owner to home: all offers of this shard's workers of this class for this type are withdrawn.
    Withdraw(TypeRef, Class, PoolId),
    /// Home to owner: offers for `n` jobs were withdrawn. If `n` is 0, the pool may no longer exist.
    Withdrawn(PoolId, u32),
    /// From the shard that ends a job to its submitter's owner, or to the home that keeps its group: the one answer.
    Answer {
        /// The submitter.
        to: Submitter,
        /// The answer.
        answer: Answer,
    },
    /// Owner to home: this shard has workers of the type and class from now on, in this pool.
    Present(TypeRef, Class, PoolId),
    /// Owner to home: this shard has no worker of the type and class any more.
    Absent(TypeRef, Class),
    /// Owner to home: the `do` of this ticket was answered, and no client waits for its job.
    Revoke {
        /// The ticket.
        ticket: Submitter,
        /// Whether the `do` has a key, and so shares its job.
        keyed: bool,
        /// The reason.
        reason: Reason,
    },
    /// Owner to home: the `wait_ms` of this ticket's job has passed. If the job waits, it ends.
    Recall {
        /// The ticket.
        ticket: Submitter,
        /// When the time was over.
        due: Micros,
    },
    /// Home to every shard: if a worker of the shard holds the job of this ticket or group, end the job for this
    /// reason.
    Drop(Submitter, Reason),
    /// Owner to home: a worker held the job of this ticket or group, and the job has ended.
    Dropped(Submitter),
    /// Home to owner: the job of this ticket, or its part in a group, has ended without an answer.
    Revoked(Submitter),
    /// Owner to home: an answer came for this ticket, after a Revoke was sent to the home. No further message about it
    /// follows.
    Over(Submitter),
    /// Owner to home: jobs of this type have ended while they were delayed. The home only counts them.
    EndedDelayed {
        /// The type.
        of: TypeRef,
        /// How many.
        n: u64,
        /// Why.
        reason: Reason,
    },
    /// From the shard of a worker to the submitter's owner, or to the home that keeps its group: the worker reports progress.
    Progress {
        /// The ticket or the group.
        to: Submitter,
        /// The worker's data, as received.
        data: OwnedCarried,
    },
    /// From the shard of a worker to the submitter's owner: the worker has stored this ticket's job outside the server.
    Stored(Submitter),
    /// From any shard to any: send rows of types.
    StatsQuery {
        /// The types; `None`: continue with the types of the previous query.
        wanted: Option<Arc<Wanted>>,
        /// How many rows the answer may have. There may be some more.
        rows_max: u32,
    },
    /// The answer to a [`StatsQuery`](Self::StatsQuery).
    StatsReply {
        /// Rows of types that are known here; a type may have several, even in several answers.
        rows: TypeRows,
        /// The figures of all types without their own, in the last answer, if figures were requested.
        other: Option<Box<Figures>>,
        /// Whether these are the last rows. Otherwise another query requests the next ones.
        last: bool,
    },
}

/// The types and figures that a shard requests.
#[derive(Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whether of all types.
    pub all: bool,
    /// The names of the types otherwise, each once.
    pub names: Vec<Arc<str>>,
    /// Whether outcomes and histograms are requested.
    pub histograms: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A batch keeps its memory, so the size of a message counts.
    #[test]
    fn a_message_takes_64_bytes_at_most() {
        assert!(size_of::<Message>() <= 64, "it takes {}", size_of::<Message>());
    }
}
