//! Reads most lines without the parser: names, strings without escapes, and whole numbers. This halves the time for the
//! lines of a small job. The parser reads all other values, one by one.
//!
//! The fast path refuses no line. It leaves each line that is not plain, valid or not, to the parser. Invariant: a line
//! that is read here has exactly the members that the parser would find. Deliberately absent are names with escapes,
//! and white space except one space after a brace, a comma or a colon.

use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;
use wide::u8x16;

use super::members::{Members, Name, common_name, is_too_deep};
use crate::limits::DEPTH_MAX;

/// The beginnings of lines about a job without spaces. Comparing a beginning takes less time than reading a member.
const BEGINNINGS: [&str; 2] = [r#"{"cmd":"do""#, r#"{"cmd":"did""#];

/// The offset of the value of `cmd` in both.
const CMD_AT: usize = r#"{"cmd":"#.len();

/// The number of bytes that are searched at once for the end of a string.
const LANES: usize = 16;

/// The parser reads strings of more bytes than this.
const LONG_BYTES: usize = 256;

/// Adds the members of a plain line that begins `text`, which may go on with further lines. Returns the offset behind the
/// brace that closes the line's object. `None` if the parser has to read the line; then some members may have been added.
#[inline]
pub(super) fn read<'a>(mut text: &'a str, members: &mut Members<'a>) -> Option<usize> {
    if text.as_bytes().first() != Some(&b'{') {
        return None;
    }
    let mut at = 0; // The offset of the brace or the comma before a member.
    if let Some(beginning) = BEGINNINGS.iter().find(|beginning| text.starts_with(**beginning)) {
        at = beginning.len();
        members.add_known(Name::Cmd as usize, &text[CMD_AT..at]);
        if text.as_bytes().get(at) != Some(&b',') {
            return None;
        }
    }
    let mut ends_with_line = false;
    loop {
        let bytes = text.as_bytes();
        let name = behind_space(bytes, at + 1);
        let (common, colon_end) = match common_name(bytes, name) {
            Some((name, colon_end)) => (Some(name), colon_end),
            None => (None, other_name_end(bytes, name)?),
        };
        let value = behind_space(bytes, colon_end);
        let plain_end = plain_end(bytes, value);
        if plain_end.is_none() && !ends_with_line {
            text = first_line(text, value)?;
            ends_with_line = true;
        }
        let value_end = plain_end.or_else(|| parsed_end(text, value))?;
        let value_text = &text[value..value_end];
        match common {
            Some(name) => members.add_known(name as usize, value_text),
            None => members.add(&bytes[name + 1..colon_end - 2], value_text),
        }
        match bytes.get(value_end)? {
            b',' => at = value_end,
            b'}' => return Some(value_end + 1),
            _ => return None,
        }
    }
}

/// Returns `text` up to the line end after `at`. The parser would take a line end for white space. `None` if `at` is not
/// in `text`.
#[inline(never)]
fn first_line(text: &str, at: usize) -> Option<&str> {
    let rest = text.as_bytes().get(at..)?;
    Some(memchr(b'\n', rest).map_or(text, |end| &text[..at + end]))
}

/// Returns the offset behind the colon after the name that begins at `name`. Not inlined, because that would slow the
/// loop over the members.
#[inline(never)]
fn other_name_end(bytes: &[u8], name: usize) -> Option<usize> {
    let end = string_end(bytes, name)?;
    (bytes.get(end) == Some(&b':')).then_some(end + 1)
}

/// Skips a space at `at`, if there is one.
fn behind_space(bytes: &[u8], at: usize) -> usize {
    at + usize::from(bytes.get(at) == Some(&b' '))
}

/// Returns where the plain value that begins at `at` ends; `None` if there is none.
fn plain_end(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at)? {
        b'"' => string_end(bytes, at),
        b'1'..=b'9' => {
            let end = match marked(bytes, at, number_marks) {
                Some(marks @ 1..) => at + marks.trailing_zeros() as usize,
                _ => at + bytes[at..].iter().position(|byte| !byte.is_ascii_digit())?,
            };
            matches!(bytes[end], b',' | b'}').then_some(end)
        }
        _ => None,
    }
}

/// Returns where any value that begins at `at` ends; `None` if there is no valid value. Not inlined, because that would
/// slow the loop over the members.
#[inline(never)]
fn parsed_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let mut parser = serde_json::Deserializer::from_str(rest);
    let value = <&RawValue>::deserialize(&mut parser).ok()?.get();
    // The parser skips white space before the value, and then the value's length does not show where it ends.
    let at_once = rest.as_bytes().first() == value.as_bytes().first();
    let legal = memchr(b'\r', value.as_bytes()).is_none() && !is_too_deep(value.as_bytes(), DEPTH_MAX - 1);
    (at_once && legal).then_some(at + value.len())
}

/// Returns where the string that begins at `at` ends, its quotes included; `None` if there is none, none without
/// escapes, or a long one. Searches sixteen bytes at once: a call of `memchr` costs more than most strings, and does
/// not find control characters.
#[inline]
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    match marked(bytes, at + 1, string_marks)? {
        0 => rest_of_string_end(bytes, at + 1 + LANES),
        marks => behind_quote(bytes, at + 1 + marks.trailing_zeros() as usize),
    }
}

