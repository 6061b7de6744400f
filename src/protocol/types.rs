//! Decodes types, lists of types, and keys. A list of types in a long line is read while it arrives.

use std::borrow::Cow;
use std::fmt;

use ahash::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
use memchr::memchr2;
use serde::Deserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::string::{escape, plain_text, unescape};
use crate::limits::{TYPE_BYTES_MAX, TYPES_PER_CONNECTION_MAX};

/// The canonical text of a type: the text between the quotes, encoded with the shortest escapes. Two types are equal
/// exactly if these texts are equal.
pub type TypeName<'a> = Cow<'a, str>;

/// Returns a type's canonical text; `None` if it is not a valid type.
#[inline]
pub(super) fn type_name(raw: &str) -> Option<TypeName<'_>> {
    canonical(raw, TYPE_BYTES_MAX)
}

/// Returns the canonical text of a string that has 1 to `bytes_max` bytes unescaped, without lone surrogates. Without an
/// escape it is the text in the line. `None` if it is another value.
#[inline(always)]
pub(super) fn canonical(raw: &str, bytes_max: usize) -> Option<Cow<'_, str>> {
    let fits = |bytes: &[u8]| (1..=bytes_max).contains(&bytes.len());
    if let Some(text) = plain_text(raw) {
        return fits(text.as_bytes()).then_some(Cow::Borrowed(text));
    }
    let meaning = unescape(raw)?.into_owned();
    if !fits(&meaning) {
        return None;
    }
    String::from_utf8(meaning).ok().map(|meaning| escape(&meaning).into())
}

/// Returns the types of a list, each once; `None` if it is another value, if an element is not a valid type, or if
/// there are more than [`TYPES_PER_CONNECTION_MAX`] different ones.
pub(super) fn type_names(raw: &str) -> Option<Vec<TypeName<'_>>> {
    // For another value, the parser's error would quote the whole value.
    raw.starts_with('[').then(|| serde_json::Deserializer::from_str(raw).deserialize_seq(TypeNames).ok())?
}

/// Receives the elements of a list of types.
struct TypeNames;

impl<'de> Visitor<'de> for TypeNames {
    type Value = Vec<TypeName<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of types")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut types = Different::default();
        while let Some(element) = list.next_element::<&RawValue>()? {
            if !type_name(element.get()).is_some_and(|name| types.add(name)) {
                return Err(A::Error::custom("not a type, or one too many"));
            }
        }
        Ok(types.names)
    }
}

/// Different types, in the order in which they came.
#[derive(Debug, Default)]
struct Different<'a> {
    names: Vec<TypeName<'a>>,
    /// The positions of the types in `names`.
    places: HashTable<usize>,
    hasher: RandomState,
}

impl<'a> Different<'a> {
    /// Adds a type, unless it is in the list. Returns whether there are not too many.
    fn add(&mut self, name: TypeName<'a>) -> bool {
        let Self { names, places, hasher } = self;
        let hash = hasher.hash_one(&*name);
        if let Entry::Vacant(entry) = places.entry(hash, |&at| names[at] == name, |&at| hasher.hash_one(&*names[at])) {
            if names.len() == TYPES_PER_CONNECTION_MAX {
                return false;
            }
            entry.insert(names.len());
            names.push(name);
        }
        true
    }
}

impl PartialEq for Different<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.names == other.names
    }
}

/// A list of types that is read while it arrives. Keeps at most as many types as a valid list has.
#[derive(Debug, Default, PartialEq)]
pub(super) struct TypeListReader {
    types: Different<'static>,
    /// The arrived part of the current element, with its quotes.
    element: Vec<u8>,
    /// Whether its last byte is a backslash that escapes the next one.
    is_escaping: bool,
    has_begun: bool,
    is_invalid: bool,
}

/// The maximum bytes of a type with its quotes, if each byte of it is escaped.
const ELEMENT_BYTES_MAX: usize = 6 * TYPE_BYTES_MAX + 2;

