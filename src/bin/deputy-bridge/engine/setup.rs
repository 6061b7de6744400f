//! Finds or creates the stream and its consumers, and reports settings that differ from those of the bridge.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use async_nats::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{SetupError, ask};
use super::config::{ConsumerConfig, StreamConfig};
use crate::backlog::Backlog;
use crate::names::{self, STREAM, STREAM_SUBJECTS};

/// NATS' numbers of the errors "stream not found" and "consumer not found".
const ERROR_NO_STREAM: u64 = 10_059;
const ERROR_NO_CONSUMER: u64 = 10_014;

/// What was found, or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) made: bool,
    pub(crate) duplicate_window: Duration,
    /// The differences that are logged.
    pub(crate) differences: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct StreamInfo {
    config: StreamConfig,
    #[serde(default)]
    state: StreamState,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamState {
    subjects: Option<HashMap<String, u64>>,
}

#[derive(Debug, Deserialize)]
struct ConsumerInfo {
    config: ConsumerConfig,
    /// Messages that were not delivered.
    #[serde(default)]
    num_pending: u64,
    /// Messages that were delivered, and not acknowledged.
    #[serde(default)]
    num_ack_pending: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConsumerPage {
    total: usize,
    consumers: Option<Vec<ConsumerInfo>>,
}

/// Finds or creates the stream.
pub(super) async fn stream(client: &Client, replicas: u64) -> Result<Found, SetupError> {
    let info: Option<StreamInfo> = ask(client, &format!("STREAM.INFO.{STREAM}"), &Value::Null, ERROR_NO_STREAM).await?;
    let made = info.is_none();
    let info = match info {
        Some(info) => info,
        None => ask(client, &format!("STREAM.CREATE.{STREAM}"), &StreamConfig::own(replicas), 0)
            .await?
            .ok_or_else(|| SetupError::Refused("the stream was not made".to_owned()))?,
    };
    let differences = info.config.judge(replicas)?;
    Ok(Found { made, duplicate_window: Duration::from_nanos(info.config.duplicate_window), differences })
}

/// Finds or creates the consumer of a type. Returns the differences that are logged.
pub(super) async fn consumer(client: &Client, type_name: &str, ack_wait: Duration) -> Result<Vec<String>, SetupError> {
    let what = format!("CONSUMER.INFO.{STREAM}.{}", names::consumer(type_name));
    let info: Option<ConsumerInfo> = ask(client, &what, &Value::Null, ERROR_NO_CONSUMER).await?;
    let info = if let Some(info) = info { info } else { make_consumer(client, type_name, ack_wait).await? };
    info.config.judge(type_name, ack_wait)
}

async fn make_consumer(client: &Client, type_name: &str, ack_wait: Duration) -> Result<ConsumerInfo, SetupError> {
    let (name, filter) = (names::consumer(type_name), names::job_subject(type_name));
    let question = json!({ "stream_name": STREAM, "config": ConsumerConfig::own(type_name, ack_wait) });
    let what = format!("CONSUMER.CREATE.{STREAM}.{name}.{filter}");
    let made = ask(client, &what, &question, 0).await?;
    made.ok_or_else(|| SetupError::Refused(format!("consumer {name} was not made")))
}

/// Returns the types that have a consumer, and the number of jobs of each type in the stream. The latter also has types
/// that never had a worker.
pub(super) async fn list(client: &Client) -> Result<(BTreeSet<String>, BTreeMap<String, Backlog>), SetupError> {
    let mut backlogs = consumers(client).await?;
    let types = backlogs.keys().cloned().collect();
    for (subject, messages) in messages(client, STREAM_SUBJECTS[0]).await? {
        if let Some(type_name) = names::type_of_subject(&subject) {
            backlogs.entry(type_name).or_insert(Backlog { waiting: messages, pulled: 0 });
        }
    }
    Ok((types, backlogs))
}

/// Returns the types that have a consumer, with their numbers of jobs.
async fn consumers(client: &Client) -> Result<BTreeMap<String, Backlog>, SetupError> {
    let mut types = BTreeMap::new();
    let mut offset = 0;
    loop {
        let what = format!("CONSUMER.LIST.{STREAM}");
        let page: Option<ConsumerPage> = ask(client, &what, &json!({ "offset": offset }), 0).await?;
        let page = page.unwrap_or_default();
        let consumers = page.consumers.unwrap_or_default();
        offset += consumers.len();
        let is_last = consumers.is_empty() || offset >= page.total;
        types.extend(consumers.iter().filter_map(|info| {
            let backlog = Backlog { waiting: info.num_pending, pulled: info.num_ack_pending };
            Some((names::type_of_subject(&info.config.filter_subject)?, backlog))
        }));
        if is_last {
            return Ok(types);
        }
    }
}

/// Returns how often a message bounced.
pub(super) async fn bounces(client: &Client, seq: u64) -> Result<u64, SetupError> {
    let subject = names::bounce_subject(seq);
    Ok(messages(client, &subject).await?.get(&subject).copied().unwrap_or(0))
}

/// Returns the number of messages in the stream of each subject that matches a filter.
async fn messages(client: &Client, filter: &str) -> Result<HashMap<String, u64>, SetupError> {
    let question = json!({ "subjects_filter": filter });
    let info: Option<StreamInfo> = ask(client, &format!("STREAM.INFO.{STREAM}"), &question, 0).await?;
    Ok(info.and_then(|info| info.state.subjects).unwrap_or_default())
}
