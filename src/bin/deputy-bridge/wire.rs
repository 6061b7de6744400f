//! Decodes lines of the server, and encodes lines to it. Pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use bytes::Bytes;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One of the two connections to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Conn {
    /// Submits pulled jobs, asks for figures, and is the spare worker.
    Main,
    /// Is the worker for durable jobs. It is a separate connection because `cant_do` withdraws a type for both kinds of
    /// jobs.
    Durable,
}

/// Both connections.
pub(crate) const CONNS: [Conn; 2] = [Conn::Main, Conn::Durable];

/// A line from the server, as far as the bridge needs it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FromServer {
    /// A job for the bridge as a worker.
    Do { job: u64, reference: Option<String>, type_name: String, run_limit_ms: Option<u64>, arg: Option<Bytes> },
    /// A job of the bridge as a worker has ended.
    Cancel { job: u64 },
    /// The answer to a job that the bridge submitted.
    Did { id: u64, code: Option<String>, value: Option<Bytes> },
    /// Figures.
    Metrics(Metrics),
    /// The answer to a ping.
    Pong,
    /// The server has refused a line of the bridge.
    Error { code: String, text: String },
    /// Anything else.
    Other,
}

/// The figures that the bridge needs.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Metrics {
    pub(crate) up_since: u64,
    pub(crate) max_line: usize,
    pub(crate) draining: bool,
    pub(crate) types: HashMap<String, TypeRow>,
}

/// The figures of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct TypeRow {
    /// Connections that do the type, spare ones too, without those that do only its durable jobs.
    pub(crate) workers: u64,
    /// Free slots of ordinary workers; absent in answers of servers without this figure.
    pub(crate) free: Option<u64>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    cmd: Cow<'a, str>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "type")]
    type_name: Option<Cow<'a, str>>,
    job: Option<u64>,
    run_limit_ms: Option<u64>,
    #[serde(borrow, default, rename = "ref")]
    reference: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "present")]
    arg: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    res: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    err: Option<&'a RawValue>,
    #[serde(borrow, default)]
    code: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    error: Option<Cow<'a, str>>,
    #[serde(default)]
    metrics: Option<Metrics>,
}

/// Reads a member that is present, `null` too.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// Reads a line. The error says why a Deputy server does not send such a line.
pub(crate) fn read(line: &[u8]) -> Result<FromServer, String> {
    let line: Line<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let missing = |member: &str| format!("a line {} has no {member}", line.cmd);
    let bytes = |raw: &RawValue| Bytes::copy_from_slice(raw.get().as_bytes());
    Ok(match &*line.cmd {
        "do" => FromServer::Do {
            job: line.job.ok_or_else(|| missing("job"))?,
            reference: line.reference.map(Cow::into_owned),
            type_name: line.type_name.ok_or("a line do has no type")?.into_owned(),
            run_limit_ms: line.run_limit_ms,
            arg: line.arg.map(bytes),
        },
        "cancel" => FromServer::Cancel { job: line.job.ok_or_else(|| missing("job"))? },
        "did" => FromServer::Did {
            id: line.id.and_then(|id| id.get().parse().ok()).ok_or_else(|| missing("known id"))?,
            value: line.err.or(line.res).map(bytes),
            code: line.code.map(Cow::into_owned),
        },
        "metrics" => FromServer::Metrics(line.metrics.ok_or_else(|| missing("metrics"))?),
        "pong" => FromServer::Pong,
        "error" => FromServer::Error {
            code: line.code.unwrap_or_default().into_owned(),
            text: line.error.unwrap_or_default().into_owned(),
        },
        _ => FromServer::Other,
    })
}

/// A job that the bridge submits.
pub(crate) struct Submission<'a> {
    pub(crate) id: u64,
    pub(crate) type_name: &'a str,
    pub(crate) run_limit_ms: Option<u64>,
    pub(crate) wait_ms: u64,
    /// JSON; absent if empty.
    pub(crate) arg: &'a [u8],
}

/// The kinds of worker that the bridge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Spare,
    Durable,
}

