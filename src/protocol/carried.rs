//! Carried values: JSON that the server passes on unchanged.
//!
//! A short value is copied from its line. A long value is cut into chunks when it arrives. Its job, its answer and the
//! unsent bytes of connections share these chunks, so passing the value on needs no copy, and no chunk is large.

use std::fmt;
use std::sync::Arc;

use super::chunks;
use crate::limits::CHUNK_BYTES;

/// A carried value: `arg`, `res`, `err` or `data`, without the white space around it.
#[derive(Clone, Copy, Debug)]
pub enum Carried<'a> {
    /// It is part of its line, of a job or of an answer.
    Short(&'a str),
    /// It has its own chunks.
    Long(&'a LongText),
}

/// A carried value that does not borrow from a line.
#[derive(Clone, Debug)]
pub enum OwnedCarried {
    /// A short value.
    Short(Arc<str>),
    /// A long value.
    Long(LongText),
}

/// A long text, in chunks of [`CHUNK_BYTES`], of which the last may have fewer. A clone shares them.
#[derive(Clone, PartialEq, Eq)]
pub struct LongText(Arc<Chunks>);

#[derive(PartialEq, Eq)]
struct Chunks {
    chunks: Vec<Box<[u8]>>,
    bytes: usize,
}

impl Drop for Chunks {
    fn drop(&mut self) {
        self.chunks.drain(..).for_each(|chunk| chunks::give_back(chunk.into_vec()));
    }
}

/// A long text that is still arriving.
#[derive(Debug, Default, PartialEq)]
pub(super) struct LongTextBuilder {
    full: Vec<Box<[u8]>>,
    last: Vec<u8>,
}

impl<'a> From<&'a str> for Carried<'a> {
    fn from(text: &'a str) -> Self {
        Self::Short(text)
    }
}

impl<'a> From<&'a String> for Carried<'a> {
    fn from(text: &'a String) -> Self {
        Self::Short(text)
    }
}

impl<'a> Carried<'a> {
    /// Returns its length in bytes.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "no value is empty that was read from a line")]
    pub fn len(self) -> usize {
        match self {
            Self::Short(text) => text.len(),
            Self::Long(text) => text.len(),
        }
    }

    /// Returns the text if it is in one piece.
    pub fn short(self) -> Option<&'a str> {
        match self {
            Self::Short(text) => Some(text),
            Self::Long(_) => None,
        }
    }

    /// Returns the value for a message. Copies a short one.
    pub fn to_owned(self) -> OwnedCarried {
        match self {
            Self::Short(text) => OwnedCarried::Short(text.into()),
            Self::Long(text) => OwnedCarried::Long(text.clone()),
        }
    }

    /// Iterates over the bytes of the text.
    fn bytes(self) -> impl Iterator<Item = &'a [u8]> {
        let (short, long) = match self {
            Self::Short(text) => (Some(text.as_bytes()), None),
            Self::Long(text) => (None, Some(text.chunks())),
        };
        short.into_iter().chain(long.into_iter().flatten())
    }
}

/// Two values are equal if their texts are equal, short or long.
impl PartialEq for Carried<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Short(a), Self::Short(b)) => a == b,
            (a, b) => a.len() == b.len() && a.bytes().flatten().eq(b.bytes().flatten()),
        }
    }
}

/// Formats the text. Copies a long one.
impl fmt::Display for Carried<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(text) => f.write_str(text),
            Self::Long(_) => f.write_str(&String::from_utf8_lossy(&self.bytes().collect::<Vec<_>>().concat())),
        }
    }
}

impl OwnedCarried {
    /// Returns the value.
    pub fn as_carried(&self) -> Carried<'_> {
        match self {
            Self::Short(text) => Carried::Short(text),
            Self::Long(text) => Carried::Long(text),
        }
    }
}

impl LongText {
    /// Returns its length in bytes.
    #[expect(clippy::len_without_is_empty, reason = "it is long")]
    pub fn len(&self) -> usize {
        self.0.bytes
    }

    /// Returns the bytes from `at` to the end of their chunk: none if `at` is the text's end. Takes constant time.
    pub fn chunk_from(&self, at: usize) -> &[u8] {
        self.0.chunks.get(at / CHUNK_BYTES).map_or(&[], |chunk| &chunk[at % CHUNK_BYTES..])
    }

    /// Returns all bytes in order. A character may extend over two chunks.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.0.chunks.iter().map(AsRef::as_ref)
    }
}

impl From<&str> for LongText {
    fn from(text: &str) -> Self {
        let mut builder = LongTextBuilder::default();
        builder.push(text.as_bytes());
        builder.finish()
    }
}

/// Formats only the length.
impl fmt::Debug for LongText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LongText of {} bytes", self.len())
    }
}

impl LongTextBuilder {
    /// Appends bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.last.capacity() == 0 {
                self.last = chunks::take();
            }
            let (fitting, rest) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.last.len()));
            self.last.extend_from_slice(fitting);
            if self.last.len() == CHUNK_BYTES {
                self.full.push(std::mem::take(&mut self.last).into_boxed_slice());
            }
            bytes = rest;
        }
    }

    /// Returns the text. Its last chunk is copied into memory of exactly its size, because the budget does not count
    /// unused memory.
    pub(super) fn finish(self) -> LongText {
        let Self { full: mut chunks, last } = self;
        let bytes = chunks.len() * CHUNK_BYTES + last.len();
        if !last.is_empty() {
            chunks.push(Box::from(&*last));
        }
        chunks::give_back(last);
        LongText(Arc::new(Chunks { chunks, bytes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(text: &[u8], pieces: usize) -> LongText {
        let mut builder = LongTextBuilder::default();
        text.chunks(pieces).for_each(|piece| builder.push(piece));
        builder.finish()
    }

    #[test]
    fn a_long_text_is_what_was_pushed_however_it_came() {
        for bytes in [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES] {
            let text: String = ('a'..='z').cycle().take(bytes).collect();
            for pieces in [7, CHUNK_BYTES, CHUNK_BYTES + 3, usize::MAX] {
                let long = long(text.as_bytes(), pieces.min(bytes));
                assert_eq!(long.len(), bytes);
                assert_eq!(Carried::Long(&long), Carried::Short(&text));
                assert_eq!(Carried::Long(&long).to_string(), text);
                let mut at = 0;
                while at < bytes {
                    let chunk = long.chunk_from(at);
                    assert!(!chunk.is_empty() && chunk == &text.as_bytes()[at..at + chunk.len()]);
                    at += chunk.len().min(10_000);
                }
                assert!(long.chunk_from(bytes).is_empty());
                assert!(long.0.chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
            }
        }
    }

    #[test]
    fn other_texts_are_different() {
        let text = long(b"\"1234\"", 2);
        assert_ne!(Carried::Long(&text), Carried::Short("\"1235\""));
        assert_ne!(Carried::Short("\"12345\""), Carried::Long(&text));
        assert_ne!(Carried::Short("1"), Carried::Short("2"));
    }
}
