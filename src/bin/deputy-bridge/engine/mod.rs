//! NATS: one connection, the subscriptions, and what is published. It decides nothing.
//!
//! | file | what |
//! |---|---|
//! | `event` | what the engine reports |
//! | `message` | jobs, results and announcements as messages. Pure |
//! | `pulls` | the subscriptions to which pulls answer, and how pulls are called back |
//! | `setup`, `config` | the stream and its consumers: finds, makes and judges them |
//! | `api` | requests to JetStream |
//!
//! Nothing is published while there is no connection: the client would keep it, and stop the bridge when it has enough. What
//! is lost by this is made good by time-outs of the core.

mod api;
mod config;
mod event;
mod message;
mod pulls;
mod setup;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ClientError, ConnectErrorKind, ConnectOptions, Event, Message, Subscriber};
use bytes::Bytes;
use futures_util::stream::{SelectAll, StreamExt};
use tokio::sync::{mpsc, watch};

use crate::core::{EngineFacts, JobMessage, Reply, ResultMessage, StoreError, Verdict};
use crate::names::{self, PRESENCE_SUBJECTS};
pub(crate) use api::SetupError;
pub(crate) use event::EngineEvent;
use message::Announcement;
use pulls::{FromPulls, PullStream};

/// The beginning of the subjects on which the bridge receives answers.
pub(crate) const INBOX: &str = "_INBOX.deputy-bridge";
/// NATS is taken as lost when it does not answer two of three pings in this interval.
const PING_EVERY: Duration = Duration::from_secs(5);
/// The time between two attempts to find the stream.
const STREAM_RETRY: Duration = Duration::from_secs(2);
/// The time between two lists of consumers.
const LIST_EVERY: Duration = Duration::from_secs(60);
/// Messages of a subscription that wait to be handled.
const MESSAGES_MAX: usize = 1 << 16;
/// The permissions that the bridge needs, for people.
pub(crate) const PERMISSIONS: &str = "publish to $JS.API.STREAM.INFO.DEPUTY, $JS.API.CONSUMER.*.DEPUTY.>, \
     $JS.API.CONSUMER.LIST.DEPUTY, $JS.API.CONSUMER.MSG.NEXT.DEPUTY.*, $JS.ACK.DEPUTY.>, deputy.> and \
     _INBOX.deputy-bridge.>, and also to $JS.API.STREAM.CREATE.DEPUTY if it shall make the stream; subscribe to deputy.> and \
     _INBOX.deputy-bridge.>";

/// What to connect with.
pub(crate) struct EngineOptions {
    pub(crate) connect: ConnectOptions,
    pub(crate) urls: Vec<String>,
    pub(crate) node: String,
    pub(crate) instance: String,
    pub(crate) replicas: u64,
    pub(crate) ack_wait: Duration,
    pub(crate) pull_time: Duration,
}

/// Sends what the tasks of the engine find.
type Findings = mpsc::UnboundedSender<EngineEvent>;

/// The engine.
pub(crate) struct Engine {
    client: Client,
    options: Fixed,
    /// The beginning of this bridge's own subjects for answers.
    inbox: String,
    findings: Findings,
    found: mpsc::UnboundedReceiver<EngineEvent>,
    is_up: watch::Receiver<bool>,
    answers: Subscriber,
    results: Subscriber,
    announcements: Subscriber,
    pulls: SelectAll<PullStream>,
    /// The subscription of each type to which pulls answer now.
    current: HashMap<Arc<str>, u64>,
    next_stream: u64,
}

/// What does not change.
#[derive(Clone)]
struct Fixed {
    node: String,
    instance: String,
    replicas: u64,
    ack_wait: Duration,
    pull_time: Duration,
}

impl Engine {
    /// Starts to connect, and connects again after each loss.
    ///
    /// # Errors
    /// A text for people, if a file of the options cannot be read.
    pub(crate) async fn start(options: EngineOptions) -> Result<Self, String> {
        let (findings, found) = mpsc::unbounded_channel();
        let (up, is_up) = watch::channel(false);
        let events = findings.clone();
        let connect = options
            .connect
            .name(format!("deputy-bridge {}", options.node))
            .custom_inbox_prefix(INBOX)
            .ping_interval(PING_EVERY)
            .subscription_capacity(MESSAGES_MAX)
            .retry_on_initial_connect()
            .max_reconnects(None)
            .event_callback(move |event| {
                report(event, &up, &events);
                std::future::ready(())
            });
        let failed = |error: &dyn std::fmt::Display| format!("cannot connect to NATS: {error}");
        let client = connect.connect(options.urls).await.map_err(|error| failed(&error))?;
        let inbox = client.new_inbox();
        let subscribe = async |subject: String| client.subscribe(subject).await.map_err(|error| failed(&error));
        let answers = subscribe(format!("{inbox}.a.*")).await?;
        let results = subscribe(names::result_subject(&options.node)).await?;
        let announcements = subscribe(PRESENCE_SUBJECTS.to_owned()).await?;
        Ok(Self {
            options: Fixed {
                node: options.node,
                instance: options.instance,
                replicas: options.replicas,
                ack_wait: options.ack_wait,
                pull_time: options.pull_time,
            },
            inbox,
            findings,
            found,
            is_up,
            answers,
            results,
            announcements,
            pulls: SelectAll::new(),
            current: HashMap::new(),
            next_stream: 0,
            client,
        })
    }

