//! Redis lists as queues, in RESP2: one list per type for jobs, and one list per submitter for answers.
//!
//! A submitter pipelines its pushes on one connection and pops on another, because a blocking pop blocks its connection.
//! A worker pushes the answer and pops the next job in one write. A worker of several slots pops up to that many jobs at
//! once, and pops again when all of them are answered: while a pop blocks, its connection could push no answer.

use std::borrow::Cow;

use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::batch::Batch;
use super::resp::{array, bulk, push_bulk, push_command, push_length};
use super::text::{Text, numbered, unexpected};
use super::{Driver, Endpoint, ServerMessage};

/// What the elements of a list are.
#[derive(Clone, Copy, Debug, Default)]
enum List {
    /// Jobs of a type.
    Jobs(u64),
    /// Answers to a submitter.
    #[default]
    Answers,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Redis {
    /// The command that waits for the next jobs or answers.
    pop: Vec<u8>,
    batch: Batch,
    /// The list of the elements that are coming.
    list: List,
}

impl Redis {
    /// Pops again if all that was popped is answered.
    fn pop_if_over(&self, out: &mut Vec<u8>) {
        if self.batch.is_over() {
            out.extend_from_slice(&self.pop);
        }
    }

    /// Takes what precedes the elements that were popped: the list, and their number if several were asked for. Returns
    /// false if it is not complete.
    fn read_head(&mut self, text: &mut Text<'_>) -> Result<bool, Wrong> {
        let Some(name) = bulk(text)? else { return Ok(false) };
        let list = match numbered(b"t", name) {
            Some(number) => List::Jobs(number),
            None if name.starts_with(b"r") => List::Answers,
            None => return Err(unexpected(name)),
        };
        let elements = match text.0.first() {
            None => None,
            Some(b'*') => array(text)?,
            Some(_) => Some(1),
        };
        let Some(elements) = elements else { return Ok(false) };
        self.list = list;
        self.batch.begin(elements);
        Ok(true)
    }
}

impl Driver for Redis {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        let (lists, at_once): (Vec<String>, u16) = match endpoint {
            Endpoint::Submitter(_) | Endpoint::Auditor(_) => return,
            Endpoint::Answers { submitter, at_once } => (vec![format!("r{submitter}")], at_once),
            Endpoint::Worker { types, max_jobs, .. } => {
                (types.iter().map(|number| format!("t{number}")).collect(), max_jobs)
            }
        };
        let (count, at_once) = (lists.len().to_string(), at_once.to_string());
        let lists = lists.iter().map(String::as_bytes);
        let words: Vec<&[u8]> = if at_once == "0" || at_once == "1" {
            [&b"BLPOP"[..]].into_iter().chain(lists).chain([&b"0"[..]]).collect()
        } else {
            let end = [&b"LEFT"[..], b"COUNT", at_once.as_bytes()];
            [&b"BLMPOP"[..], b"0", count.as_bytes()].into_iter().chain(lists).chain(end).collect()
        };
        push_command(&words, &mut self.pop);
        out.extend_from_slice(&self.pop);
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let mut text = Text(input);
        if !self.batch.is_coming() {
            let Some(line) = text.line()? else { return Ok(None) };
            match line {
                [b':', ..] => {
                    *input = text.0;
                    return Ok(Some(ServerMessage::Receipt));
                }
                [b'-', ..] => {
                    *input = text.0;
                    return Ok(Some(ServerMessage::Refused(line)));
                }
                b"*2" if self.read_head(&mut text)? => *input = text.0,
                b"*2" => return Ok(None),
                _ => return Err(unexpected(line)),
            }
        }
        let Some(payload) = bulk(&mut text)? else { return Ok(None) };
        *input = text.0;
        let message = match self.list {
            List::Jobs(number) => {
                self.batch.on_job();
                let (id, handle) = (None, Cow::Borrowed(&b""[..]));
                ServerMessage::Job { id, type_number: Some(number), handle, attempt: 1, arg: payload }
            }
            List::Answers => {
                self.batch.on_answer();
                ServerMessage::Answer { id: None, res: payload }
            }
        };
        self.pop_if_over(out);
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
        push_command(&[b"RPUSH", format!("r{}", job.submitter).as_bytes(), res], out);
        self.batch.on_done();
        self.pop_if_over(out);
    }
}
