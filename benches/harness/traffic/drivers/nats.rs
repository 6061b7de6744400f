//! Request and reply over NATS: one subject and one queue group of workers per type, and one inbox per submitter.
//!
//! Submitters pipeline their publications, each with a subject of the inbox to reply to; the last part of that subject is
//! the job's id. The server stores nothing, pushes jobs to busy workers, and drops what is published without a subscriber.
//! So a ping follows each greeting: its pong says that the subscriptions have taken effect.

use std::borrow::Cow;
use std::io::Write;

use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::nats_text::{
    Connection, Delivery, Next, last_of_inbox, push_inbox_subscription, push_job, push_publication,
};
use super::text::{numbered, unexpected};
use super::{Driver, Endpoint, ServerMessage, parse_number};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Nats(Connection);

impl Driver for Nats {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        Connection::begin_greeting(out);
        match endpoint {
            Endpoint::Submitter(number) | Endpoint::Answers { submitter: number, .. } => {
                push_inbox_subscription(&number.to_string(), out);
            }
            Endpoint::Worker { types, .. } => types
                .iter()
                .try_for_each(|number| write!(out, "SUB t{number} workers {}\r\n", number + 1))
                .expect("writing to a vector cannot fail"),
            Endpoint::Auditor(_) => {}
        }
        Connection::end_greeting(out);
    }

    fn is_ready(&self) -> bool {
        self.0.is_ready()
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        match self.0.next(input, out)? {
            Some(Next::Delivery(delivery)) => message(delivery).map(Some).ok_or_else(|| unexpected(delivery.line)),
            Some(Next::Message(message)) => Ok(Some(message)),
            None => Ok(None),
        }
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        push_job("t", workload, job, out);
    }

    fn answer(&mut self, handle: &[u8], _job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        push_publication(handle, b"", res, out);
    }
}

/// Returns the job or the answer that was delivered.
fn message(delivery: Delivery<'_>) -> Option<ServerMessage<'_>> {
    let Delivery { subject, reply, payload, .. } = delivery;
    let id_of = |subject| parse_number(last_of_inbox(subject)?);
    let Some(reply) = reply else {
        return Some(ServerMessage::Answer { id: Some(id_of(subject)?), res: payload });
    };
    Some(ServerMessage::Job {
        id: Some(id_of(reply)?),
        type_number: Some(numbered(b"t", subject)?),
        handle: Cow::Borrowed(reply),
        attempt: 1,
        arg: payload,
    })
}
