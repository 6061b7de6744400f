//! The decoder against a slow reading of the same rules from a tree of values.
//!
//! The tree cannot hold all that the protocol takes (numbers past a double, lone surrogates): of such lines only the
//! syntax is compared.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

// Both the unit tests and the crates in `tests` include this file: what it compares is where it is included.
use super::{
    Carried, Code, Command, JobOptions, JobRef, MetricsAsked, Outcome, Refusal, TypeName, TypesAsked, WorkerOptions,
    decode,
};

const KNOWN: [&str; 15] = [
    "cmd", "id", "type", "types", "arg", "res", "err", "code", "max_jobs", "job", "data", "histograms", "shards",
    "ref", "spare",
];

/// The options of a `do`.
const OPTIONS: [&str; 12] = [
    "priority", "delay_ms", "deadline_ms", "run_limit_ms", "attempts", "cancellable", "progress", "key", "need_worker",
    "background", "durable", "wait_ms",
];

/// The options of a `can_do`.
const WORKER_OPTIONS: [&str; 3] = ["ref", "spare", "durable"];

/// An object's members in their order, including those given twice.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// The outcome of a line, as values: for an accepted line, an array of its parts.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Accepted(Value),
    Refused { code: Code, id: Option<Value>, is_do: bool },
}

/// Decodes by the tree. Returns `None` if it cannot hold the line.
fn by_tree(line: &[u8]) -> Option<Verdict> {
    let bad_json = Verdict::Refused { code: Code::BadJson, id: None, is_do: false };
    if line.contains(&b'\r') {
        return Some(bad_json);
    }
    match serde_json::from_slice::<Pairs>(line) {
        Ok(Pairs(pairs)) => Some(by_rules(&pairs)),
        Err(error) => {
            let error = error.to_string();
            let beyond = ["out of range", "surrogate", "hex escape", "recursion"];
            (!beyond.iter().any(|reason| error.contains(reason))).then_some(bad_json)
        }
    }
}

fn by_rules(pairs: &[(String, Value)]) -> Verdict {
    let all = |name: &str| pairs.iter().filter(|(other, _)| other == name).map(|(_, value)| value).collect::<Vec<_>>();
    let once = |name: &str| if let [value] = all(name)[..] { Some(value) } else { None };
    let id = once("id").filter(|id| id.is_string() || id.is_number());
    let cmd = once("cmd").and_then(Value::as_str);
    let refused = |code| Verdict::Refused { code, id: id.cloned(), is_do: cmd == Some("do") && id.is_some() };
    if KNOWN.iter().chain(&OPTIONS).any(|name| all(name).len() > 1) {
        return refused(Code::BadRequest);
    }
    let is_type = |value: &Value| value.as_str().is_some_and(|name| (1..=255).contains(&name.len()));
    let types = once("types").filter(|types| types.as_array().is_some_and(|types| types.iter().all(is_type)));
    let number = |name, range: RangeInclusive<u64>| {
        once(name).is_none_or(|it| it.as_u64().is_some_and(|it| range.contains(&it)))
    };
    let one = |name: &str| once(name).map_or(Value::Null, |value| vec![value.clone()].into());
    let is_named = if once("job").is_some() { number("job", 0..=(1 << 53) - 1) } else { id.is_some() };
    let legal = match cmd {
        None => return refused(Code::BadRequest),
        Some("do") => id.is_some() && once("type").is_some_and(is_type) && are_options(&once),
        Some("did") => is_named && (once("res").is_none() || once("err").is_none()),
        Some("progress") => is_named,
        Some("stored") => once("job").is_some() && is_named,
        Some("cancel") => id.is_some(),
        Some("can_do") => {
            let is_flag = |name| once(name).is_none_or(Value::is_boolean);
            types.is_some() && number("max_jobs", 1..=65_535) && WORKER_OPTIONS.into_iter().all(is_flag)
        }
        Some("cant_do") => types.is_some(),
        Some("metrics") => {
            (once("types").is_none_or(Value::is_boolean) || types.is_some())
                && ["histograms", "shards"].into_iter().all(|name| once(name).is_none_or(Value::is_boolean))
        }
        Some("ping") => true,
        Some(_) => return refused(Code::UnknownCmd),
    };
    if !legal {
        return refused(Code::BadRequest);
    }
    // Of a list each type counts once.
    let list = |name: &str| {
        let mut different: Vec<Value> = Vec::new();
        for value in once(name).and_then(Value::as_array).into_iter().flatten() {
            if !different.contains(value) {
                different.push(value.clone());
            }
        }
        Value::from(vec![Value::from(different)])
    };
    let parts = match cmd {
        Some("do") => vec![one("id"), one("type"), one("arg"), options(&once)],
        Some("cancel") => vec![one("id")],
        Some("progress") => vec![id.cloned().into(), one("job"), one("data")],
        Some("stored") => vec![id.cloned().into(), one("job")],
        Some("did") => vec![id.cloned().into(), one("job"), one("res"), one("err")],
        Some("can_do") => {
            let is_on = |name| Value::from(once(name).is_some_and(|value| *value == true));
            vec![list("types"), one("max_jobs"), WORKER_OPTIONS.map(is_on).to_vec().into()]
        }
        Some("cant_do") => vec![list("types")],
        Some("metrics") => {
            let types = match once("types") {
                Some(Value::Bool(false)) => Value::Null,
                Some(Value::Array(_)) => list("types"),
                _ => one("types"),
            };
            let is_on = |name| once(name).is_some_and(|value| *value == true).into();
            vec![types, is_on("histograms"), is_on("shards")]
        }
        _ => vec![],
    };
    Verdict::Accepted([vec![cmd.into()], parts].concat().into())
}

