//! Talks to NATS: one connection, the subscriptions, and published messages. The core makes all decisions.
//!
//! | file | what |
//! |---|---|
//! | `connection` | the connection to NATS, and its state |
//! | `event` | what the engine reports |
//! | `message` | jobs, results and announcements as messages. Pure |
//! | `pulls` | the subscriptions that receive the answers of pulls, and how pulls are cancelled |
//! | `setup`, `config` | finds, creates and checks the stream and its consumers |
//! | `api` | requests to JetStream |
//!
mod api;
mod config;
mod connection;
mod event;
mod message;
mod pulls;
mod setup;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_nats::{ConnectOptions, Message, Subscriber};
use bytes::Bytes;
use futures_util::stream::{SelectAll, StreamExt};
use tokio::sync::mpsc;

use crate::core::{EngineFacts, JobMessage, Reply, ResultMessage, StoreError, Verdict};
use crate::names::{self, PRESENCE_SUBJECTS};
pub(crate) use api::SetupError;
use connection::Connection;
pub(crate) use connection::PERMISSIONS;
pub(crate) use event::EngineEvent;
use message::Announcement;
use pulls::{FromPulls, PullStream};

/// The time between two attempts to find the stream.
const STREAM_RETRY: Duration = Duration::from_secs(1);
/// The time between two lists of consumers, which also give the figures of the stream by type.
const LIST_EVERY: Duration = Duration::from_secs(15);
/// The options of the engine.
pub(crate) struct EngineOptions {
    pub(crate) node: String,
    pub(crate) instance: String,
    pub(crate) replicas: u64,
    pub(crate) ack_wait: Duration,
    pub(crate) pull_time: Duration,
}

/// Sends events from the engine's tasks.
type Findings = mpsc::UnboundedSender<EngineEvent>;

/// The engine.
pub(crate) struct Engine {
    connection: Connection,
    options: EngineOptions,
    findings: Findings,
    found: mpsc::UnboundedReceiver<EngineEvent>,
    answers: Subscriber,
    results: Subscriber,
    announcements: Subscriber,
    pulls: SelectAll<PullStream>,
    /// The subscription of each type that receives the answers of its pulls.
    current: HashMap<Arc<str>, u64>,
    next_stream: u64,
}

impl Engine {
    /// Starts to connect, and reconnects after each loss.
    ///
    /// # Errors
    /// A message if a file of the options cannot be read.
    pub(crate) async fn start(
        connect: ConnectOptions,
        urls: Vec<String>,
        options: EngineOptions,
    ) -> Result<Self, String> {
        let (findings, found) = mpsc::unbounded_channel();
        let name = format!("deputy-bridge {}", options.node);
        let connection = Connection::start(connect, urls, name, findings.clone()).await?;
        let answers = connection.subscribe(format!("{}.a.*", connection.inbox())).await?;
        let results = connection.subscribe(names::result_subject(&options.node)).await?;
        let announcements = connection.subscribe(PRESENCE_SUBJECTS.to_owned()).await?;
        Ok(Self {
            connection,
            options,
            findings,
            found,
            answers,
            results,
            announcements,
            pulls: SelectAll::new(),
            current: HashMap::new(),
            next_stream: 0,
        })
    }

    /// Waits for the next event and returns it.
    pub(crate) async fn next(&mut self) -> EngineEvent {
        loop {
            let event = tokio::select! {
                biased;
                Some(event) = self.found.recv() => Some(event),
                Some(message) = self.answers.next() => self.answer(&message),
                Some(message) = self.results.next() => Some(result(&message)),
                Some(brought) = self.pulls.next(), if !self.pulls.is_empty() => match brought {
                    FromPulls::Message { number, type_name, message } => self.pulled(number, type_name, &message).await,
                    FromPulls::End => Some(EngineEvent::PullsCancelled),
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
        let (client, findings) = (self.connection.client().clone(), self.findings.clone());
        let (replicas, mut loss) = (self.options.replicas, Box::pin(self.connection.loss()));
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
                // After the next connection, the bridge finds the stream again.
                () = &mut loss => return,
            };
            let info = client.server_info();
            let facts = EngineFacts { max_payload: info.max_payload, duplicate_window: found.duplicate_window };
            let setup::Found { made, differences, .. } = found;
            let _ = findings.send(EngineEvent::Ready { facts, made, version: info.version, differences });
            loop {
                if let Ok((consumers, backlogs)) = setup::list(&client).await {
                    let _ = findings.send(EngineEvent::Listed { consumers, backlogs });
                }
                tokio::select! {
                    () = tokio::time::sleep(LIST_EVERY) => {}
                    () = &mut loss => return,
                }
            }
        });
    }

