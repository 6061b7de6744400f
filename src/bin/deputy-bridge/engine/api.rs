//! Sends JetStream's requests. There are only a few, so the bridge needs no JetStream library.

use std::fmt;
use std::time::Duration;

use async_nats::client::RequestErrorKind;
use async_nats::{Client, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::message::ApiError;

/// How long JetStream may take to create a stream or a consumer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long JetStream may take to answer a query. A cluster without a leader drops queries, so the bridge repeats them
/// soon.
const INFO_TIMEOUT: Duration = Duration::from_secs(2);

/// Advice for JetStream's errors whose own text does not help the operator of a bridge, by error number.
const ADVICE: [(u64, &str); 6] = [
    (10_074, "this nats-server is alone: use --replicas 1, or join three nats-servers to a cluster"),
    (10_005, "fewer nats-servers with JetStream run than --replicas says: start them, or use --replicas 1"),
    (10_023, "JetStream's servers lack room, or fewer run than --replicas says"),
    (10_047, "the bridge makes a stream of 1 GiB: let JetStream have more (max_file_store), or make a smaller stream"),
    (10_039, "enable JetStream for the bridge's account in the configuration of nats-server"),
    (10_076, "start nats-server with -js, or with jetstream in its configuration"),
];

/// Why something is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetupError {
    /// JetStream did not answer: it has no leader now, is not enabled, or does not permit the request.
    NoAnswer(String),
    /// JetStream cannot do this at the moment, for example while it has no leader.
    Later(String),
    /// JetStream has refused the request.
    Refused(String),
    /// The stream or consumer exists, but the bridge cannot use it.
    Unfit(String),
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::NoAnswer(text) | Self::Later(text) | Self::Refused(text) | Self::Unfit(text)) = self;
        f.write_str(text)
    }
}

/// An answer of JetStream: what was asked for, or an error.
#[derive(Deserialize)]
struct Answer {
    error: Option<ApiError>,
}

/// Sends a request to JetStream and returns its answer. A `null` request is a query. `Ok(None)`: JetStream answered
/// with the error number `unknown`, so the stream or consumer does not exist.
pub(super) async fn ask<T: DeserializeOwned>(
    client: &Client,
    what: &str,
    question: &Value,
    unknown: u64,
) -> Result<Option<T>, SetupError> {
    let subject = format!("$JS.API.{what}");
    let (payload, timeout) = match question {
        Value::Null => (String::new(), INFO_TIMEOUT),
        _ => (question.to_string(), ANSWER_TIMEOUT),
    };
    let request = Request::new().payload(payload.into()).timeout(Some(timeout));
    let message = client.send_request(subject.clone(), request).await.map_err(|error| {
        SetupError::NoAnswer(match error.kind() {
            RequestErrorKind::NoResponders => "JetStream is missing: is it enabled (nats-server -js)?".to_owned(),
            RequestErrorKind::TimedOut => {
                format!("no answer to {subject}: JetStream has no leader, or the bridge has no permission")
            }
            _ => format!("{subject}: {error}"),
        })
    })?;
    read(&subject, &message.payload, unknown)
}

/// Reads an answer of JetStream. `Ok(None)`: it has the error number `unknown`.
fn read<T: DeserializeOwned>(subject: &str, payload: &[u8], unknown: u64) -> Result<Option<T>, SetupError> {
    let unreadable =
        |error: serde_json::Error| SetupError::Refused(format!("the answer to {subject} cannot be read: {error}"));
    match serde_json::from_slice::<Answer>(payload).map_err(unreadable)?.error {
        Some(error) if error.err_code == unknown => Ok(None),
        Some(error) if error.code >= 500 => Err(SetupError::Later(explained(subject, &error))),
        Some(error) => Err(SetupError::Refused(explained(subject, &error))),
        None => serde_json::from_slice(payload).map(Some).map_err(unreadable),
    }
}

/// Returns an error of JetStream, with advice if there is any.
fn explained(subject: &str, error: &ApiError) -> String {
    let advice = ADVICE.iter().find(|(number, _)| *number == error.err_code);
    let advice = advice.map_or(String::new(), |(_, text)| format!("; {text}"));
    format!("{subject}: {}{advice}", error.description)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The number of the error "consumer not found".
    const UNKNOWN: u64 = 10_014;

    #[test]
    fn what_jetstream_cannot_do_at_the_moment_is_not_refused() {
        let read = |text: &str| read::<Value>("API", text.as_bytes(), UNKNOWN);
        let error =
            |code, number| read(&format!(r#"{{"error":{{"code":{code},"err_code":{number},"description":"x"}}}}"#));
        assert_eq!(error(503, 10_008), Err(SetupError::Later("API: x".to_owned())));
        assert_eq!(error(400, 10_025), Err(SetupError::Refused("API: x".to_owned())));
        assert_eq!(error(404, UNKNOWN), Ok(None));
        let Err(SetupError::Later(text)) = error(500, 10_074) else { panic!("it is not refused for good") };
        assert!(text.starts_with("API: x; ") && text.contains("--replicas 1"), "{text}");
        assert_eq!(read(r#"{"a":1}"#), Ok(Some(json!({"a": 1}))));
        assert!(matches!(read("{"), Err(SetupError::Refused(_))));
    }
}
