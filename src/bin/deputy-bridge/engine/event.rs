//! What the engine reports.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::api::SetupError;
use crate::backlog::Backlog;
use crate::core::{EngineFacts, PullEnd, Pulled, ResultMessage, StoreError, Verdict};

/// What happened.
pub(crate) enum EngineEvent {
    Connected,
    Lost,
    /// An attempt to connect failed. The next one follows.
    Unreachable(String),
    /// NATS has refused a request; the text is for the log.
    Refused(String),
    /// The stream exists.
    Ready {
        facts: EngineFacts,
        made: bool,
        version: String,
        differences: Vec<String>,
    },
    /// The stream could not be found or created; the next attempt follows.
    Failed(SetupError),
    Consumer {
        type_name: String,
        outcome: Result<Vec<String>, SetupError>,
    },
    /// The types that have a consumer, and the number of jobs of each type in the stream.
    Listed {
        consumers: BTreeSet<String>,
        backlogs: BTreeMap<String, Backlog>,
    },
    Counted {
        id: u64,
        bounces: Option<u64>,
    },
    Stored {
        serial: u64,
        outcome: Result<(), StoreError>,
    },
    Verdict {
        id: u64,
        verdict: Verdict,
    },
    Result {
        result: ResultMessage,
        reply: String,
    },
    Announced {
        node: String,
        instance: String,
        types: Vec<String>,
        leaving: bool,
    },
    /// A message was pulled. `is_late` if its pull was cancelled.
    Pulled {
        is_late: bool,
        message: Box<Pulled>,
    },
    PullEnd {
        type_name: Arc<str>,
        pull: u64,
        end: PullEnd,
    },
    /// The cancelled pulls of a type can bring no more messages.
    PullsCancelled,
    /// A message that no bridge has sent.
    Strange(String),
}