impl TypeListReader {
    /// Takes the next bytes of the value, whose syntax has been checked.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while !self.is_invalid
            && let Some(&byte) = bytes.get(at)
        {
            if self.element.is_empty() {
                self.between(byte);
                at += 1;
            } else {
                at += self.inside(&bytes[at..]);
            }
        }
    }

    /// Returns what [`type_names`] returns for the whole value.
    pub(super) fn finish(self) -> Option<Vec<TypeName<'static>>> {
        (!self.is_invalid).then_some(self.types.names)
    }

    /// Takes a byte between elements.
    fn between(&mut self, byte: u8) {
        match byte {
            b'"' if self.has_begun => self.element.push(byte),
            b'[' if !self.has_begun => self.has_begun = true,
            b',' | b']' | b' ' | b'\t' if self.has_begun => {}
            _ => self.is_invalid = true,
        }
    }

    /// Takes bytes of an element, up to its end. Returns how many.
    fn inside(&mut self, bytes: &[u8]) -> usize {
        if std::mem::take(&mut self.is_escaping) {
            self.element.push(bytes[0]);
            return 1;
        }
        let end = memchr2(b'"', b'\\', bytes);
        let taken = end.map_or(bytes.len(), |end| end + 1);
        if self.element.len() + taken > ELEMENT_BYTES_MAX {
            self.is_invalid = true;
        } else {
            self.element.extend_from_slice(&bytes[..taken]);
            match end.map(|end| bytes[end]) {
                Some(b'"') => self.end_element(),
                Some(_) => self.is_escaping = true,
                None => {}
            }
        }
        taken
    }

    fn end_element(&mut self) {
        let name = str::from_utf8(&self.element).ok().and_then(type_name);
        self.is_invalid |= !name.is_some_and(|name| self.types.add(name.into_owned().into()));
        self.element.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str, piece_bytes: usize) -> Option<Vec<TypeName<'static>>> {
        let mut reader = TypeListReader::default();
        raw.as_bytes().chunks(piece_bytes).for_each(|piece| reader.push(piece));
        reader.finish()
    }

    #[test]
    fn a_list_that_arrives_is_read_as_the_whole() {
        let escaped = "\\u0001".repeat(TYPE_BYTES_MAX);
        let list = |count| (0..count).map(|nth| format!("\"t\",\"t{nth}\"")).collect::<Vec<_>>().join(",");
        for (raw, valid) in [
            ("[]".to_owned(), true),
            ("[ ]".to_owned(), true),
            (r#"["a"]"#.to_owned(), true),
            ("[ \"b\" ,\t\"a\" , \"b\"]".to_owned(), true),
            (r#"["\u0061\\","\"","\"\\\"","\u00e9é"]"#.to_owned(), true),
            (format!("[\"{escaped}\",\"{}\"]", "é".repeat(127)), true),
            (format!("[\"{escaped}a\"]"), false),
            (format!("[\"{}\"]", "é".repeat(128)), false),
            (format!("[\"{}\"]", "x".repeat(10_000)), false),
            (format!("[{}]", list(TYPES_PER_CONNECTION_MAX - 1)), true),
            (format!("[{},\"t7\",\"\\u0074\"]", list(TYPES_PER_CONNECTION_MAX - 1)), true),
            (format!("[{}]", list(TYPES_PER_CONNECTION_MAX)), false),
            (r#"["a",""]"#.to_owned(), false),
            (r#"["\ud800"]"#.to_owned(), false),
            (r#"["a",["b"]]"#.to_owned(), false),
            (r#"["a",1]"#.to_owned(), false),
            (r#"["a",null]"#.to_owned(), false),
            (r#"["a",{"b":"c"}]"#.to_owned(), false),
            (r#""a""#.to_owned(), false),
            (r#"{"a":"b"}"#.to_owned(), false),
            ("12".to_owned(), false),
        ] {
            let whole = type_names(&raw);
            assert_eq!(whole.is_some(), valid, "{raw:.100}");
            for piece_bytes in [1, 2, 7, 100_000] {
                assert!(read(&raw, piece_bytes) == whole, "{raw:.100}");
            }
        }
    }

    /// So what the end of a line costs does not depend on how many bytes its list has.
    #[test]
    fn what_is_kept_of_a_list_is_limited() {
        let mut reader = TypeListReader::default();
        reader.push(b"[");
        let much = 100 * ELEMENT_BYTES_MAX;
        for bytes in [" ".repeat(much), "\"t\" ,".repeat(much), format!("\"{}", "x".repeat(much))] {
            reader.push(bytes.as_bytes());
            assert!(reader.types.names.len() <= 1 && reader.element.capacity() <= 2 * ELEMENT_BYTES_MAX);
        }
        assert_eq!(reader.finish(), None);
    }
}
