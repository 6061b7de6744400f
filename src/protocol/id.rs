//! Compares job ids. Two are the same if they are the same text, the same string after unescaping, or numbers of the same
//! double value.
//!
//! Ids are kept and sent as received. Only this module parses them.

use std::hash::{Hash, Hasher};

use super::string::unescape;

/// Returns whether two ids, JSON strings or numbers as received, are equal.
#[inline]
pub fn same(a: &str, b: &str) -> bool {
    a == b || same_in_other_words(a, b)
}

#[cold]
fn same_in_other_words(a: &str, b: &str) -> bool {
    same_string(a, b) || same_number(a, b)
}

/// An id for hashing. Equal ids have the same hash.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<'a>(pub &'a str);

impl Hash for Hashed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if is_short_whole(self.0) {
            return state.write(self.0.as_bytes());
        }
        hash_other(self.0, state);
    }
}

/// Hashes an id that is no short whole number. Not inlined, because most ids are.
#[inline(never)]
fn hash_other<H: Hasher>(id: &str, state: &mut H) {
    if let Some(value) = double(id) {
        let value = value + 0.0; // -0 and 0 are equal, and their sum with 0 is 0.
        if value.fract() == 0.0 && (0.0..WHOLE_END).contains(&value) {
            return state.write(value.to_string().as_bytes());
        }
        return state.write_u64(value.to_bits());
    }
    match unescape(id) {
        Some(meaning) => state.write(&meaning),
        None => state.write(id.as_bytes()),
    }
    // Not the hash of the number with the same text.
    state.write_u8(0);
}

fn same_string(a: &str, b: &str) -> bool {
    // Two different texts without escapes are different strings. Most comparisons with held jobs end here.
    let escaped = [a, b].iter().any(|text| text.contains('\\'));
    escaped && unescape(a).is_some_and(|a| unescape(b) == Some(a))
}

fn same_number(a: &str, b: &str) -> bool {
    double(a).is_some_and(|a| double(b) == Some(a))
}

/// Digits of a short whole number, which a double holds exactly.
const SHORT_DIGITS: usize = 15;
/// The first whole number that is longer.
const WHOLE_END: f64 = 1e15;

/// Returns whether an id is a whole number of a few digits. Then no other such text has its value.
#[inline]
fn is_short_whole(id: &str) -> bool {
    id.len() <= SHORT_DIGITS && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns the value of a JSON number. `None` for a string, and for a number too large for a double: all such numbers would
/// be equal.
fn double(id: &str) -> Option<f64> {
    if id.starts_with('"') {
        return None;
    }
    id.parse().ok().filter(|value: &f64| value.is_finite())
}

#[cfg(test)]
mod tests {
    use ahash::RandomState;

    use super::*;

    #[test]
    fn ids_are_the_same_by_text_meaning_or_value() {
        for (a, b) in [
            ("1", "1"),
            (r#""a""#, r#""a""#),
            (r#""a""#, r#""\u0061""#),
            (r#""\u00e9""#, "\"\u{e9}\""),
            (r#""\/""#, r#""/""#),
            (r#""\ud83d\ude00""#, "\"\u{1f600}\""),
            (r#""\ud800""#, r#""\uD800""#),
            ("1", "1.0"),
            ("100", "1e2"),
            ("1E+2", "1e2"),
            ("0.1", "1e-1"),
            ("-0", "0"),
            ("-0.0", "0e5"),
            ("1e-400", "0"),
            // The longest whole number that is hashed as text, and the shortest that is not.
            ("999999999999999", "999999999999999.0"),
            ("1000000000000000", "1e15"),
            ("9007199254740992", "9007199254740993"),
            ("1e400", "1e400"),
        ] {
            assert!(same(a, b) && same(b, a), "{a} and {b}");
            let state = RandomState::with_seeds(1, 2, 3, 4);
            assert_eq!(state.hash_one(Hashed(a)), state.hash_one(Hashed(b)), "{a} and {b}");
        }
    }

    #[test]
    fn other_ids_are_different() {
        for (a, b) in [
            ("1", "2"),
            ("1", "-1"),
            ("1", r#""1""#),
            (r#""1""#, r#""1.0""#),
            (r#""1""#, r#""\u0031.0""#),
            (r#""a""#, r#""A""#),
            (r#""\u0061""#, r#""b""#),
            (r#""\ud800""#, r#""\ud801""#),
            (r#""\ud800""#, r#""\ufffd""#),
            ("\"\u{e9}\"", r#""e\u0301""#),
            ("1e400", "1e401"),
            ("1e400", "10e399"),
            ("1e400", "-1e400"),
            ("9007199254740992", "9007199254740994"),
            (r#""inf""#, "1e400"),
            (r#""\u0031""#, "1"),
        ] {
            assert!(!same(a, b) && !same(b, a), "{a} and {b}");
            // Otherwise tables by id would be lists.
            let state = RandomState::with_seeds(1, 2, 3, 4);
            assert_ne!(state.hash_one(Hashed(a)), state.hash_one(Hashed(b)), "{a} and {b}");
        }
    }

    #[test]
    fn numbers_of_any_length_are_compared() {
        let ones = "1".repeat(400);
        assert!(same(&ones, &ones));
        assert!(!same(&ones, &format!("{ones}1")), "both overflow, so only the text counts");
        let fraction = format!("0.1{}", "0".repeat(5_000));
        assert!(same(&fraction, "0.1"));
    }
}
