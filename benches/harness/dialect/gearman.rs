//! The binary protocol of gearmand.
//!
//! A packet is a magic word, its kind, the length of what it carries, and that: parts with a zero byte between. A
//! submitter asks for foreground jobs, many on one connection, and gets a receipt with a handle for each, then the answer
//! under that handle. A worker that grabs a job and finds none goes to sleep, is woken when there may be one, and grabs
//! again; it grabs the next job in the write in which it answers one.

use std::borrow::Cow;

use super::super::check::Wrong;
use super::super::workload::{JobName, Workload};
use super::text::{numbered, unexpected};
use super::{Dialect, Heard, Place};

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

/// More than an argument can have.
const BODY_BYTES_MAX: usize = 1 << 31;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Gearman {
    /// Whether the worker is to be woken: only then a NOOP is for it to act upon.
    asleep: bool,
}

impl Dialect for Gearman {
    fn greet(&mut self, place: Place<'_>, out: &mut Vec<u8>) {
        let Place::Worker { types, .. } = place else { return };
        for number in types {
            let name = format!("t{number}");
            push_header(CAN_DO, name.len(), out);
            out.extend_from_slice(name.as_bytes());
        }
        push_header(GRAB_JOB, 0, out);
    }

    fn hear<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Heard<'a>>, Wrong> {
        let Some((kind, body, rest)) = packet(input)? else { return Ok(None) };
        let heard = match kind {
            JOB_CREATED => Heard::Receipt,
            WORK_COMPLETE => {
                let [_handle, res] = parts(body).ok_or_else(|| unexpected(body))?;
                Heard::Answer { id: None, res }
            }
            JOB_ASSIGN => {
                let [handle, function, arg] = parts(body).ok_or_else(|| unexpected(body))?;
                let type_number = Some(numbered(b"t", function).ok_or_else(|| unexpected(body))?);
                Heard::Job { id: None, type_number, ticket: Cow::Borrowed(handle), arg }
            }
            NO_JOB => {
                self.asleep = true;
                push_header(PRE_SLEEP, 0, out);
                Heard::Receipt
            }
            NOOP => {
                if std::mem::take(&mut self.asleep) {
                    push_header(GRAB_JOB, 0, out);
                }
                Heard::Receipt
            }
            WORK_FAIL | WORK_EXCEPTION | ERROR => Heard::Refused(body),
            _ => return Err(unexpected(input)),
        };
        *input = rest;
        Ok(Some(heard))
    }

    fn submit(&mut self, workload: &Workload, job: JobName, out: &mut Vec<u8>) {
        let name = format!("t{}", workload.type_of(job));
        // Between the two zero bytes is the key by which jobs would be merged: none.
        push_header(SUBMIT_JOB, name.len() + 2 + workload.arg_bytes(job), out);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\0\0");
        workload.append_arg(job, out);
    }

    fn answer(&mut self, ticket: &[u8], _job: JobName, res: &[u8], out: &mut Vec<u8>) {
        push_header(WORK_COMPLETE, ticket.len() + 1 + res.len(), out);
        out.extend_from_slice(ticket);
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

/// A packet's kind and what it carries, and the input behind it.
type Packet<'a> = (u32, &'a [u8], &'a [u8]);

/// The first packet of the input, if that is whole.
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

/// What a packet carries, in its parts; the last one may hold zero bytes.
fn parts<const COUNT: usize>(body: &[u8]) -> Option<[&[u8]; COUNT]> {
    let mut parts = body.splitn(COUNT, |byte| *byte == 0);
    let mut all: [&[u8]; COUNT] = [&[]; COUNT];
    for part in &mut all {
        *part = parts.next()?;
    }
    Some(all)
}
