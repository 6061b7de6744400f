//! Cuts bytes into lines. A line ends with LF or CRLF; empty lines are skipped; only an unfinished line is kept.
//!
//! The first byte of a connection that is not white space must open an object. So a peer that speaks another protocol is
//! recognised at once, before its line ends. What is found does not depend on how the bytes were cut on their way: faults
//! are reported in the order of the bytes that cause them, and bytes past the limit are not looked at.
//!
//! Nothing here knows JSON beyond that byte, and nothing here closes a connection: the caller does so after a fault.

use std::mem;

#[cfg(not(test))]
use memchr::memchr;
#[cfg(test)]
use tests::counted_memchr as memchr;

/// An unfinished line counts as long from this size on, in bytes.
const LONG_LINE_BYTES: usize = 1 << 20;

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
    NotJson {
        /// That byte.
        byte: u8,
    },
}

/// Cuts one connection's bytes into lines. Holds no memory of its own while no line is unfinished.
#[derive(Debug, Default)]
pub struct Framer {
    /// The line that has begun and not ended; after [`Piece::Rest`] the one that was yielded last.
    partial: Vec<u8>,
    /// Whether `partial` was yielded: it can be freed only by the next call, because the frame borrows it.
    yielded: bool,
    stage: Stage,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    /// Nothing but white space has come.
    #[default]
    Blank,
    /// The first line has begun, with a brace.
    First,
    /// A line has been yielded.
    Later,
    /// A fault has been yielded. Further bytes are dropped.
    Ended,
}

/// The result of one search in the input.
enum Piece<'a> {
    /// The line goes on after the input.
    Unfinished,
    /// A line that is in the input as a whole, without its end.
    Whole(&'a [u8]),
    /// The rest of a line whose beginning was kept; `partial` now holds all of it.
    Rest,
    /// The line breaks a rule.
    Fault(Frame<'a>),
}

impl Framer {
    /// Takes the next frame out of `input`, which then begins after it. `None` when all of `input` is consumed; what
    /// was left of it is kept. Call it until then after each read, always with the same limit.
    ///
    /// Whole lines are not copied. A byte is searched once, however the line is cut, so the cost is linear in the bytes.
    pub fn next<'a, 'input: 'a>(&'a mut self, input: &mut &'input [u8], line_bytes_max: usize) -> Option<Frame<'a>> {
        if mem::take(&mut self.yielded) {
            self.partial = Vec::new();
        }
        loop {
            if self.stage == Stage::Ended {
                *input = &[];
            }
            if input.is_empty() {
                return None;
            }
            match self.take_piece(input, line_bytes_max) {
                Piece::Unfinished => return None,
                Piece::Whole(bytes) if is_blank(bytes) => {}
                Piece::Whole(bytes) => return Some(Frame::Line { bytes, first: self.advance() }),
                Piece::Rest if is_blank(without_cr(&self.partial)) => self.partial = Vec::new(),
                Piece::Rest => break,
                Piece::Fault(fault) => {
                    *self = Self { stage: Stage::Ended, ..Self::default() };
                    return Some(fault);
                }
            }
        }
        self.yielded = true;
        let first = self.advance();
        Some(Frame::Line { bytes: without_cr(&self.partial), first })
    }

    /// Returns how many bytes of the unfinished line are kept.
    pub fn partial_bytes(&self) -> usize {
        if self.yielded { 0 } else { self.partial.len() }
    }

    /// Takes the unfinished line out. The caller skips the rest of that line.
    pub fn take_partial(&mut self) -> Vec<u8> {
        if mem::take(&mut self.yielded) {
            self.partial = Vec::new();
        }
        mem::take(&mut self.partial)
    }

    /// Takes from `input` to the next LF, or all of it.
    fn take_piece<'a>(&mut self, input: &mut &'a [u8], line_bytes_max: usize) -> Piece<'a> {
        // The longest legal line: the limit, CR, LF. Looking no further keeps a line that is too long cheap.
        let window = &input[..input.len().min(line_bytes_max + 2 - self.partial.len())];
        let end = memchr(b'\n', window);
        let piece = &window[..end.unwrap_or(window.len())];
        let fit = &piece[..self.fitting(piece, line_bytes_max)];
        if self.stage == Stage::Blank && !self.opens(fit) {
            // A CR that no LF follows is what is wrong, also if the byte after it came in another read.
            let kept = self.partial.last().filter(|&&byte| byte == b'\r');
            let byte = kept.or_else(|| fit.iter().find(|&&byte| !is_white(byte))).copied().unwrap_or(b'\r');
            return Piece::Fault(Frame::NotJson { byte });
        }
        if fit.len() < piece.len() {
            return Piece::Fault(Frame::TooLong);
        }
        *input = &input[piece.len() + usize::from(end.is_some())..];
        if end.is_some() && self.partial.is_empty() {
            return Piece::Whole(without_cr(piece));
        }
        self.keep(piece, line_bytes_max);
        if end.is_some() { Piece::Rest } else { Piece::Unfinished }
    }

    /// Returns how many bytes of `piece` the line can take up. The byte after the limit may only be a CR, as long as the LF
    /// behind it may still come.
    fn fitting(&self, piece: &[u8], line_bytes_max: usize) -> usize {
        let Some(room) = line_bytes_max.checked_sub(self.partial.len()) else {
            return 0; // That CR has come.
        };
        let cr = piece.get(room) == Some(&b'\r');
        piece.len().min(room + usize::from(cr))
    }

    /// Returns whether the connection may begin with what is kept and `piece`, which holds no LF. A CR is judged by the byte
    /// after it: only at the end of `piece` may a LF still follow.
    fn opens(&mut self, piece: &[u8]) -> bool {
        if self.partial.last() == Some(&b'\r') {
            return piece.is_empty();
        }
        match piece.iter().position(|&byte| !is_white(byte)) {
            None => true,
            Some(at) if piece[at] == b'{' => {
                self.stage = Stage::First;
                true
            }
            Some(at) => piece[at..] == *b"\r",
        }
    }

    /// Appends to the unfinished line. Its capacity grows by a factor, so that the copying is linear, but never exceeds what
    /// a legal line can take. That of a long line grows faster: each growth copies the line to new pages, which the system
    /// has to clear first, while pages that are not yet written to cost nothing.
    fn keep(&mut self, piece: &[u8], line_bytes_max: usize) {
        let needed = self.partial.len() + piece.len();
        let room = self.partial.capacity();
        if needed > room {
            let factor = if room < LONG_LINE_BYTES { 2 } else { 4 };
            let room = needed.max((factor * room).min(line_bytes_max + 2));
            self.partial.reserve_exact(room - self.partial.len());
        }
        self.partial.extend_from_slice(piece);
    }

    /// Notes that a line is yielded. Returns whether it was the first.
    fn advance(&mut self) -> bool {
        mem::replace(&mut self.stage, Stage::Later) == Stage::First
    }
}

/// Removes the CR before the LF, which belongs to the end of the line.
fn without_cr(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns whether a line, without its end, counts as empty.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|&byte| is_white(byte))
}

#[cfg(test)]
mod tests;