    /// Returns what happens next.
    pub(crate) async fn next(&mut self) -> EngineEvent {
        loop {
            let event = tokio::select! {
                biased;
                Some(event) = self.found.recv() => Some(event),
                Some(message) = self.answers.next() => self.answer(&message),
                Some(message) = self.results.next() => Some(result(&message)),
                Some(brought) = self.pulls.next(), if !self.pulls.is_empty() => match brought {
                    FromPulls::Message { number, type_name, message } => self.pulled(number, type_name, &message).await,
                    FromPulls::End => Some(EngineEvent::CalledBack),
                },
                Some(message) = self.announcements.next() => Some(announced(&message)),
                else => std::future::pending().await,
            };
            if let Some(event) = event {
                return event;
            }
        }
    }

    /// Called when NATS is connected: finds the stream, and reports it.
    pub(crate) fn find_stream(&self) {
        let (client, findings, replicas) = (self.client.clone(), self.findings.clone(), self.options.replicas);
        let mut is_up = self.is_up.clone();
        tokio::spawn(async move {
            let found = async {
                loop {
                    match setup::stream(&client, replicas).await {
                        Ok(found) => return found,
                        // If no one listens, the bridge has ended.
                        Err(error) => drop(findings.send(EngineEvent::Failed(error))),
                    }
                    tokio::time::sleep(STREAM_RETRY).await;
                }
            };
            let found = tokio::select! {
                found = found => found,
                // The next connection finds it again.
                _ = is_up.wait_for(|is_up| !is_up) => return,
            };
            let info = client.server_info();
            let facts = EngineFacts { max_payload: info.max_payload, duplicate_window: found.duplicate_window };
            let setup::Found { made, differences, .. } = found;
            let _ = findings.send(EngineEvent::Ready { facts, made, version: info.version, differences });
            loop {
                let listed = setup::consumers(&client).await;
                if let Ok(types) = listed {
                    let _ = findings.send(EngineEvent::Consumers(types));
                }
                tokio::select! {
                    () = tokio::time::sleep(LIST_EVERY) => {}
                    _ = is_up.wait_for(|is_up| !is_up) => return,
                }
            }
        });
    }

    /// Finds or makes the consumer of a type, and reports it.
    pub(crate) fn find_consumer(&self, type_name: &str) {
        let (client, findings, ack_wait) = (self.client.clone(), self.findings.clone(), self.options.ack_wait);
        let type_name = type_name.to_owned();
        tokio::spawn(async move {
            let outcome = setup::consumer(&client, &type_name, ack_wait).await;
            let _ = findings.send(EngineEvent::Consumer { type_name, outcome });
        });
    }

    /// Reads how often a message bounced, and reports it.
    pub(crate) fn count_bounces(&self, id: u64, seq: u64) {
        let (client, findings) = (self.client.clone(), self.findings.clone());
        tokio::spawn(async move {
            let bounces = setup::bounces(&client, seq).await.ok();
            let _ = findings.send(EngineEvent::Counted { id, bounces });
        });
    }

    /// Publishes a job. Its acknowledgement is reported with this number.
    pub(crate) async fn publish_job(&mut self, serial: u64, message: &JobMessage) {
        let subject = names::job_subject(&message.type_name);
        let reply = format!("{}.a.s{serial}", self.inbox);
        let headers = message::job_headers(message);
        let published = self.client.publish_with_reply_and_headers(subject, reply, headers, message.arg.clone());
        if let Some(Err(error)) = while_up(&mut self.is_up, published).await {
            let _ = self
                .findings
                .send(EngineEvent::Stored { serial, outcome: Err(StoreError::TooLarge(error.to_string())) });
        }
    }

    /// Sends a result to its submitter's bridge. The verdict is reported with this number.
    pub(crate) async fn ask(&mut self, id: u64, result: &ResultMessage) {
        let subject = names::result_subject(&result.job.node);
        let reply = format!("{}.a.r{id}", self.inbox);
        let headers = message::result_headers(result);
        let published = self.client.publish_with_reply_and_headers(subject, reply, headers, result.value.clone());
        let _ = while_up(&mut self.is_up, published).await; // Without an answer it is sent again.
    }

    /// Tells NATS about a message.
    pub(crate) async fn respond(&mut self, ack: String, reply: Reply) {
        let text = match reply {
            Reply::Ack => "+ACK",
            Reply::Nak => "-NAK",
            Reply::Progress => "+WPI",
            Reply::Term => "+TERM",
        };
        self.publish(ack, text.into()).await;
    }

    /// Records that a message bounced.
    pub(crate) async fn record_bounce(&mut self, seq: u64) {
        self.publish(names::bounce_subject(seq), Bytes::new()).await;
    }

