//! Scripts: what each peer sends, and what it receives. This is the language alone. [`play`](crate::play) performs a script:
//! in `--test tables` on the core, in `--test binary` on a server's sockets.
//!
//! ```text
//! deputy --max-attempts 1 --threads 1    with these options (the first line, or none)
//! A opens                                a connection comes; one that is named for the first time comes by itself
//! A> {"cmd":"ping"}                      A sends this line
//! A> do j1 resize [1]                    the same, short: see `sent_line` for all of them
//! A sends {"cmd":"pi\r\n                 A sends these bytes: \r \n \t \\ and \xff are escapes
//! A< {"cmd":"pong"}                      the next line that A receives
//! A< pong                                the same, short: see `expected` for all of them
//! A quiet                                A received nothing more
//! A stops reading, A reads 100K, A reads on
//! A gone                                 A's input ends
//! A leaves                               A closes its connection
//! A closed explained                     the server has closed it, in this way (explained, flushed, dropped)
//! at 31000                               it is this time, in milliseconds since the start
//! stop, drain over
//! ```
//!
//! `<x*300>` stands for `x` 300 times. In an expected line, `…` stands for some text inside a string, and `$a` for some
//! whole number: the same in every place, and no other name has it ([`wildcard`](crate::wildcard)). A line that is sent may
//! use the number again. `#` starts a comment line.
//!
//! Only the core has `at`, `drain over` and peers that stop reading.

#![allow(dead_code, reason = "each test program uses a part of this")]

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
    SendsLine(String),
    SendsBytes(Vec<u8>),
    Receives(Expected),
    Quiet,
    StopsReading,
    Reads(u64),
    ReadsOn,
    /// Its input ends; it still reads.
    Gone,
    Leaves,
    /// The server has closed its connection, in this way if one is named.
    Closed(Option<String>),
}

/// What a peer is to receive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// A line with wildcards.
    Line(String),
    /// Metrics in which these members have these values.
    Metrics(Vec<(String, String)>),
    /// Metrics whose table by type has this number of rows, these first.
    Table(usize, Vec<String>),
}

/// Parses a script. Panics at a line that is none of a script.
pub(crate) fn parse(script: &str) -> Vec<Line> {
    let lines = script.lines().map(str::trim_start).enumerate();
    let lines = lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#'));
    let line = |(place, text)| {
        let step = step(text).unwrap_or_else(|| fail(script, place, "this is no line of a script"));
        Line { place, step }
    };
    lines.map(line).collect()
}

/// Returns the options that a script demands of the server.
pub(crate) fn options(lines: &[Line]) -> &[(String, u64)] {
    let options =
        lines.iter().find_map(|line| if let Step::Options(options) = &line.step { Some(options) } else { None });
    options.map_or(&[], Vec::as_slice)
}

/// Returns a script for each row `line => expected line`, or just `line` if no line is expected. The line is sent on a
/// connection of its own that has sent a line before and goes on afterwards.
pub(crate) fn of_rows(rows: &str) -> impl Iterator<Item = String> {
    let rows = rows.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#'));
    rows.map(|row| {
        let (line, expected) = row.split_once("=>").unwrap_or((row, ""));
        let expected = expected.trim();
        let expected = if expected.is_empty() { String::new() } else { format!("A< {expected}\n") };
        format!("A> ping\nA< pong\nA> {}\n{expected}A> ping\nA< pong", line.trim_end())
    })
}

/// Panics with the script and a mark at the line that went wrong. Long lines are cut.
pub(crate) fn fail(script: &str, place: usize, what: &str) -> ! {
    let end = script.lines().count();
    let line = |(i, line): (usize, &str)| {
        let mark = if i == place.min(end) { ">>>" } else { "   " };
        format!("{mark} {}", short(line.trim_start()))
    };
    let lines: Vec<String> = script.lines().chain(["(the end)"]).enumerate().map(line).collect();
    panic!("{}\n{}", short(what), lines.join("\n"));
}

fn short(text: &str) -> String {
    let cut = |line: &str| match line.char_indices().nth(500) {
        Some((at, _)) => format!("{} ... ({} bytes)", &line[..at], line.len()),
        None => line.to_owned(),
    };
    text.lines().map(cut).collect::<Vec<_>>().join("\n")
}

fn step(text: &str) -> Option<Step> {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words[..] {
        ["deputy", ref options @ ..] => return option_pairs(options).map(Step::Options),
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
        return sent_line(&repeated(text.strip_prefix(' ').unwrap_or(text))).map(Act::SendsLine);
    }
    if let Some(text) = rest.strip_prefix('<') {
        return expected(repeated(text).trim()).map(Act::Receives);
    }
    if let Some(text) = rest.strip_prefix(" sends ") {
        return Some(Act::SendsBytes(unescaped(&repeated(text))));
    }
    match words {
        ["opens"] => Some(Act::Opens),
        ["quiet"] => Some(Act::Quiet),
        ["stops", "reading"] => Some(Act::StopsReading),
        ["reads", "on"] => Some(Act::ReadsOn),
        ["reads", bytes] => size(bytes).map(Act::Reads),
        ["gone"] => Some(Act::Gone),
        ["leaves"] => Some(Act::Leaves),
        ["closed"] => Some(Act::Closed(None)),
        ["closed", how] => Some(Act::Closed(Some((*how).to_owned()))),
        _ => None,
    }
}

