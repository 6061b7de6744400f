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
    /// NATS has refused something, for people.
    Refused(String),
    /// The stream is there.
    Ready {
        facts: EngineFacts,
        made: bool,
        version: String,
        differences: Vec<String>,
    },
    /// The stream is not there; the next attempt follows.
    Failed(SetupError),
    Consumer {
        type_name: String,
        outcome: Result<Vec<String>, SetupError>,
    },
    /// The types that have a consumer, and what the stream has of each type.
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
    /// A message was pulled. `is_late` if its pull was called back.
    Pulled {
        is_late: bool,
        message: Box<Pulled>,
    },
    PullEnd {
        type_name: Arc<str>,
        pull: u64,
        end: PullEnd,
    },
    /// Pulls of a type that were called back can bring nothing more.
    CalledBack,
    /// A message that no bridge has sent.
    Strange(String),
}
