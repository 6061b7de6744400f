//! What the server says: a line becomes an [`Incoming`]. Members and lines that are not known are ignored.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A line of the server.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    /// Do this job.
    Do { id: &'a RawValue, type_name: Cow<'a, str>, job: u64, arg: Option<&'a RawValue> },
    /// A job is done; no result is as good as `null`.
    Done { id: &'a RawValue, res: &'a RawValue },
    /// A job will not be done.
    Failed { id: &'a RawValue, code: Cow<'a, str>, err: &'a RawValue },
    /// The answer to a metrics question.
    Metrics(&'a RawValue),
    /// The answer to a `ping`.
    Pong,
    /// A line was not obeyed.
    Error { code: Cow<'a, str>, text: &'a RawValue, id: Option<&'a RawValue> },
    /// A line of a later version.
    Unknown,
}

/// The members of all lines, each as the text that came, so that a later line may use a name for something else.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    cmd: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present", rename = "type")]
    type_name: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    job: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    arg: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    res: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    err: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    code: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    error: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    metrics: Option<&'a RawValue>,
}

/// A member that is there, also if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// The member as a string; none if it is absent or something else.
fn string(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let text = value?.get();
    // Borrowed wherever there is no escape.
    let plain = serde_json::from_str(text).map(Cow::Borrowed);
    plain.or_else(|_| serde_json::from_str(text).map(Cow::Owned)).ok()
}

impl<'a> Incoming<'a> {
    /// Reads a line without its end. `Err` says why no deputy server says so.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, String> {
        let line = str::from_utf8(line).map_err(|error| error.to_string())?;
        // The parser would take a list of the members' values as well.
        if !line.trim_start().starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let members: Members<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let cmd = string(members.cmd).unwrap_or_default();
        members.meaning(&cmd).ok_or_else(|| format!("a line of {cmd:?} lacks a member, or has it of the wrong kind"))
    }
}

impl<'a> Members<'a> {
    /// What they say under this name; none if one of them is missing.
    fn meaning(&self, cmd: &str) -> Option<Incoming<'a>> {
        let Self { id, arg, .. } = *self;
        let or_null = |value: Option<&'a RawValue>| value.unwrap_or(RawValue::NULL);
        Some(match cmd {
            "do" => {
                let job = self.job?.get().parse().ok()?;
                Incoming::Do { id: id?, type_name: string(self.type_name)?, job, arg }
            }
            "did" if self.code.is_some() => {
                Incoming::Failed { id: id?, code: string(self.code)?, err: or_null(self.err) }
            }
            "did" => Incoming::Done { id: id?, res: or_null(self.res) },
            "metrics" => Incoming::Metrics(self.metrics?),
            "pong" => Incoming::Pong,
            "error" => Incoming::Error { code: string(self.code)?, text: or_null(self.error), id },
            _ => Incoming::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str) -> String {
        match Incoming::read(line.as_bytes()) {
            Ok(incoming) => format!("{incoming:?}").replace("RawValue", "").replace(['"', '\\'], "'"),
            Err(_) => "wrong".to_owned(),
        }
    }

    #[test]
    fn lines_are_told_apart_and_their_values_kept_as_they_came() {
        for (line, incoming) in [
            (
                r#"{"cmd":"do","id":"a","type":"caf\u00e9","job":7,"arg":{ "b":1e400 }}"#,
                "Do { id: ('a'), type_name: 'café', job: 7, arg: Some({ 'b':1e400 }) }",
            ),
            (r#"{"cmd":"do","id":1,"type":"t","job":0}"#, "Do { id: (1), type_name: 't', job: 0, arg: None }"),
            (
                r#"{"cmd":"do","id":1,"type":"t","job":0,"arg":null}"#,
                "Do { id: (1), type_name: 't', job: 0, arg: Some(null) }",
            ),
            (r#"{"cmd":"did","id":1,"res":-0}"#, "Done { id: (1), res: (-0) }"),
            (r#"{"cmd":"did","id":1}"#, "Done { id: (1), res: (null) }"),
            (r#"{"cmd":"did","id":1,"err":null,"code":"failed"}"#, "Failed { id: (1), code: 'failed', err: (null) }"),
            (r#"{"cmd":"did","id":1,"err":"x","code":"new"}"#, "Failed { id: (1), code: 'new', err: ('x') }"),
            (r#"{"cmd":"pong"}"#, "Pong"),
            (r#"{"cmd":"metrics","metrics":{"a":1}}"#, "Metrics(({'a':1}))"),
            (r#"{"cmd":"error","code":"c","error":"t","id":2}"#, "Error { code: 'c', text: ('t'), id: Some(2) }"),
            (r#"{"cmd":"error","code":"c"}"#, "Error { code: 'c', text: (null), id: None }"),
            (r#"{"later":[1],"cmd":"pong","id":null}"#, "Pong"),
            (r#"{"cmd":"later","id":{},"type":5,"job":"x","code":[]}"#, "Unknown"),
            (r#"{"cmd":7}"#, "Unknown"),
            (r#"{"\u0063md":"p\u006fng"}"#, "Pong"),
            ("{}", "Unknown"),
            (r#"{"cmd":"do","id":1,"type":"t"}"#, "wrong"),
            (r#"{"cmd":"do","id":1,"job":1}"#, "wrong"),
            (r#"{"cmd":"do","id":1,"type":"t","job":-1}"#, "wrong"),
            (r#"{"cmd":"did","res":1}"#, "wrong"),
            (r#"{"cmd":"metrics"}"#, "wrong"),
            (r#"{"cmd":"error"}"#, "wrong"),
            (r#"{"cmd":"pong""#, "wrong"),
            ("[]", "wrong"),
            ("-ERR unknown command", "wrong"),
        ] {
            let shown = shown(line);
            let plain = |text: &str| text.replace(['(', ')'], "");
            assert_eq!(plain(&shown), plain(incoming), "{line}");
        }
        assert!(Incoming::read(b"{\"cmd\":\"pong\",\"x\":\"\xff\"}").is_err());
    }

    #[test]
    fn no_line_is_too_strange_to_be_read() {
        let lines = [
            r#"{"cmd":"do","id":"a\u00e9","type":"t","job":7,"arg":[{"b":1e4}]}"#,
            r#"{"cmd":"did","id":1,"err":null,"code":"failed"}"#,
            r#"{"cmd":"error","code":"c","error":"t","id":2}"#,
        ];
        for line in lines {
            let mut read = [0; 2];
            for at in 0..line.len() {
                for byte in 0..=u8::MAX {
                    let mut line = line.as_bytes().to_vec();
                    line[at] = byte;
                    read[usize::from(Incoming::read(&line).is_ok())] += 1;
                    line.truncate(at);
                    assert!(Incoming::read(&line).is_err());
                }
            }
            assert!(read.iter().all(|&count| count > line.len()), "{line}: {read:?}");
        }
    }
}