    /// Finds or creates the consumer of a type, and reports it.
    pub(crate) fn find_consumer(&self, type_name: &str) {
        let (client, findings, ack_wait) =
            (self.connection.client().clone(), self.findings.clone(), self.options.ack_wait);
        let type_name = type_name.to_owned();
        tokio::spawn(async move {
            let outcome = setup::consumer(&client, &type_name, ack_wait).await;
            let _ = findings.send(EngineEvent::Consumer { type_name, outcome });
        });
    }

    /// Reads how often a message bounced, and reports it.
    pub(crate) fn count_bounces(&self, id: u64, seq: u64) {
        let (client, findings) = (self.connection.client().clone(), self.findings.clone());
        tokio::spawn(async move {
            let bounces = setup::bounces(&client, seq).await.ok();
            let _ = findings.send(EngineEvent::Counted { id, bounces });
        });
    }

    /// Publishes a job. Its acknowledgement is reported with this number.
    pub(crate) async fn publish_job(&mut self, serial: u64, message: &JobMessage) {
        let subject = names::job_subject(&message.type_name);
        let reply = format!("{}.a.s{serial}", self.connection.inbox());
        let headers = message::job_headers(message);
        if let Some(Err(error)) = self.connection.ask(subject, reply, Some(headers), message.arg.clone()).await {
            let _ = self
                .findings
                .send(EngineEvent::Stored { serial, outcome: Err(StoreError::TooLarge(error.to_string())) });
        }
    }

    /// Sends a result to its submitter's bridge. The verdict is reported with this number.
    pub(crate) async fn ask(&mut self, id: u64, result: &ResultMessage) {
        let subject = names::result_subject(&result.job.node);
        let reply = format!("{}.a.r{id}", self.connection.inbox());
        let headers = message::result_headers(result);
        // Without an answer it is sent again.
        let _ = self.connection.ask(subject, reply, Some(headers), result.value.clone()).await;
    }

    /// Replies to NATS about a message.
    pub(crate) async fn respond(&mut self, ack: String, reply: Reply) {
        let text = match reply {
            Reply::Ack => "+ACK",
            Reply::Nak => "-NAK",
            Reply::Progress => "+WPI",
            Reply::Term => "+TERM",
        };
        self.connection.publish(ack, text.into()).await;
    }

    /// Records that a message bounced.
    pub(crate) async fn record_bounce(&mut self, seq: u64) {
        self.connection.publish(names::bounce_subject(seq), Bytes::new()).await;
    }

    /// Answers another bridge.
    pub(crate) async fn answer_verdict(&mut self, to: String, verdict: Verdict) {
        self.connection.publish(to, message::verdict_text(verdict).into()).await;
    }

    /// Announces the types of this node.
    pub(crate) async fn announce(&mut self, types: &[Arc<str>], leaving: bool) {
        let types = types.iter().map(ToString::to_string).collect();
        let announcement = Announcement { instance: self.options.instance.clone(), types, leaving };
        let text = serde_json::to_vec(&announcement).expect("texts are always JSON");
        self.connection.publish(names::presence_subject(&self.options.node), text.into()).await;
    }

    /// Waits until NATS has received all published messages, or the connection is lost.
    pub(crate) async fn flush(&mut self) {
        self.connection.flush().await;
    }

    /// Reads an answer to a message of the bridge.
    fn answer(&self, message: &Message) -> Option<EngineEvent> {
        let token = message.subject.strip_prefix(self.connection.inbox())?.strip_prefix(".a.")?;
        if let Some(serial) = token.strip_prefix('s') {
            return Some(EngineEvent::Stored { serial: serial.parse().ok()?, outcome: message::stored(message) });
        }
        let id = token.strip_prefix('r')?.parse().ok()?;
        Some(EngineEvent::Verdict { id, verdict: message::verdict(message) })
    }
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
