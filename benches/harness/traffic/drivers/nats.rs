//! Request and reply over NATS: one subject and one queue group of workers per type, and one inbox per submitter.
//!
//! Submitters pipeline their publications, each with a subject of the inbox to reply to; the last part of that subject is
//! the job's id. The server stores nothing, pushes jobs to busy workers, and drops what is published without a subscriber.
//! So a ping follows each greeting: its pong says that the subscriptions have taken effect.

use std::borrow::Cow;
use std::io::Write;

use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::text::{Text, numbered, unexpected};
use super::{Driver, Endpoint, ServerMessage, parse_number, push_number};

const INBOX: &[u8] = b"_INBOX.";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Nats {
    /// Whether the subscriptions have taken effect.
    ready: bool,
}

impl Driver for Nats {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\"}\r\n",
        );
        match endpoint {
            Endpoint::Submitter(number) | Endpoint::Answers(number) => write!(out, "SUB _INBOX.{number}.* 1\r\n"),
            Endpoint::Worker { types, .. } => {
                types.iter().try_for_each(|number| write!(out, "SUB t{number} workers {}\r\n", number + 1))
            }
        }
        .expect("writing to a vector cannot fail");
        out.extend_from_slice(b"PING\r\n");
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let mut text = Text(input);
        let Some(line) = text.line()? else { return Ok(None) };
        let mut words = line.split(|byte| *byte == b' ');
        let message = match words.next().unwrap_or_default() {
            b"MSG" => {
                let digits = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                let Some(payload) = text.block(digits)? else { return Ok(None) };
                // Subject, subscription, the subject to reply to (if any), length.
                let words = [words.next(), words.next(), words.next(), words.next(), words.next()];
                message(words, payload).ok_or_else(|| unexpected(line))?
            }
            b"PING" => {
                out.extend_from_slice(b"PONG\r\n");
                ServerMessage::Receipt
            }
            b"PONG" => {
                self.ready = true;
                ServerMessage::Receipt
            }
            b"INFO" => ServerMessage::Receipt,
            b"-ERR" => ServerMessage::Refused(line),
            _ => return Err(unexpected(line)),
        };
        *input = text.0;
        Ok(Some(message))
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        let (type_number, id) = (workload.type_of(job), workload.id_of(job));
        let bytes = workload.arg_bytes(job);
        write!(out, "PUB t{type_number} _INBOX.{}.{id} {bytes}\r\n", job.submitter)
            .expect("writing to a vector cannot fail");
        workload.append_arg(job, out);
        out.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, handle: &[u8], _job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"PUB ");
        out.extend_from_slice(handle);
        out.push(b' ');
        push_number(res.len() as u64, out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(res);
        out.extend_from_slice(b"\r\n");
    }
}

/// Returns the message that the words of a MSG line describe.
fn message<'a>(words: [Option<&'a [u8]>; 5], payload: &'a [u8]) -> Option<ServerMessage<'a>> {
    match words {
        [Some(subject), Some(_), Some(reply), Some(_), None] => Some(ServerMessage::Job {
            id: Some(id_of_inbox(reply)?),
            type_number: Some(numbered(b"t", subject)?),
            handle: Cow::Borrowed(reply),
            attempt: 1,
            arg: payload,
        }),
        [Some(subject), Some(_), Some(_), None, None] => {
            Some(ServerMessage::Answer { id: Some(id_of_inbox(subject)?), res: payload })
        }
        _ => None,
    }
}

/// Returns the id of the job whose answer goes to this subject.
fn id_of_inbox(subject: &[u8]) -> Option<u64> {
    let parts = subject.strip_prefix(INBOX)?;
    let dot = memchr::memchr(b'.', parts)?;
    parse_number(&parts[dot + 1..])
}
