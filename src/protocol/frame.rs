//! Cuts bytes into lines. A line ends with LF or CRLF; empty lines are skipped; only an unfinished line is kept.
//!
//! The first byte of a connection that is not white space must open an object. So a peer that speaks another protocol
//! is recognised at once, before its line ends. The result does not depend on how the bytes were cut on their way:
//! faults are reported in the order of the bytes that cause them, and bytes beyond the limit are not examined.
//!
//! A server has long lines checked while they arrive ([`Framer::next_checked`]), so that their end costs no more than that
//! of a short one. A client takes all lines whole ([`Framer::next`]).
//!
//! The framer checks no JSON except that byte, and does not close connections: the caller does so after a fault.

use std::mem;

#[cfg(not(test))]
use memchr::memchr;
#[cfg(test)]
use tests::counted_memchr as memchr;

pub use super::long_line::LongLine;

/// An unfinished line is long from this size on, in bytes.
const LONG_LINE_BYTES: usize = 1 << 20;

/// The result of the framer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Frame<'a> {
    /// A line without its end, not empty.
    Line {
        /// Its bytes.
        bytes: &'a [u8],
        /// Whether it is the first of its connection (empty ones aside).
        first: bool,
    },
    /// A line without its end that was checked while it arrived, not empty.
    LongLine {
        /// The checked line.
        line: &'a LongLine,
        /// Whether it is the first of its connection (empty ones aside).
        first: bool,
    },
    /// The line exceeds the limit. No bytes after it may be read as commands.
    TooLong,
    /// The connection's first byte does not open an object. No bytes after it may be read as commands.
    NotJson {
        /// That byte.
        byte: u8,
    },
}

/// Cuts one connection's bytes into lines. Holds no memory of its own while no line is unfinished.
#[derive(Debug, Default)]
pub struct Framer {
    /// The unfinished line; after [`Piece::Rest`], the line that was yielded last.
    partial: Partial,
    /// Whether the line was yielded: it can be freed only by the next call, because the frame borrows it.
    yielded: bool,
    stage: Stage,
}

/// The kept part of a line.
#[derive(Debug)]
enum Partial {
    /// All bytes of the line.
    Whole(Vec<u8>),
    /// The sketch and values of a line that is checked while it arrives.
    Checked(Box<LongLine>),
}

