//! Decodes a line into a [`Command`], or into a [`Refusal`] with the reason.
//!
//! Checked in this order: JSON (UTF-8, syntax, an object, depth), known members given twice, `cmd`, then the members
//! that the command uses. The framer has checked the size. Carried values are never parsed.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::Code;
use super::carried::Carried;
use super::frame::LongLine;
use super::members::{Members, Name};
use super::string::unescape;
pub use super::types::TypeName;
use super::types::{type_name, type_names};
use crate::limits::JOB_NUMBER_MAX;

mod can_do;
mod metrics;
mod next_line;
mod options;
mod refusal;

pub use can_do::{Class, WorkerOptions};
use metrics::metrics_asked;
pub use metrics::{MetricsAsked, TypesAsked};
pub use next_line::{check_read, decode_frame, next_line};
pub use options::JobOptions;
pub use refusal::{Refusal, Severity};

/// A decoded line. Ids and values are the text as received, without the white space around it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<'a> {
    /// This connection is a worker for these types.
    CanDo {
        /// In the order given, each once; at most [`crate::limits::TYPES_PER_CONNECTION_MAX`]. The limit of types per
        /// connection is checked where they are added.
        types: Vec<TypeName<'a>>,
        /// The number of its slots from now on; 1 to [`crate::limits::JOBS_PER_WORKER_MAX`].
        max_jobs: Option<u32>,
        /// Its options.
        options: WorkerOptions,
        /// The line's id if one could be read, for an error about the line.
        id: Option<&'a str>,
    },
    /// The connection takes no more jobs of these types.
    CantDo {
        /// In the order given, each once.
        types: Vec<TypeName<'a>>,
    },
    /// A job is submitted.
    Do {
        /// A JSON string or number.
        id: &'a str,
        /// The type, which determines the queue.
        type_name: TypeName<'a>,
        /// Any JSON value; `None` if it is absent.
        arg: Option<Carried<'a>>,
        /// The job's options; `None` if it has none.
        options: Option<Box<JobOptions<'a>>>,
    },
    /// The cancellable jobs of this connection with this id must end.
    Cancel {
        /// A JSON string or number.
        id: &'a str,
    },
    /// A worker's answer.
    Did {
        /// Which job.
        job: JobRef<'a>,
        /// The line's id if one could be read, for an error about the line.
        id: Option<&'a str>,
        /// The result or the error.
        outcome: Outcome<'a>,
    },
    /// A worker reports that it still runs a job.
    Progress {
        /// Which job.
        job: JobRef<'a>,
        /// The line's id if one could be read, for an error about the line.
        id: Option<&'a str>,
        /// Any JSON value for the submitter; `None` if it is absent.
        data: Option<Carried<'a>>,
    },
    /// A worker has stored a durable job outside this server.
    Stored {
        /// The job's lease.
        job: u64,
        /// The line's id if one could be read, for an error about the line.
        id: Option<&'a str>,
    },
    /// A query for the metrics.
    Metrics(MetricsAsked<'a>),
    /// A query for a sign of life.
    Ping,
}

/// How a `did` or a `progress` names its job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum JobRef<'a> {
    /// By `job`: a job that was sent with a lease.
    Lease(u64),
    /// By `id`: the job that was sent without a lease.
    Id(&'a str),
}

/// How a worker ended a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// With the result, if it gave one.
    Res(Option<Carried<'a>>),
    /// With an error, a JSON value.
    Err(Carried<'a>),
}

/// The usual text with `bad_request`.
type Text = &'static str;

/// The text with `unknown_cmd`.
const UNKNOWN_CMD: Text = "cmd must be can_do, cant_do, do, did, progress, stored, cancel, metrics or ping";

/// Decodes a line without its end. Borrows from it: `do` and `did` cost no allocation unless `cmd`, the type or a name has
/// an escape, a value has containers in containers (the parser keeps a byte per open one), or a `do` gives options.
pub fn decode(line: &[u8]) -> Result<Command<'_>, Refusal<'_>> {
    decode_line(line, None)
}

/// Does the same. `text` is the line if it was checked to be UTF-8.
fn decode_line<'a>(line: &'a [u8], text: Option<&'a str>) -> Result<Command<'a>, Refusal<'a>> {
    let mut members = Members::default();
    if let Err(reason) = members.add_all(line, text) {
        return Err(Refusal::of_unreadable(Code::BadJson, reason, Severity::Line));
    }
    decode_members(&members)
}

#[inline(always)]
fn decode_members<'a>(members: &Members<'a>) -> Result<Command<'a>, Refusal<'a>> {
    let cmd = members.get(Name::Cmd).and_then(unescape_cmd);
    // The command is built where it is returned.
    let mut line = parse_command(members, cmd.as_deref());
    if let Err(refusal) = &mut line {
        refusal.id = members.id();
        refusal.is_do = refusal.id.is_some() && cmd.as_deref() == Some(b"do");
    }
    line
}

/// Unescapes the name of a command. The names `do` and `did` need no search for escapes.
fn unescape_cmd(raw: &str) -> Option<Cow<'_, [u8]>> {
    match raw {
        r#""do""# => Some(Cow::Borrowed(b"do")),
        r#""did""# => Some(Cow::Borrowed(b"did")),
        _ => unescape(raw),
    }
}