    /// Answers another bridge.
    pub(crate) async fn answer_verdict(&mut self, to: String, verdict: Verdict) {
        self.publish(to, message::verdict_text(verdict).into()).await;
    }

    /// Announces the types of this node.
    pub(crate) async fn announce(&mut self, types: &[Arc<str>], leaving: bool) {
        let types = types.iter().map(ToString::to_string).collect();
        let announcement = Announcement { instance: self.options.instance.clone(), types, leaving };
        let text = serde_json::to_vec(&announcement).expect("texts are always JSON");
        self.publish(names::presence_subject(&self.options.node), text.into()).await;
    }

    /// Waits until NATS has what was published, as long as it is there.
    pub(crate) async fn flush(&mut self) {
        let _ = while_up(&mut self.is_up, self.client.flush()).await; // Without it, messages are delivered again.
    }

    async fn publish(&mut self, subject: String, payload: Bytes) {
        let published = self.client.publish(subject, payload);
        let _ = while_up(&mut self.is_up, published).await; // The core's time-outs make it good.
    }

    /// Reads an answer to what the bridge published.
    fn answer(&self, message: &Message) -> Option<EngineEvent> {
        let token = message.subject.strip_prefix(self.inbox.as_str())?.strip_prefix(".a.")?;
        if let Some(serial) = token.strip_prefix('s') {
            return Some(EngineEvent::Stored { serial: serial.parse().ok()?, outcome: message::stored(message) });
        }
        let id = token.strip_prefix('r')?.parse().ok()?;
        Some(EngineEvent::Verdict { id, verdict: message::verdict(message) })
    }
}

/// Awaits something, unless the connection to NATS is lost or was lost.
async fn while_up<T>(is_up: &mut watch::Receiver<bool>, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        _ = is_up.wait_for(|is_up| !is_up) => None,
        done = future => Some(done),
    }
}

/// Called by the client when something happens to the connection.
fn report(event: Event, up: &watch::Sender<bool>, events: &Findings) {
    let event = match event {
        Event::Connected => {
            let _ = up.send(true);
            EngineEvent::Connected
        }
        Event::Disconnected => {
            let _ = up.send(false);
            EngineEvent::Lost
        }
        Event::ServerError(error) => EngineEvent::Refused(error.to_string()),
        Event::ClientError(error) => EngineEvent::Unreachable(unreachable(&error)),
        Event::SlowConsumer(_) => {
            EngineEvent::Refused("messages were dropped, because the bridge is too slow".to_owned())
        }
        Event::LameDuckMode | Event::Draining | Event::Closed => return,
    };
    let _ = events.send(event); // If no one listens, the bridge has ended.
}

/// Returns why NATS cannot be connected to. The client says the kind only.
fn unreachable(error: &ClientError) -> String {
    let ClientError::Other(kind) = error else { return error.to_string() };
    let causes = [
        (
            ConnectErrorKind::Io,
            "no nats-server answers there, or it closed the connection: does it run, and does it want TLS (--tls) or not?",
        ),
        (ConnectErrorKind::TimedOut, "what listens there does not answer as a nats-server does"),
        (ConnectErrorKind::Dns, "the name of the host is not known"),
        (
            ConnectErrorKind::AuthorizationViolation,
            "it does not accept this user (USER:PASSWORD@ in --nats, or --creds)",
        ),
        (ConnectErrorKind::Tls, "TLS failed (--tls, --tls-ca, --tls-cert, --tls-key)"),
    ];
    let cause = causes.iter().find(|(known, _)| known.to_string() == *kind);
    cause.map_or_else(|| kind.clone(), |(_, text)| (*text).to_owned())
}

fn result(message: &Message) -> EngineEvent {
    match (message::result(message), &message.reply) {
        (Some(result), Some(reply)) => EngineEvent::Result { result, reply: reply.to_string() },
        _ => EngineEvent::Strange("a message to this node is no result of a bridge".to_owned()),
    }
}

fn announced(message: &Message) -> EngineEvent {
    let node = message.subject.rsplit('.').next().unwrap_or_default().to_owned();
    match serde_json::from_slice::<Announcement>(&message.payload) {
        Ok(Announcement { instance, types, leaving }) => EngineEvent::Announced { node, instance, types, leaving },
        Err(_) => EngineEvent::Strange(format!("a message of {} is no announcement", message.subject)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_permissions_are_those_of_the_documentation() {
        let page = include_str!("../../../../docs/scale-out.md");
        let (_, section) = page.split_once("\n### Permissions\n").unwrap();
        let table = section.trim_start().lines().take_while(|line| line.starts_with('|'));
        let subjects: Vec<&str> = table.flat_map(|row| row.split('`').skip(1).step_by(2)).collect();
        assert!(subjects.len() > 8);
        for subject in subjects {
            assert!(PERMISSIONS.contains(subject), "{subject}");
        }
        assert!(PERMISSIONS.contains(&format!("{INBOX}.>")));
    }
}
