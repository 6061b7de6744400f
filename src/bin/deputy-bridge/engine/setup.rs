//! The stream and its consumers: finds them, or makes them, and says where they differ from what the bridge would make.
//!
//! The bridge speaks JetStream's requests itself. They are few, and it needs none of what a library adds to them.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::message::ApiError;
use crate::names::{self, STREAM, STREAM_SUBJECTS};

/// How long JetStream may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// The size of a stream that the bridge makes, in bytes.
const STREAM_BYTES: u64 = 1 << 30;
/// How long a job stays in such a stream.
const STREAM_AGE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long such a stream remembers message ids.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// NATS removes a consumer that is not used for this long.
const CONSUMER_IDLE: Duration = Duration::from_secs(24 * 3_600);
/// Pulls that may be open at a consumer.
const PULLS_MAX: u64 = 4_096;

/// NATS' numbers of the errors "stream not found" and "consumer not found".
const ERROR_NO_STREAM: u64 = 10_059;
const ERROR_NO_CONSUMER: u64 = 10_014;

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetupError {
    /// There was no answer: JetStream has no leader now, is off, or does not permit the request.
    NoAnswer(String),
    /// JetStream cannot at the moment, for example while it has no leader.
    Later(String),
    /// It was refused.
    Refused(String),
    /// It is there, and of no use.
    Unfit(String),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NoAnswer(text) | Self::Later(text) | Self::Refused(text) | Self::Unfit(text)) = self;
        f.write_str(text)
    }
}

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
struct StreamConfig {
    subjects: Vec<String>,
    retention: String,
    storage: String,
    discard: String,
    num_replicas: u64,
    duplicate_window: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamState {
    subjects: Option<std::collections::HashMap<String, u64>>,
}

#[derive(Debug, Deserialize)]
struct ConsumerInfo {
    config: ConsumerConfig,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConsumerConfig {
    filter_subject: String,
    ack_policy: String,
    ack_wait: u64,
    max_deliver: i64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ConsumerPage {
    total: usize,
    consumers: Option<Vec<ConsumerInfo>>,
}

/// An answer of JetStream: what was asked for, or an error.
#[derive(Deserialize)]
struct Answer {
    error: Option<ApiError>,
}

/// Asks JetStream. `Ok(None)`: it does not know the thing with this error number.
async fn ask<T: DeserializeOwned>(
    client: &Client,
    what: &str,
    question: &Value,
    unknown: u64,
) -> Result<Option<T>, SetupError> {
    let subject = format!("$JS.API.{what}");
    let payload = if question.is_null() { String::new() } else { question.to_string() };
    let request = Request::new().payload(payload.into()).timeout(Some(ANSWER_TIMEOUT));
    let message = client.send_request(subject.clone(), request).await.map_err(|error| {
        SetupError::NoAnswer(match error.kind() {
            RequestErrorKind::NoResponders => "JetStream is not there: is it on (nats-server -js)?".to_owned(),
            RequestErrorKind::TimedOut => {
                format!("no answer to {subject}: JetStream has no leader, or it is not permitted")
            }
            _ => format!("{subject}: {error}"),
        })
    })?;
    read(&subject, &message.payload, unknown)
}

/// Reads an answer of JetStream. `Ok(None)`: it does not know the thing with this error number.
fn read<T: DeserializeOwned>(subject: &str, payload: &[u8], unknown: u64) -> Result<Option<T>, SetupError> {
    let unreadable =
        |error: serde_json::Error| SetupError::Refused(format!("the answer to {subject} cannot be read: {error}"));
    match serde_json::from_slice::<Answer>(payload).map_err(unreadable)?.error {
        Some(error) if error.err_code == unknown => Ok(None),
        Some(error) if error.code >= 500 => Err(SetupError::Later(format!("{subject}: {}", error.description))),
        Some(error) => Err(SetupError::Refused(format!("{subject}: {}", error.description))),
        None => serde_json::from_slice(payload).map(Some).map_err(unreadable),
    }
}

/// Finds or makes the stream.
pub(super) async fn stream(client: &Client, replicas: u64) -> Result<Found, SetupError> {
    let info: Option<StreamInfo> = ask(client, &format!("STREAM.INFO.{STREAM}"), &Value::Null, ERROR_NO_STREAM).await?;
    let made = info.is_none();
    let info = match info {
        Some(info) => info,
        None => ask(client, &format!("STREAM.CREATE.{STREAM}"), &stream_config(replicas), 0)
            .await?
            .ok_or_else(|| SetupError::Refused("the stream was not made".to_owned()))?,
    };
    let differences = judge_stream(&info.config, replicas)?;
    Ok(Found { made, duplicate_window: Duration::from_nanos(info.config.duplicate_window), differences })
}

fn stream_config(replicas: u64) -> Value {
    json!({
        "name": STREAM,
        "description": "jobs of deputy-bridge",
        "subjects": STREAM_SUBJECTS,
        "retention": "workqueue",
        "storage": "file",
        "num_replicas": replicas,
        "max_bytes": STREAM_BYTES,
        "discard": "new",
        "max_age": nanos(STREAM_AGE),
        "duplicate_window": nanos(DUPLICATE_WINDOW),
        "max_msgs": -1,
        "max_consumers": -1,
        "max_msg_size": -1,
    })
}

/// Returns how a stream differs from the bridge's own, or why it cannot be used.
fn judge_stream(config: &StreamConfig, replicas: u64) -> Result<Vec<String>, SetupError> {
    let covers = |subject: &str| config.subjects.iter().any(|own| covers(own, subject));
    if config.retention != "workqueue" {
        return Err(SetupError::Unfit(format!(
            "stream {STREAM} has retention {}: it must be workqueue",
            config.retention
        )));
    }
    if !covers(STREAM_SUBJECTS[0]) {
        return Err(SetupError::Unfit(format!("stream {STREAM} lacks the subjects {}", STREAM_SUBJECTS[0])));
    }
    let mut differences = Vec::new();
    let mut differs = |is_so: bool, text: String| {
        if is_so {
            differences.push(format!("stream {STREAM} {text}"));
        }
    };
    differs(
        !covers(STREAM_SUBJECTS[1]),
        format!("lacks the subjects {}: jobs that bounce count as attempts", STREAM_SUBJECTS[1]),
    );
    differs(config.storage != "file", "is in memory: a restart of NATS loses its jobs".to_owned());
    differs(
        config.discard != "new",
        "discards old jobs when it is full, where it should refuse new ones (discard new)".to_owned(),
    );
    let copies = config.num_replicas;
    differs(
        copies != replicas,
        format!("has {copies} replicas, not {replicas} as --replicas says; an administrator can change it"),
    );
    Ok(differences)
}

/// Whether a subject with wildcards has all subjects of `deputy.x.*`.
fn covers(own: &str, subject: &str) -> bool {
    own == ">" || own == subject || own == "deputy.>" || own == "deputy.*.*" || own == subject.replace('*', ">")
}

/// Finds or makes the consumer of a type. Returns differences that matter to people.
pub(super) async fn consumer(client: &Client, type_name: &str, ack_wait: Duration) -> Result<Vec<String>, SetupError> {
    let (name, filter) = (names::consumer(type_name), names::job_subject(type_name));
    let what = format!("CONSUMER.INFO.{STREAM}.{name}");
    let info: Option<ConsumerInfo> = ask(client, &what, &Value::Null, ERROR_NO_CONSUMER).await?;
    let info = if let Some(info) = info { info } else { make_consumer(client, &name, &filter, ack_wait).await? };
    judge_consumer(&info.config, &name, &filter, ack_wait)
}

async fn make_consumer(
    client: &Client,
    name: &str,
    filter: &str,
    ack_wait: Duration,
) -> Result<ConsumerInfo, SetupError> {
    let question = json!({ "stream_name": STREAM, "config": consumer_config(name, filter, ack_wait) });
    let what = format!("CONSUMER.CREATE.{STREAM}.{name}.{filter}");
    let made = ask(client, &what, &question, 0).await?;
    made.ok_or_else(|| SetupError::Refused(format!("consumer {name} was not made")))
}

fn consumer_config(name: &str, filter: &str, ack_wait: Duration) -> Value {
    json!({
        "durable_name": name,
        "name": name,
        "filter_subject": filter,
        "deliver_policy": "all",
        "ack_policy": "explicit",
        "replay_policy": "instant",
        "ack_wait": nanos(ack_wait),
        "max_deliver": -1,
        "max_ack_pending": -1,
        "max_waiting": PULLS_MAX,
        "inactive_threshold": nanos(CONSUMER_IDLE),
    })
}

/// Returns how a consumer differs from the bridge's own, or why it cannot be used.
fn judge_consumer(
    config: &ConsumerConfig,
    name: &str,
    filter: &str,
    ack_wait: Duration,
) -> Result<Vec<String>, SetupError> {
    if config.filter_subject != filter || config.ack_policy != "explicit" {
        return Err(SetupError::Unfit(format!(
            "consumer {name} must have filter_subject {filter} and ack_policy explicit"
        )));
    }
    let mut differences = Vec::new();
    let theirs = Duration::from_nanos(config.ack_wait);
    if theirs != ack_wait {
        let (theirs, own) = (theirs.as_secs_f64(), ack_wait.as_secs());
        differences.push(format!(
            "consumer {name} has ack_wait {theirs} s, and --ack-wait is {own}: give all bridges the same"
        ));
    }
    if config.max_deliver != -1 {
        differences.push(format!(
            "consumer {name} has max_deliver {}: jobs may stay in the stream for ever",
            config.max_deliver
        ));
    }
    Ok(differences)
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

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(change: impl FnOnce(&mut StreamConfig)) -> Result<Vec<String>, SetupError> {
        let mut config: StreamConfig = serde_json::from_value(stream_config(3)).unwrap();
        change(&mut config);
        judge_stream(&config, 3)
    }

    #[test]
    fn what_jetstream_cannot_do_at_the_moment_is_not_refused() {
        let read = |text: &str| read::<Value>("API", text.as_bytes(), ERROR_NO_CONSUMER);
        let error =
            |code, number| read(&format!(r#"{{"error":{{"code":{code},"err_code":{number},"description":"x"}}}}"#));
        assert_eq!(error(503, 10_008), Err(SetupError::Later("API: x".to_owned())));
        assert_eq!(error(400, 10_025), Err(SetupError::Refused("API: x".to_owned())));
        assert_eq!(error(404, ERROR_NO_CONSUMER), Ok(None));
        assert_eq!(read(r#"{"a":1}"#), Ok(Some(json!({"a": 1}))));
        assert!(matches!(read("{"), Err(SetupError::Refused(_))));
    }

    #[test]
    fn the_own_stream_is_as_wanted_and_others_are_judged() {
        assert_eq!(stream(|_| ()), Ok(vec![]));
        assert_eq!(stream(|config| config.subjects = vec!["deputy.>".to_owned()]), Ok(vec![]));
        for (change, count) in [
            (Box::new(|config: &mut StreamConfig| config.storage = "memory".to_owned()) as Box<dyn Fn(&mut _)>, 1),
            (Box::new(|config: &mut StreamConfig| config.discard = "old".to_owned()), 1),
            (Box::new(|config: &mut StreamConfig| config.num_replicas = 1), 1),
            (Box::new(|config: &mut StreamConfig| config.subjects.truncate(1)), 1),
        ] {
            assert_eq!(stream(change).unwrap().len(), count);
        }
        assert!(matches!(stream(|config| config.retention = "limits".to_owned()), Err(SetupError::Unfit(_))));
        assert!(matches!(stream(|config| config.subjects.clear()), Err(SetupError::Unfit(_))));
    }

    #[test]
    fn the_own_consumer_is_as_wanted_and_others_are_judged() {
        let wait = Duration::from_secs(15);
        let own = || -> ConsumerConfig { serde_json::from_value(consumer_config("n", "deputy.job.n", wait)).unwrap() };
        assert_eq!(judge_consumer(&own(), "n", "deputy.job.n", wait), Ok(vec![]));
        assert_eq!(judge_consumer(&own(), "n", "deputy.job.n", wait * 2).unwrap().len(), 1);
        let limited = ConsumerConfig { max_deliver: 3, ..own() };
        assert_eq!(judge_consumer(&limited, "n", "deputy.job.n", wait).unwrap().len(), 1);
        assert!(judge_consumer(&own(), "n", "deputy.job.m", wait).is_err());
    }
}