/// The same for a string that does not end before `at`, [`LANES`] bytes after its first one.
#[inline(never)]
fn rest_of_string_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let longest = at - LANES + LONG_BYTES;
    while at < longest {
        match marked(bytes, at, string_marks)? {
            0 => at += LANES,
            marks => return behind_quote(bytes, at + marks.trailing_zeros() as usize),
        }
    }
    None
}

/// Returns the offset after `at` if there is a quote at `at`.
#[inline]
fn behind_quote(bytes: &[u8], at: usize) -> Option<usize> {
    (bytes.get(at) == Some(&b'"')).then_some(at + 1)
}

/// Returns what `marks` gives for the [`LANES`] bytes from `at`: one bit for each, the lowest for the first. `None` if none
/// is marked, and the line ends before them.
#[inline]
fn marked(bytes: &[u8], at: usize, marks: impl Fn(&[u8; LANES]) -> u32) -> Option<u32> {
    if let Some(next) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        return Some(marks(next));
    }
    let marks = match bytes.last_chunk() {
        // The last bytes of the line begin before `at`.
        Some(last) => marks(last) >> (at + LANES - bytes.len()).min(LANES),
        None => marks(&padded(bytes)) >> at.min(LANES),
    };
    (marks != 0).then_some(marks)
}

/// Returns the bytes of a line that has fewer than [`LANES`], and after them what ends neither a string nor a number.
#[inline(never)]
fn padded(bytes: &[u8]) -> [u8; LANES] {
    let mut padded = [b'0'; LANES];
    padded[..bytes.len()].copy_from_slice(bytes);
    padded
}

/// Marks bytes at which a whole number ends: all but digits.
#[inline]
fn number_marks(bytes: &[u8; LANES]) -> u32 {
    let bytes = u8x16::new(*bytes);
    let below = bytes.simd_eq(bytes.min(u8x16::splat(b'0' - 1)));
    let above = bytes.simd_eq(bytes.max(u8x16::splat(b'9' + 1)));
    (below | above).to_bitmask()
}