/// Whether a `do` has no option that is wrong.
fn are_options<'a>(once: &impl Fn(&str) -> Option<&'a Value>) -> bool {
    let number = |name, range: RangeInclusive<i64>| {
        once(name).is_none_or(|it| it.as_i64().is_some_and(|it| range.contains(&it)))
    };
    let is_on = |name| once(name).is_some_and(|value| *value == true);
    number("priority", -128..=127)
        && number("delay_ms", 0..=2_592_000_000)
        && number("deadline_ms", 1..=2_592_000_000)
        && number("run_limit_ms", 1..=2_592_000_000)
        && number("attempts", 1..=255)
        && number("wait_ms", 0..=2_592_000_000)
        && once("key").is_none_or(|key| key.as_str().is_some_and(|key| (1..=255).contains(&key.len())))
        && ["cancellable", "progress", "need_worker", "background", "durable"]
            .into_iter()
            .all(|name| once(name).is_none_or(Value::is_boolean))
        && !(is_on("background") && (is_on("cancellable") || is_on("progress") || once("deadline_ms").is_some()))
        && !(is_on("durable") && (once("key").is_some() || once("delay_ms").is_some_and(|ms| *ms != 0)))
        && !(once("key").is_some() && once("wait_ms").is_some())
}

/// The options of a `do`, those that are absent with the value that they then have; null if there are none.
fn options<'a>(once: &impl Fn(&str) -> Option<&'a Value>) -> Value {
    let given = OPTIONS.map(once);
    if given.iter().all(Option::is_none) {
        return Value::Null;
    }
    let (zero, none, off) = (Value::from(0), Value::Null, Value::Bool(false));
    let absent = [&zero, &zero, &none, &none, &none, &off, &off, &none, &off, &off, &off, &none];
    given.into_iter().zip(absent).map(|(given, absent)| given.unwrap_or(absent).clone()).collect()
}

