//! Encodes jobs, results and announcements as messages of NATS, and decodes them. Pure.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_nats::{HeaderMap, Message, StatusCode};
use serde::{Deserialize, Serialize};

use crate::core::{JobMessage, Outcome, PullEnd, Pulled, ResultMessage, StoreError, Verdict};
use crate::names::{JobName, STREAM, type_of_subject};

const MESSAGE_ID: &str = "Nats-Msg-Id";
const EXPECTED_STREAM: &str = "Nats-Expected-Stream";
const RUN_LIMIT: &str = "Deputy-Run-Limit-Ms";
const JOB: &str = "Deputy-Job";
const OUTCOME: &str = "Deputy-Outcome";

/// The outcomes and verdicts, by name.
const OUTCOMES: [(&str, Outcome); 3] =
    [("done", Outcome::Done), ("failed", Outcome::Failed), ("gave_up", Outcome::GaveUp)];
const VERDICTS: [(&str, Verdict); 3] =
    [("delivered", Verdict::Delivered), ("dropped", Verdict::Dropped), ("unknown", Verdict::Unknown)];

/// NATS' number of the error "message size exceeds maximum allowed".
const ERROR_TOO_LARGE: u64 = 10_054;

/// Returns the headers of a job's message.
pub(super) fn job_headers(message: &JobMessage) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(MESSAGE_ID, message.id.as_str());
    headers.insert(EXPECTED_STREAM, STREAM);
    if let Some(limit) = message.run_limit_ms {
        headers.insert(RUN_LIMIT, limit.to_string().as_str());
    }
    headers
}

/// Returns the headers of a result.
pub(super) fn result_headers(result: &ResultMessage) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(JOB, result.job.to_string().as_str());
    let name = OUTCOMES.iter().find(|(_, outcome)| *outcome == result.outcome).map_or("", |(name, _)| name);
    headers.insert(OUTCOME, name);
    headers
}

/// Reads a result; `None` if the message is not one.
pub(super) fn result(message: &Message) -> Option<ResultMessage> {
    let job = JobName::of_message_id(header(message, JOB)?)?;
    let name = header(message, OUTCOME)?;
    let (_, outcome) = OUTCOMES.iter().find(|(known, _)| *known == name)?;
    Some(ResultMessage { job, outcome: *outcome, value: message.payload.clone() })
}

/// Returns the payload of a verdict.
pub(super) fn verdict_text(verdict: Verdict) -> &'static str {
    VERDICTS.iter().find(|(_, known)| *known == verdict).map_or("unknown", |(name, _)| name)
}

/// Reads the answer to a result. If the submitter's bridge is not connected, NATS answers.
pub(super) fn verdict(message: &Message) -> Verdict {
    if message.status.is_some() {
        return Verdict::Absent;
    }
    let known = VERDICTS.iter().find(|(name, _)| message.payload == name.as_bytes());
    known.map_or(Verdict::Unknown, |(_, verdict)| *verdict)
}

/// A part of the answer to a published message, and of every answer of JetStream.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ApiError {
    /// As in HTTP: from 500 on, NATS cannot do it at the moment.
    pub(super) code: u64,
    pub(super) err_code: u64,
    pub(super) description: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct PubAck {
    stream: String,
    error: Option<ApiError>,
}

/// Reads the acknowledgement of a published message.
pub(super) fn stored(message: &Message) -> Result<(), StoreError> {
    if message.status.is_some() {
        return Err(StoreError::Later("no stream takes it".to_owned()));
    }
    match serde_json::from_slice::<PubAck>(&message.payload) {
        Ok(PubAck { error: Some(error), .. }) if error.err_code == ERROR_TOO_LARGE => {
            Err(StoreError::TooLarge(error.description))
        }
        Ok(PubAck { error: Some(error), .. }) => Err(StoreError::Later(error.description)),
        Ok(ack) if ack.stream == STREAM => Ok(()),
        Ok(ack) => Err(StoreError::Later(format!("another stream has its subject: {}", ack.stream))),
        Err(error) => Err(StoreError::Later(format!("the acknowledgement cannot be read: {error}"))),
    }
}

