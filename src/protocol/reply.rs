//! Encodes the lines that the server sends to peers.
//!
//! Members are in the order of docs/protocol.md, without white space outside of carried values, and every line ends with
//! CRLF.

use super::Code;
use super::carried::{Carried, LongText};
use super::long_line::SHORT_VALUE_BYTES_MAX;
use super::string::escape;
use super::tables::{put_tables, put_totals};
use crate::metrics::{Tables, Totals};

/// One line to a peer. Ids, args, results and errors of workers are JSON already: they are copied, never encoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reply<'a> {
    /// To a worker: do this job.
    Do {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The type's canonical text, without its quotes.
        type_name: &'a str,
        /// The job's lease, for workers that gave `max_jobs`.
        job: Option<u64>,
        /// The number of attempts, this one included. Sent only with `job`, and only if above 1.
        attempt: u32,
        /// How long the worker may hold it, in milliseconds. Sent only with `job`.
        run_limit_ms: Option<u64>,
        /// The job's reference, for workers that asked for it.
        reference: Option<JobReference>,
        /// The argument, as it came; `None` if the submitter gave none.
        arg: Option<Carried<'a>>,
    },
    /// To a submitter: the job is done.
    Done {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The result, as it came; `None` if the worker gave none.
        res: Option<Carried<'a>>,
    },
    /// To a submitter: the worker failed the job.
    Failed {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The worker's own value, as it came.
        err: Carried<'a>,
    },
    /// To a submitter: the server refused or ended the job.
    NotDone {
        /// The submitter's id, as it came.
        id: &'a str,
        /// Why.
        code: Code,
        /// Why, for people.
        text: &'a str,
    },
    /// To a submitter: progress that the worker reports.
    Progress {
        /// The submitter's id, as it came.
        id: &'a str,
        /// The worker's own value, as it came.
        data: Carried<'a>,
    },
    /// To the submitter of a durable job: the job is stored.
    Stored {
        /// The submitter's id, as it came.
        id: &'a str,
    },
    /// To a worker that gave `max_jobs`: the result of this job is no longer needed.
    Cancel {
        /// The job's lease.
        job: u64,
    },
    /// A line was refused.
    Error {
        /// Why.
        code: Code,
        /// Why, for people.
        text: &'a str,
        /// The line's id, as it came, if one could be read.
        id: Option<&'a str>,
    },
    /// The metrics.
    Metrics {
        /// The sums.
        totals: &'a Totals,
        /// The requested tables.
        tables: &'a Tables,
        /// The members with the table of all types, if it was requested.
        types: Option<&'a LongText>,
    },
    /// The answer to `ping`.
    Pong,
}

/// Names a job in the whole server while the server runs. It is the same each time that the job is sent to a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobReference {
    /// The shard that has the queue of the job's type.
    pub home: u16,
    /// The job's arrival number there.
    pub arrival: u64,
}

/// An upper limit of the bytes of a line without its values.
const FIXED_BYTES_MAX: usize = 96;

/// The maximum bytes of a run limit with its name. Few jobs have one, so this is reserved only for them.
const RUN_LIMIT_BYTES_MAX: usize = 36;

/// The same for a reference with its name.
const REFERENCE_BYTES_MAX: usize = 36;

/// A line whose long value has not been copied.
#[derive(Clone, Copy, Debug)]
pub struct Encoded<'a> {
    /// Bytes of the line, the long value included.
    pub bytes: usize,
    /// The long value, if there is one, with its position in the buffer.
    pub long: Option<(usize, &'a LongText)>,
}

impl<'a> Reply<'a> {
    /// Appends the line to `out`, with its end. Returns its length in bytes.
    pub fn encode(&self, out: &mut Vec<u8>) -> usize {
        let Encoded { bytes, long } = self.encode_apart(out);
        if let Some((at, text)) = long {
            let behind = out.split_off(at);
            text.chunks().for_each(|chunk| out.extend_from_slice(chunk));
            out.extend_from_slice(&behind);
        }
        bytes
    }

