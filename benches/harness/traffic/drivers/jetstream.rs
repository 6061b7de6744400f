//! Jobs in a stream of NATS `JetStream`: one work queue for all types, and one durable pull consumer per type.
//!
//! A submitter pipelines publications, each with a subject of its inbox to reply to; the reply says that the stream has the
//! job. A worker creates stream and consumers (which changes nothing if they exist) and asks each consumer for as many jobs
//! as it has slots. When it has done half of these it asks for as many again, as clients do. Each job is acknowledged by
//! itself. The stream keeps a job until then.
//!
//! If submitters wait for results, a worker publishes each to its submitter, who confirms it, and acknowledges the job only
//! then. These are the messages that two bridges of Deputy exchange, without Deputy.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use serde::Deserialize;

use super::super::asks::End;
use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::nats_text::{
    Connection, Delivery, Next, last_of_inbox, push_inbox_subscription, push_job, push_publication,
};
use super::text::{numbered, unexpected};
use super::{Awaits, Driver, Endpoint, ServerMessage, Storage, parse_number};

/// The beginning of the subjects that the stream takes; the number of a type follows.
const SUBJECT: &str = "jobs.t";

/// The beginning of the subjects of results; the number of a submitter follows.
const RESULTS: &str = "res.";

/// The subject of the inbox to which the server's administration replies.
const API: &[u8] = b"api";

/// How the stream keeps jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamKind {
    pub(crate) storage: Storage,
    /// How many servers keep each job.
    pub(crate) replicas: usize,
}

impl StreamKind {
    /// Returns the end of a request's subject, and its payload, for the stream and then for the consumer of each type.
    pub(crate) fn requests(self, types: &[u64]) -> Vec<(String, String)> {
        let storage = match self.storage {
            Storage::Memory => "memory",
            Storage::Disk => "file",
        };
        let stream = format!(
            "{{\"name\":\"JOBS\",\"subjects\":[\"jobs.*\"],\"retention\":\"workqueue\",\"storage\":\"{storage}\",\
             \"num_replicas\":{}}}",
            self.replicas
        );
        let consumer = |number: &u64| {
            let config = format!(
                "{{\"stream_name\":\"JOBS\",\"config\":{{\"durable_name\":\"t{number}\",\
                 \"filter_subject\":\"{SUBJECT}{number}\",\"ack_policy\":\"explicit\"}}}}"
            );
            (format!("CONSUMER.DURABLE.CREATE.JOBS.t{number}"), config)
        };
        [("STREAM.CREATE.JOBS".to_owned(), stream)].into_iter().chain(types.iter().map(consumer)).collect()
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct JetStream {
    connection: Connection,
    stream: StreamKind,
    /// What submitters wait for.
    awaits: Awaits,
    /// The name of the inbox.
    name: String,
    /// The types of a worker.
    types: Vec<u64>,
    /// Jobs that a worker asks each of its consumers for.
    slots: u64,
    /// Jobs of each of its types that it has done since it asked for more.
    done: Vec<u64>,
    /// Replies of the administration that are outstanding.
    unconfirmed: usize,
    /// Acknowledgements of the jobs whose results are not confirmed, by the number of the result.
    answered: HashMap<u64, Vec<u8>>,
    /// Results that were published.
    results: u64,
}

/// What the administration replies. Members that are not read here are ignored.
#[derive(Deserialize)]
struct Reply<'a> {
    #[serde(borrow)]
    error: Option<&'a serde_json::value::RawValue>,
    state: Option<State>,
    /// In the reply to a publication: the number in the stream.
    seq: Option<u64>,
}

#[derive(Deserialize)]
struct State {
    messages: u64,
}

impl JetStream {
    /// Returns the driver of a connection that has sent nothing.
    pub(crate) fn new(stream: StreamKind, awaits: Awaits) -> Self {
        Self {
            connection: Connection::default(),
            stream,
            awaits,
            name: String::new(),
            types: Vec::new(),
            slots: 0,
            done: Vec::new(),
            unconfirmed: 0,
            answered: HashMap::new(),
            results: 0,
        }
    }

    /// Asks the administration for something.
    fn request(&mut self, what: &str, payload: &str, out: &mut Vec<u8>) {
        self.unconfirmed += 1;
        let reply = format!("_INBOX.{}.api", self.name);
        push_publication(format!("$JS.API.{what}").as_bytes(), reply.as_bytes(), payload.as_bytes(), out);
    }

    fn create(&mut self, out: &mut Vec<u8>) {
        for (what, payload) in self.stream.requests(&self.types) {
            self.request(&what, &payload, out);
        }
    }

    /// Asks the consumer of a type for jobs.
    fn pull(&self, type_number: u64, jobs: u64, out: &mut Vec<u8>) {
        let consumer = format!("$JS.API.CONSUMER.MSG.NEXT.JOBS.t{type_number}");
        let reply = format!("_INBOX.{}.jobs", self.name);
        push_publication(consumer.as_bytes(), reply.as_bytes(), format!("{{\"batch\":{jobs}}}").as_bytes(), out);
    }