/// What a pull brought.
pub(super) enum Pull {
    Job(Box<Pulled>),
    End(PullEnd),
    /// A message that is not a job. The bridge removes it if it can.
    Strange {
        ack: Option<String>,
    },
}

/// Reads what a pull brought.
pub(super) fn pull(message: &Message, type_name: &Arc<str>, now: SystemTime) -> Pull {
    if let Some(status) = message.status {
        return Pull::End(pull_end(status, message.description.as_deref().unwrap_or_default()));
    }
    let ack = message.reply.as_ref().map(ToString::to_string);
    let read = || {
        let delivery = Delivery::of(ack.as_deref()?)?;
        let job = JobName::of_message_id(header(message, MESSAGE_ID)?)?;
        type_of_subject(&message.subject)?;
        Some(Pulled {
            type_name: Arc::clone(type_name),
            job,
            run_limit_ms: header(message, RUN_LIMIT).and_then(|limit| limit.parse().ok()),
            arg: message.payload.clone(),
            seq: delivery.seq,
            deliveries: delivery.count,
            age: now.duration_since(delivery.stored).unwrap_or_default(),
            ack: ack.clone()?,
        })
    };
    match read() {
        Some(pulled) => Pull::Job(Box::new(pulled)),
        None => Pull::Strange { ack },
    }
}

/// Reads how NATS ended a pull: its status, and a text.
fn pull_end(status: StatusCode, text: &str) -> PullEnd {
    match status.as_u16() {
        404 | 503 => PullEnd::NoConsumer,
        409 if text.contains("Deleted") => PullEnd::NoConsumer,
        409 if text.contains("Exceeded") => PullEnd::TooMany,
        _ => PullEnd::Over,
    }
}

/// What the subject says to which a message is acknowledged.
#[derive(Debug, PartialEq, Eq)]
struct Delivery {
    count: u64,
    seq: u64,
    stored: SystemTime,
}

impl Delivery {
    /// Reads `$JS.ACK.<stream>.<consumer>.<count>.<seq>.<consumer seq>.<time>.<pending>`; newer servers may have a domain
    /// and an account before the stream, and more after the rest.
    fn of(ack: &str) -> Option<Self> {
        let tokens: Vec<&str> = ack.strip_prefix("$JS.ACK.")?.split('.').collect();
        let first = match tokens.len() {
            7 => 2,
            9.. => 4,
            _ => return None,
        };
        let number = |index: usize| tokens[first + index].parse::<u64>().ok();
        Some(Self { count: number(0)?, seq: number(1)?, stored: UNIX_EPOCH + Duration::from_nanos(number(3)?) })
    }
}

