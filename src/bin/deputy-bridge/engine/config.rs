//! The configuration of the stream and its consumers: as the bridge creates them, and as it accepts them. Pure.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::api::SetupError;
use crate::names::{self, STREAM, STREAM_SUBJECTS};

/// The size of a stream that the bridge creates, in bytes.
const STREAM_BYTES: u64 = 1 << 30;
/// How long a job stays in such a stream.
const STREAM_AGE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// How long such a stream remembers message ids.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// NATS removes a consumer that is not used for this long.
const CONSUMER_IDLE: Duration = Duration::from_secs(24 * 3_600);
/// The maximum number of pulls that may be open at a consumer.
const PULLS_MAX: u64 = 4_096;

/// The configuration of the stream, as far as it matters to the bridge.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct StreamConfig {
    subjects: Vec<String>,
    retention: String,
    storage: String,
    discard: String,
    num_replicas: u64,
    pub(super) duplicate_window: u64,
}

impl StreamConfig {
    /// Returns the configuration of a stream that the bridge creates.
    pub(super) fn own(replicas: u64) -> Value {
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

    /// Returns how the stream differs from the bridge's own, or why it cannot be used.
    pub(super) fn judge(&self, replicas: u64) -> Result<Vec<String>, SetupError> {
        let covers = |subject: &str| self.subjects.iter().any(|own| covers(own, subject));
        if self.retention != "workqueue" {
            return Err(SetupError::Unfit(format!(
                "stream {STREAM} has retention {}: it must be workqueue",
                self.retention
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
        differs(self.storage != "file", "is in memory: a restart of NATS loses its jobs".to_owned());
        differs(
            self.discard != "new",
            "discards old jobs when it is full, but must refuse new ones (discard new)".to_owned(),
        );
        let copies = self.num_replicas;
        differs(
            copies != replicas,
            format!(
                "has {copies} {}, and --replicas is {replicas}: give all bridges the same, or change the stream \
                 (nats stream edit {STREAM} --replicas {replicas})",
                if copies == 1 { "replica" } else { "replicas" }
            ),
        );
        Ok(differences)
    }
}

/// Whether a subject with wildcards has all subjects of `deputy.x.*`.
fn covers(own: &str, subject: &str) -> bool {
    own == ">" || own == subject || own == "deputy.>" || own == "deputy.*.*" || own == subject.replace('*', ">")
}

/// The configuration of a consumer, as far as it matters to the bridge.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConsumerConfig {
    pub(super) filter_subject: String,
    ack_policy: String,
    ack_wait: u64,
    max_deliver: i64,
}

impl ConsumerConfig {
    /// Returns the configuration of a consumer that the bridge creates for a type.
    pub(super) fn own(type_name: &str, ack_wait: Duration) -> Value {
        let name = names::consumer(type_name);
        json!({
            "durable_name": name,
            "name": name,
            "filter_subject": names::job_subject(type_name),
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

    /// Returns how the consumer of a type differs from the bridge's own, or why it cannot be used. Its name is an encoded
    /// type, so the texts say both.
    pub(super) fn judge(&self, type_name: &str, ack_wait: Duration) -> Result<Vec<String>, SetupError> {
        let (name, filter) = (names::consumer(type_name), names::job_subject(type_name));
        if self.filter_subject != filter || self.ack_policy != "explicit" {
            return Err(SetupError::Unfit(format!(
                "consumer {name} must have filter_subject {filter} and ack_policy explicit: remove it, and the bridge \
                 makes its own (nats consumer rm {STREAM} {name})"
            )));
        }
        let consumer = format!("the consumer of type {type_name} ({name} of stream {STREAM})");
        let mut differences = Vec::new();
        let theirs = Duration::from_nanos(self.ack_wait);
        if theirs != ack_wait {
            let (theirs, own) = (theirs.as_secs_f64(), ack_wait.as_secs());
            differences.push(format!(
                "{consumer} has ack_wait {theirs} s, and --ack-wait is {own}: give all bridges the same, or change the \
                 consumer (nats consumer edit)"
            ));
        }
        if self.max_deliver != -1 {
            differences.push(format!(
                "{consumer} has max_deliver {}: jobs that were delivered so often stay in the stream for ever; make it -1 \
                 (nats consumer edit)",
                self.max_deliver
            ));
        }
        Ok(differences)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(change: impl FnOnce(&mut StreamConfig)) -> Result<Vec<String>, SetupError> {
        let mut config: StreamConfig = serde_json::from_value(StreamConfig::own(3)).unwrap();
        change(&mut config);
        config.judge(3)
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
        let own = || -> ConsumerConfig { serde_json::from_value(ConsumerConfig::own("resize", wait)).unwrap() };
        assert_eq!(own().judge("resize", wait), Ok(vec![]));
        let limited = ConsumerConfig { max_deliver: 3, ..own() };
        for differences in [own().judge("resize", wait * 2).unwrap(), limited.judge("resize", wait).unwrap()] {
            assert_eq!(differences.len(), 1);
            let lead = "the consumer of type resize (cmVzaXpl of stream DEPUTY) has ";
            assert!(differences[0].starts_with(lead), "{differences:?}");
        }
        assert!(own().judge("encode", wait).is_err());
    }
}
