//! Scripts: who says what, and who is told what. This is the language alone; [`play`](crate::play) performs a script.
//!
//! ```text
//! deputy --max-attempts 1 --threads 1    with these options (the first line, or none)
//! A opens                                a connection comes; one that is named for the first time comes by itself
//! A> {"cmd":"ping"}                      A says this line
//! A> do j1 resize [1]                    the same, short: see `said` for all of them
//! A sends {"cmd":"pi\r\n                 A sends these bytes: \r \n \t \\ and \xff are escapes
//! A< {"cmd":"pong"}                      the next line that A is told
//! A< pong                                the same, short: see `told`
//! A quiet                                A was told nothing more
//! A stops reading, A reads 100K, A reads on
//! A gone                                 A's input ends
//! A closed explained                     the server has closed it, in this way (explained, flushed, dropped)
//! at 31000                               it is this time, in milliseconds since the start
//! stop, drain over
//! ```
//!
//! `<x*300>` stands for `x` 300 times. In what is told, `…` stands for some text inside of a string, and `$a` for some
//! whole number: the same wherever it stands, no other has the same. What is said may use the number again. `#` starts
//! a comment line.

#![allow(dead_code)] // Each test crate that includes this file uses a part of it.

/// One line of a script.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    /// Its place in the script, from 0 on.
    pub(crate) place: usize,
    pub(crate) step: Step,
}

/// What a line of a script demands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    Options(Vec<(String, u64)>),
    At(u64),
    Stop,
    DrainOver,
    Peer(String, Act),
}

/// What a peer does, or what must have happened to it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Opens,
    Says(String),
    Sends(Vec<u8>),
    Told(Told),
    Quiet,
    StopsReading,
    Reads(u64),
    ReadsOn,
    Gone,
    Closed(String),
}

/// What a peer is told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// A line with holes.
    Line(String),
    /// Metrics, of which these members are looked at.
    Metrics(Vec<(String, String)>),
    /// Metrics whose table by type has so many rows, these first.
    Table(usize, Vec<String>),
}

/// Reads a script; `Err` has the place and what is wrong there.
pub(crate) fn read(script: &str) -> Result<Vec<Line>, (usize, String)> {
    let mut lines = Vec::new();
    for (place, text) in script.lines().enumerate() {
        let text = text.trim_start();
        if !text.is_empty() && !text.starts_with('#') {
            let step = step(text).ok_or_else(|| (place, "this is no line of a script".to_owned()))?;
            lines.push(Line { place, step });
        }
    }
    Ok(lines)
}

fn step(text: &str) -> Option<Step> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["deputy", ref options @ ..] => return self::options(options).map(Step::Options),
        ["at", ms] => return ms.parse().ok().map(Step::At),
        ["stop"] => return Some(Step::Stop),
        ["drain", "over"] => return Some(Step::DrainOver),
        _ => {}
    }
    let name_end = text.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (name, rest) = text.split_at(name_end);
    act(rest, &words[1..]).map(|act| Step::Peer(name.to_owned(), act))
}

fn act(rest: &str, words: &[&str]) -> Option<Act> {
    if let Some(text) = rest.strip_prefix('>') {
        return said(&repeated(text.strip_prefix(' ').unwrap_or(text))).map(Act::Says);
    }
    if let Some(text) = rest.strip_prefix('<') {
        return told(repeated(text).trim()).map(Act::Told);
    }
    if let Some(text) = rest.strip_prefix(" sends ") {
        return Some(Act::Sends(unescaped(&repeated(text))));
    }
    match words {
        ["opens"] => Some(Act::Opens),
        ["quiet"] => Some(Act::Quiet),
        ["stops", "reading"] => Some(Act::StopsReading),
        ["reads", "on"] => Some(Act::ReadsOn),
        ["reads", bytes] => size(bytes).map(Act::Reads),
        ["gone"] => Some(Act::Gone),
        ["closed", how] => Some(Act::Closed((*how).to_owned())),
        _ => None,
    }
}

fn options(words: &[&str]) -> Option<Vec<(String, u64)>> {
    let pair = |pair: &[&str]| match *pair {
        [name, value] => Some((name.strip_prefix("--")?.to_owned(), size(value)?)),
        _ => None,
    };
    words.chunks(2).map(pair).collect()
}

/// A number, with K or M for its thousands, which are 1,024.
fn size(text: &str) -> Option<u64> {
    let (digits, shift) = match text.strip_suffix(['K', 'M']) {
        Some(digits) if text.ends_with('K') => (digits, 10),
        Some(digits) => (digits, 20),
        None => (text, 0),
    };
    digits.parse::<u64>().ok().map(|n| n << shift)
}

