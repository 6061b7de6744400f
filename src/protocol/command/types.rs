//! Names that are compared: types, their lists, and keys.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{Error, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::TypeName;
use crate::limits::TYPE_BYTES_MAX;
use crate::protocol::string::{between_quotes, escape, unescape};

/// Returns a type's canonical text; `None` if it is no type.
#[inline]
pub(super) fn type_name(raw: &str) -> Option<TypeName<'_>> {
    canonical(raw, TYPE_BYTES_MAX)
}

/// Returns the canonical text of a string that has 1 to `bytes_max` bytes unescaped, without lone surrogates. Without an
/// escape it is the text in the line. `None` if it is another value.
#[inline]
pub(super) fn canonical(raw: &str, bytes_max: usize) -> Option<Cow<'_, str>> {
    match unescape(raw)? {
        meaning if !(1..=bytes_max).contains(&meaning.len()) => None,
        Cow::Borrowed(_) => between_quotes(raw).map(Cow::Borrowed),
        Cow::Owned(meaning) => String::from_utf8(meaning).ok().map(|meaning| escape(&meaning).into()),
    }
}

/// Returns a list of types; `None` if it is another value, if one of them is no type, or if there are more than
/// `count_max`.
pub(super) fn type_names(raw: &str, count_max: usize) -> Option<Vec<TypeName<'_>>> {
    // Given another value, the parser would make an error that quotes all of it.
    raw.starts_with('[')
        .then(|| serde_json::Deserializer::from_str(raw).deserialize_seq(TypeNames { count_max }).ok())?
}

/// Receives the elements of a list of types.
struct TypeNames {
    count_max: usize,
}

impl<'de> Visitor<'de> for TypeNames {
    type Value = Vec<TypeName<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of types")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut names = Vec::new();
        while let Some(element) = list.next_element::<&RawValue>()? {
            let name = type_name(element.get()).filter(|_| names.len() < self.count_max);
            names.push(name.ok_or_else(|| A::Error::custom("not a type, or one too many"))?);
        }
        Ok(names)
    }
}
