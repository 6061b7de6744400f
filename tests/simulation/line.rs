//! What a peer reads in the lines of the server, and the texts that the simulation's jobs carry.
//!
//! A job has a serial number of the simulation's own in its arg, which worker and answer carry on: so each line tells
//! which job it is about, whatever its id.

use serde::Deserialize;
use serde_json::value::RawValue;

/// A line of the server.
#[derive(Debug, Deserialize)]
pub(crate) struct Line<'a> {
    pub(crate) cmd: &'a str,
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(rename = "type")]
    pub(crate) type_name: Option<&'a str>,
    pub(crate) job: Option<u64>,
    #[serde(borrow)]
    pub(crate) arg: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) res: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) err: Option<&'a RawValue>,
    pub(crate) code: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) metrics: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    pub(crate) fn read(text: &'a str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }
}

/// Spellings of ids: each row is one id, and the first is what submitters say.
pub(crate) const IDS: [[&str; 2]; 6] = [
    ["1", "1.0"],
    [r#""1""#, r#""\u0031""#],
    ["2.50", "25e-1"],
    ["-0", "0"],
    ["1e400", "1e400"],
    [r#""a b""#, r#""a\u0020b""#],
];

/// An id that no job has.
pub(crate) const NOBODY: &str = r#""nobody""#;

/// Bytes of a job that pauses a worker which does not read.
const BIG_BYTES: usize = (1 << 20) + 100;

/// The arg of a job.
pub(crate) fn arg(serial: u64, big: bool) -> String {
    format!("[{serial}{}]", tail(big))
}

/// Whether a text is the arg of a job, told without making that again: big ones are what takes time.
pub(crate) fn is_arg(text: &str, serial: u64, big: bool) -> bool {
    text.strip_prefix(&format!("[{serial}")).is_some_and(|rest| ends(rest, big))
}

/// The result or error of a job.
pub(crate) fn value(serial: u64, err: bool, big: bool) -> String {
    format!("[{serial},{err}{}]", tail(big))
}

/// Whether a text is the result or error of a job.
pub(crate) fn is_value(text: &str, serial: u64, err: bool, big: bool) -> bool {
    text.strip_prefix(&format!("[{serial},{err}")).is_some_and(|rest| ends(rest, big))
}

fn tail(big: bool) -> String {
    if big { format!(",\"{}\"", "x".repeat(BIG_BYTES)) } else { String::new() }
}

fn ends(rest: &str, big: bool) -> bool {
    if !big {
        return rest == "]";
    }
    let inside = rest.strip_prefix(",\"").and_then(|rest| rest.strip_suffix("\"]"));
    inside.is_some_and(|text| text.len() == BIG_BYTES && text.bytes().all(|byte| byte == b'x'))
}

/// The serial number that a value carries.
pub(crate) fn serial(value: &str) -> u64 {
    let digits = value.strip_prefix('[').and_then(|rest| rest.split([',', ']']).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no job has {value}"))
}