/// What a client says: short forms, or the line itself if it does not begin with a letter.
///
/// `can_do a b`, `can_do a max_jobs 2`, `cant_do a`, `do ID TYPE ARG`, `did ID`, `did $n res VALUE`, `did ID err VALUE`,
/// `metrics`, `ping`. An id without quotes or digits is a string; what comes last is taken as it stands.
pub(crate) fn said(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some(text.to_owned());
    }
    let (cmd, rest) = word(text);
    Some(match cmd {
        "ping" | "metrics" if rest.is_empty() => format!(r#"{{"cmd":"{cmd}"}}"#),
        "can_do" | "cant_do" => {
            let (types, max_jobs) = rest.split_once("max_jobs ").unwrap_or((rest, ""));
            let types: Vec<String> = types.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            let max_jobs = member("max_jobs", max_jobs);
            format!(r#"{{"cmd":"{cmd}","types":[{}]{max_jobs}}}"#, types.join(","))
        }
        "do" => {
            let (id, rest) = word(rest);
            let (type_name, arg) = word(rest);
            format!(r#"{{"cmd":"do","id":{},"type":"{type_name}"{}}}"#, id_text(id), member("arg", arg))
        }
        "did" => {
            let (id, rest) = word(rest);
            let (name, value) = word(rest);
            let key = if id.starts_with('$') { "job" } else { "id" };
            format!(r#"{{"cmd":"did","{key}":{}{}}}"#, id_text(id), member(name, value))
        }
        _ => return None,
    })
}

/// What a peer is told: short forms, or the line itself with its holes.
///
/// `do ID TYPE ARG`, `do ID TYPE $n ARG`, `did ID`, `did ID res VALUE`, `did ID failed VALUE`, `did ID CODE`,
/// `error CODE`, `error CODE ID`, `pong`, `metrics NAME VALUE, NAME VALUE`,
/// `table ROWS TYPE TYPE`.
pub(crate) fn told(text: &str) -> Option<Told> {
    if text.starts_with('{') {
        return Some(Told::Line(text.to_owned()));
    }
    let (cmd, rest) = word(text);
    let (first, rest) = word(rest);
    Some(Told::Line(match cmd {
        "pong" if first.is_empty() => r#"{"cmd":"pong"}"#.to_owned(),
        "error" => format!(r#"{{"cmd":"error","code":"{first}","error":"…"{}}}"#, member("id", &id_text(rest))),
        "do" => {
            let (type_name, rest) = word(rest);
            let (job, arg) = if rest.starts_with('$') { word(rest) } else { ("", rest) };
            let (job, arg) = (member("job", job), member("arg", arg));
            format!(r#"{{"cmd":"do","id":{},"type":"{type_name}"{job}{arg}}}"#, id_text(first))
        }
        "did" => {
            let (what, value) = word(rest);
            let tail = match what {
                "" | "res" => member("res", value),
                "failed" => format!(r#","err":{value},"code":"failed""#),
                code => format!(r#","err":"…","code":"{code}""#),
            };
            format!(r#"{{"cmd":"did","id":{}{tail}}}"#, id_text(first))
        }
        "metrics" => {
            let all = text["metrics".len()..].split(", ").filter(|pair| !pair.is_empty());
            let pairs = all.map(|pair| pair.trim().split_once(' '));
            let pairs: Option<Vec<(&str, &str)>> = pairs.collect();
            return Some(Told::Metrics(pairs?.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()));
        }
        "table" => {
            let rows = first.parse().ok()?;
            return Some(Told::Table(rows, rest.split_whitespace().map(str::to_owned).collect()));
        }
        _ => return None,
    }))
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start())
}

fn member(name: &str, value: &str) -> String {
    if value.is_empty() { String::new() } else { format!(",\"{name}\":{value}") }
}

fn id_text(id: &str) -> String {
    if id.starts_with(|c: char| c.is_ascii_alphabetic()) { format!("\"{id}\"") } else { id.to_owned() }
}

/// `<x*300>` becomes `x` 300 times.
pub(crate) fn repeated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        out.push_str(&rest[..at]);
        let inside = rest[at + 1..].split_once('>');
        let parts = inside.and_then(|(inside, after)| Some((inside.rsplit_once('*')?, after)));
        let parts = parts.and_then(|((what, times), after)| Some((what, times.parse::<usize>().ok()?, after)));
        let Some((what, times, after)) = parts else {
            out.push('<');
            rest = &rest[at + 1..];
            continue;
        };
        out.push_str(&what.repeat(times));
        rest = after;
    }
    out + rest
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let (byte, taken) = match (first, after) {
            (b'\\', [b'r', ..]) => (b'\r', 2),
            (b'\\', [b'n', ..]) => (b'\n', 2),
            (b'\\', [b't', ..]) => (b'\t', 2),
            (b'\\', [b'\\', ..]) => (b'\\', 2),
            (b'\\', [b'x', hex @ ..]) => {
                let hex = str::from_utf8(&hex[..2]).expect("two digits follow \\x");
                (u8::from_str_radix(hex, 16).expect("two digits follow \\x"), 4)
            }
            _ => (*first, 1),
        };
        out.push(byte);
        rest = &rest[taken..];
    }
    out
}
