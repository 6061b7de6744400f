//! Reads most lines without the parser: names, strings without escapes, and whole numbers. That halves the time for the
//! lines of a small job. The parser reads other values, one by one.
//!
//! Nothing is refused here. A line that is not plain, valid or not, is left to the parser as a whole. Invariant: a line that
//! is read here has exactly the members that the parser would find. Deliberately absent are names with escapes, and white
//! space except one space after a brace, a comma or a colon.

use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::members::{Members, is_too_deep};
use crate::limits::DEPTH_MAX;

/// How a line about a job begins if its client puts no spaces. Comparing it takes less than reading a member.
const BEGINNINGS: [&str; 2] = [r#"{"cmd":"do""#, r#"{"cmd":"did""#];

/// Where the value begins in each of them.
const CMD_AT: usize = r#"{"cmd":"#.len();

/// Returns the members of a plain line; `None` if the parser has to read it.
pub(super) fn read(text: &str) -> Option<Members<'_>> {
    let bytes = text.as_bytes();
    if bytes.first() != Some(&b'{') {
        return None;
    }
    let mut members = Members::default();
    let mut at = 0; // Of the brace or the comma before a member.
    if let Some(beginning) = BEGINNINGS.iter().find(|beginning| text.starts_with(**beginning)) {
        at = beginning.len();
        members.add(b"cmd", &text[CMD_AT..at]);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
    }
    loop {
        let name = behind_space(bytes, at + 1);
        let name_end = string_end(bytes, name)?;
        if bytes.get(name_end) != Some(&b':') {
            return None;
        }
        let value = behind_space(bytes, name_end + 1);
        let value_end = plain_end(bytes, value).or_else(|| parsed_end(text, value))?;
        members.add(&bytes[name + 1..name_end - 1], &text[value..value_end]);
        match bytes.get(value_end)? {
            b',' => at = value_end,
            b'}' if value_end + 1 == bytes.len() => return Some(members),
            _ => return None,
        }
    }
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
            let end = at + bytes[at..].iter().position(|byte| !byte.is_ascii_digit())?;
            matches!(bytes[end], b',' | b'}').then_some(end)
        }
        _ => None,
    }
}

/// Returns where the value that begins at `at` ends, whatever it is; `None` if there is none that a line may have. Not
/// inlined, because that would slow the loop over the members.
#[inline(never)]
fn parsed_end(text: &str, at: usize) -> Option<usize> {
    let rest = &text[at..];
    let mut parser = serde_json::Deserializer::from_str(rest);
    let value = <&RawValue>::deserialize(&mut parser).ok()?.get();
    // The parser passes over white space before the value, and then its length does not tell where it ends.
    let at_once = rest.as_bytes().first() == value.as_bytes().first();
    let legal = memchr(b'\r', value.as_bytes()).is_none() && !is_too_deep(value.as_bytes(), DEPTH_MAX - 1);
    (at_once && legal).then_some(at + value.len())
}

/// Returns where the string that begins at `at` ends, its quotes included; `None` if there is none, none without escapes, or
/// a long one. Looks at eight bytes at once: a call of `memchr` costs more than most strings, and knows no control characters.
#[inline]
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    // Names and other short strings end in the first word.
    match first_mark(bytes, at + 1) {
        Some(end) if end < at + 9 => (bytes.get(end) == Some(&b'"')).then_some(end + 1),
        _ => rest_of_string_end(bytes, at + 1),
    }
}

/// Returns the place of the first byte that ends a plain string, of the eight that begin at `at`. It is `at + 8` if there is
/// none, and `None` if there are fewer than eight bytes.
#[inline]
fn first_mark(bytes: &[u8], at: usize) -> Option<usize> {
    let word = u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?);
    Some(at + string_marks(word).trailing_zeros() as usize / 8)
}

/// The same as [`string_end`] for a string whose first character is at `begin`.
#[inline(never)]
fn rest_of_string_end(bytes: &[u8], begin: usize) -> Option<usize> {
    const LONG_BYTES: usize = 256;
    let mut end = begin;
    while let Some(mark) = first_mark(bytes, end) {
        if mark < end + 8 {
            return (bytes.get(mark) == Some(&b'"')).then_some(mark + 1);
        }
        end = mark;
        if end - begin >= LONG_BYTES {
            return None;
        }
    }
    end += bytes.get(end..)?.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
    (bytes.get(end) == Some(&b'"')).then_some(end + 1)
}

/// Marks bytes at which a plain string ends: quotes, backslashes and control characters. The lowest bit that is set is the
/// highest bit of the first such byte; bits above it mean nothing.
fn string_marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // A byte that is less than `limit` borrows from its highest bit, which `!word` then keeps. A borrow that comes from the
    // byte below begins at a marked byte.
    let below = |word: u64, limit: u8| word.wrapping_sub(ONES * u64::from(limit)) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (equal(b'"') | equal(b'\\') | below(word, b' ')) & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::super::corpus::{Random, changed, lines, whole_lines};
    use super::*;

    /// Returns whether the line is read here. Checks that it is then read as by the parser.
    fn is_taken(line: &str) -> bool {
        let taken = read(line);
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
    fn the_first_byte_that_ends_a_string_is_found() {
        let plain = [b'!', b'#', b'[', b']', 0x7f, 0x80, 0xff, b'a'];
        let ends = [b'"', b'\\', 0, 1, 0x1f];
        assert_eq!(string_marks(u64::from_le_bytes(plain)), 0);
        for turned in 0..8 {
            let mut before = plain;
            before.rotate_left(turned);
            for (at, end) in (0..8).flat_map(|at| ends.map(|end| (at, end))) {
                let mut word = before;
                word[at] = end;
                for after in 0..=255 {
                    word[at + 1..].fill(after);
                    let marks = string_marks(u64::from_le_bytes(word));
                    assert_eq!(marks.trailing_zeros() as usize / 8, at, "{word:?}");
                }
            }
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
