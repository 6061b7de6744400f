//! The stream and its consumers: finds them, or makes them, and says where they differ from what the bridge would make.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_nats::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{SetupError, ask};
use super::config::{ConsumerConfig, StreamConfig};
use crate::names::{self, STREAM};

/// NATS' numbers of the errors "stream not found" and "consumer not found".
const ERROR_NO_STREAM: u64 = 10_059;
const ERROR_NO_CONSUMER: u64 = 10_014;

/// What was found, or made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) made: bool,
    pub(crate) duplicate_window: Duration,
    /// Differences that matter to people.
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
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConsumerPage {
    total: usize,
    consumers: Option<Vec<ConsumerInfo>>,
}

/// Finds or makes the stream.
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

/// Finds or makes the consumer of a type. Returns differences that matter to people.
pub(super) async fn consumer(client: &Client, type_name: &str, ack_wait: Duration) -> Result<Vec<String>, SetupError> {
    let (name, filter) = (names::consumer(type_name), names::job_subject(type_name));
    let what = format!("CONSUMER.INFO.{STREAM}.{name}");
    let info: Option<ConsumerInfo> = ask(client, &what, &Value::Null, ERROR_NO_CONSUMER).await?;
    let info = if let Some(info) = info { info } else { make_consumer(client, &name, &filter, ack_wait).await? };
    info.config.judge(&name, &filter, ack_wait)
}

async fn make_consumer(
    client: &Client,
    name: &str,
    filter: &str,
    ack_wait: Duration,
) -> Result<ConsumerInfo, SetupError> {
    let question = json!({ "stream_name": STREAM, "config": ConsumerConfig::own(name, filter, ack_wait) });
    let what = format!("CONSUMER.CREATE.{STREAM}.{name}.{filter}");
    let made = ask(client, &what, &question, 0).await?;
    made.ok_or_else(|| SetupError::Refused(format!("consumer {name} was not made")))
}

/// Returns the types that have a consumer.
pub(super) async fn consumers(client: &Client) -> Result<BTreeSet<String>, SetupError> {
    let mut types = BTreeSet::new();
    let mut offset = 0;
    loop {
        let what = format!("CONSUMER.LIST.{STREAM}");
        let page: Option<ConsumerPage> = ask(client, &what, &json!({ "offset": offset }), 0).await?;
        let page = page.unwrap_or_default();
        let consumers = page.consumers.unwrap_or_default();
        offset += consumers.len();
        let is_last = consumers.is_empty() || offset >= page.total;
        types.extend(consumers.iter().filter_map(|info| names::type_of_subject(&info.config.filter_subject)));
        if is_last {
            return Ok(types);
        }
    }
}

/// Returns how often a message bounced.
pub(super) async fn bounces(client: &Client, seq: u64) -> Result<u64, SetupError> {
    let question = json!({ "subjects_filter": names::bounce_subject(seq) });
    let info: Option<StreamInfo> = ask(client, &format!("STREAM.INFO.{STREAM}"), &question, 0).await?;
    let subjects = info.and_then(|info| info.state.subjects).unwrap_or_default();
    Ok(subjects.get(&names::bounce_subject(seq)).copied().unwrap_or(0))
}
