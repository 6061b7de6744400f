//! The binary protocol of gearmand.
//!
//! A packet is a magic word, a kind, a length and a body whose parts are separated by zero bytes. A submitter pipelines
//! jobs on one connection. For each it receives a receipt with a handle, and then the answer under that handle, unless it
//! is a background job. A worker grabs as many jobs as it has slots. If it finds none it sleeps until the server wakes it,
//! and then grabs again. It grabs the next job in the write that answers a job.

use std::borrow::Cow;

use super::super::asks::End;
use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::text::{Text, numbered, unexpected};
use super::{Awaits, Driver, Endpoint, ServerMessage, parse_number};

const CAN_DO: u32 = 1;
const PRE_SLEEP: u32 = 4;
const NOOP: u32 = 6;
const SUBMIT_JOB: u32 = 7;
const JOB_CREATED: u32 = 8;
const GRAB_JOB: u32 = 9;
const NO_JOB: u32 = 10;
const JOB_ASSIGN: u32 = 11;
const WORK_COMPLETE: u32 = 13;
const WORK_FAIL: u32 = 14;
const SUBMIT_JOB_BG: u32 = 18;
const ERROR: u32 = 19;
const WORK_EXCEPTION: u32 = 25;

const REQUEST: &[u8; 4] = b"\0REQ";
const RESPONSE: &[u8; 4] = b"\0RES";
const HEADER_BYTES: usize = 12;

/// More bytes than an argument can have.
const BODY_BYTES_MAX: usize = 1 << 31;

/// See the module.
#[derive(Debug)]
pub(crate) struct Gearman {
    /// What the submitter waits for.
    awaits: Awaits,
    /// Whether the worker waits to be woken: only then a NOOP needs a reaction.
    asleep: bool,
    /// Slots for which no job was found.
    idle: u16,
    /// The jobs that an auditor has added up. It reads lines instead of packets.
    audit: Option<u64>,
}

impl Gearman {
    /// Returns the driver of a connection that has sent nothing.
    pub(crate) fn new(awaits: Awaits) -> Self {
        Self { awaits, asleep: false, idle: 0, audit: None }
    }

    /// Grabs a job for each idle slot, which wakes the worker.
    fn grab(&mut self, out: &mut Vec<u8>) {
        self.asleep = false;
        for _ in 0..std::mem::take(&mut self.idle) {
            push_header(GRAB_JOB, 0, out);
        }
    }
}

/// Takes a line of the reply to `status`: a function and its jobs, those that run included, or the end.
fn read_status<'a>(jobs: &mut u64, text: &mut Text<'_>) -> Result<Option<ServerMessage<'a>>, Wrong> {
    let Some(line) = text.line_feed()? else { return Ok(None) };
    if line == b"." {
        return Ok(Some(ServerMessage::Left(*jobs)));
    }
    let total = line.split(|byte| *byte == b'\t').nth(1).and_then(parse_number);
    *jobs += total.ok_or_else(|| unexpected(line))?;
    Ok(Some(ServerMessage::Receipt))
}

impl Driver for Gearman {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        match endpoint {
            Endpoint::Submitter(_) | Endpoint::Answers { .. } => {}
            Endpoint::Worker { types, max_jobs, .. } => {
                for number in types {
                    let name = format!("t{number}");
                    push_header(CAN_DO, name.len(), out);
                    out.extend_from_slice(name.as_bytes());
                }
                self.idle = max_jobs.max(1);
                self.grab(out);
            }
            Endpoint::Auditor(_) => {
                self.audit = Some(0);
                out.extend_from_slice(b"status\n");
            }
        }
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        if let Some(jobs) = &mut self.audit {
            let mut text = Text(input);
            let message = read_status(jobs, &mut text)?;
            *input = text.0;
            return Ok(message);
        }
        let Some((kind, body, rest)) = packet(input)? else { return Ok(None) };
        let message = match kind {
            JOB_CREATED => match self.awaits {
                Awaits::Result => ServerMessage::Receipt,
                // Receipts come in the order of the jobs.
                Awaits::Acceptance => ServerMessage::Ended { id: None, end: End::Accepted },
            },
            WORK_COMPLETE => {
                let [_handle, res] = parts(body).ok_or_else(|| unexpected(body))?;
                ServerMessage::Answer { id: None, res }
            }
            JOB_ASSIGN => {
                let [handle, function, arg] = parts(body).ok_or_else(|| unexpected(body))?;
                let type_number = Some(numbered(b"t", function).ok_or_else(|| unexpected(body))?);
                ServerMessage::Job { id: None, type_number, handle: Cow::Borrowed(handle), attempt: 1, arg }
            }
            NO_JOB => {
                self.idle = self.idle.saturating_add(1);
                // The server learns once that the worker sleeps, however many grabs found nothing.
                if !std::mem::replace(&mut self.asleep, true) {
                    push_header(PRE_SLEEP, 0, out);
                }
                ServerMessage::Receipt
            }
            NOOP => {
                if self.asleep {
                    self.grab(out);
                }
                ServerMessage::Receipt
            }
            WORK_FAIL | WORK_EXCEPTION | ERROR => ServerMessage::Refused(body),
            _ => return Err(unexpected(input)),
        };
        *input = rest;
        Ok(Some(message))
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        let name = format!("t{}", workload.type_of(job));
        // The empty part is the unique key, by which gearmand would merge jobs.
        let kind = match self.awaits {
            Awaits::Result => SUBMIT_JOB,
            Awaits::Acceptance => SUBMIT_JOB_BG,
        };
        push_header(kind, name.len() + 2 + workload.arg_bytes(job), out);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\0\0");
        workload.append_arg(job, out);
    }

    fn answer(&mut self, handle: &[u8], _job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        push_header(WORK_COMPLETE, handle.len() + 1 + res.len(), out);
        out.extend_from_slice(handle);
        out.push(0);
        out.extend_from_slice(res);
        self.idle = self.idle.saturating_add(1);
        self.grab(out);
    }
}

fn push_header(kind: u32, body_bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(REQUEST);
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&u32::try_from(body_bytes).expect("an argument has at most 1 GiB").to_be_bytes());
}

/// A packet's kind, its body, and the input after it.
type Packet<'a> = (u32, &'a [u8], &'a [u8]);

/// Returns the first packet of the input, if it is complete.
fn packet(input: &[u8]) -> Result<Option<Packet<'_>>, Wrong> {
    if !input.iter().zip(RESPONSE).all(|(byte, expected)| byte == expected) {
        return Err(unexpected(input));
    }
    let Some((header, rest)) = input.split_at_checked(HEADER_BYTES) else { return Ok(None) };
    let word = |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    let body_bytes = usize::try_from(word(8)).ok().filter(|bytes| *bytes <= BODY_BYTES_MAX);
    let body_bytes = body_bytes.ok_or_else(|| unexpected(header))?;
    Ok(rest.split_at_checked(body_bytes).map(|(body, rest)| (word(4), body, rest)))
}

/// Returns the parts of a body; the last part may hold zero bytes.
fn parts<const COUNT: usize>(body: &[u8]) -> Option<[&[u8]; COUNT]> {
    let mut parts = body.splitn(COUNT, |byte| *byte == 0);
    let mut all: [&[u8]; COUNT] = [&[]; COUNT];
    for part in &mut all {
        *part = parts.next()?;
    }
    Some(all)
}