/// The state of a connection's input.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    /// Only white space has come.
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
    /// The line continues after the input.
    Unfinished,
    /// A line that is in the input as a whole, without its end.
    Whole(&'a [u8]),
    /// The rest of a line whose beginning was kept; now all of it is.
    Rest,
    /// The line breaks a rule.
    Fault(Frame<'a>),
}

impl Framer {
    /// Takes the next frame from `input`, which then begins after the frame. `None` when all of `input` is consumed; an
    /// unfinished line is kept. Call it until then after each read, always with the same limit.
    ///
    /// Whole lines are not copied. A byte is searched once, however the line is cut, so the cost is linear in the bytes.
    pub fn next<'a, 'input: 'a>(&'a mut self, input: &mut &'input [u8], line_bytes_max: usize) -> Option<Frame<'a>> {
        self.next_checked(input, line_bytes_max, usize::MAX)
    }

    /// Does the same, but checks a line while it arrives when more than `whole_bytes_max` of it are kept. Such a line
    /// is yielded as [`Frame::LongLine`].
    pub fn next_checked<'a, 'input: 'a>(
        &'a mut self,
        input: &mut &'input [u8],
        line_bytes_max: usize,
        whole_bytes_max: usize,
    ) -> Option<Frame<'a>> {
        if self.yielded {
            self.forget();
        }
        loop {
            if self.stage == Stage::Ended {
                *input = &[];
            }
            if input.is_empty() {
                return None;
            }
            match self.take_piece(input, line_bytes_max, whole_bytes_max) {
                Piece::Unfinished => return None,
                Piece::Whole(bytes) if is_blank(bytes) => {}
                Piece::Whole(bytes) => return Some(Frame::Line { bytes, first: self.advance() }),
                Piece::Rest if self.partial.is_blank() => self.forget(),
                Piece::Rest => break,
                Piece::Fault(fault) => {
                    *self = Self { stage: Stage::Ended, ..Self::default() };
                    return Some(fault);
                }
            }
        }
        self.yielded = true;
        let first = self.advance();
        Some(match &mut self.partial {
            Partial::Whole(bytes) => Frame::Line { bytes: without_cr(bytes), first },
            Partial::Checked(line) => {
                line.end();
                Frame::LongLine { line, first }
            }
        })
    }

    /// Returns whether the next byte begins a line, and its connection has had a line.
    #[inline]
    pub(super) fn is_at_later_line(&mut self) -> bool {
        if self.yielded {
            self.forget();
        }
        self.stage == Stage::Later && matches!(&self.partial, Partial::Whole(bytes) if bytes.is_empty())
    }

    /// Returns how many bytes of the unfinished line have come.
    pub fn partial_bytes(&self) -> usize {
        if self.yielded { 0 } else { self.partial.bytes() }
    }

    /// Returns whether the unfinished line is checked while it arrives.
    pub fn is_in_long_line(&self) -> bool {
        matches!(self.partial, Partial::Checked(_)) && !self.yielded
    }

    /// Removes and returns the unfinished line, unless it is checked while it arrives. The caller skips the rest of
    /// that line.
    pub fn take_partial(&mut self) -> Vec<u8> {
        if self.yielded {
            self.forget();
        }
        match mem::take(&mut self.partial) {
            Partial::Whole(bytes) => bytes,
            Partial::Checked(_) => Vec::new(),
        }
    }

    /// Frees the kept part of a line.
    #[inline(never)]
    fn forget(&mut self) {
        self.partial = Partial::default();
        self.yielded = false;
    }

    /// Takes from `input` to the next LF, or all of it.
    fn take_piece<'a>(&mut self, input: &mut &'a [u8], line_bytes_max: usize, whole_bytes_max: usize) -> Piece<'a> {
        // The longest legal line: the limit, CR, LF. Searching no further keeps a line that is too long cheap.
        let kept = self.partial.bytes();
        let window = &input[..input.len().min(line_bytes_max + 2 - kept)];
        let end = memchr(b'\n', window);
        let piece = &window[..end.unwrap_or(window.len())];
        let fit = &piece[..fitting(piece, kept, line_bytes_max)];
        if self.stage == Stage::Blank && !self.opens(fit) {
            // A CR that no LF follows is the fault, even if the byte after it came in another read.
            let wrong = fit.iter().copied().find(|&byte| !is_white(byte) && !self.partial.ends_with_cr());
            let byte = wrong.unwrap_or(b'\r');
            return Piece::Fault(Frame::NotJson { byte });
        }
        if fit.len() < piece.len() {
            return Piece::Fault(Frame::TooLong);
        }
        *input = &input[piece.len() + usize::from(end.is_some())..];
        if end.is_some() && kept == 0 {
            return Piece::Whole(without_cr(piece));
        }
        self.partial.push(piece, line_bytes_max, whole_bytes_max);
        if end.is_some() { Piece::Rest } else { Piece::Unfinished }
    }

    /// Returns whether the connection may begin with the kept bytes and `piece`, which has no LF. A CR is checked by
    /// the byte after it: only at the end of `piece` may a LF still follow.
    fn opens(&mut self, piece: &[u8]) -> bool {
        if self.partial.ends_with_cr() {
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

    /// Called when a line is yielded. Returns whether it was the first.
    fn advance(&mut self) -> bool {
        mem::replace(&mut self.stage, Stage::Later) == Stage::First
    }
}

impl Default for Partial {
    fn default() -> Self {
        Self::Whole(Vec::new())
    }
}

impl Partial {
    /// Returns how many bytes of the line have come.
    #[inline]
    fn bytes(&self) -> usize {
        match self {
            Self::Whole(bytes) => bytes.len(),
            Self::Checked(line) => line.bytes(),
        }
    }

    fn ends_with_cr(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.ends_with(b"\r"),
            Self::Checked(line) => line.ends_with_cr(),
        }
    }

    /// Returns whether the line, which has ended, counts as empty.
    fn is_blank(&self) -> bool {
        match self {
            Self::Whole(bytes) => is_blank(without_cr(bytes)),
            Self::Checked(line) => line.is_blank(),
        }
    }

    /// Appends to the line.
    fn push(&mut self, piece: &[u8], line_bytes_max: usize, whole_bytes_max: usize) {
        if let Self::Whole(bytes) = self
            && bytes.len() + piece.len() > whole_bytes_max
        {
            let mut line = Box::<LongLine>::default();
            line.push(bytes);
            *self = Self::Checked(line);
        }
        match self {
            Self::Whole(bytes) => append(bytes, piece, line_bytes_max),
            Self::Checked(line) => line.push(piece),
        }
    }
}

/// Appends to a line. Its capacity grows by a factor, so that the copying is linear, but never exceeds what a legal
/// line can take. The capacity of a long line grows faster: each growth copies the line to new pages, which the system
/// has to clear first, while pages that are not yet written cost nothing.
fn append(line: &mut Vec<u8>, piece: &[u8], line_bytes_max: usize) {
    let needed = line.len() + piece.len();
    let room = line.capacity();
    if needed > room {
        let factor = if room < LONG_LINE_BYTES { 2 } else { 4 };
        let room = needed.max((factor * room).min(line_bytes_max + 2));
        line.reserve_exact(room - line.len());
    }
    line.extend_from_slice(piece);
}

/// Returns how many bytes of `piece` a line can take, given the number of its kept bytes. The byte after the limit may
/// only be a CR, while the LF after it may still come.
fn fitting(piece: &[u8], kept: usize, line_bytes_max: usize) -> usize {
    let Some(room) = line_bytes_max.checked_sub(kept) else {
        return 0; // The CR has come.
    };
    let cr = piece.get(room) == Some(&b'\r');
    piece.len().min(room + usize::from(cr))
}

/// Removes the CR of a line end.
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