/// Returns the line that submits a job. The job has one attempt, because the bridge counts attempts. It ends with the
/// connection, because another machine then gets it.
pub(crate) fn submit(job: &Submission<'_>) -> Vec<u8> {
    let mut line = format!(r#"{{"cmd":"do","id":{},"type":{}"#, job.id, quoted(job.type_name));
    // Writing to a string cannot fail.
    let _ = write!(line, r#","wait_ms":{},"attempts":1,"cancellable":true"#, job.wait_ms);
    if let Some(limit) = job.run_limit_ms {
        let _ = write!(line, r#","run_limit_ms":{limit}"#);
    }
    with_value(line, "arg", job.arg)
}

/// Returns the line that answers a job with a result.
pub(crate) fn did(job: u64, res: &[u8]) -> Vec<u8> {
    with_value(format!(r#"{{"cmd":"did","job":{job}"#), "res", res)
}

/// Returns the line that answers a job with an error.
pub(crate) fn did_not(job: u64, err: &[u8]) -> Vec<u8> {
    with_value(format!(r#"{{"cmd":"did","job":{job}"#), "err", err)
}

/// Returns the line that says that a durable job is stored.
pub(crate) fn stored(job: u64) -> Vec<u8> {
    format!("{{\"cmd\":\"stored\",\"job\":{job}}}\n").into_bytes()
}

/// Returns the line that makes the bridge a worker of these types.
pub(crate) fn can_do<'a>(role: Role, types: impl IntoIterator<Item = &'a str>, max_jobs: u32) -> Vec<u8> {
    let role = match role {
        Role::Spare => "spare",
        Role::Durable => "durable",
    };
    let types = listed(types);
    format!("{{\"cmd\":\"can_do\",\"types\":[{types}],\"max_jobs\":{max_jobs},\"{role}\":true,\"ref\":true}}\n")
        .into_bytes()
}

/// Returns the line that withdraws these types.
pub(crate) fn cant_do<'a>(types: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    format!("{{\"cmd\":\"cant_do\",\"types\":[{}]}}\n", listed(types)).into_bytes()
}

/// Returns the line that asks for the figures of all types.
pub(crate) fn ask_all() -> Vec<u8> {
    b"{\"cmd\":\"metrics\",\"types\":true}\n".to_vec()
}

/// Returns the line that asks for the figures of these types.
pub(crate) fn ask<'a>(types: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    format!("{{\"cmd\":\"metrics\",\"types\":[{}]}}\n", listed(types)).into_bytes()
}

/// Returns a ping. The server's `pong` shows that it has read all lines before.
pub(crate) fn ping() -> Vec<u8> {
    b"{\"cmd\":\"ping\"}\n".to_vec()
}

/// Returns a text as JSON.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is always JSON")
}

fn listed<'a>(types: impl IntoIterator<Item = &'a str>) -> String {
    types.into_iter().map(quoted).collect::<Vec<_>>().join(",")
}

/// Ends an object, with one more member if its value is not empty.
fn with_value(head: String, name: &str, value: &[u8]) -> Vec<u8> {
    let mut line = head.into_bytes();
    if !value.is_empty() {
        line.reserve(value.len() + name.len() + 8);
        line.extend_from_slice(format!(",\"{name}\":").as_bytes());
        line.extend_from_slice(value);
    }
    line.extend_from_slice(b"}\n");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn carried_values_come_through_as_they_are() {
        for value in ["null", "1e400", r#"{ "b": -0,  "a": "\u00e9" }"#, "[[]]"] {
            let line = format!(r#"{{"cmd":"do","id":1,"type":"caf\u00e9","job":7,"ref":"0.5","arg":{value}}}"#);
            let FromServer::Do { arg, type_name, reference, job: 7, .. } = read(line.as_bytes()).unwrap() else {
                panic!("{line}")
            };
            assert_eq!((type_name.as_str(), reference.as_deref()), ("café", Some("0.5")));
            let arg = arg.unwrap();
            assert_eq!(arg, value);
            let submission = Submission { id: 3, type_name: &type_name, run_limit_ms: Some(9), wait_ms: 20, arg: &arg };
            let expected = format!(
                r#"{{"cmd":"do","id":3,"type":"café","wait_ms":20,"attempts":1,"cancellable":true,"run_limit_ms":9,"arg":{value}}}"#
            );
            assert_eq!(text(submit(&submission)), expected + "\n");
            assert_eq!(text(did(7, &arg)), format!("{{\"cmd\":\"did\",\"job\":7,\"res\":{value}}}\n"));
        }
    }

    #[test]
    fn an_absent_value_stays_absent() {
        let line = read(br#"{"cmd":"do","id":1,"type":"t","job":7,"ref":"r"}"#).unwrap();
        assert!(matches!(line, FromServer::Do { arg: None, .. }));
        assert_eq!(read(br#"{"cmd":"did","id":4}"#), Ok(FromServer::Did { id: 4, code: None, value: None }));
        assert_eq!(text(did(7, b"")), "{\"cmd\":\"did\",\"job\":7}\n");
        assert_eq!(text(did_not(7, b"\"no\"")), "{\"cmd\":\"did\",\"job\":7,\"err\":\"no\"}\n");
    }

    #[test]
    fn failures_carry_their_code() {
        let line = read(br#"{"cmd":"did","id":4,"err":null,"code":"failed"}"#).unwrap();
        let expected =
            FromServer::Did { id: 4, code: Some("failed".to_owned()), value: Some(Bytes::from_static(b"null")) };
        assert_eq!(line, expected);
        let line = read(br#"{"cmd":"error","code":"not_holding","error":"no"}"#).unwrap();
        assert_eq!(line, FromServer::Error { code: "not_holding".to_owned(), text: "no".to_owned() });
    }

    #[test]
    fn figures_of_types_are_read_from_old_servers_too() {
        let line = read(br#"{"cmd":"metrics","metrics":{"up_since":5,"max_line":64,"draining":false,"types":{"t":{"workers":2,"free":1},"u":{"workers":1}}}}"#);
        let FromServer::Metrics(metrics) = line.unwrap() else { panic!() };
        assert_eq!((metrics.up_since, metrics.max_line), (5, 64));
        assert_eq!(metrics.types["t"], TypeRow { workers: 2, free: Some(1) });
        assert_eq!(metrics.types["u"], TypeRow { workers: 1, free: None });
    }

    #[test]
    fn a_line_that_is_none_of_a_server_is_refused() {
        for line in ["", "HTTP/1.1 400", "[]", r#"{"cmd":"do"}"#, r#"{"cmd":"did","id":"x"}"#, r#"{"cmd":"metrics"}"#] {
            assert!(read(line.as_bytes()).is_err(), "{line}");
        }
        assert_eq!(read(br#"{"cmd":"progress","id":1,"data":{}}"#), Ok(FromServer::Other));
    }

    #[test]
    fn types_are_listed_as_json() {
        assert_eq!(text(cant_do(["a\"b", "c"])), "{\"cmd\":\"cant_do\",\"types\":[\"a\\\"b\",\"c\"]}\n");
        let line = text(can_do(Role::Durable, ["a"], 9));
        assert_eq!(line, "{\"cmd\":\"can_do\",\"types\":[\"a\"],\"max_jobs\":9,\"durable\":true,\"ref\":true}\n");
        assert_eq!(text(ask(["a", "b"])), "{\"cmd\":\"metrics\",\"types\":[\"a\",\"b\"]}\n");
    }
}
