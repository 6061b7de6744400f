//! RESP2, the format of Redis: commands are arrays of strings that begin with their length.

use super::super::check::Wrong;
use super::text::{Text, unexpected};
use super::{parse_number, push_number};

/// Appends a command.
pub(super) fn push_command(words: &[&[u8]], out: &mut Vec<u8>) {
    push_length(b'*', words.len(), out);
    for word in words {
        push_bulk(word, out);
    }
}

/// Appends the length of an array (`*`) or of a string (`$`).
pub(super) fn push_length(of: u8, length: usize, out: &mut Vec<u8>) {
    out.push(of);
    push_number(length as u64, out);
    out.extend_from_slice(b"\r\n");
}

/// Appends a string.
pub(super) fn push_bulk(bytes: &[u8], out: &mut Vec<u8>) {
    push_length(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Takes a string; `None` if it is not complete.
pub(super) fn bulk<'a>(text: &mut Text<'a>) -> Result<Option<&'a [u8]>, Wrong> {
    let Some(line) = text.line()? else { return Ok(None) };
    text.block(line.strip_prefix(b"$").ok_or_else(|| unexpected(line))?)
}

/// Takes the line that begins an array; returns its length, and `None` if the line is not complete.
pub(super) fn array(text: &mut Text<'_>) -> Result<Option<u64>, Wrong> {
    let Some(line) = text.line()? else { return Ok(None) };
    array_length(line).map(Some).ok_or_else(|| unexpected(line))
}

/// Takes the line that begins an array of this length; `None` if the line is not complete.
pub(super) fn array_of(length: u64, text: &mut Text<'_>) -> Result<Option<()>, Wrong> {
    let Some(line) = text.line()? else { return Ok(None) };
    if array_length(line) == Some(length) { Ok(Some(())) } else { Err(unexpected(line)) }
}

/// Returns the length of the array that a line begins; `None` if it begins none with elements.
pub(super) fn array_length(line: &[u8]) -> Option<u64> {
    parse_number(line.strip_prefix(b"*")?).filter(|length| *length > 0)
}