/// Decodes by the decoder, into the same values. Checks on the way that what is carried lies in the line, and that types are
/// canonical.
fn by_decoder(line: &[u8]) -> Verdict {
    let value = |raw: &str| {
        assert!(line.as_ptr_range().contains(&raw.as_ptr()), "what is carried is borrowed");
        serde_json::from_str::<Value>(raw).expect("a value that the tree could hold")
    };
    let one = |raw: Option<&str>| raw.map_or(Value::Null, |raw| vec![value(raw)].into());
    let name = |name: &TypeName<'_>| {
        let quoted = format!("\"{name}\"");
        let meaning: String = serde_json::from_str(&quoted).expect("a type is the inside of a string");
        assert_eq!(serde_json::json!(meaning).to_string(), quoted, "a type has the shortest escapes");
        Value::from(meaning)
    };
    let list = |types: &[TypeName<'_>]| vec![Value::from(types.iter().map(name).collect::<Vec<_>>())].into();
    let number = |job: JobRef<'_>, id: Option<&str>| match job {
        JobRef::Lease(number) => vec![Value::from(number)].into(),
        JobRef::Id(name) => {
            assert_eq!(Some(name), id);
            Value::Null
        }
    };
    let parts = match decode(line) {
        Err(Refusal { code, id, is_do, .. }) => return Verdict::Refused { code, id: id.map(value), is_do },
        Ok(Command::Ping) => vec!["ping".into()],
        Ok(Command::Do { id, type_name, arg, options }) => {
            let options = options.map_or(Value::Null, |options| {
                let JobOptions { priority, delay_ms, deadline_ms, run_limit_ms, attempts, .. } = *options;
                let JobOptions { cancellable, progress, key, need_worker, background, durable, wait_ms, .. } = *options;
                let key = key.as_ref().map(name);
                serde_json::json!([
                    priority, delay_ms, deadline_ms, run_limit_ms, attempts, cancellable, progress, key, need_worker,
                    background, durable, wait_ms,
                ])
            });
            vec!["do".into(), one(Some(id)), vec![name(&type_name)].into(), one(arg.and_then(Carried::short)), options]
        }
        Ok(Command::Cancel { id }) => vec!["cancel".into(), one(Some(id))],
        Ok(Command::Progress { job, id, data }) => {
            vec!["progress".into(), id.map(value).into(), number(job, id), one(data.and_then(Carried::short))]
        }
        Ok(Command::Stored { job, id }) => {
            vec!["stored".into(), id.map(value).into(), number(JobRef::Lease(job), id)]
        }
        Ok(Command::Did { job, id, outcome }) => {
            let (res, err) = match outcome {
                Outcome::Res(res) => (res.and_then(Carried::short), None),
                Outcome::Err(err) => (None, err.short()),
            };
            vec!["did".into(), id.map(value).into(), number(job, id), one(res), one(err)]
        }
        Ok(Command::CanDo { types, max_jobs, options: WorkerOptions { spare, durable, wants_ref }, .. }) => {
            let max_jobs = max_jobs.map(|count| vec![Value::from(count)]);
            vec!["can_do".into(), list(&types), max_jobs.into(), vec![wants_ref, spare, durable].into()]
        }
        Ok(Command::CantDo { types }) => vec!["cant_do".into(), list(&types)],
        Ok(Command::Metrics(MetricsAsked { types, histograms, shards })) => {
            let asked = match types {
                TypesAsked::None => Value::Null,
                TypesAsked::All => vec![Value::Bool(true)].into(),
                TypesAsked::Named(types) => list(&types),
            };
            vec!["metrics".into(), asked, histograms.into(), shards.into()]
        }
    };
    Verdict::Accepted(parts.into())
}

/// Compares the two. Returns their common outcome, if the tree could hold the line.
pub(crate) fn compare(line: &[u8]) -> Option<Verdict> {
    let Some(expected) = by_tree(line) else {
        let read = !matches!(decode(line), Err(Refusal { code: Code::BadJson, .. }));
        assert_eq!(read, is_object(line), "{}", line.escape_ascii());
        return None;
    };
    assert_eq!(by_decoder(line), expected, "{}", line.escape_ascii());
    Some(expected)
}

/// Returns whether a line is an object of an allowed depth, whatever its values are.
fn is_object(line: &[u8]) -> bool {
    let raw = serde_json::from_slice::<&RawValue>(line).map_or("", RawValue::get);
    raw.starts_with('{') && depth(raw) <= 128
}

/// Returns how many containers are open at once in a value whose syntax is right.
fn depth(raw: &str) -> usize {
    let (mut open, mut most, mut in_string, mut escaped) = (0, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            b'"' if !escaped => in_string = !in_string,
            b'[' | b'{' if !in_string => open += 1,
            b']' | b'}' if !in_string => open -= 1,
            _ => {}
        }
        escaped = byte == b'\\' && !escaped;
        most = most.max(open);
    }
    most
}
