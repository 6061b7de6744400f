//! The effects that the shell carries out for the core, and the values that they carry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::nodes::NodeChange;
use super::pulls::PullEffect;
use crate::names::JobName;
use crate::wire::Conn;

/// What the shell does.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Send a line to the server.
    Line(Conn, Vec<u8>),
    /// Do this when the server has read all lines so far. The core replaces this effect by a ping.
    AfterRead(Conn, After),
    /// Close the connections to the server, and make new ones.
    DropServer { reason: String },
    /// Publish a job, and report its acknowledgement with this number.
    Publish { serial: u64, message: JobMessage },
    /// Change the pulls.
    Pulls(PullEffect),
    /// Reply to NATS about a message.
    Respond { ack: String, reply: Reply },
    /// Record that a message bounced.
    Bounce { seq: u64 },
    /// Read how often a message bounced.
    CountBounces { id: u64, seq: u64 },
    /// Send a result to its submitter's bridge, and report its verdict with this number.
    Ask { id: u64, result: ResultMessage },
    /// Answer another bridge that has sent a result.
    Verdict { to: String, verdict: Verdict },
    /// Announce the types of this node.
    Announce { types: Vec<Arc<str>>, leaving: bool },
    /// Log a notice.
    Notice(Notice),
}

/// An action for when the server has read all lines so far.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Confirm a result.
    Answered { serial: u64, reply: String },
    /// The server no longer counts the bridge as a worker of the type.
    Withdrawn { type_name: Arc<str> },
}

/// A job as a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobMessage {
    pub(crate) id: String,
    pub(crate) type_name: Arc<str>,
    pub(crate) run_limit_ms: Option<u64>,
    /// JSON; empty if the job has none.
    pub(crate) arg: Bytes,
}

/// Why a message was not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// NATS may store it later: there is no leader, no room, or no stream.
    Later(String),
    /// It is too large, now and later.
    TooLarge(String),
}

/// A message that was pulled.
#[derive(Clone, Debug)]
pub(crate) struct Pulled {
    pub(crate) type_name: Arc<str>,
    pub(crate) job: JobName,
    pub(crate) run_limit_ms: Option<u64>,
    pub(crate) arg: Bytes,
    /// The subject for the reply to NATS when the job has ended.
    pub(crate) ack: String,
    /// Its number in the stream.
    pub(crate) seq: u64,
    /// How often it was delivered, this time included.
    pub(crate) deliveries: u64,
    /// How long it was in the stream, by the clocks of NATS and of this machine.
    pub(crate) age: Duration,
}

/// A result as a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResultMessage {
    pub(crate) job: JobName,
    pub(crate) outcome: Outcome,
    /// JSON: the result, or the error; empty if there is none.
    pub(crate) value: Bytes,
}

/// How a job ended at another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    /// It had too many attempts.
    GaveUp,
}

/// The reply of the bridge to NATS about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Ack,
    Nak,
    Progress,
    Term,
}

/// The answer of a bridge to a result for its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The server has it.
    Delivered,
    /// No client waits for it.
    Dropped,
    /// The server may give the job to this bridge later.
    Unknown,
    /// The submitter's bridge is not connected. NATS answers this.
    Absent,
}

/// An event for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    ServerConnected,
    ServerTooOld,
    Node(NodeChange),
    JobRefused {
        type_name: Arc<str>,
        reason: String,
    },
    NotStored {
        reason: String,
    },
    GaveUp {
        job: JobName,
        type_name: Arc<str>,
    },
    AnswerDropped {
        job: JobName,
    },
    TypesLeftOut {
        types: usize,
    },
    /// Another bridge has the same name.
    Twin {
        instance: String,
    },
    LineRefused {
        code: String,
        text: String,
    },
}

/// What the bridge knows of NATS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineFacts {
    /// The largest message that it takes.
    pub(crate) max_payload: usize,
    /// How long the stream remembers message ids.
    pub(crate) duplicate_window: Duration,
}
