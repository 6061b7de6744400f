//! What a peer reads in the lines of the server, and the texts that the simulation's jobs carry.
//!
//! A job has a serial number of the simulation's own in its arg, which worker and answer carry on: so each line shows
//! which job it is about, whatever its id.

use std::sync::LazyLock;

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
    pub(crate) attempt: Option<u32>,
    pub(crate) run_limit_ms: Option<u64>,
    #[serde(rename = "ref")]
    pub(crate) reference: Option<&'a str>,
    #[serde(borrow)]
    pub(crate) data: Option<&'a RawValue>,
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

/// What is looked at in each answer to a metrics question.
#[derive(Debug, Deserialize)]
pub(crate) struct Figures<'a> {
    pub(crate) jobs_added: u64,
    pub(crate) jobs_dispatched: u64,
    #[serde(borrow)]
    pub(crate) types: Option<&'a RawValue>,
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
pub(crate) const UNUSED_ID: &str = r#""nobody""#;

/// What large jobs and their values end with: it pauses a worker that does not read. Made once, as it is what takes time.
static BIG_TAIL: LazyLock<String> = LazyLock::new(|| format!(",\"{}\"]", "x".repeat((1 << 20) + 100)));

/// The arg of a job.
pub(crate) fn arg(serial: u64, big: bool) -> String {
    format!("[{serial}{}", tail(big))
}

/// Whether a text is the arg of a job.
pub(crate) fn is_arg(text: &str, serial: u64, big: bool) -> bool {
    text.strip_prefix(&format!("[{serial}")) == Some(tail(big))
}

/// The result or error of a job.
pub(crate) fn value(serial: u64, err: bool, big: bool) -> String {
    format!("[{serial},{err}{}", tail(big))
}

/// Whether a text is the result or error of a job.
pub(crate) fn is_value(text: &str, serial: u64, err: bool, big: bool) -> bool {
    text.strip_prefix(&format!("[{serial},{err}")) == Some(tail(big))
}

/// What a worker reports of a job: the number of the report.
pub(crate) fn report(serial: u64, number: u64) -> String {
    format!("[{serial},{number}]")
}

/// The number of a report.
pub(crate) fn report_number(text: &str) -> u64 {
    let number = text.strip_suffix(']').and_then(|text| text.split(',').nth(1));
    number.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no report is {text}"))
}

fn tail(big: bool) -> &'static str {
    if big { &BIG_TAIL } else { "]" }
}

/// The serial number that a value carries.
pub(crate) fn serial(value: &str) -> u64 {
    let digits = value.strip_prefix('[').and_then(|rest| rest.split([',', ']']).next());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no job has {value}"))
}
