//! The protocol of NATS, as far as requests and `JetStream` have it in common: publications, deliveries, and the lines that
//! keep a connection alive.

use std::io::Write;

use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::text::{Text, unexpected};
use super::{ServerMessage, push_number};

/// What a connection sends first.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\"}\r\n";

/// The beginning of the subjects that belong to one connection.
const INBOX: &str = "_INBOX.";

/// What was published to a subject to which the connection has subscribed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery<'a> {
    pub(super) subject: &'a [u8],
    /// The subject to reply to.
    pub(super) reply: Option<&'a [u8]>,
    pub(super) payload: &'a [u8],
    /// Its first line, for errors.
    pub(super) line: &'a [u8],
}

/// The next thing that the server sends.
#[derive(Debug)]
pub(super) enum Next<'a> {
    Delivery(Delivery<'a>),
    /// All else.
    Message(ServerMessage<'a>),
}

/// A connection.
#[derive(Debug, Default)]
pub(super) struct Connection {
    /// Whether the subscriptions have taken effect.
    ready: bool,
}

impl Connection {
    /// Whether everything that was sent before [`Connection::end_greeting`] has taken effect.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    /// Takes the next delivery or other message; `None` if none is complete. Replies to pings.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Next<'a>>, Wrong> {
        let mut text = Text(input);
        let Some(line) = text.line()? else { return Ok(None) };
        let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
        let next = match words.next().unwrap_or_default() {
            b"MSG" => {
                let digits = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                let Some(payload) = text.block(digits)? else { return Ok(None) };
                // Subject, subscription, the subject to reply to (if any), length.
                let (subject, reply) = match [words.next(), words.next(), words.next(), words.next(), words.next()] {
                    [Some(subject), Some(_), Some(_), None, None] => (subject, None),
                    [Some(subject), Some(_), Some(reply), Some(_), None] => (subject, Some(reply)),
                    _ => return Err(unexpected(line)),
                };
                Next::Delivery(Delivery { subject, reply, payload, line })
            }
            b"PING" => {
                out.extend_from_slice(b"PONG\r\n");
                Next::Message(ServerMessage::Receipt)
            }
            b"PONG" => {
                self.ready = true;
                Next::Message(ServerMessage::Receipt)
            }
            b"INFO" => Next::Message(ServerMessage::Receipt),
            b"-ERR" => Next::Message(ServerMessage::Refused(line)),
            _ => return Err(unexpected(line)),
        };
        *input = text.0;
        Ok(Some(next))
    }

    /// Begins a greeting: subscriptions follow.
    pub(super) fn begin_greeting(out: &mut Vec<u8>) {
        out.extend_from_slice(CONNECT);
    }

    /// Ends a greeting: the answer to this ping says that it has taken effect.
    pub(super) fn end_greeting(out: &mut Vec<u8>) {
        out.extend_from_slice(b"PING\r\n");
    }
}

/// Appends a subscription to the inbox of this name, with the number 1.
pub(super) fn push_inbox_subscription(name: &str, out: &mut Vec<u8>) {
    write!(out, "SUB {INBOX}{name}.* 1\r\n").expect("writing to a vector cannot fail");
}

/// Returns the last part of a subject of an inbox; `None` for other subjects.
pub(super) fn last_of_inbox(subject: &[u8]) -> Option<&[u8]> {
    let parts = subject.strip_prefix(INBOX.as_bytes())?;
    let dot = memchr::memchr(b'.', parts)?;
    Some(&parts[dot + 1..])
}

/// Appends the publication of a job. Its subject is `prefix` with the number of its type, and the subject to reply to is
/// in the submitter's inbox, with the job's id.
pub(super) fn push_job(prefix: &str, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
    let (type_number, id, bytes) = (workload.type_of(job), workload.id_of(job), workload.arg_bytes(job));
    write!(out, "PUB {prefix}{type_number} {INBOX}{}.{id} {bytes}\r\n", job.submitter)
        .expect("writing to a vector cannot fail");
    workload.append_arg(job, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends a publication; an empty `reply` asks for none.
pub(super) fn push_publication(subject: &[u8], reply: &[u8], payload: &[u8], out: &mut Vec<u8>) {
    for word in [b"PUB", subject, reply].into_iter().filter(|word| !word.is_empty()) {
        out.extend_from_slice(word);
        out.push(b' ');
    }
    push_number(payload.len() as u64, out);
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(payload);
    out.extend_from_slice(b"\r\n");
}
