//! Deputy's lines.
//!
//! The server's lines have their members in a fixed order and no white space, and the load's values need no escapes. A
//! reader that expects exactly that reads nearly every line. `serde_json` reads the others; a line is called unexpected
//! only if that fails too.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::asks::End;
use super::super::check::{Wrong, excerpt};
use super::super::workload::{JobKey, Workload};
use super::{Driver, Endpoint, ServerMessage, parse_number, push_number};

/// See the module.
#[derive(Debug)]
pub(crate) struct Deputy;

impl Driver for Deputy {
    fn greet(&mut self, endpoint: Endpoint<'_>, out: &mut Vec<u8>) {
        let Endpoint::Worker { types, max_jobs, .. } = endpoint else { return };
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

    fn next_message<'a>(
        &mut self,
        input: &mut &'a [u8],
        _out: &mut Vec<u8>,
    ) -> Result<Option<ServerMessage<'a>>, Wrong> {
        let Some(line_end) = memchr::memchr(b'\n', input) else { return Ok(None) };
        let line = &input[..line_end];
        *input = &input[line_end + 1..];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        read(line).map(Some).ok_or_else(|| Wrong::Unexpected(excerpt(line)))
    }

    fn submit(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cmd\":\"do\",\"id\":");
        push_number(workload.id_of(job), out);
        out.extend_from_slice(b",\"type\":\"t");
        push_number(workload.type_of(job), out);
        out.push(b'"');
        workload.append_asks(job, out);
        out.extend_from_slice(b",\"arg\":");
        workload.append_arg(job, out);
        out.extend_from_slice(b"}\n");
    }

    fn cancel(&mut self, workload: &Workload, job: JobKey, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cmd\":\"cancel\",\"id\":");
        push_number(workload.id_of(job), out);
        out.extend_from_slice(b"}\n");
    }

    fn report(&mut self, handle: &[u8], number: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cmd\":\"progress\",");
        out.extend_from_slice(handle);
        out.extend_from_slice(b",\"data\":");
        push_number(number, out);
        out.extend_from_slice(b"}\n");
    }

    fn answer(&mut self, handle: &[u8], _job: JobKey, res: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"cmd\":\"did\",");
        out.extend_from_slice(handle);
        out.extend_from_slice(b",\"res\":");
        out.extend_from_slice(res);
        out.extend_from_slice(b"}\n");
    }

    fn may_end_in(&self, fresh: &[u8]) -> bool {
        memchr::memchr(b'\n', fresh).is_some()
    }
}

/// Reads a line; `None` if it is not one that the load can expect.
fn read(line: &[u8]) -> Option<ServerMessage<'_>> {
    read_answer(line).or_else(|| read_job(line)).or_else(|| read_any(line))
}

fn read_answer(line: &[u8]) -> Option<ServerMessage<'_>> {
    let mut cursor = Cursor(line);
    cursor.literal(b"{\"cmd\":\"did\",\"id\":")?;
    let id = cursor.number()?;
    cursor.literal(b",\"res\":")?;
    Some(ServerMessage::Answer { id: Some(id), res: cursor.last_string()? })
}

/// The handle is the member that the answer must repeat: `job` if the line has one, otherwise `id`.
fn read_job(line: &[u8]) -> Option<ServerMessage<'_>> {
    let mut cursor = Cursor(line);
    cursor.literal(b"{\"cmd\":\"do\",")?;
    let (id_member, id) = cursor.member(b"\"id\":")?;
    cursor.literal(b",\"type\":\"t")?;
    let type_number = cursor.number()?;
    cursor.literal(b"\",")?;
    let handle = match cursor.member(b"\"job\":") {
        Some((job_member, _)) => {
            cursor.literal(b",")?;
            job_member
        }
        None => id_member,
    };
    let mut further = |name| {
        let (_, number) = cursor.member(name)?;
        cursor.literal(b",")?;
        Some(number)
    };
    let attempt = further(b"\"attempt\":").unwrap_or(1);
    further(b"\"run_limit_ms\":");
    cursor.literal(b"\"arg\":")?;
    Some(ServerMessage::Job {
        id: Some(id),
        type_number: Some(type_number),
        handle: Cow::Borrowed(handle),
        attempt,
        arg: cursor.last_string()?,
    })
}

/// The unread rest of a line.
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

    /// Takes a member whose value is a number; returns its text and the number.
    fn member(&mut self, name: &[u8]) -> Option<(&'a [u8], u64)> {
        let whole = self.0;
        self.literal(name)?;
        let number = self.number()?;
        Some((&whole[..whole.len() - self.0.len()], number))
    }

    /// Returns a string without escapes, if nothing but the object's end follows it.
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
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    attempt: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

/// Reads a line with any order of members and any spacing.
fn read_any(line: &[u8]) -> Option<ServerMessage<'_>> {
    let members: Members<'_> = serde_json::from_slice(line).ok()?;
    match members.cmd.get() {
        "\"did\"" => {
            let id = number(members.id?)?;
            let end = match (members.err, members.res, members.code.map(RawValue::get)) {
                (None, Some(res), _) => {
                    return Some(ServerMessage::Answer { id: Some(id), res: res.get().as_bytes() });
                }
                (None, None, _) => End::Accepted,
                (Some(_), _, Some("\"cancelled\"")) => End::Cancelled,
                (Some(_), _, Some("\"expired\"")) => End::Expired,
                (Some(_), _, Some("\"timed_out\"")) => End::TimedOut,
                _ => return Some(ServerMessage::Refused(line)),
            };
            Some(ServerMessage::Ended { id: Some(id), end })
        }
        "\"error\"" => Some(ServerMessage::Refused(line)),
        "\"cancel\"" => Some(ServerMessage::Cancel { handle: Cow::Owned(job_handle(members.job?)?) }),
        "\"progress\"" => Some(ServerMessage::Progress { id: number(members.id?)?, number: number(members.data?)? }),
        "\"pong\"" => Some(ServerMessage::Receipt),
        "\"do\"" => {
            let id = number(members.id?)?;
            let handle = match members.job {
                Some(job) => job_handle(job)?,
                None => format!("\"id\":{id}").into_bytes(),
            };
            let type_name = members.type_name?.get().strip_prefix("\"t")?.strip_suffix('"')?;
            Some(ServerMessage::Job {
                id: Some(id),
                type_number: Some(parse_number(type_name.as_bytes())?),
                handle: Cow::Owned(handle),
                attempt: members.attempt.map_or(Some(1), number)?,
                arg: members.arg?.get().as_bytes(),
            })
        }
        _ => None,
    }
}

fn job_handle(job: &RawValue) -> Option<Vec<u8>> {
    Some(format!("\"job\":{}", number(job)?).into_bytes())
}

fn number(value: &RawValue) -> Option<u64> {
    parse_number(value.get().as_bytes())
}