    /// Appends the line to `out`, with its end, but without its value if that is long.
    #[inline(always)]
    pub fn encode_apart(&self, out: &mut Vec<u8>) -> Encoded<'a> {
        let before = out.len();
        let mut long = None;
        out.reserve(self.value_bytes() + FIXED_BYTES_MAX);
        match *self {
            Reply::Do { id, type_name, job, attempt, run_limit_ms, reference, arg } => {
                put(out, br#"{"cmd":"do","id":"#, id);
                put_text(out, br#","type":""#, type_name);
                if let Some(job) = job {
                    put_lease(out, job, attempt, run_limit_ms);
                }
                if let Some(reference) = reference {
                    put_reference(out, reference);
                }
                if let Some(arg) = arg {
                    long = put_carried(out, br#","arg":"#, arg);
                }
            }
            Reply::Done { id, res } => {
                put(out, br#"{"cmd":"did","id":"#, id);
                if let Some(res) = res {
                    long = put_carried(out, br#","res":"#, res);
                }
            }
            Reply::Failed { id, err } => {
                put(out, br#"{"cmd":"did","id":"#, id);
                long = put_carried(out, br#","err":"#, err);
                put_text(out, br#","code":""#, Code::Failed.name());
            }
            Reply::NotDone { id, code, text } => {
                put(out, br#"{"cmd":"did","id":"#, id);
                put_text(out, br#","err":""#, &escape(text));
                put_text(out, br#","code":""#, code.name());
            }
            Reply::Progress { id, data } => {
                put(out, br#"{"cmd":"progress","id":"#, id);
                long = put_carried(out, br#","data":"#, data);
            }
            Reply::Stored { id } => put(out, br#"{"cmd":"stored","id":"#, id),
            Reply::Cancel { job } => put_number(out, br#"{"cmd":"cancel","job":"#, job),
            Reply::Error { code, text, id } => {
                put_text(out, br#"{"cmd":"error","code":""#, code.name());
                put_text(out, br#","error":""#, &escape(text));
                put_some(out, br#","id":"#, id);
            }
            Reply::Metrics { totals, tables, types } => {
                out.extend_from_slice(br#"{"cmd":"metrics","metrics":{"#);
                put_totals(out, totals);
                put_tables(out, tables);
                long = types.and_then(|text| put_or_keep(out, text));
                out.push(b'}');
            }
            Reply::Pong => out.extend_from_slice(br#"{"cmd":"pong""#),
        }
        out.extend_from_slice(b"}\r\n");
        Encoded { bytes: out.len() - before + long.map_or(0, |(_, text)| text.len()), long }
    }

    /// Returns the bytes of the values that may be large, so that memory for them is reserved once.
    #[inline(always)]
    fn value_bytes(&self) -> usize {
        match *self {
            Reply::Do { id, type_name, run_limit_ms, reference, arg, .. } => {
                let run_limit = run_limit_ms.map_or(0, |_| RUN_LIMIT_BYTES_MAX);
                let reference = reference.map_or(0, |_| REFERENCE_BYTES_MAX);
                id.len() + type_name.len() + run_limit + reference + arg.map_or(0, in_place)
            }
            Reply::Done { id, res } => id.len() + res.map_or(0, in_place),
            Reply::Failed { id, err } => id.len() + in_place(err),
            Reply::NotDone { id, text, .. } => id.len() + text.len(),
            Reply::Error { text, id, .. } => text.len() + id.map_or(0, str::len),
            Reply::Progress { id, data } => id.len() + in_place(data),
            Reply::Stored { id } => id.len(),
            Reply::Cancel { .. } | Reply::Metrics { .. } | Reply::Pong => 0,
        }
    }
}

/// Appends fixed text, then a value.
pub(super) fn put(out: &mut Vec<u8>, fixed: &[u8], value: &str) {
    out.extend_from_slice(fixed);
    out.extend_from_slice(value.as_bytes());
}

/// Appends fixed text that ends with a quote, then the rest of a string.
#[inline]
fn put_text(out: &mut Vec<u8>, fixed: &[u8], text: &str) {
    put(out, fixed, text);
    out.push(b'"');
}

/// Appends fixed text, then a number.
#[inline]
fn put_number(out: &mut Vec<u8>, fixed: &[u8], number: impl itoa::Integer) {
    put(out, fixed, itoa::Buffer::new().format(number));
}

/// Appends the members of a job that only a worker with `max_jobs` gets.
#[inline(always)]
fn put_lease(out: &mut Vec<u8>, job: u64, attempt: u32, run_limit_ms: Option<u64>) {
    put_number(out, br#","job":"#, job);
    if attempt > 1 {
        put_number(out, br#","attempt":"#, attempt);
    }
    if let Some(ms) = run_limit_ms {
        put_number(out, br#","run_limit_ms":"#, ms);
    }
}

/// Appends the member that names the job in the whole server.
fn put_reference(out: &mut Vec<u8>, JobReference { home, arrival }: JobReference) {
    put_number(out, br#","ref":""#, home);
    put_number(out, b".", arrival);
    out.push(b'"');
}

/// Appends a member that may be absent: fixed text, then its value.
fn put_some(out: &mut Vec<u8>, fixed: &[u8], value: Option<&str>) {
    if let Some(value) = value {
        put(out, fixed, value);
    }
}

/// Returns the bytes that a value takes in the buffer.
#[inline]
fn in_place(value: Carried<'_>) -> usize {
    match value {
        Carried::Short(text) => text.len(),
        Carried::Long(_) => 0,
    }
}

/// Appends fixed text, then a value, unless that is long. Returns a long value with its position.
#[inline]
fn put_carried<'a>(out: &mut Vec<u8>, fixed: &[u8], value: Carried<'a>) -> Option<(usize, &'a LongText)> {
    match value {
        Carried::Short(text) => {
            put(out, fixed, text);
            None
        }
        Carried::Long(text) => {
            out.extend_from_slice(fixed);
            Some((out.len(), text))
        }
    }
}

/// Appends a text, unless it is long. Returns a long text with its position.
fn put_or_keep<'a>(out: &mut Vec<u8>, text: &'a LongText) -> Option<(usize, &'a LongText)> {
    if text.len() > SHORT_VALUE_BYTES_MAX {
        return Some((out.len(), text));
    }
    text.chunks().for_each(|chunk| out.extend_from_slice(chunk));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `do` with all that it may have, and the largest numbers.
    const LONGEST_DO: Reply<'_> = Reply::Do {
        id: "1",
        type_name: "t",
        job: Some(u64::MAX),
        attempt: u32::MAX,
        run_limit_ms: Some(u64::MAX),
        reference: Some(JobReference { home: u16::MAX, arrival: u64::MAX }),
        arg: Some(Carried::Short("0")),
    };
    const LONGEST_DO_LINE: &str = concat!(
        r#"{"cmd":"do","id":1,"type":"t","job":18446744073709551615,"attempt":4294967295,"#,
        r#""run_limit_ms":18446744073709551615,"ref":"65535.18446744073709551615","arg":0}"#,
    );

    /// A `do` without a reference.
    fn to_worker(
        job: Option<u64>,
        attempt: u32,
        run_limit_ms: Option<u64>,
        arg: Option<&'static str>,
    ) -> Reply<'static> {
        let arg = arg.map(Carried::Short);
        Reply::Do { id: "1", type_name: "t", job, attempt, run_limit_ms, reference: None, arg }
    }

    /// A `do` as most are, with this id, type and arg.
    fn plain<'a>(
        id: &'a str,
        type_name: &'a str,
        reference: Option<JobReference>,
        arg: Option<Carried<'a>>,
    ) -> Reply<'a> {
        Reply::Do { id, type_name, job: None, attempt: 1, run_limit_ms: None, reference, arg }
    }

    /// Replies of every shape, and their lines without the end.
    fn rows() -> Vec<(Reply<'static>, &'static str)> {
        let id = "1";
        vec![
            (to_worker(None, 1, None, None), r#"{"cmd":"do","id":1,"type":"t"}"#),
            (
                plain(r#""\u0061""#, r#"\"\\"#, None, Some("null".into())),
                r#"{"cmd":"do","id":"\u0061","type":"\"\\","arg":null}"#,
            ),
            (to_worker(Some(0), 1, None, None), r#"{"cmd":"do","id":1,"type":"t","job":0}"#),
            (
                to_worker(Some((1 << 53) - 1), 1, None, Some(r#"{ "a" : [1e400, -0] }"#)),
                r#"{"cmd":"do","id":1,"type":"t","job":9007199254740991,"arg":{ "a" : [1e400, -0] }}"#,
            ),
            (to_worker(Some(u64::MAX), 1, None, None), r#"{"cmd":"do","id":1,"type":"t","job":18446744073709551615}"#),
            (
                to_worker(Some(3), 2, Some(500), Some("0")),
                r#"{"cmd":"do","id":1,"type":"t","job":3,"attempt":2,"run_limit_ms":500,"arg":0}"#,
            ),
            (to_worker(Some(3), 1, Some(0), None), r#"{"cmd":"do","id":1,"type":"t","job":3,"run_limit_ms":0}"#),
            (to_worker(Some(3), 2, None, None), r#"{"cmd":"do","id":1,"type":"t","job":3,"attempt":2}"#),
            (to_worker(None, 2, Some(500), Some("0")), r#"{"cmd":"do","id":1,"type":"t","arg":0}"#),
            (
                to_worker(Some(u64::MAX), u32::MAX, None, Some("0")),
                r#"{"cmd":"do","id":1,"type":"t","job":18446744073709551615,"attempt":4294967295,"arg":0}"#,
            ),
            (LONGEST_DO, LONGEST_DO_LINE),
            (
                plain(id, "t", Some(JobReference { home: 0, arrival: 17 }), None),
                r#"{"cmd":"do","id":1,"type":"t","ref":"0.17"}"#,
            ),
            (
                Reply::Progress { id: r#""\u0061""#, data: r#"{ "a" : 1e400 }"#.into() },
                r#"{"cmd":"progress","id":"\u0061","data":{ "a" : 1e400 }}"#,
            ),
            (Reply::Stored { id: r#""\u0061""# }, r#"{"cmd":"stored","id":"\u0061"}"#),
            (Reply::Progress { id, data: "null".into() }, r#"{"cmd":"progress","id":1,"data":null}"#),
            (Reply::Cancel { job: 0 }, r#"{"cmd":"cancel","job":0}"#),
            (Reply::Cancel { job: u64::MAX }, r#"{"cmd":"cancel","job":18446744073709551615}"#),
            (Reply::Done { id: "1e400", res: None }, r#"{"cmd":"did","id":1e400}"#),
            (Reply::Done { id, res: Some("2.50".into()) }, r#"{"cmd":"did","id":1,"res":2.50}"#),
            (
                Reply::Failed { id, err: r#"{"why":1}"#.into() },
                r#"{"cmd":"did","id":1,"err":{"why":1},"code":"failed"}"#,
            ),
            (
                Reply::NotDone { id, code: Code::GaveUp, text: "a \"b\"" },
                r#"{"cmd":"did","id":1,"err":"a \"b\"","code":"gave_up"}"#,
            ),
            (
                Reply::Error { code: Code::BadJson, text: "a \"b\"", id: None },
                r#"{"cmd":"error","code":"bad_json","error":"a \"b\""}"#,
            ),
            (
                Reply::Error { code: Code::NotHolding, text: "x", id: Some(r#""j""#) },
                r#"{"cmd":"error","code":"not_holding","error":"x","id":"j"}"#,
            ),
            (Reply::Pong, r#"{"cmd":"pong"}"#),
        ]
    }

    #[test]
    fn members_are_in_the_order_of_the_protocol() {
        for (reply, line) in rows() {
            let mut out = Vec::new();
            assert_eq!(reply.encode(&mut out), line.len() + 2, "{line}");
            assert_eq!(String::from_utf8(out).unwrap(), format!("{line}\r\n"));
        }
    }

    #[test]
    fn a_long_value_comes_where_a_short_one_would() {
        let text = format!("[\"{}\"]", "\u{e9}".repeat(100_000));
        let long = LongText::from(text.as_str());
        let (short, long) = (Carried::Short(&text), Carried::Long(&long));
        let replies = |value| {
            [
                plain("1", "t", None, Some(value)),
                Reply::Done { id: "1", res: Some(value) },
                Reply::Failed { id: "1", err: value },
                Reply::Progress { id: "1", data: value },
            ]
        };
        for (short, long) in replies(short).into_iter().zip(replies(long)) {
            let (mut line, mut other) = (b"before".to_vec(), b"before".to_vec());
            assert_eq!(short.encode(&mut line), long.encode(&mut other));
            assert!(line == other && short == long);
            let mut rest = b"before".to_vec();
            let Encoded { bytes, long } = long.encode_apart(&mut rest);
            let (at, long) = long.expect("its value is long");
            assert_eq!(bytes, line.len() - "before".len());
            assert!(
                line.starts_with(&rest[..at]) && line.ends_with(&rest[at..]) && rest.len() + long.len() == line.len()
            );
        }
    }

    #[test]
    fn lines_are_appended_to_what_is_there() {
        let mut out = b"before".to_vec();
        Reply::Pong.encode(&mut out);
        Reply::Pong.encode(&mut out);
        assert_eq!(out, b"before{\"cmd\":\"pong\"}\r\n{\"cmd\":\"pong\"}\r\n");
    }

    #[test]
    fn every_code_has_its_name() {
        for (code, name) in [
            (Code::TooLong, "too_long"),
            (Code::BadRequest, "bad_request"),
            (Code::UnknownCmd, "unknown_cmd"),
            (Code::GaveUp, "gave_up"),
            (Code::QueueFull, "queue_full"),
            (Code::Shutdown, "shutdown"),
            (Code::Cancelled, "cancelled"),
            (Code::Expired, "expired"),
            (Code::TimedOut, "timed_out"),
            (Code::NoWorker, "no_worker"),
        ] {
            let mut out = Vec::new();
            Reply::NotDone { id: "0", code, text: "x" }.encode(&mut out);
            assert_eq!(out, format!("{{\"cmd\":\"did\",\"id\":0,\"err\":\"x\",\"code\":\"{name}\"}}\r\n").as_bytes());
        }
    }

    #[test]
    fn a_long_table_of_types_is_not_copied() {
        for (text_bytes, is_apart) in [(SHORT_VALUE_BYTES_MAX, false), (SHORT_VALUE_BYTES_MAX + 1, true)] {
            let text = LongText::from("x".repeat(text_bytes).as_str());
            let (totals, tables) = (Totals::default(), Tables::default());
            let mut out = Vec::new();
            let reply = Reply::Metrics { totals: &totals, tables: &tables, types: Some(&text) };
            let Encoded { bytes, long } = reply.encode_apart(&mut out);
            let apart = if is_apart { text_bytes } else { 0 };
            assert_eq!((long.is_some(), bytes), (is_apart, out.len() + apart));
        }
    }

    #[test]
    fn room_is_made_once() {
        for (reply, line) in rows() {
            assert!(line.len() + 2 - reply.value_bytes() <= FIXED_BYTES_MAX, "{line}");
        }
    }

    #[test]
    fn no_room_is_made_that_the_line_does_not_take() {
        let (id, text) = ("1".repeat(500), "x".repeat(700));
        let (id, text, value) = (id.as_str(), text.as_str(), Carried::Short(&text));
        let job =
            Reply::Do { id, type_name: text, job: None, attempt: 1, run_limit_ms: None, reference: None, arg: None };
        for reply in [
            job,
            Reply::Done { id, res: Some(value) },
            Reply::Failed { id, err: value },
            Reply::NotDone { id, code: Code::GaveUp, text },
            Reply::Error { code: Code::BadJson, text, id: Some(id) },
            Reply::Progress { id, data: value },
            Reply::Stored { id },
        ] {
            let bytes = reply.encode(&mut Vec::new());
            assert!((bytes - FIXED_BYTES_MAX..bytes).contains(&reply.value_bytes()), "{reply:?}");
        }
    }
}