/// The announcement of a node.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Announcement {
    /// Differs between two bridges of one name.
    pub(super) instance: String,
    pub(super) types: Vec<String>,
    #[serde(default)]
    pub(super) leaving: bool,
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a str> {
    Some(message.headers.as_ref()?.get(name)?.as_str())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn message(subject: &str, headers: HeaderMap, payload: &str) -> Message {
        Message {
            subject: subject.into(),
            reply: None,
            payload: Bytes::copy_from_slice(payload.as_bytes()),
            headers: Some(headers),
            status: None,
            description: None,
            length: 0,
        }
    }

    fn job() -> JobName {
        JobName { node: "a".to_owned(), up_since: 17, reference: "0.5".to_owned() }
    }

    #[test]
    fn a_job_comes_through_with_what_its_delivery_says() {
        let subject = crate::names::job_subject("resize");
        let sent = JobMessage {
            id: job().message_id(2),
            type_name: "resize".into(),
            run_limit_ms: Some(9),
            arg: Bytes::from_static(b"[1]"),
        };
        for ack in
            ["$JS.ACK.DEPUTY.c.3.41.7.1500000000000000000.0", "$JS.ACK.hub.ACC.DEPUTY.c.3.41.7.1500000000000000000.0.x"]
        {
            let mut received = message(&subject, job_headers(&sent), "[1]");
            received.reply = Some(ack.into());
            let now = UNIX_EPOCH + Duration::from_secs(1_500_000_002);
            let Pull::Job(pulled) = pull(&received, &"resize".into(), now) else { panic!("{ack}") };
            assert_eq!((&*pulled.type_name, pulled.job, pulled.run_limit_ms), ("resize", job(), Some(9)));
            assert_eq!((pulled.seq, pulled.deliveries, pulled.age), (41, 3, Duration::from_secs(2)));
            assert_eq!((pulled.arg, pulled.ack.as_str()), (sent.arg.clone(), ack));
        }
    }

    #[test]
    fn a_message_of_another_program_is_no_job() {
        let strange = message("deputy.job.eA", HeaderMap::new(), "{}");
        assert!(matches!(pull(&strange, &"x".into(), UNIX_EPOCH), Pull::Strange { ack: None }));
        let mut strange = message("deputy.job.eA", HeaderMap::new(), "{}");
        strange.reply = Some("$JS.ACK.DEPUTY.c.1.1.1.1.0".into());
        assert!(matches!(pull(&strange, &"x".into(), UNIX_EPOCH), Pull::Strange { ack: Some(_) }));
        for ack in ["", "$JS.ACK.", "$JS.ACK.DEPUTY.c.1.1.1.1", "$JS.ACK.DEPUTY.c.x.1.1.1.0"] {
            assert_eq!(Delivery::of(ack), None, "{ack}");
        }
    }

    #[test]
    fn a_result_comes_through() {
        for (_, outcome) in OUTCOMES {
            let sent = ResultMessage { job: job(), outcome, value: Bytes::from_static(b"null") };
            assert_eq!(result(&message("deputy.res.a", result_headers(&sent), "null")), Some(sent));
        }
        assert_eq!(result(&message("deputy.res.a", HeaderMap::new(), "null")), None);
    }

    #[test]
    fn verdicts_come_through_and_nats_says_that_no_bridge_is_there() {
        for (_, sent) in VERDICTS {
            assert_eq!(verdict(&message("i", HeaderMap::new(), verdict_text(sent))), sent);
        }
        let mut none = message("i", HeaderMap::new(), "");
        none.status = Some(StatusCode::NO_RESPONDERS);
        assert_eq!(verdict(&none), Verdict::Absent);
    }

    #[test]
    fn acknowledgements_say_whether_the_job_is_stored() {
        let of = |payload: &str| stored(&message("i", HeaderMap::new(), payload));
        assert_eq!(of(r#"{"stream":"DEPUTY","seq":1}"#), Ok(()));
        assert_eq!(of(r#"{"stream":"DEPUTY","seq":1,"duplicate":true}"#), Ok(()));
        let full =
            r#"{"error":{"code":503,"err_code":10077,"description":"maximum bytes exceeded"},"stream":"DEPUTY"}"#;
        assert_eq!(of(full), Err(StoreError::Later("maximum bytes exceeded".to_owned())));
        let large = r#"{"error":{"code":400,"err_code":10054,"description":"too big"},"stream":"DEPUTY"}"#;
        assert_eq!(of(large), Err(StoreError::TooLarge("too big".to_owned())));
        assert!(matches!(of(r#"{"stream":"OTHER","seq":1}"#), Err(StoreError::Later(_))));
        assert!(matches!(of("nonsense"), Err(StoreError::Later(_))));
    }

    #[test]
    fn the_end_of_a_pull_says_whether_to_pull_again() {
        for (status, text, expected) in [
            (408, "Request Timeout", PullEnd::Over),
            (409, "Consumer Deleted", PullEnd::NoConsumer),
            (409, "Exceeded MaxWaiting", PullEnd::TooMany),
            (409, "Leadership Change", PullEnd::Over),
            (503, "", PullEnd::NoConsumer),
        ] {
            assert_eq!(pull_end(StatusCode::from_u16(status).unwrap(), text), expected, "{status} {text}");
        }
    }
}
