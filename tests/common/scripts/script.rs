//! Scripts: what each peer sends, and what it receives. This is the language alone. [`play`](crate::play) performs a script:
//! in `--test tables` on the core, in `--test binary` on a server's sockets.
//!
//! ```text
//! deputy --max-attempts 1 --threads 1    with these options (the first line, or none)
//! A opens                                a connection comes; one that is named for the first time comes by itself
//! A> {"cmd":"ping"}                      A sends this line
//! A> do j1 resize [1]                    the same, short: see `sent_line` for all of them
//! A> do j1 resize; do j2 resize          two short lines, one after the other; likewise of what A receives
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
//!
//! A test that is one script and nothing else stands in [`scripts!`].

#![allow(dead_code, unused_imports, unused_macros, reason = "each test program uses a part of this")]

mod short;

pub(crate) use short::{expected, sent_line};

/// Makes a test of each script. The test has the name before the script, and performs it with `check` of
/// [`play`](crate::play), or with the function that stands before the script.
///
/// ```text
/// scripts! {
///     a_ping_is_answered: "A> ping; ping\nA< pong; pong";
///
///     /// Comments and attributes belong to the test that follows.
///     a_job_is_done: r#"
///         W> can_do t
///         A> do 1 t
///         W< do 1 t
///         W> did 1
///         A< did 1"#;
///
///     what_is_no_json_is_an_error: check_rows r#"
///         {    => error bad_json"#;
/// }
/// ```
macro_rules! scripts {
    (@perform $script:literal) => { crate::play::check($script) };
    (@perform $check:ident $script:literal) => { $check($script) };
    ($($(#[$attribute:meta])* $name:ident: $($check:ident)? $script:literal;)+) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() {
            crate::script::scripts!(@perform $($check)? $script);
        }
    )+};
}

pub(crate) use scripts;

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
    let line = |(place, text): (usize, String)| {
        let step = step(&text).unwrap_or_else(|| fail(script, place, "this is no line of a script"));
        Line { place, step }
    };
    lines.flat_map(|(place, text)| unfolded(text).into_iter().map(move |text| (place, text))).map(line).collect()
}

/// `A> ping; ping` becomes two lines. What is not in short form stays one.
fn unfolded(text: &str) -> Vec<String> {
    let head = text.find(['>', '<']).filter(|&at| text[..at].chars().all(|c| c.is_ascii_alphanumeric()));
    let (head, rest) = head.and_then(|at| text.split_at_checked(at + 2)).unwrap_or(("", text));
    if head.is_empty() || !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return vec![text.to_owned()];
    }
    rest.split("; ").map(|line| format!("{head}{line}")).collect()
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
    let lines = script.lines().chain(["(the end)"]).enumerate();
    let lines: Vec<String> = lines.filter(|(_, text)| !text.is_empty()).map(line).collect();
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
