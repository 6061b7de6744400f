//! Redis lists as queues, in RESP2: one list per type for jobs, and one list per submitter for answers.
//!
//! A submitter pipelines its pushes on one connection and pops on another, because a blocking pop blocks its connection.
//! A worker pushes the answer and pops the next job in one write.

use std::borrow::Cow;

use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::text::{Text, numbered, unexpected};
use super::{Driver, Endpoint, ServerMessage, push_number};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Redis {
    /// The command that waits for the next job or answer.
    pop: Vec<u8>,
}

impl Driver for Redis {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        let lists: Vec<String> = match endpoint {
            Endpoint::Submitter(_) => return,
            Endpoint::Answers(number) => vec![format!("r{number}")],
            Endpoint::Worker { types, .. } => types.iter().map(|number| format!("t{number}")).collect(),
        };
        push_length(b'*', lists.len() + 2, &mut self.pop);
        push_bulk(b"BLPOP", &mut self.pop);
        for list in lists {
            push_bulk(list.as_bytes(), &mut self.pop);
        }
        push_bulk(b"0", &mut self.pop);
        out.extend_from_slice(&self.pop);
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let mut text = Text(input);
        let Some(line) = text.line()? else { return Ok(None) };
        let message = match line {
            [b':', ..] => ServerMessage::Receipt,
            [b'-', ..] => ServerMessage::Refused(line),
            b"*2" => {
                let Some(list) = bulk(&mut text)? else { return Ok(None) };
                let Some(payload) = bulk(&mut text)? else { return Ok(None) };
                match numbered(b"t", list) {
                    Some(number) => ServerMessage::Job {
                        id: None,
                        type_number: Some(number),
                        handle: Cow::Borrowed(b""),
                        attempt: 1,
                        arg: payload,
                    },
                    None if list.starts_with(b"r") => {
                        out.extend_from_slice(&self.pop);
                        ServerMessage::Answer { id: None, res: payload }
                    }
                    None => return Err(unexpected(list)),
                }
            }
            _ => return Err(unexpected(line)),
        };
        *input = text.0;
        Ok(Some(message))
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        push_length(b'*', 3, out);
        push_bulk(b"RPUSH", out);
        push_bulk(format!("t{}", workload.type_of(job)).as_bytes(), out);
        push_length(b'$', workload.arg_bytes(job), out);
        workload.append_arg(job, out);
        out.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, _handle: &[u8], job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        push_length(b'*', 3, out);
        push_bulk(b"RPUSH", out);
        push_bulk(format!("r{}", job.submitter).as_bytes(), out);
        push_bulk(res, out);
        out.extend_from_slice(&self.pop);
    }
}

fn push_length(of: u8, length: usize, out: &mut Vec<u8>) {
    out.push(of);
    push_number(length as u64, out);
    out.extend_from_slice(b"\r\n");
}

fn push_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    push_length(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

fn bulk<'a>(text: &mut Text<'a>) -> Result<Option<&'a [u8]>, Wrong> {
    let Some(line) = text.line()? else { return Ok(None) };
    text.block(line.strip_prefix(b"$").ok_or_else(|| unexpected(line))?)
}
