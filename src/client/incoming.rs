//! Decodes lines from the server into [`Incoming`]. Unknown members and lines are ignored.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A line of the server.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    /// Gives this worker a job.
    Do(NewJob<'a>),
    /// Says that the result of a job that this worker holds is no longer needed.
    Cancel { job: u64 },
    /// Reports the progress of a job. Missing data is `null`.
    Progress { id: &'a RawValue, data: &'a RawValue },
    /// A durable job is stored.
    Stored { id: &'a RawValue },
    /// A job is done. A missing result is `null`.
    Done { id: &'a RawValue, res: &'a RawValue },
    /// A job has failed.
    Failed { id: &'a RawValue, code: Cow<'a, str>, err: &'a RawValue },
    /// The answer to a metrics query.
    Metrics(&'a RawValue),
    /// The answer to a `ping`.
    Pong,
    /// A line was refused.
    Error { code: Cow<'a, str>, text: &'a RawValue, id: Option<&'a RawValue> },
    /// A line of a later version of the server.
    Unknown,
    /// A job whose line is longer than this client accepts.
    LongDo { job: u64 },
    /// The answer to a job, in a line that is longer than this client accepts.
    LongAnswer { id: u64 },
}

/// A job for a worker.
#[derive(Debug)]
pub(super) struct NewJob<'a> {
    pub(super) id: &'a RawValue,
    pub(super) type_name: Cow<'a, str>,
    pub(super) job: u64,
    /// The attempt; 1 if the line has none.
    pub(super) attempt: u32,
    pub(super) run_limit_ms: Option<u64>,
    /// The reference, if the worker asked for it.
    pub(super) reference: Option<Cow<'a, str>>,
    pub(super) arg: Option<&'a RawValue>,
}

/// The members of all lines, each as JSON text, because another line may use the same name for another kind of value.
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
    #[serde(borrow, default, deserialize_with = "present")]
    attempt: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    run_limit_ms: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present", rename = "ref")]
    reference: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    data: Option<&'a RawValue>,
}

/// Returns a member that is present, even if it is `null`.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Returns a member as a string. None if it is absent or another type.
fn string(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let text = value?.get();
    // Borrowed if there is no escape.
    let plain = serde_json::from_str(text).map(Cow::Borrowed);
    plain.or_else(|_| serde_json::from_str(text).map(Cow::Owned)).ok()
}

/// Returns a member as a number. None if it is absent or another type.
fn number<N: FromStr>(value: Option<&RawValue>) -> Option<N> {
    value?.get().parse().ok()
}

impl<'a> Incoming<'a> {
    /// Reads a line without its end. `Err` says why it is not a line of a deputy server.
    pub(super) fn read(line: &'a [u8]) -> Result<Self, String> {
        let line = str::from_utf8(line).map_err(|error| error.to_string())?;
        // The parser would take a list of the members' values as well.
        if !line.trim_start().starts_with('{') {
            return Err("not a JSON object".to_owned());
        }
        let members: Members<'_> = serde_json::from_str(line).map_err(|error| error.to_string())?;
        let cmd = string(members.cmd).unwrap_or_default();
        if cmd == "can_do" {
            return Err("it is a worker's own line, so the peer sends back what it receives".to_owned());
        }
        members.meaning(&cmd).ok_or_else(|| format!("a {cmd:?} line lacks a member, or has one of the wrong type"))
    }

    /// Reads a line that is too long from its beginning, `head`. None if the beginning does not name the job.
    ///
    /// The server writes `id` and `job` before `arg`, `res`, `err` and `data`, which make a line long.
    pub(super) fn read_head(head: &[u8]) -> Option<Self> {
        let mut members = Head::default();
        // This fails where the head ends; the members before that are in `members`.
        let _ = (&mut members).deserialize(&mut serde_json::Deserializer::from_slice(head));
        match &*string(members.cmd)? {
            "do" => Some(Self::LongDo { job: number(members.job)? }),
            "did" => Some(Self::LongAnswer { id: number(members.id)? }),
            // A report may be dropped.
            "progress" => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl<'a> Members<'a> {
    /// Returns the line of this name. None if a member is missing.
    fn meaning(&self, cmd: &str) -> Option<Incoming<'a>> {
        let Self { id, arg, .. } = *self;
        let or_null = |value: Option<&'a RawValue>| value.unwrap_or(RawValue::NULL);
        Some(match cmd {
            "do" => Incoming::Do(NewJob {
                id: id?,
                type_name: string(self.type_name)?,
                job: number(self.job)?,
                attempt: if self.attempt.is_some() { number(self.attempt)? } else { 1 },
                run_limit_ms: if self.run_limit_ms.is_some() { Some(number(self.run_limit_ms)?) } else { None },
                reference: if self.reference.is_some() { Some(string(self.reference)?) } else { None },
                arg,
            }),
            "cancel" => Incoming::Cancel { job: number(self.job)? },
            "progress" => Incoming::Progress { id: id?, data: or_null(self.data) },
            "stored" => Incoming::Stored { id: id? },
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

/// The members of a line's beginning that name its job.
#[derive(Default)]
struct Head<'a> {
    cmd: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    job: Option<&'a RawValue>,
}

impl<'de> DeserializeSeed<'de> for &mut Head<'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Head<'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        // A number may be cut, so a value counts once the next name has been read.
        let mut last: Option<(String, &'de RawValue)> = None;
        loop {
            let name = map.next_key::<String>()?;
            match last.as_ref().map(|(name, value)| (name.as_str(), *value)) {
                Some(("cmd", value)) => self.cmd = Some(value),
                Some(("id", value)) => self.id = Some(value),
                Some(("job", value)) => self.job = Some(value),
                _ => {}
            }
            let Some(name) = name else { break };
            last = Some((name, map.next_value()?));
        }
        Ok(())
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
    fn lines_are_distinguished_and_their_values_kept_as_they_came() {
        for (line, incoming) in [
            (
                r#"{"cmd":"do","id":"a","type":"caf\u00e9","job":7,"arg":{ "b":1e400 }}"#,
                "Do(NewJob { id: ('a'), type_name: 'café', job: 7, attempt: 1, run_limit_ms: None, reference: None, arg: Some({ 'b':1e400 }) })",
            ),
            (
                r#"{"cmd":"do","id":1,"type":"t","job":0}"#,
                "Do(NewJob { id: (1), type_name: 't', job: 0, attempt: 1, run_limit_ms: None, reference: None, arg: None })",
            ),
            (
                r#"{"cmd":"do","id":1,"type":"t","job":0,"attempt":2,"run_limit_ms":60000,"ref":"a-1","arg":null}"#,
                "Do(NewJob { id: (1), type_name: 't', job: 0, attempt: 2, run_limit_ms: Some(60000), reference: Some('a-1'), arg: Some(null) })",
            ),
            (r#"{"cmd":"cancel","job":7}"#, "Cancel { job: 7 }"),
            (r#"{"cmd":"progress","id":1,"data":{ "b":1e400 }}"#, "Progress { id: (1), data: ({ 'b':1e400 }) }"),
            (r#"{"cmd":"progress","id":1}"#, "Progress { id: (1), data: (null) }"),
            (r#"{"cmd":"stored","id":"a"}"#, "Stored { id: ('a') }"),
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
            (r#"{"cmd":"do","id":1,"type":"t","job":1,"attempt":null}"#, "wrong"),
            (r#"{"cmd":"do","id":1,"type":"t","job":1,"run_limit_ms":"5"}"#, "wrong"),
            (r#"{"cmd":"do","id":1,"type":"t","job":1,"ref":5}"#, "wrong"),
            (r#"{"cmd":"cancel","id":1}"#, "wrong"),
            (r#"{"cmd":"progress","data":1}"#, "wrong"),
            (r#"{"cmd":"stored","job":1}"#, "wrong"),
            (r#"{"cmd":"did","res":1}"#, "wrong"),
            (r#"{"cmd":"metrics"}"#, "wrong"),
            (r#"{"cmd":"error"}"#, "wrong"),
            (r#"{"cmd":"pong""#, "wrong"),
            (r#"{"cmd":"can_do","types":["t"],"max_jobs":1}"#, "wrong"),
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
    fn the_beginning_of_a_long_line_names_its_job() {
        for (head, read) in [
            (r#"{"cmd":"do","id":{"a":[1]},"type":"t","job":7,"arg":["xxx"#, "Some(LongDo { job: 7 })"),
            (r#"{"cmd":"do","id":"job","type":"t","job":7,"arg":"#, "Some(LongDo { job: 7 })"),
            (r#"{"cmd":"do","id":"aaaa"#, "None"),
            (r#"{"cmd":"do","id":1,"type":"t","job":7"#, "None"),
            (r#"{"cmd":"did","id":3,"res":{"a"#, "Some(LongAnswer { id: 3 })"),
            (r#"{"cmd":"did","id":3,"err":"é"#, "Some(LongAnswer { id: 3 })"),
            (r#"{"cmd":"did","id":3,"res":"x"}"#, "Some(LongAnswer { id: 3 })"),
            (r#"{"cmd":"did","id":"3","res":""#, "None"),
            (r#"{"cmd":"progress","id":3,"data":["xxx"#, "Some(Unknown)"),
            (r#"{"cmd":"metrics","metrics":{"#, "None"),
            (r#"{"x":"xxxx"#, "None"),
            ("xxxx", "None"),
            ("", "None"),
        ] {
            assert_eq!(format!("{:?}", Incoming::read_head(head.as_bytes())), read, "{head}");
        }
        let cut_in_a_character = &"{\"cmd\":\"did\",\"id\":3,\"res\":\"é".as_bytes()[..28];
        assert!(Incoming::read_head(cut_in_a_character).is_some());
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
