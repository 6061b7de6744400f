//! The binary protocol of gearmand.
//!
//! A packet is a magic word, a kind, a length and a body whose parts are separated by zero bytes. A submitter pipelines
//! foreground jobs on one connection. For each it receives a receipt with a handle, then the answer under that handle.
//! A worker that grabs a job and finds none sleeps until the server wakes it, and then grabs again. It grabs the next job
//! in the write that answers a job.

use std::borrow::Cow;

use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::text::{numbered, unexpected};
use super::{Driver, Endpoint, ServerMessage};

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
const ERROR: u32 = 19;
const WORK_EXCEPTION: u32 = 25;

const REQUEST: &[u8; 4] = b"\0REQ";
const RESPONSE: &[u8; 4] = b"\0RES";
const HEADER_BYTES: usize = 12;

/// More bytes than an argument can have.
const BODY_BYTES_MAX: usize = 1 << 31;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gearman {
    /// Whether the worker waits to be woken: only then a NOOP needs a reaction.
    asleep: bool,
}

impl Driver for Gearman {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        let Endpoint::Worker { types, .. } = endpoint else { return };
        for number in types {
            let name = format!("t{number}");
            push_header(CAN_DO, name.len(), out);
            out.extend_from_slice(name.as_bytes());
        }
        push_header(GRAB_JOB, 0, out);
    }

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let Some((kind, body, rest)) = packet(input)? else { return Ok(None) };
        let message = match kind {
            JOB_CREATED => ServerMessage::Receipt,
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
                self.asleep = true;
                push_header(PRE_SLEEP, 0, out);
                ServerMessage::Receipt
            }
            NOOP => {
                if std::mem::take(&mut self.asleep) {
                    push_header(GRAB_JOB, 0, out);
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
        push_header(SUBMIT_JOB, name.len() + 2 + workload.arg_bytes(job), out);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\0\0");
        workload.append_arg(job, out);
    }

    fn answer(&mut self, handle: &[u8], _job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        push_header(WORK_COMPLETE, handle.len() + 1 + res.len(), out);
        out.extend_from_slice(handle);
        out.push(0);
        out.extend_from_slice(res);
        push_header(GRAB_JOB, 0, out);
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
