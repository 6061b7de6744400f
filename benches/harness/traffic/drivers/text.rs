//! Lines that end with CRLF, and blocks of bytes whose length is in a line: the messages of beanstalkd, Redis and NATS
//! consist of these.

use super::super::check::{Wrong, excerpt};
use super::parse_number;

/// Longer than any line of these servers: more bytes without a line end are an error.
const LINE_BYTES_MAX: usize = 64 << 10;

/// The largest argument that a workload can have.
const BLOCK_BYTES_MAX: u64 = 1 << 30;

/// Input that is not consumed until a message is complete. Returns `Ok(None)` while the rest is missing.
#[derive(Debug)]
pub(super) struct Text<'a>(pub(super) &'a [u8]);

impl<'a> Text<'a> {
    /// Takes the next line, without its end.
    pub(super) fn line(&mut self) -> Result<Option<&'a [u8]>, Wrong> {
        let Some(line) = self.line_feed()? else { return Ok(None) };
        line.strip_suffix(b"\r").map(Some).ok_or_else(|| unexpected(line))
    }

    /// Takes the next line, of a protocol whose lines end with LF alone.
    pub(super) fn line_feed(&mut self) -> Result<Option<&'a [u8]>, Wrong> {
        let Some(line_end) = memchr::memchr(b'\n', self.0) else {
            return if self.0.len() > LINE_BYTES_MAX { Err(unexpected(self.0)) } else { Ok(None) };
        };
        let line = &self.0[..line_end];
        self.0 = &self.0[line_end + 1..];
        Ok(Some(line))
    }

    /// Takes a block of as many bytes as `digits` say, without the line end after it.
    pub(super) fn block(&mut self, digits: &[u8]) -> Result<Option<&'a [u8]>, Wrong> {
        let bytes = parse_number(digits)
            .filter(|bytes| *bytes <= BLOCK_BYTES_MAX)
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| unexpected(digits))?;
        let Some((block, rest)) = self.0.split_at_checked(bytes) else { return Ok(None) };
        let Some((end, rest)) = rest.split_at_checked(2) else { return Ok(None) };
        self.0 = rest;
        if end == b"\r\n" { Ok(Some(block)) } else { Err(unexpected(end)) }
    }
}

/// Returns the error for bytes that the load cannot expect.
pub(super) fn unexpected(bytes: &[u8]) -> Wrong {
    Wrong::Unexpected(excerpt(bytes))
}

/// Returns the number after `prefix`, if `name` is just these two.
pub(super) fn numbered(prefix: &[u8], name: &[u8]) -> Option<u64> {
    parse_number(name.strip_prefix(prefix)?)
}