fn option_pairs(words: &[&str]) -> Option<Vec<(String, u64)>> {
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

/// Returns the line that a client sends: written in full, or in short if it begins with a letter.
///
/// `can_do a b`, `can_do a max_jobs 2`, `can_do a with spare`, `cant_do a`, `do ID TYPE ARG`,
/// `do ID TYPE ARG with NAME VALUE, NAME`, `did ID`, `did $n res VALUE`, `did ID err VALUE`, `cancel ID`,
/// `progress ID DATA`, `progress $n DATA`, `stored $n`, `metrics`, `ping`. An id
/// without quotes or digits is a string; the last part is used as it is written. A member without a value is `true`.
pub(crate) fn sent_line(text: &str) -> Option<String> {
    if !text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return Some(text.to_owned());
    }
    let (cmd, rest) = word(text);
    Some(match cmd {
        "ping" | "metrics" if rest.is_empty() => format!(r#"{{"cmd":"{cmd}"}}"#),
        "can_do" | "cant_do" => {
            let (rest, options) = rest.split_once(" with ").unwrap_or((rest, ""));
            let (types, max_jobs) = rest.split_once("max_jobs ").unwrap_or((rest, ""));
            let types: Vec<String> = types.split_whitespace().map(|name| format!("\"{name}\"")).collect();
            let (max_jobs, options) = (member("max_jobs", max_jobs), options_text(options));
            format!(r#"{{"cmd":"{cmd}","types":[{}]{max_jobs}{options}}}"#, types.join(","))
        }
        "do" => {
            let (rest, options) = rest.split_once(" with ").unwrap_or((rest, ""));
            let (id, rest) = word(rest);
            let (type_name, arg) = word(rest);
            let (arg, options) = (member("arg", arg), options_text(options));
            format!(r#"{{"cmd":"do","id":{},"type":"{type_name}"{arg}{options}}}"#, id_text(id))
        }
        "cancel" => format!(r#"{{"cmd":"cancel","id":{}}}"#, id_text(rest)),
        "stored" => format!(r#"{{"cmd":"stored","job":{rest}}}"#),
        "did" | "progress" => {
            let (id, rest) = word(rest);
            let (name, value) = if cmd == "did" { word(rest) } else { ("data", rest) };
            let key = if id.starts_with('$') { "job" } else { "id" };
            format!(r#"{{"cmd":"{cmd}","{key}":{}{}}}"#, id_text(id), member(name, value))
        }
        _ => return None,
    })
}

/// Returns what a peer is to receive: a line written in full, with its wildcards, or in short.
///
/// `do ID TYPE ARG`, `do ID TYPE $n ARG`, `do ID TYPE $n attempt 2 run_limit_ms 5 ARG`, `did ID`, `did ID res VALUE`,
/// `did ID failed VALUE`, `did ID CODE`, `cancel $n`, `stored ID`, `progress ID DATA`, `error CODE`, `error CODE ID`, `pong`,
/// `metrics NAME VALUE, NAME VALUE`, `table ROWS TYPE TYPE`.
pub(crate) fn expected(text: &str) -> Option<Expected> {
    if text.starts_with('{') {
        return Some(Expected::Line(text.to_owned()));
    }
    let (cmd, rest) = word(text);
    let (first, rest) = word(rest);
    Some(Expected::Line(match cmd {
        "pong" if first.is_empty() => r#"{"cmd":"pong"}"#.to_owned(),
        "error" => format!(r#"{{"cmd":"error","code":"{first}","error":"…"{}}}"#, member("id", &id_text(rest))),
        "do" => {
            let (type_name, rest) = word(rest);
            let (job, rest) = if rest.starts_with('$') { word(rest) } else { ("", rest) };
            let (attempt, rest) = named_value("attempt", rest);
            let (limit, arg) = named_value("run_limit_ms", rest);
            let told = [("job", job), ("attempt", attempt), ("run_limit_ms", limit), ("arg", arg)];
            let told: String = told.iter().map(|(name, value)| member(name, value)).collect();
            format!(r#"{{"cmd":"do","id":{},"type":"{type_name}"{told}}}"#, id_text(first))
        }
        "cancel" => format!(r#"{{"cmd":"cancel","job":{first}}}"#),
        "stored" => format!(r#"{{"cmd":"stored","id":{}}}"#, id_text(first)),
        "progress" => format!(r#"{{"cmd":"progress","id":{},"data":{rest}}}"#, id_text(first)),
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
            return Some(Expected::Metrics(pairs?.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect()));
        }
        "table" => {
            let rows = first.parse().ok()?;
            return Some(Expected::Table(rows, rest.split_whitespace().map(str::to_owned).collect()));
        }
        _ => return None,
    }))
}

fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `attempt 2 REST` becomes 2 and the rest; what does not begin with the name has no value.
fn named_value<'a>(name: &str, text: &'a str) -> (&'a str, &'a str) {
    match word(text) {
        (first, rest) if first == name => word(rest),
        _ => ("", text),
    }
}

/// `cancellable, priority 5` becomes the members of a `do`.
fn options_text(options: &str) -> String {
    let options = options.split(", ").map(str::trim).filter(|option| !option.is_empty());
    let option = |option| {
        let (name, value) = word(option);
        member(name, if value.is_empty() { "true" } else { value })
    };
    options.map(option).collect()
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
