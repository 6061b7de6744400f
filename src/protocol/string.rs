//! Escapes and unescapes JSON strings.
//!
//! Unescaped text is bytes, not `str`, because an escape may be half of a surrogate pair, which a `str` cannot contain.
//! Such a half becomes the three bytes that UTF-8 would give it (WTF-8). So two strings are equal exactly if their
//! bytes are equal.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Returns the text between the quotes of `raw`, a JSON string whose syntax has been checked. `None` if it is another
/// value.
pub(super) fn between_quotes(raw: &str) -> Option<&str> {
    raw.strip_prefix('"')?.strip_suffix('"')
}

/// The same, if there is no escape between the quotes. `None` if there is one.
pub(super) fn plain_text(raw: &str) -> Option<&str> {
    between_quotes(raw).filter(|inside| !inside.as_bytes().contains(&b'\\'))
}

/// Unescapes `raw`, a JSON string with its quotes whose syntax has been checked. `None` if it is another value. Allocates
/// only if there is an escape.
pub(super) fn unescape(raw: &str) -> Option<Cow<'_, [u8]>> {
    if let Some(inside) = plain_text(raw) {
        return Some(Cow::Borrowed(inside.as_bytes()));
    }
    between_quotes(raw)?;
    let mut parser = serde_json::Deserializer::from_str(raw);
    let meaning = parser.deserialize_bytes(Meaning).expect("the syntax has been checked, and bytes hold any code unit");
    Some(Cow::Owned(meaning))
}

/// Escapes a text, with the shortest escapes. Returns the text for between the quotes.
pub(super) fn escape(meaning: &str) -> String {
    let mut text = serde_json::to_string(meaning).expect("a str is always JSON");
    text.pop();
    text.remove(0);
    text
}

/// Receives a string as bytes. The parser refuses a `str` with lone surrogates.
struct Meaning;

impl Visitor<'_> for Meaning {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        for (raw, meaning) in [
            (r#""""#, &b""[..]),
            (r#""plain""#, b"plain"),
            (r#""\u0064o""#, b"do"),
            (r#""\"\\\/\b\f\n\r\t\u0000""#, b"\"\\/\x08\x0c\n\r\t\0"),
            (r#""\u00e9\u20AC\ud83d\ude00""#, "\u{e9}\u{20ac}\u{1f600}".as_bytes()),
            (r#""\ud800""#, b"\xed\xa0\x80"),
            (r#""\udc00x""#, b"\xed\xb0\x80x"),
            (r#""\ud800\n""#, b"\xed\xa0\x80\n"),
            (r#""\ud800\ud83d\ude00""#, b"\xed\xa0\x80\xf0\x9f\x98\x80"),
        ] {
            assert_eq!(unescape(raw).as_deref(), Some(meaning), "{raw}");
        }
    }

    #[test]
    fn only_strings_have_a_meaning() {
        for raw in ["1", "null", "true", "[\"a\"]", "{\"a\":\"b\"}"] {
            assert_eq!(unescape(raw), None, "{raw}");
        }
    }

    #[test]
    fn encoding_takes_the_shortest_escapes() {
        assert_eq!(
            escape("a/\"\\\u{8}\u{c}\n\r\t\0\u{1f}\u{7f}\u{e9}"),
            "a/\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\u{7f}\u{e9}"
        );
        assert_eq!(escape(""), "");
    }
}
