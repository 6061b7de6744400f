//! Opens and cancels pulls. Each type has a subscription that receives the messages of its pulls until they are
//! cancelled.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use async_nats::{Message, Subscriber};
use bytes::Bytes;
use futures_util::stream::{Stream, StreamExt};

use super::Engine;
use super::event::EngineEvent;
use super::message::{self, Pull};
use crate::core::Reply;
use crate::names::{self, STREAM};

/// A subscription that receives the messages of a type's pulls.
pub(super) struct PullStream {
    number: u64,
    type_name: Arc<str>,
    subscriber: Subscriber,
    /// The number of messages that came, of all kinds.
    seen: u64,
    has_ended: bool,
}

/// An event of a subscription of pulls.
pub(super) enum FromPulls {
    Message {
        number: u64,
        type_name: Arc<str>,
        message: Box<Message>,
    },
    /// The subscription has ended.
    End,
}

impl Stream for PullStream {
    type Item = FromPulls;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<FromPulls>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let message = ready!(self.subscriber.poll_next_unpin(context));
        Poll::Ready(Some(if let Some(message) = message {
            self.seen += 1;
            FromPulls::Message {
                number: self.number,
                type_name: Arc::clone(&self.type_name),
                message: Box::new(message),
            }
        } else {
            self.has_ended = true;
            FromPulls::End
        }))
    }
}

impl Engine {
    /// Called when the connection to NATS is lost: no pull is open.
    pub(crate) fn forget_pulls(&mut self) {
        self.pulls.clear();
        self.current.clear();
    }

    /// Opens a pull.
    pub(crate) async fn pull(&mut self, type_name: &Arc<str>, pull: u64, batch: u32) {
        let number = match self.current.get(type_name) {
            Some(number) => *number,
            None => match self.open_stream(type_name).await {
                Some(number) => number,
                None => return,
            },
        };
        let subject = format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{}", names::consumer(type_name));
        let reply = format!("{}.p.{number}.{pull}", self.connection.inbox());
        let question = format!("{{\"batch\":{batch},\"expires\":{}}}", self.options.pull_time.as_nanos());
        let _ = self.connection.ask(subject, reply, None, question.into()).await; // A lost pull ends by its time.
    }

    /// Subscribes to the messages of a type's pulls.
    async fn open_stream(&mut self, type_name: &Arc<str>) -> Option<u64> {
        self.next_stream += 1;
        let number = self.next_stream;
        let client = self.connection.client().clone();
        let subscribing = client.subscribe(format!("{}.p.{number}.*", self.connection.inbox()));
        let subscriber = self.connection.while_up(subscribing).await?.ok()?;
        self.pulls.push(PullStream { number, type_name: Arc::clone(type_name), subscriber, seen: 0, has_ended: false });
        self.current.insert(Arc::clone(type_name), number);
        Some(number)
    }

    /// Cancels all pulls of a type: NATS drops a pull when its answers have no subscription.
    ///
    /// If the NATS client unsubscribed at once, it would drop messages on their way, and NATS would deliver them again
    /// only after the consumer's `ack_wait`. So NATS gets a limit of as many messages as may still come, and the bridge
    /// sends itself the messages that are missing.
    pub(crate) async fn cancel_pulls(&mut self, type_name: &str, most: u64) {
        let number = self.current.remove(type_name);
        let Some(stream) = self.pulls.iter_mut().find(|stream| Some(stream.number) == number) else {
            // No pull was sent, because the connection was lost.
            let _ = self.findings.send(EngineEvent::PullsCancelled);
            return;
        };
        let marker = format!("{}.p.{}.x", self.connection.inbox(), stream.number);
        let last = stream.seen + most + 1;
        if self.connection.while_up(stream.subscriber.unsubscribe_after(last)).await.is_none() {
            return;
        }
        for _ in 0..=most {
            self.connection.publish(marker.clone(), Bytes::new()).await;
        }
    }

    /// Reads what a pull brought.
    pub(super) async fn pulled(&mut self, number: u64, type_name: Arc<str>, message: &Message) -> Option<EngineEvent> {
        let now = SystemTime::now();
        if message.subject.ends_with(".x") {
            return None; // A message of the bridge to itself.
        }
        match message::pull(message, &type_name, now) {
            Pull::Job(message) => {
                let is_late = self.current.get(&type_name) != Some(&number);
                Some(EngineEvent::Pulled { is_late, message })
            }
            Pull::End(end) => {
                let pull = message.subject.rsplit('.').next()?.parse().ok()?;
                Some(EngineEvent::PullEnd { type_name, pull, end })
            }
            Pull::Strange { ack } => {
                if let Some(ack) = ack {
                    self.respond(ack, Reply::Term).await;
                }
                Some(EngineEvent::Strange(format!("a message of {} is no job of a bridge", message.subject)))
            }
        }
    }
}
