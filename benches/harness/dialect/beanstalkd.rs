//! The text protocol of beanstalkd, with a tube a type for jobs and a tube a submitter for answers.
//!
//! beanstalkd knows queues, not answers, so an answer is a job of the submitter's own tube. A submitter puts on one
//! connection, many without waiting, and reserves on another, as a reservation holds its connection up. Whoever has
//! reserved deletes and reserves again in one write; a worker puts the answer in that write, too.

use std::borrow::Cow;
use std::io::Write;

use super::super::check::Wrong;
use super::super::workload::{JobName, Workload};
use super::text::{Text, unexpected};
use super::{Dialect, Heard, Place, push_number};

/// How a job is put: priority, delay, and the seconds that a worker may take before it is given to another.
const PUT: &[u8] = b"put 0 0 600 ";

/// Puts go to one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tube {
    /// Jobs of a type.
    Type(u64),
    /// Answers to a submitter.
    Answers(u16),
}

/// What is reserved on a connection.
#[derive(Clone, Copy, Debug)]
enum Reserves {
    Nothing,
    Jobs,
    Answers,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Beanstalkd {
    reserves: Reserves,
    /// Where the next put goes, if that was said.
    used: Option<Tube>,
}

impl Beanstalkd {
    /// For a connection that has said nothing.
    pub(crate) fn new() -> Self {
        Self { reserves: Reserves::Nothing, used: None }
    }

    /// Puts go there from now on.
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

impl Dialect for Beanstalkd {
    fn greet(&mut self, place: Place<'_>, out: &mut Vec<u8>) {
        let tubes: Vec<Tube> = match place {
            Place::Submitter(_) => return,
            Place::Hearer(number) => vec![Tube::Answers(number)],
            Place::Worker { types, .. } => types.iter().map(|number| Tube::Type(*number)).collect(),
        };
        self.reserves = if let Place::Hearer(_) = place { Reserves::Answers } else { Reserves::Jobs };
        for tube in tubes {
            out.extend_from_slice(b"watch ");
            push_tube(tube, out);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"ignore default\r\nreserve\r\n");
    }

    fn hear<'a>(&mut self, input: &mut &'a [u8], out: &mut Vec<u8>) -> Result<Option<Heard<'a>>, Wrong> {
        let mut text = Text(input);
        let Some(line) = text.line()? else { return Ok(None) };
        let mut words = line.split(|byte| *byte == b' ');
        let heard = match words.next().unwrap_or_default() {
            b"RESERVED" => {
                let (id, digits) = words.next().zip(words.next()).ok_or_else(|| unexpected(line))?;
                let Some(body) = text.block(digits)? else { return Ok(None) };
                match self.reserves {
                    Reserves::Nothing => return Err(unexpected(line)),
                    Reserves::Jobs => Heard::Job { id: None, type_number: None, ticket: Cow::Borrowed(id), arg: body },
                    Reserves::Answers => {
                        push_delete_and_reserve(id, out);
                        Heard::Answer { id: None, res: body }
                    }
                }
            }
            b"INSERTED" | b"USING" | b"WATCHING" | b"DELETED" => Heard::Receipt,
            b"BURIED" | b"DRAINING" | b"EXPECTED_CRLF" | b"JOB_TOO_BIG" | b"OUT_OF_MEMORY" | b"INTERNAL_ERROR"
            | b"BAD_FORMAT" | b"UNKNOWN_COMMAND" | b"NOT_FOUND" | b"NOT_IGNORED" | b"DEADLINE_SOON" => {
                Heard::Refused(line)
            }
            _ => return Err(unexpected(line)),
        };
        *input = text.0;
        Ok(Some(heard))
    }

    fn submit(&mut self, workload: &Workload, job: JobName, out: &mut Vec<u8>) {
        self.put_to(Tube::Type(workload.type_of(job)), out);
        out.extend_from_slice(PUT);
        push_number(workload.arg_bytes(job) as u64, out);
        out.extend_from_slice(b"\r\n");
        workload.append_arg(job, out);
        out.extend_from_slice(b"\r\n");
    }

    fn answer(&mut self, ticket: &[u8], job: JobName, res: &[u8], out: &mut Vec<u8>) {
        self.put_to(Tube::Answers(job.submitter), out);
        out.extend_from_slice(PUT);
        push_number(res.len() as u64, out);
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(res);
        out.extend_from_slice(b"\r\n");
        push_delete_and_reserve(ticket, out);
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