/// Decodes a line that was checked while it arrived. Takes time in proportion to its sketch.
fn decode_long(line: &LongLine) -> Result<Command<'_>, Refusal<'_>> {
    let sketch = line.sketch().map_err(|reason| Refusal::of_unreadable(Code::BadJson, reason, Severity::Line))?;
    let mut command = decode(sketch)?;
    let types = match &mut command {
        Command::CanDo { types, .. }
        | Command::CantDo { types }
        | Command::Metrics(MetricsAsked { types: TypesAsked::Named(types), .. }) => Some(types),
        _ => None,
    };
    if let Some(types) = types
        && let Some(names) = line.types()
    {
        types.extend(names.iter().map(|name| TypeName::Borrowed(&**name)));
    }
    let value = match &mut command {
        Command::Do { arg: Some(arg), .. } => Some((arg, Name::Arg)),
        Command::Did { outcome: Outcome::Res(Some(res)), .. } => Some((res, Name::Res)),
        Command::Did { outcome: Outcome::Err(err), .. } => Some((err, Name::Err)),
        Command::Progress { data: Some(data), .. } => Some((data, Name::Data)),
        _ => None,
    };
    if let Some((value, name)) = value
        && let Some(text) = line.carried(name)
    {
        *value = Carried::Long(text);
    }
    Ok(command)
}

/// Decodes the command; `cmd` is `None` if it is absent, given twice or not a string. A refusal has no id yet.
#[inline(always)]
fn parse_command<'a>(members: &Members<'a>, cmd: Option<&[u8]>) -> Result<Command<'a>, Refusal<'a>> {
    if let Some(name) = members.twice() {
        return Err(Refusal::of_unfit(Code::BadRequest, format!("{name} is given twice")));
    }
    match cmd {
        Some(b"do") => submit(members),
        Some(b"did") => about_job(members, About::Answer),
        Some(b"can_do") => Ok(can_do::can_do(members)?),
        Some(b"cant_do") => Ok(Command::CantDo { types: types(members)? }),
        Some(b"metrics") => Ok(Command::Metrics(metrics_asked(members)?)),
        Some(b"ping") => Ok(Command::Ping),
        Some(b"cancel") => Ok(Command::Cancel { id: id(members)? }),
        Some(b"progress") => about_job(members, About::Progress),
        Some(b"stored") => Ok(stored(members)?),
        Some(_) => Err(Refusal::of_unfit(Code::UnknownCmd, UNKNOWN_CMD)),
        None => Err("cmd must be a string".into()),
    }
}

fn submit<'a>(members: &Members<'a>) -> Result<Command<'a>, Refusal<'a>> {
    let type_name = members.get(Name::Type).and_then(type_name);
    Ok(Command::Do {
        id: id(members)?,
        type_name: type_name.ok_or("type must be a string of 1 to 255 bytes, without lone surrogates")?,
        arg: members.get(Name::Arg).map(Carried::Short),
        options: options::options(members)?,
    })
}

/// The kind of a worker's line about a job.
#[derive(Clone, Copy)]
enum About {
    Answer,
    Progress,
}

/// Decodes a `did` or a `progress`. One function, so that a `did` costs no further call for the name of its job.
#[inline(always)]
fn about_job<'a>(members: &Members<'a>, about: About) -> Result<Command<'a>, Refusal<'a>> {
    let job = match (members.get(Name::Job), members.get(Name::Id), about) {
        (Some(job), ..) => JobRef::Lease(lease(job)?),
        (None, Some(_), _) => JobRef::Id(id(members)?),
        (None, None, About::Answer) => return Err("did must name its job by job or id".into()),
        (None, None, About::Progress) => return Err("progress must name its job by job or id".into()),
    };
    if let About::Progress = about {
        return Ok(Command::Progress { job, id: members.id(), data: members.get(Name::Data).map(Carried::Short) });
    }
    let outcome = match (members.get(Name::Res), members.get(Name::Err)) {
        (Some(_), Some(_)) => return Err("did must have res or err, not both".into()),
        (res, None) => Outcome::Res(res.map(Carried::Short)),
        (None, Some(err)) => Outcome::Err(Carried::Short(err)),
    };
    Ok(Command::Did { job, id: members.id(), outcome })
}

fn stored<'a>(members: &Members<'a>) -> Result<Command<'a>, Text> {
    let job = members.get(Name::Job).ok_or("stored must name its job by job")?;
    Ok(Command::Stored { job: lease(job)?, id: members.id() })
}

fn lease(raw: &str) -> Result<u64, Text> {
    whole_number(raw, 0..=JOB_NUMBER_MAX - 1).ok_or("job must be a whole number below 9007199254740992")
}

fn id<'a>(members: &Members<'a>) -> Result<&'a str, Text> {
    members.id().ok_or("id must be a string or a number of at most 65536 bytes")
}

fn types<'a>(members: &Members<'a>) -> Result<Vec<TypeName<'a>>, Text> {
    members
        .get(Name::Types)
        .and_then(type_names)
        .ok_or("types must be a list of at most 1024 different strings of 1 to 255 bytes, without lone surrogates")
}

/// Parses a number of digits only. `1.0` and `1e2` are whole too, but no client needs to send them.
fn whole_number(raw: &str, range: RangeInclusive<u64>) -> Option<u64> {
    raw.parse().ok().filter(|number| range.contains(number))
}

#[cfg(test)]
mod differential;
#[cfg(test)]
mod tests;
