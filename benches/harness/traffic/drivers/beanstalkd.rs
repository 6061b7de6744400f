//! The text protocol of beanstalkd, with one tube per type for jobs and one tube per submitter for answers.
//!
//! beanstalkd knows queues, not answers, so an answer is a job in the submitter's own tube. A submitter pipelines its puts
//! on one connection and reserves on another, because a reservation blocks its connection. After each reservation a
//! client deletes and reserves again in one write; a worker puts the answer in the same write. A worker of several slots
//! reserves one job at a time too: the protocol has no command for several, and pipelined reservations gain nothing.
//!
//! Background jobs have no answer: the reply to their put says that the server has them, and a worker only deletes them.

use std::borrow::Cow;
use std::io::Write;

use super::super::asks::End;
use super::super::check::Wrong;
use super::super::workload::{JobKey, Workload};
use super::text::{Text, unexpected};
use super::{Awaits, Driver, Endpoint, ServerMessage, push_number};

/// The beginning of a put: priority, delay, and the seconds that a worker may take before another worker gets the job.
const PUT: &[u8] = b"put 0 0 600 ";

/// Where puts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tube {
    /// The jobs of a type.
    Type(u64),
    /// Answers to a submitter.
    Answers(u16),
}

/// What a connection reserves.
#[derive(Clone, Copy, Debug)]
enum Reserves {
    Nothing,
    Jobs,
    Answers,
}

/// The statistics that add up to the jobs that the server has.
const JOB_STATISTICS: [&str; 4] =
    ["current-jobs-ready", "current-jobs-reserved", "current-jobs-delayed", "current-jobs-buried"];

/// See the module.
#[derive(Debug)]
pub(crate) struct Beanstalkd {
    /// What the submitter waits for.
    awaits: Awaits,
    reserves: Reserves,
    /// The tube of the last `use`, if there was one.
    used: Option<Tube>,
}

impl Beanstalkd {
    /// Returns the driver of a connection that has sent nothing.
    pub(crate) fn new(awaits: Awaits) -> Self {
        Self { awaits, reserves: Reserves::Nothing, used: None }
    }

    /// Selects the tube of the following puts.
    fn put_to(&mut self, tube: Tube, out: &mut Vec<u8>) {
        if self.used == Some(tube) {
            return;
        }
        self.used = Some(tube);
        out.extend_from_slice(b"use ");
        push_tube(tube, out);
        out.extend_from_slice(b"\r\n");
    }
}

impl Driver for Beanstalkd {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        let tubes: Vec<Tube> = match endpoint {
            Endpoint::Submitter(_) => return,
            Endpoint::Auditor(_) => {
                out.extend_from_slice(b"stats\r\n");
                return;
            }
            Endpoint::Answers { submitter, .. } => vec![Tube::Answers(submitter)],
            Endpoint::Worker { types, .. } => types.iter().map(|number| Tube::Type(*number)).collect(),
        };
        self.reserves = if let Endpoint::Answers { .. } = endpoint { Reserves::Answers } else { Reserves::Jobs };
        for tube in tubes {
            out.extend_from_slice(b"watch ");
            push_tube(tube, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"ignore default\r\nreserve\r\n");
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
            b"RESERVED" => {
                let (id, digits) = words.next().zip(words.next()).ok_or_else(|| unexpected(line))?;
                let Some(body) = text.block(digits)? else { return Ok(None) };
                match self.reserves {
                    Reserves::Nothing => return Err(unexpected(line)),
                    Reserves::Jobs => ServerMessage::Job {
                        id: None,
                        type_number: None,
                        handle: Cow::Borrowed(id),
                        attempt: 1,
                        arg: body,
                    },
                    Reserves::Answers => {
                        push_delete_and_reserve(id, out);
                        ServerMessage::Answer { id: None, res: body }
                    }
                }
            }
            b"OK" => {
                let digits = words.next().ok_or_else(|| unexpected(line))?;
                let Some(body) = text.block(digits)? else { return Ok(None) };
                ServerMessage::Left(jobs_in(body).ok_or_else(|| unexpected(body))?)
            }
            // Replies come in the order of the puts.
            b"INSERTED" if matches!((self.reserves, self.awaits), (Reserves::Nothing, Awaits::Acceptance)) => {
                ServerMessage::Ended { id: None, end: End::Accepted }
            }
            b"INSERTED" | b"USING" | b"WATCHING" | b"DELETED" => ServerMessage::Receipt,
            b"BURIED" | b"DRAINING" | b"EXPECTED_CRLF" | b"JOB_TOO_BIG" | b"OUT_OF_MEMORY" | b"INTERNAL_ERROR"
            | b"BAD_FORMAT" | b"UNKNOWN_COMMAND" | b"NOT_FOUND" | b"NOT_IGNORED" | b"DEADLINE_SOON" => {
                ServerMessage::Refused(line)
            }
            _ => return Err(unexpected(line)),
        };
        *input = text.0;
        Ok(Some(message))
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        self.put_to(Tube::Type(workload.type_of(job)), out);
        out.extend_from_slice(PUT);
        push_number(workload.arg_bytes(job) as u64, out);
        out.extend_from_slice(b"\r\n");
        workload.append_arg(job, out);
        out.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, handle: &[u8], job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        if self.awaits == Awaits::Result {
            self.put_to(Tube::Answers(job.submitter), out);
            out.extend_from_slice(PUT);
            push_number(res.len() as u64, out);
            out.extend_from_slice(b"\r\n");
            out.extend_from_slice(res);
            out.extend_from_slice(b"\r\n");
        }
        push_delete_and_reserve(handle, out);
    }
}

fn push_tube(tube: Tube, out: &mut Vec<u8>) {
    match tube {
        Tube::Type(number) => write!(out, "t{number}"),
        Tube::Answers(submitter) => write!(out, "r{submitter}"),
    }
    .expect("writing to a vector cannot fail");
}

fn push_delete_and_reserve(id: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"delete ");
    out.extend_from_slice(id);
    out.extend_from_slice(b"\r\nreserve\r\n");
}

/// Returns the jobs that the server has, by its statistics: a line `name: number` each.
fn jobs_in(statistics: &[u8]) -> Option<u64> {
    let lines = || str::from_utf8(statistics).into_iter().flat_map(str::lines);
    let number = |name: &str| lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")?.parse::<u64>().ok());
    JOB_STATISTICS.into_iter().map(number).sum()
}
