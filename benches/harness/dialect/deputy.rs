//! Deputy's own lines.
//!
//! The server's lines have their members in a fixed order and no white space, and the load's values need no escapes, so
//! a reader that expects just that does nearly every line. What it does not recognise is read again by `serde_json`:
//! a line is called garbled only if that fails too.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::check::{Wrong, excerpt};
use super::super::workload::{JobName, Workload};
use super::{Dialect, Heard, Place, parse_number, push_number};

/// See the module.
#[derive(Debug)]
pub(crate) struct Deputy;

impl Dialect for Deputy {
    fn greet(&mut self, place: Place<'_>, out: &mut Vec<u8>) {
        let Place::Worker { types, max_jobs } = place else { return };
        let names: Vec<String> = types.iter().map(|number| format!("\"t{number}\"")).collect();
        out.extend_from_slice(b"{\"cmd\":\"can_do\",\"types\":[");
        out.extend_from_slice(names.join(",").as_bytes());
        out.push(b']');
        if max_jobs > 0 {
            out.extend_from_slice(b",\"max_jobs\":");
            push_number(max_jobs.into(), out);
        }
        out.extend_from_slice(b"}\n");
    }

    fn hear<'a>(&mut self, input: &mut &'a [u8], _out: &mut Vec<u8>) -> Result<Option<Heard<'a>>, Wrong> {
        let Some(line_end) = memchr::memchr(b'\n', input) else { return Ok(None) };
        let line = &input[..line_end];
        *input = &input[line_end + 1..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        read(line).map(Some).ok_or_else(|| Wrong::Unexpected(excerpt(line)))
    }

    fn submit(&mut self, workload: &Workload, job: JobName, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cmd\":\"do\",\"id\":");
        push_number(workload.id_of(job), out);
        out.extend_from_slice(b",\"type\":\"t");
        push_number(workload.type_of(job), out);
        out.extend_from_slice(b"\",\"arg\":");
        workload.append_arg(job, out);
        out.extend_from_slice(b"}\n");
    }

    fn answer(&mut self, ticket: &[u8], _job: JobName, res: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cmd\":\"did\",");
        out.extend_from_slice(ticket);
        out.extend_from_slice(b",\"res\":");
        out.extend_from_slice(res);
        out.extend_from_slice(b"}\n");
    }

    fn may_end_in(&self, fresh: &[u8]) -> bool {
        memchr::memchr(b'\n', fresh).is_some()
    }
}

/// What a line says; `None` if it is none that the load can expect.
fn read(line: &[u8]) -> Option<Heard<'_>> {
    read_answer(line).or_else(|| read_job(line)).or_else(|| read_any(line))
}

fn read_answer(line: &[u8]) -> Option<Heard<'_>> {
    let mut cursor = Cursor(line);
    cursor.literal(b"{\"cmd\":\"did\",\"id\":")?;
    let id = cursor.number()?;
    cursor.literal(b",\"res\":")?;
    Some(Heard::Answer { id: Some(id), res: cursor.last_string()? })
}

/// The ticket is the member that the answer has to repeat: `job` where the line has one, else `id`.
fn read_job(line: &[u8]) -> Option<Heard<'_>> {
    let mut cursor = Cursor(line);
    cursor.literal(b"{\"cmd\":\"do\",")?;
    let (id_member, id) = cursor.member(b"\"id\":")?;
    cursor.literal(b",\"type\":\"t")?;
    let type_number = cursor.number()?;
    cursor.literal(b"\",")?;
    let ticket = match cursor.member(b"\"job\":") {
        Some((job_member, _)) => {
            cursor.literal(b",")?;
            job_member
        }
        None => id_member,
    };
    cursor.literal(b"\"arg\":")?;
    Some(Heard::Job {
        id: Some(id),
        type_number: Some(type_number),
        ticket: Cow::Borrowed(ticket),
        arg: cursor.last_string()?,
    })
}

/// What is left of a line.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn number(&mut self) -> Option<u64> {
        let digits = self.0.iter().position(|byte| !byte.is_ascii_digit())?;
        let (number, rest) = self.0.split_at(digits);
        self.0 = rest;
        parse_number(number)
    }

    /// A member whose value is a number, as text and as that number.
    fn member(&mut self, name: &[u8]) -> Option<(&'a [u8], u64)> {
        let whole = self.0;
        self.literal(name)?;
        let number = self.number()?;
        Some((&whole[..whole.len() - self.0.len()], number))
    }

    /// A string without escapes, if it is the rest of the object.
    fn last_string(&self) -> Option<&'a [u8]> {
        let text = self.0.strip_suffix(b"}")?;
        let inside = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        memchr::memchr2(b'"', b'\\', inside).is_none().then_some(text)
    }
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    cmd: &'a RawValue,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    type_name: Option<&'a RawValue>,
    #[serde(borrow)]
    job: Option<&'a RawValue>,
    #[serde(borrow)]
    arg: Option<&'a RawValue>,
    #[serde(borrow)]
    res: Option<&'a RawValue>,
    #[serde(borrow)]
    err: Option<&'a RawValue>,
}

/// Reads a line of any member order and spacing.
fn read_any(line: &[u8]) -> Option<Heard<'_>> {
    let members: Members<'_> = serde_json::from_slice(line).ok()?;
    match members.cmd.get() {
        "\"did\"" if members.err.is_none() => {
            Some(Heard::Answer { id: Some(number(members.id?)?), res: members.res?.get().as_bytes() })
        }
        "\"did\"" | "\"error\"" => Some(Heard::Refused(line)),
        "\"pong\"" => Some(Heard::Receipt),
        "\"do\"" => {
            let id = number(members.id?)?;
            let ticket = match members.job {
                Some(job) => format!("\"job\":{}", number(job)?),
                None => format!("\"id\":{id}"),
            };
            let type_name = members.type_name?.get().strip_prefix("\"t")?.strip_suffix('"')?;
            Some(Heard::Job {
                id: Some(id),
                type_number: Some(parse_number(type_name.as_bytes())?),
                ticket: Cow::Owned(ticket.into_bytes()),
                arg: members.arg?.get().as_bytes(),
            })
        }
        _ => None,
    }
}

fn number(value: &RawValue) -> Option<u64> {
    parse_number(value.get().as_bytes())
}
