//! The corpus: lines of a client of every kind that JSON and the protocol know, right and wrong ones, and what each comes
//! to. Its rows are in `tests/corpus`: whole lines, and values, each of which is put in every place where a line carries a
//! value or passes over one. The head of each file explains its rows.

#![allow(dead_code)] // Each test crate that includes this file uses a part of it.

/// One line, and what it comes to.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// The line's bytes, without its end.
    pub(crate) line: Vec<u8>,
    /// In the words of `tests/corpus/lines.txt`.
    pub(crate) outcome: String,
}

/// All of the corpus.
pub(crate) fn rows() -> Vec<Row> {
    [lines(), values().iter().flat_map(in_lines).collect()].concat()
}

/// The rows that are written as whole lines.
pub(crate) fn lines() -> Vec<Row> {
    let rows = text_rows(include_str!("../corpus/lines.txt")).map(|row| {
        let (line, outcome) = row.rsplit_once(" => ").unwrap_or_else(|| panic!("what does it come to: {row}"));
        let outcome = String::from_utf8(bytes(outcome)).expect("what a line comes to is text");
        Row { line: bytes(line), outcome }
    });
    rows.collect()
}

/// Bytes that may stand for a value, and whether they are one.
pub(crate) fn values() -> Vec<(Vec<u8>, bool)> {
    let files = [
        include_str!("../corpus/numbers.txt"),
        include_str!("../corpus/strings.txt"),
        include_str!("../corpus/structures.txt"),
    ];
    let rows = files.into_iter().flat_map(text_rows).map(|row| {
        let (is_value, value) = row.split_once(' ').unwrap_or((row, ""));
        assert!(["yes", "no"].contains(&is_value), "it is yes or no: {row}");
        (bytes(value), is_value == "yes")
    });
    rows.collect()
}

/// Returns lines with a value as a job's argument, as a result, as an id, and in an unknown member.
fn in_lines((value, is_value): &(Vec<u8>, bool)) -> [Row; 4] {
    let carried = is_value.then(|| str::from_utf8(value).expect("a value is UTF-8").trim_matches([' ', '\t']));
    let row = |head: &str, tail: &str, outcome: &dyn Fn(&str) -> String| Row {
        line: [head.as_bytes(), value, tail.as_bytes()].concat(),
        outcome: carried.map_or_else(|| "bad_json".to_owned(), outcome),
    };
    let is_id = |value: &str| value.starts_with(['"', '-']) || value.starts_with(|first: char| first.is_ascii_digit());
    [
        row(r#"{"cmd":"do","id":1,"type":"t","arg":"#, "}", &|value| {
            format!(r#"{{"cmd":"do","id":1,"type":"t","arg":{value}}}"#)
        }),
        row(r#"{"cmd":"did","res":"#, r#","id":1}"#, &|value| format!("did 1 res {value}")),
        row(r#"{"id":"#, r#","cmd":"nope"}"#, &|value| {
            if is_id(value) { format!("unknown_cmd {value}") } else { "unknown_cmd".to_owned() }
        }),
        row(r#"{"x":[0,"#, r#"],"cmd":"ping"}"#, &|_| "ping".to_owned()),
    ]
}

/// A file's rows.
fn text_rows(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().filter(|row| !row.is_empty() && !row.starts_with("# "))
}

/// What a row's text stands for: `<x*300>` for `x` 300 times, `<c3 a9>` for two bytes.
fn bytes(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((plain, after)) = rest.split_once('<') {
        let (inside, after) = after.split_once('>').unwrap_or_else(|| panic!("it is not closed: {text}"));
        out.extend_from_slice(plain.as_bytes());
        match inside.rsplit_once('*') {
            Some((what, times)) => out.extend(what.repeat(times.parse().expect("a number of times")).into_bytes()),
            None => out.extend(inside.split(' ').map(|hex| u8::from_str_radix(hex, 16).expect("bytes in hex"))),
        }
        rest = after;
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
