//! Lines with holes: `…` is some text inside of a string, `$a` some whole number.

use std::collections::BTreeMap;

use crate::script::Told;

/// The numbers that have a name by now.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<String, u64>);

impl Numbers {
    /// Puts the numbers that have a name in the place of the names.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Number(name) if self.0.contains_key(name) => out.push_str(&self.0[name].to_string()),
                Piece::Number(name) => out.extend(["$", name]),
                Piece::Text => out.push('…'),
                Piece::Exact(text) => out.push_str(text),
            }
        }
        out
    }

    /// Whether `line` is what `pattern` says. Numbers that had no name get one.
    pub(crate) fn fits(&mut self, pattern: &str, line: &str) -> bool {
        let mut rest = line;
        let mut new = Vec::new();
        for piece in pieces(&self.fill(pattern)) {
            let taken = match piece {
                Piece::Exact(text) => rest.starts_with(text).then_some(text.len()),
                Piece::Text => inside_of_string(rest),
                Piece::Number(name) => {
                    let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                    let number = rest[..len].parse().ok().filter(|number| self.is_new(*number));
                    number.map(|number| {
                        new.push((name.to_owned(), number));
                        len
                    })
                }
            };
            let Some(taken) = taken else { return false };
            rest = &rest[taken..];
        }
        self.0.extend(new);
        rest.is_empty()
    }

    /// Whether `line` is what a script says that somebody is told.
    pub(crate) fn check(&mut self, told: &Told, line: &str) -> Result<(), String> {
        match told {
            Told::Line(pattern) if self.fits(pattern, line) => Ok(()),
            Told::Line(pattern) => Err(format!("expected {}\ncame     {line}", self.fill(pattern))),
            Told::Metrics(members) => check_metrics(members, line),
            Told::Table(rows, first) => check_table(*rows, first, line),
        }
    }

    fn is_new(&self, number: u64) -> bool {
        self.0.values().all(|known| *known != number)
    }
}

enum Piece<'a> {
    Exact(&'a str),
    Text,
    Number(&'a str),
}

fn pieces(pattern: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let Some(at) = rest.find(['…', '$']) {
        pieces.push(Piece::Exact(&rest[..at]));
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix('…') {
            pieces.push(Piece::Text);
            rest = after;
        } else {
            let name_len = rest[1..].find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len() - 1);
            pieces.push(Piece::Number(&rest[1..=name_len]));
            rest = &rest[1 + name_len..];
        }
    }
    pieces.push(Piece::Exact(rest));
    pieces
}

/// The length of a text up to the quote that ends its string, if there is a text and a quote.
fn inside_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.filter(|len| *len > 0)
}

/// Whether the members named (`faults.stalled` is one of an inner object) have these values, white space and the order of rows aside.
fn check_metrics(members: &[(String, String)], line: &str) -> Result<(), String> {
    let answer: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
    let metrics = &answer["metrics"];
    for (name, value) in members {
        let expected: serde_json::Value = serde_json::from_str(value).expect("a script's values are JSON");
        let came = metrics.pointer(&format!("/{}", name.replace('.', "/")));
        if came.unwrap_or(&serde_json::Value::Null) != &expected {
            return Err(format!("expected {name} {expected}\ncame     {line}"));
        }
    }
    Ok(())
}

/// Whether the table by type has so many rows, these first.
fn check_table(rows: usize, first: &[String], line: &str) -> Result<(), String> {
    let answer: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
    let came = answer["metrics"]["types"].as_object().map(serde_json::Map::len);
    if came != Some(rows) {
        return Err(format!("expected {rows} rows, came {came:?}"));
    }
    let mut rest = line.split_once(r#""types":{"#).map_or("", |(_, table)| table);
    for name in first {
        let Some(row) = rest.strip_prefix(&format!(r#""{name}":{{"#)) else {
            return Err(format!("expected the row of {name}, came {rest}"));
        };
        rest = row.split_once("},").map_or("", |(_, next)| next);
    }
    Ok(())
}
