//! The lines that the load sends, and those that it is sent.
//!
//! The server's lines have their members in a fixed order and no white space, and the load's values need no escapes, so
//! a reader that expects just that does nearly every line. What it does not recognise is read again by `serde_json`:
//! a line is called garbled only if that fails too.

use std::io::Write;

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of the server. Values are their JSON text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Said<'a> {
    /// To a worker: do this. `type_number` is that of the type's name.
    Do { id: u64, type_number: u64, job: Option<u64>, arg: &'a [u8] },
    /// To a submitter: done.
    Done { id: u64, res: &'a [u8] },
    /// To a submitter: it will not be done; to anyone: a line was not obeyed.
    Refused,
}

/// Appends a job's `do`, up to where its argument comes; close it with [`end`].
pub(crate) fn begin_do(id: u64, type_number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"cmd\":\"do\",\"id\":");
    push_number(id, out);
    out.extend_from_slice(b",\"type\":\"t");
    push_number(type_number, out);
    out.extend_from_slice(b"\",\"arg\":");
}

/// Appends a worker's answer: by number where the job carried one, as docs/protocol.md asks.
pub(crate) fn push_did(id: u64, job: Option<u64>, res: &[u8], out: &mut Vec<u8>) {
    if let Some(number) = job {
        out.extend_from_slice(b"{\"cmd\":\"did\",\"job\":");
        push_number(number, out);
    } else {
        out.extend_from_slice(b"{\"cmd\":\"did\",\"id\":");
        push_number(id, out);
    }
    out.extend_from_slice(b",\"res\":");
    out.extend_from_slice(res);
    end(out);
}

/// Appends a worker's `can_do`; 0 as `max_jobs` is not said.
pub(crate) fn push_can_do(types: impl Iterator<Item = u64>, max_jobs: u16, out: &mut Vec<u8>) {
    let names: Vec<String> = types.map(|number| format!("\"t{number}\"")).collect();
    out.extend_from_slice(b"{\"cmd\":\"can_do\",\"types\":[");
    out.extend_from_slice(names.join(",").as_bytes());
    out.push(b']');
    if max_jobs > 0 {
        out.extend_from_slice(b",\"max_jobs\":");
        push_number(max_jobs.into(), out);
    }
    end(out);
}

/// Ends an object and its line.
pub(crate) fn end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"}\n");
}

fn push_number(number: u64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("writing to a vector cannot fail");
}

/// The lines in `bytes`, which ends with a line's end; without those ends.
pub(crate) fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let line_end = memchr::memchr(b'\n', rest)?;
        let (line, after) = (&rest[..line_end], &rest[line_end + 1..]);
        rest = after;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}

/// What a line says; `None` if it is none that the load can expect.
pub(crate) fn read(line: &[u8]) -> Option<Said<'_>> {
    read_done(line).or_else(|| read_do(line)).or_else(|| read_any(line))
}

fn read_done(line: &[u8]) -> Option<Said<'_>> {
    let mut cursor = Cursor(line);
    cursor.literal(b"{\"cmd\":\"did\",\"id\":")?;
    let id = cursor.number()?;
    cursor.literal(b",\"res\":")?;
    Some(Said::Done { id, res: cursor.last_string()? })
}

fn read_do(line: &[u8]) -> Option<Said<'_>> {
    let mut cursor = Cursor(line);
    cursor.literal(b"{\"cmd\":\"do\",\"id\":")?;
    let id = cursor.number()?;
    cursor.literal(b",\"type\":\"t")?;
    let type_number = cursor.number()?;
    cursor.literal(b"\"")?;
    let job = match cursor.literal(b",\"job\":") {
        Some(()) => Some(cursor.number()?),
        None => None,
    };
    cursor.literal(b",\"arg\":")?;
    Some(Said::Do { id, type_number, job, arg: cursor.last_string()? })
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

    /// A string without escapes, if it is the rest of the object.
    fn last_string(&self) -> Option<&'a [u8]> {
        let text = self.0.strip_suffix(b"}")?;
        let inside = text.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        memchr::memchr2(b'"', b'\\', inside).is_none().then_some(text)
    }
}

fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
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
fn read_any(line: &[u8]) -> Option<Said<'_>> {
    let members: Members<'_> = serde_json::from_slice(line).ok()?;
    match members.cmd.get() {
        "\"did\"" if members.err.is_none() => {
            Some(Said::Done { id: number(members.id?)?, res: members.res?.get().as_bytes() })
        }
        "\"did\"" | "\"error\"" => Some(Said::Refused),
        "\"do\"" => Some(Said::Do {
            id: number(members.id?)?,
            type_number: parse_number(members.type_name?.get().strip_prefix("\"t")?.strip_suffix('"')?.as_bytes())?,
            job: match members.job {
                Some(job) => Some(number(job)?),
                None => None,
            },
            arg: members.arg?.get().as_bytes(),
        }),
        _ => None,
    }
}

fn number(value: &RawValue) -> Option<u64> {
    parse_number(value.get().as_bytes())
}
