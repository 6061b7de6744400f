//! Lines with wildcards: `…` is some text inside a string, `$a` some whole number, `$_` any number that needs no name,
//! and `$*` anything at all.

use std::collections::BTreeMap;

use crate::script::Expected;

/// The numbers that have a name by now.
#[derive(Debug, Default)]
pub(crate) struct Numbers(BTreeMap<String, u64>);

impl Numbers {
    /// Replaces the names of numbers that are known by the numbers.
    pub(crate) fn fill(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for piece in pieces(text) {
            match piece {
                Piece::Number(name) if self.0.contains_key(name) => out.push_str(&self.0[name].to_string()),
                Piece::Number(name) => out.extend(["$", name]),
                Piece::Text => out.push('…'),
                Piece::Anything => out.push_str("$*"),
                Piece::Exact(text) => out.push_str(text),
            }
        }
        out
    }

    /// Returns whether `line` matches `pattern`. Numbers that had no name get one.
    pub(crate) fn fits(&mut self, pattern: &str, line: &str) -> bool {
        let mut new = BTreeMap::new();
        let fits = self.rest_fits(&pieces(&self.fill(pattern)), line, &mut new);
        if fits {
            self.0.extend(new);
        }
        fits
    }

    fn rest_fits(&self, pieces: &[Piece<'_>], rest: &str, new: &mut BTreeMap<String, u64>) -> bool {
        let Some((piece, pieces)) = pieces.split_first() else { return rest.is_empty() };
        let taken = match *piece {
            Piece::Exact(text) => rest.starts_with(text).then_some(text.len()),
            Piece::Text => inside_of_string(rest),
            Piece::Number(name) => {
                let len = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let number = rest[..len].parse().ok().filter(|number| match new.get(name) {
                    Some(known) => known == number,
                    None => name == "_" || self.0.values().chain(new.values()).all(|known| known != number),
                });
                if let Some(number) = number.filter(|_| name != "_") {
                    new.insert(name.to_owned(), number);
                }
                number.map(|_| len)
            }
            Piece::Anything => {
                let mut places = (0..=rest.len()).filter(|&at| rest.is_char_boundary(at));
                return places.any(|at| self.rest_fits(pieces, &rest[at..], new));
            }
        };
        taken.is_some_and(|taken| self.rest_fits(pieces, &rest[taken..], new))
    }

    /// Checks that `line` is what a script expects.
    pub(crate) fn check(&mut self, expected: &Expected, line: &str) -> Result<(), String> {
        match expected {
            Expected::Line(pattern) if self.fits(pattern, line) => Ok(()),
            Expected::Line(pattern) => Err(format!("expected {}\ncame     {line}", self.fill(pattern))),
            Expected::Metrics(members) => check_metrics(members, line),
            Expected::Table(rows, first) => check_table(*rows, first, line),
        }
    }
}

enum Piece<'a> {
    Exact(&'a str),
    Text,
    Number(&'a str),
    Anything,
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
        } else if let Some(after) = rest.strip_prefix("$*") {
            pieces.push(Piece::Anything);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("$_") {
            pieces.push(Piece::Number("_"));
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

/// Returns the length of a text up to the quote that ends its string, or `None` if either is missing.
fn inside_of_string(text: &str) -> Option<usize> {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.filter(|len| *len > 0)
}

/// Checks that the named members have these values; `faults.stalled` names a member of an inner object. White space and the
/// order of members do not count.
fn check_metrics(members: &[(String, String)], line: &str) -> Result<(), String> {
    let answer: serde_json::Value = serde_json::from_str(line).map_err(|error| format!("{error} in {line}"))?;
    let metrics = &answer["metrics"];
    for (name, value) in members {
        let expected: serde_json::Value = serde_json::from_str(value).expect("a script's values are JSON");
        let came = metrics.pointer(&format!("/{}", name.replace('.', "/")));
        if !value_fits(&expected, came.unwrap_or(&serde_json::Value::Null), name == "types") {
            return Err(format!("expected {name} {expected}\ncame     {line}"));
        }
    }
    Ok(())
}

/// Returns whether a value is the expected one. Of the rows of a table, it may have members that are not expected.
fn value_fits(expected: &serde_json::Value, came: &serde_json::Value, is_table: bool) -> bool {
    let (Some(rows), Some(came_rows), true) = (expected.as_object(), came.as_object(), is_table) else {
        return expected == came;
    };
    let row_fits = |(name, row): (&String, &serde_json::Value)| {
        let members = row.as_object().expect("a row is an object");
        came_rows.get(name).is_some_and(|came| members.iter().all(|(name, value)| came.get(name) == Some(value)))
    };
    rows.len() == came_rows.len() && rows.iter().all(row_fits)
}

/// Checks that the table by type has this number of rows, these first.
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
