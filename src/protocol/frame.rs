//! Bytes become lines. A line ends with LF or CRLF; empty lines vanish; only an unfinished line is kept.
//!
//! The first byte of a connection that is not white space must open an object: a peer that speaks another protocol is
//! told from it at once, before its line ends.

/// What the framer found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frame<'a> {
    /// A line without its end, not empty.
    Line {
        /// Its bytes.
        bytes: &'a [u8],
        /// Whether it is the first of its connection (empty ones aside).
        first: bool,
    },
    /// The line passed the limit. Nothing after it may be read as commands.
    TooLong,
    /// The connection's first byte does not open an object. Nothing after it may be read as commands.
    NotJson,
}
