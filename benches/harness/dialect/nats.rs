//! Request and reply over NATS: a subject a type, a queue group of its workers, and an inbox a submitter.
//!
//! Submitters publish jobs, many without waiting, each with a subject of the inbox to answer to; the last part of that
//! subject is the job's id. The server keeps nothing and pushes jobs to busy workers, too, and forgets what is published
//! while nobody is subscribed. So a ping follows each greeting: its pong says that the subscriptions have taken effect.

use std::borrow::Cow;
use std::io::Write;

use super::super::check::Wrong;
use super::super::workload::{JobName, Workload};
use super::text::{Text, numbered, unexpected};
use super::{Dialect, Heard, Place, parse_number, push_number};

const INBOX: &[u8] = b"_INBOX.";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Nats {
    /// Whether what it said first has taken effect.
    ready: bool,
}

impl Dialect for Nats {
    fn greet(&mut self, place: Place<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"rust\",\"version\":\"1\"}\r\n",
        );
        match place {
            Place::Submitter(number) | Place::Hearer(number) => write!(out, "SUB _INBOX.{number}.* 1\r\n"),
            Place::Worker { types, .. } => {
                types.iter().try_for_each(|number| write!(out, "SUB t{number} workers {}\r\n", number + 1))
            }
        }
        .expect("writing to a vector cannot fail");
        out.extend_from_slice(b"PING\r\n");
    }

    fn is_ready(&self) -> bool {
        self.ready
    }

    fn hear<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Heard<'a>>, Wrong> {
        let mut text = Text(input);
        let Some(line) = text.line()? else { return Ok(None) };
        let mut words = line.split(|byte| *byte == b' ');
        let heard = match words.next().unwrap_or_default() {
            b"MSG" => {
                let digits = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
                let Some(payload) = text.block(digits)? else { return Ok(None) };
                // Subject, subscription, the subject to reply to if there is one, length.
                let words = [words.next(), words.next(), words.next(), words.next(), words.next()];
                message(words, payload).ok_or_else(|| unexpected(line))?
            }
            b"PING" => {
                out.extend_from_slice(b"PONG\r\n");
                Heard::Receipt
            }
            b"PONG" => {
                self.ready = true;
                Heard::Receipt
            }
            b"INFO" => Heard::Receipt,
            b"-ERR" => Heard::Refused(line),
            _ => return Err(unexpected(line)),
        };
        *input = text.0;
        Ok(Some(heard))
    }

    fn submit(&mut self, workload: &Workload, job: JobName, out: &mut Vec<u8>) {
        let (type_number, id) = (workload.type_of(job), workload.id_of(job));
        let bytes = workload.arg_bytes(job);
        write!(out, "PUB t{type_number} _INBOX.{}.{id} {bytes}\r\n", job.submitter)
            .expect("writing to a vector cannot fail");
        workload.append_arg(job, out);
        out.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, ticket: &[u8], _job: JobName, res: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"PUB ");
        out.extend_from_slice(ticket);
        out.push(b' ');
        push_number(res.len() as u64, out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(res);
        out.extend_from_slice(b"\r\n");
    }
}

/// What was published, by the words of the line before it.
fn message<'a>(words: [Option<&'a [u8]>; 5], payload: &'a [u8]) -> Option<Heard<'a>> {
    match words {
        [Some(subject), Some(_), Some(reply), Some(_), None] => Some(Heard::Job {
            id: Some(id_of_inbox(reply)?),
            type_number: Some(numbered(b"t", subject)?),
            ticket: Cow::Borrowed(reply),
            arg: payload,
        }),
        [Some(subject), Some(_), Some(_), None, None] => {
            Some(Heard::Answer { id: Some(id_of_inbox(subject)?), res: payload })
        }
        _ => None,
    }
}

/// The job that is answered at this subject.
fn id_of_inbox(subject: &[u8]) -> Option<u64> {
    let parts = subject.strip_prefix(INBOX)?;
    let dot = memchr::memchr(b'.', parts)?;
    parse_number(&parts[dot + 1..])
}