    /// Acknowledges a job, and asks for more.
    fn acknowledge(&mut self, handle: &[u8], out: &mut Vec<u8>) {
        push_publication(handle, b"", b"+ACK", out);
        let Some(index) = self.types.iter().position(|number| is_of_type(handle, *number)) else { return };
        self.done[index] += 1;
        if 2 * self.done[index] >= self.slots {
            let done = std::mem::take(&mut self.done[index]);
            self.pull(self.types[index], done, out);
        }
    }

    /// Takes a reply of the administration. When the last one has come, a worker asks for its first jobs.
    fn confirm<'a>(&mut self, payload: &'a [u8], out: &mut Vec<u8>) -> Option<ServerMessage<'a>> {
        let reply: Reply<'_> = serde_json::from_slice(payload).ok()?;
        if reply.error.is_some() {
            return Some(ServerMessage::Refused(payload));
        }
        // A cluster whose leader changes may answer twice.
        let Some(unconfirmed) = self.unconfirmed.checked_sub(1) else { return Some(ServerMessage::Receipt) };
        self.unconfirmed = unconfirmed;
        if self.unconfirmed == 0 {
            self.types.iter().for_each(|number| self.pull(*number, self.slots, out));
        }
        match reply.state {
            Some(state) if self.types.is_empty() => Some(ServerMessage::Left(state.messages)),
            _ => Some(ServerMessage::Receipt),
        }
    }

    /// Takes a delivery; `None` if it cannot be expected.
    fn on_delivery<'a>(&mut self, delivery: Delivery<'a>, out: &mut Vec<u8>) -> Option<ServerMessage<'a>> {
        let Delivery { subject, reply, payload, .. } = delivery;
        match (reply, last_of_inbox(subject)) {
            (None, Some(API)) => self.confirm(payload, out),
            (None, Some(id)) if !self.types.is_empty() => {
                let job = self.answered.remove(&parse_number(id)?)?;
                self.acknowledge(&job, out);
                Some(ServerMessage::Receipt)
            }
            (None, Some(id)) => {
                let id = Some(parse_number(id)?);
                let reply: Reply<'_> = serde_json::from_slice(payload).ok()?;
                match (reply.error, reply.seq) {
                    (None, Some(_)) if self.awaits == Awaits::Result => Some(ServerMessage::Receipt),
                    (None, Some(_)) => Some(ServerMessage::Ended { id, end: End::Accepted }),
                    (Some(_), _) => Some(ServerMessage::Refused(payload)),
                    (None, None) => None,
                }
            }
            (Some(reply), None) if subject.starts_with(RESULTS.as_bytes()) => {
                push_publication(reply, b"", b"", out);
                Some(ServerMessage::Answer { id: None, res: payload })
            }
            (Some(handle), None) => Some(ServerMessage::Job {
                id: None,
                type_number: Some(numbered(SUBJECT.as_bytes(), subject)?),
                handle: Cow::Borrowed(handle),
                attempt: 1,
                arg: payload,
            }),
            _ => None,
        }
    }
}

impl Driver for JetStream {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        self.name = match endpoint {
            Endpoint::Submitter(number) | Endpoint::Answers { submitter: number, .. } => number.to_string(),
            Endpoint::Worker { number, .. } => format!("w{number}"),
            Endpoint::Auditor(_) => "audit".to_owned(),
        };
        Connection::begin_greeting(out);
        push_inbox_subscription(&self.name, out);
        match endpoint {
            Endpoint::Submitter(number) if self.awaits == Awaits::Result => {
                write!(out, "SUB {RESULTS}{number} 2\r\n").expect("writing to a vector cannot fail");
            }
            Endpoint::Submitter(_) | Endpoint::Answers { .. } => {}
            Endpoint::Worker { types, max_jobs, .. } => {
                self.types = types.to_vec();
                self.done = vec![0; types.len()];
                // Each consumer is asked for its share of the slots.
                self.slots = (u64::from(max_jobs) / types.len().max(1) as u64).max(1);
                self.create(out);
            }
            Endpoint::Auditor(_) => self.request("STREAM.INFO.JOBS", "", out),
        }
        Connection::end_greeting(out);
    }

    fn is_ready(&self) -> bool {
        self.connection.is_ready() && self.unconfirmed == 0
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        match self.connection.next(input, out)? {
            Some(Next::Delivery(delivery)) => {
                let message = self.on_delivery(delivery, out);
                message.map(Some).ok_or_else(|| unexpected(delivery.line))
            }
            Some(Next::Message(message)) => Ok(Some(message)),
            None => Ok(None),
        }
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        push_job(SUBJECT, workload, job, out);
    }

    fn answer(&mut self, handle: &[u8], job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        if self.awaits == Awaits::Acceptance {
            return self.acknowledge(handle, out);
        }
        self.results += 1;
        self.answered.insert(self.results, handle.to_vec());
        let subject = format!("{RESULTS}{}", job.submitter);
        let reply = format!("_INBOX.{}.{}", self.name, self.results);
        push_publication(subject.as_bytes(), reply.as_bytes(), res, out);
    }
}

/// Whether a job is of this type, by the subject of its acknowledgement: `$JS.ACK.<stream>.<consumer>.<numbers>`.
fn is_of_type(handle: &[u8], type_number: u64) -> bool {
    let consumer = handle.split(|byte| *byte == b'.').nth(3);
    consumer.and_then(|name| numbered(b"t", name)) == Some(type_number)
}