/// Marks bytes at which a plain string ends: quotes, backslashes and control characters.
#[inline]
fn string_marks(bytes: &[u8; LANES]) -> u32 {
    let bytes = u8x16::new(*bytes);
    let equal = |byte: u8| bytes.simd_eq(u8x16::splat(byte));
    let control = bytes.simd_eq(bytes.min(u8x16::splat(b' ' - 1)));
    (equal(b'"') | equal(b'\\') | control).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::super::corpus::{Random, changed, lines, whole_lines};
    use super::*;

    /// Returns whether the line is read here. Checks that it is then read as by the parser.
    fn is_taken(line: &str) -> bool {
        let mut members = Members::default();
        let taken = (read(line, &mut members) == Some(line.len())).then_some(members);
        let same = taken.is_none() || taken == Members::parse(line).ok();
        assert!(same, "{line}: {taken:?}, but {:?}", Members::parse(line));
        taken.is_some()
    }

    #[test]
    fn plain_lines_are_taken() {
        for line in [
            r#"{"cmd":"ping"}"#,
            r#"{"cmd":"do","id":17,"type":"t","arg":"some text"}"#,
            r#"{"cmd": "did", "job": 17, "res": "done"}"#,
            r#"{"cmd":"did","job":17,"res":"done"}"#,
            r#"{"cmd":"do","cmd":"did","id":1}"#,
            r#"{"cmd":"dog","id":1}"#,
            r#"{"cmd":"do", "id":1}"#,
            r#"{ "id":"","id":1,"id":9007199254740993}"#,
            r#"{"arg":{"a": [1 , 2.5],"b":"\u0061"},"id":-0}"#,
            r#"{"id":0,"res":null,"err":true,"arg":"\"\\","code":1e400}"#,
            "{\"type\":\"\u{e9}\u{2028}\u{7f}\",\"\":\"{[,:}\"}",
            r#"{"cmd":"do","id":1,"type":"t","priority":-5,"delay_ms":0,"key":"k","cancellable":true,"progress":false}"#,
            r#"{"deadline_ms":10,"run_limit_ms":2592000000,"attempts":1,"need_worker":true,"background":false,"wait_ms":0,"data":[1]}"#,
            r#"{"key":"k","key":"k","data":{},"data":null}"#,
        ] {
            assert!(is_taken(line), "{line}");
        }
    }

    /// The parser reads all other values.
    #[test]
    fn strings_without_escapes_and_whole_numbers_need_no_parser() {
        let end = |value: &str| plain_end(value.as_bytes(), 0);
        for (value, len) in
            [(r#""","#, 2), (r#""some text"}"#, 11), (r#""{ [,:""#, 7), ("1,", 1), ("907}", 3), ("19]}", 0)]
        {
            assert_eq!(end(value), (len > 0).then_some(len), "{value}");
        }
        for value in ["0,", "-1,", "null,", "true}", "[1]}", r#""a\n","#, "\"\t\",", "1", r#""open"#, ""] {
            assert_eq!(end(value), None, "{value}");
        }
        assert_eq!(plain_end(br#"{"id":17}"#, 6), Some(8));
    }

    #[test]
    fn the_bytes_that_end_a_string_are_marked() {
        for byte in 0..=255 {
            let ends = byte == b'"' || byte == b'\\' || byte < b' ';
            for at in 0..LANES {
                let mut bytes = [b'!'; LANES];
                bytes[at] = byte;
                assert_eq!(string_marks(&bytes), u32::from(ends) << at, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn the_bytes_that_end_a_number_are_marked() {
        for byte in 0..=255_u8 {
            for at in 0..LANES {
                let mut bytes = [b'7'; LANES];
                bytes[at] = byte;
                assert_eq!(number_marks(&bytes), u32::from(!byte.is_ascii_digit()) << at, "{byte} at {at}");
            }
        }
    }

    #[test]
    fn a_number_ends_at_the_same_byte_wherever_it_begins_in_a_line_of_any_length() {
        for (before, digits, after) in (0..20).flat_map(|a| (1..40).flat_map(move |b| (0..20).map(move |c| (a, b, c))))
        {
            let line = [&vec![b'-'; before][..], &vec![b'7'; digits], b",", &vec![b'-'; after]].concat();
            let end = before + digits;
            assert_eq!(plain_end(&line, before), Some(end), "{}", line.escape_ascii());
            assert_eq!(plain_end(&line[..end], before), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_string_ends_at_the_same_byte_wherever_it_begins_in_a_line_of_any_length() {
        for (before, inside, after) in (0..20).flat_map(|a| (0..40).flat_map(move |b| (0..20).map(move |c| (a, b, c))))
        {
            let line = [&vec![b'-'; before][..], b"\"", &vec![b'x'; inside], b"\"", &vec![b'-'; after]].concat();
            let end = before + inside + 2;
            assert_eq!(string_end(&line, before), Some(end), "{}", line.escape_ascii());
            assert_eq!(string_end(&line[..end - 1], before), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn other_lines_are_left_to_the_parser() {
        for line in [
            "",
            "{",
            "{}",
            "{ }",
            "[]",
            r#""cmd""#,
            r#"{"cmd":"ping"} "#,
            r#" {"cmd":"ping"}"#,
            r#"{"cmd":"ping",}"#,
            r#"{"cmd":"ping"}}"#,
            r#"{"cmd":"do"}"#,
            r#"{"cmd":"do""#,
            r#"{"cmd":"did" ,"job":1}"#,
            r#"{"cmd":"did","#,
            r#"{"cmd":"do",,"id":1}"#,
            r#"{"cmd":"ping""#,
            r#"{"cmd" :"ping"}"#,
            r#"{"cmd":  "ping"}"#,
            r#"{"cmd":"ping" }"#,
            r#"{"cmd":}"#,
            r#"{"cmd"}"#,
            r#"{"cmd"#,
            r#"{"cmd":"pi"#,
            r#"{"\u0063md":"ping"}"#,
            r#"{"cmd":"ping","\u006bey":1}"#,
            r#"{"priority":-}"#,
            r#"{"priority":+5}"#,
            r#"{"attempts":05}"#,
            r#"{"cancellable":True}"#,
            "{\"cmd\":\"p\ting\"}",
            "{\"cmd\":\"ping\r\"}",
            "{\"cmd\":\"ping\",\r\"id\":1}",
            "{\"c\0md\":\"ping\"}",
            r#"{"id":01}"#,
            r#"{"id":1"#,
            r#"{"id":1a}"#,
            r#"{"id":1 "cmd":1}"#,
            r#"{"id":  null}"#,
            r#"{"id":null }"#,
            r#"{"id":nul}"#,
            "{\"arg\":[\r]}",
            r#"{"arg":[1,]}"#,
            r#"{"arg":[}}"#,
            r#"{"arg":{"id":1}"#,
            r"{1:1}",
        ] {
            assert!(!is_taken(line), "{line}");
        }
    }

    #[test]
    fn mutated_lines_are_read_as_by_the_parser() {
        let (mut random, seeds) = (Random::new(3), whole_lines());
        let mutated = (0..200_000).map(|_| changed(&mut random, &seeds));
        let taken = mutated.filter(|line| str::from_utf8(line).is_ok_and(is_taken)).count();
        assert!(taken > 20_000, "only {taken} lines were taken");
        for bytes in [255, 256, 257, 10_000] {
            assert!(is_taken(&format!(r#"{{"arg":"{}"}}"#, "x".repeat(bytes))));
            assert!(!is_taken(&format!(r#"{{"{}":1}}"#, "x".repeat(bytes))) || bytes < 256);
        }
        let taken = lines().iter().filter(|line| str::from_utf8(line).is_ok_and(is_taken)).count();
        assert!(taken > 400, "only {taken} lines of the corpus were taken");
    }
}
