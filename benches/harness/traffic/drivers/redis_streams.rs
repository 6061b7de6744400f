//! Redis streams as queues of background jobs, in RESP2: one stream per type, and one consumer group of all workers.
//!
//! A submitter pipelines `XADD`; its reply says that the server has the job. A worker reads up to as many entries as it has
//! slots, with a read that blocks. When all of them are done it acknowledges them, deletes them (a stream keeps entries
//! otherwise) and reads again, in one write.

use std::borrow::Cow;

use super::super::asks::End;
use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::batch::Batch;
use super::resp::{array, array_length, array_of, bulk, push_bulk, push_command, push_length};
use super::text::{Text, numbered, unexpected};
use super::{Driver, Endpoint, ServerMessage, parse_number};

/// The consumer group.
const GROUP: &[u8] = b"workers";

/// The field of an entry that holds the argument.
const FIELD: &[u8] = b"arg";

/// The error for a group that exists, which each worker but the first of its type receives.
const GROUP_EXISTS: &[u8] = b"-BUSYGROUP";

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct RedisStreams {
    /// The command that waits for the next jobs.
    read: Vec<u8>,
    /// Streams of the reply to it whose entries have not come.
    streams: u64,
    /// The entries of one stream.
    batch: Batch,
    /// The type of the entries that are coming.
    type_number: u64,
    /// What was read since the last acknowledgement, by type.
    taken: Vec<(u64, Vec<u8>)>,
    /// Lengths of streams that an auditor has asked for, and those that have come, added up.
    audit: Option<(usize, u64)>,
}

impl RedisStreams {
    /// Acknowledges and deletes what is done, and reads again, if nothing of the last read is left.
    fn read_if_over(&mut self, out: &mut Vec<u8>) {
        if self.streams > 0 || !self.batch.is_over() {
            return;
        }
        self.taken.sort_by_key(|(number, _)| *number);
        for taken in self.taken.chunk_by(|(a, _), (b, _)| a == b) {
            let stream = format!("t{}", taken[0].0);
            let ids = || taken.iter().map(|(_, id)| &id[..]);
            push_command(&[b"XACK", stream.as_bytes(), GROUP].into_iter().chain(ids()).collect::<Vec<_>>(), out);
            push_command(&[b"XDEL", stream.as_bytes()].into_iter().chain(ids()).collect::<Vec<_>>(), out);
        }
        self.taken.clear();
        out.extend_from_slice(&self.read);
    }

    /// Takes a reply that is no entry; `None` if it is not complete.
    fn read_reply<'a>(&mut self, text: &mut Text<'a>) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let Some(line) = text.line()? else { return Ok(None) };
        let message = match (line, &mut self.audit) {
            ([b':', digits @ ..], Some((left, jobs))) => {
                *jobs += parse_number(digits).ok_or_else(|| unexpected(line))?;
                *left = left.saturating_sub(1);
                if *left == 0 { ServerMessage::Left(*jobs) } else { ServerMessage::Receipt }
            }
            ([b':', ..] | b"+OK", _) => ServerMessage::Receipt,
            ([b'-', ..], _) if line.starts_with(GROUP_EXISTS) => ServerMessage::Receipt,
            ([b'-', ..], _) => ServerMessage::Refused(line),
            ([b'$', digits @ ..], _) => {
                // The id of an entry that was added. Replies come in the order of the commands.
                let Some(_) = text.block(digits)? else { return Ok(None) };
                ServerMessage::Ended { id: None, end: End::Accepted }
            }
            _ => {
                self.streams = array_length(line).ok_or_else(|| unexpected(line))?;
                ServerMessage::Receipt
            }
        };
        Ok(Some(message))
    }

    /// Takes what precedes the entries of a stream; `None` if it is not complete.
    fn read_stream(&mut self, text: &mut Text<'_>) -> Result<Option<ServerMessage<'static>>, Wrong> {
        let Some(()) = array_of(2, text)? else { return Ok(None) };
        let Some(stream) = bulk(text)? else { return Ok(None) };
        let Some(entries) = array(text)? else { return Ok(None) };
        self.type_number = numbered(b"t", stream).ok_or_else(|| unexpected(stream))?;
        self.streams -= 1;
        self.batch.begin(entries);
        Ok(Some(ServerMessage::Receipt))
    }

    /// Takes an entry; `None` if it is not complete.
    fn read_entry<'a>(&mut self, text: &mut Text<'a>) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let Some(()) = array_of(2, text)? else { return Ok(None) };
        let Some(id) = bulk(text)? else { return Ok(None) };
        let Some(()) = array_of(2, text)? else { return Ok(None) };
        let Some(field) = bulk(text)? else { return Ok(None) };
        let Some(arg) = bulk(text)? else { return Ok(None) };
        if field != FIELD {
            return Err(unexpected(field));
        }
        self.batch.on_job();
        self.taken.push((self.type_number, id.to_vec()));
        let (id, handle) = (None, Cow::Borrowed(&b""[..]));
        Ok(Some(ServerMessage::Job { id, type_number: Some(self.type_number), handle, attempt: 1, arg }))
    }
}

impl Driver for RedisStreams {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        match endpoint {
            Endpoint::Submitter(_) | Endpoint::Answers { .. } => {}
            Endpoint::Worker { number, types, max_jobs } => {
                let streams: Vec<String> = types.iter().map(|number| format!("t{number}")).collect();
                // `COUNT` is per stream.
                let count = (usize::from(max_jobs) / types.len().max(1)).max(1).to_string();
                let worker = format!("w{number}");
                let read = [&b"XREADGROUP"[..], b"GROUP", GROUP, worker.as_bytes(), b"COUNT", count.as_bytes()];
                let read = read.into_iter().chain([&b"BLOCK"[..], b"0", b"STREAMS"]);
                let names = streams.iter().map(String::as_bytes);
                let from = types.iter().map(|_| &b">"[..]);
                push_command(&read.chain(names.clone()).chain(from).collect::<Vec<_>>(), &mut self.read);
                for stream in names {
                    push_command(&[b"XGROUP", b"CREATE", stream, GROUP, b"0", b"MKSTREAM"], out);
                }
                out.extend_from_slice(&self.read);
            }
            Endpoint::Auditor(types) => {
                self.audit = Some((types.len(), 0));
                for number in types {
                    push_command(&[b"XLEN", format!("t{number}").as_bytes()], out);
                }
            }
        }
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        _out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let mut text = Text(input);
        let message = if self.batch.is_coming() {
            self.read_entry(&mut text)?
        } else if self.streams > 0 {
            self.read_stream(&mut text)?
        } else {
            self.read_reply(&mut text)?
        };
        if message.is_some() {
            *input = text.0;
        }
        Ok(message)
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        push_length(b'*', 5, out);
        push_bulk(b"XADD", out);
        push_bulk(format!("t{}", workload.type_of(job)).as_bytes(), out);
        push_bulk(b"*", out);
        push_bulk(FIELD, out);
        push_length(b'$', workload.arg_bytes(job), out);
        workload.append_arg(job, out);
        out.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, _handle: &[u8], _job: JobKey, _res: &[u8], out: &mut Vec<u8>) {
        self.batch.on_done();
        self.read_if_over(out);
    }
}
