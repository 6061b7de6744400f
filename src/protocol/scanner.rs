//! Checks the JSON of a line as it arrives, and finds where its members begin and end.
//!
//! The parser, [`serde_json`], needs a whole value. This scanner can stop at any byte and continue with the next piece.
//! Its verdict, reason and column are those of the parser; tests compare the two. It keeps a bit per open container.

mod containers;
mod number;
mod state;

use crate::limits::DEPTH_MAX;
use containers::Containers;
use number::{Next, Number};
use state::{State, Word};

/// Reads the bytes of one line, in order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scanner {
    state: State,
    /// Whether the string that is being read is a name.
    in_name: bool,
    containers: Containers,
    /// Bytes that were scanned.
    offset: usize,
    fault: Option<Fault>,
}

/// The part of a line's object that begins at a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The name of a member, with its quotes.
    Name,
    /// The bytes between a name and its value.
    Colon,
    /// The value of a member.
    Value,
    /// The bytes between a value and the next name, or after the last value.
    Comma,
}

/// The reason why a line is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fault {
    reason: &'static str,
    /// The column of the byte, from 1, if the reason needs it.
    column: Option<usize>,
}

/// Whether a byte was taken, or has to be examined again in the new state. Also the part that begins after the byte, or
/// with it if it was not taken.
type Taken = (bool, Option<Part>);

impl Scanner {
    /// Scans to the next byte with which another part of the line's object begins, or all of `bytes`. Returns how many bytes
    /// come before it, and the part.
    pub(super) fn scan(&mut self, bytes: &[u8]) -> (usize, Option<Part>) {
        let (mut at, mut part) = (0, None);
        while part.is_none()
            && let Some(&byte) = bytes.get(at)
        {
            let column = self.offset + at + 1;
            match self.state {
                _ if self.fault.is_some() => at = bytes.len(),
                State::Text => {
                    at += plain_bytes(&bytes[at..]);
                    match bytes.get(at) {
                        None => {}
                        Some(b'"') => {
                            at += 1;
                            part = self.end_text();
                        }
                        Some(b'\\') => {
                            at += 1;
                            self.state = State::Escape;
                        }
                        Some(_) => self.fail(CONTROL, self.offset + at),
                    }
                }
                State::Number(number) if number.is_in_digits() && byte.is_ascii_digit() => {
                    at += bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
                }
                _ if is_white(byte) && self.state.skips_white() => {
                    at += bytes[at..].iter().take_while(|&&byte| is_white(byte)).count();
                }
                _ => {
                    let (taken, begins) = self.take(byte, column);
                    at += usize::from(taken);
                    part = begins;
                }
            }
        }
        self.offset += at;
        (at, part)
    }

    /// Returns whether only spaces and tabs have come.
    pub(super) fn is_blank(&self) -> bool {
        self.state == State::Start && self.fault.is_none()
    }

    /// Returns whether the line is already known not to be an object that the protocol accepts.
    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// Returns a message why the scanned bytes are not an object that the protocol accepts; `Ok` if they are one.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let fault = self.fault.or_else(|| {
            let reason = match self.state {
                State::End => return None,
                State::Start | State::ByteOrderMark(_) => {
                    return Some(Fault { reason: NO_OBJECT, column: None });
                }
                State::NameOrEnd | State::Colon | State::NameQuote => "EOF while parsing an object",
                State::Name if self.containers.depth() > 1 => "EOF while parsing an object",
                State::Name | State::Value | State::ValueStart | State::Word(..) => "EOF while parsing a value",
                State::ValueOrEnd => "EOF while parsing a list",
                State::Number(number) if !number.is_whole() => NUMBER,
                State::CommaOrEnd | State::Number(_) => {
                    if self.containers.in_object() {
                        "EOF while parsing an object"
                    } else {
                        "EOF while parsing a list"
                    }
                }
                State::Text | State::Escape | State::Hex(..) => "EOF while parsing a string",
            };
            Some(Fault { reason, column: Some(self.offset) })
        });
        match fault {
            Some(Fault { reason, column: Some(column) }) => Err(format!("{reason} at column {column}")),
            Some(Fault { reason, column: None }) => Err(reason.to_owned()),
            None if self.containers.was_too_deep() => {
                Err(format!("more than {DEPTH_MAX} objects and arrays open at once"))
            }
            None => Ok(()),
        }
    }

    /// Takes a byte that is neither white space between tokens nor a plain byte of a string.
    #[inline]
    fn take(&mut self, byte: u8, column: usize) -> Taken {
        match self.state {
            State::Start | State::ByteOrderMark(_) => self.take_start(byte, column),
            State::NameOrEnd | State::Name | State::NameQuote | State::Colon => self.take_name(byte, column),
            State::Value | State::ValueStart | State::ValueOrEnd => self.take_value(byte, column),
            State::CommaOrEnd | State::End => self.take_end(byte, column),
            State::Text | State::Escape | State::Hex(..) => self.take_escape(byte, column),
            State::Word(word, at) => match &word.bytes()[usize::from(at)..] {
                [expected, ..] if *expected != byte => self.refuse("expected ident", Some(column)),
                [_, _, ..] => self.go(State::Word(word, at + 1)),
                _ => (true, self.end_value()),
            },
            State::Number(number) => match number.next(byte) {
                Next::Part(number) => self.go(State::Number(number)),
                Next::Behind => (false, self.end_value()),
                Next::Wrong => self.refuse(NUMBER, Some(column)),
            },
        }
    }

    /// Takes a byte before the line's object.
    fn take_start(&mut self, byte: u8, column: usize) -> Taken {
        match (self.state, byte) {
            (State::Start, b'{') => self.open(true),
            (State::Start, 0xef) if column == 1 => self.go(State::ByteOrderMark(1)),
            (State::ByteOrderMark(1), 0xbb) => self.go(State::ByteOrderMark(2)),
            (State::ByteOrderMark(2), 0xbf) => self.refuse(BYTE_ORDER_MARK, None),
            _ => self.refuse(NO_OBJECT, None),
        }
    }

    /// Takes a byte where a name begins, or the colon after a name.
    #[inline]
    fn take_name(&mut self, byte: u8, column: usize) -> Taken {
        let is_member = self.containers.depth() == 1;
        match (self.state, byte) {
            (State::Colon, b':') => self.go(State::Value),
            (State::Colon, _) => self.refuse("expected `:`", Some(column)),
            (State::NameOrEnd | State::Name, b'"') if is_member => {
                self.state = State::NameQuote;
                (false, Some(Part::Name))
            }
            (_, b'"') => {
                self.in_name = true;
                self.go(State::Text)
            }
            (State::NameOrEnd, b'}') => (true, self.close()),
            (State::Name, b'}') if is_member => self.refuse("trailing comma", Some(column)),
            _ => self.refuse("key must be a string", Some(column)),
        }
    }

    /// Takes the first byte of a value, or the end of an empty array.
    #[inline]
    fn take_value(&mut self, byte: u8, column: usize) -> Taken {
        match (self.state, byte) {
            (State::Value, _) if self.containers.depth() == 1 => {
                self.state = State::ValueStart;
                (false, Some(Part::Value))
            }
            (State::ValueOrEnd, b']') => (true, self.close()),
            (_, b'"') => {
                self.in_name = false;
                self.go(State::Text)
            }
            (_, b'{') => self.open(true),
            (_, b'[') => self.open(false),
            _ => {
                let number = || Number::first(byte).map(State::Number);
                match Word::first(byte).map(|word| State::Word(word, 1)).or_else(number) {
                    Some(state) => self.go(state),
                    None => self.refuse("expected value", Some(column)),
                }
            }
        }
    }

    /// Takes a byte after a value, or after the line's object.
    #[inline]
    fn take_end(&mut self, byte: u8, column: usize) -> Taken {
        match (self.state, self.containers.in_object(), byte) {
            (State::End, _, _) => self.refuse("trailing characters", Some(column)),
            (_, true, b',') => self.go(State::Name),
            (_, false, b',') => self.go(State::Value),
            (_, true, b'}') | (_, false, b']') => (true, self.close()),
            (_, true, _) => self.refuse("expected `,` or `}`", Some(column)),
            (_, false, _) => self.refuse("expected `,` or `]`", Some(column)),
        }
    }

    /// Takes a byte of an escape sequence. The caller reads the other bytes of a string.
    fn take_escape(&mut self, byte: u8, column: usize) -> Taken {
        match (self.state, byte) {
            (State::Escape, b'u') => self.go(State::Hex(4, true)),
            (State::Text, _) | (State::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.go(State::Text)
            }
            // The parser checks all four at once.
            (State::Hex(1, true), _) if byte.is_ascii_hexdigit() => self.go(State::Text),
            (State::Hex(left @ 2.., valid), _) => self.go(State::Hex(left - 1, valid && byte.is_ascii_hexdigit())),
            _ => self.refuse("invalid escape", Some(column)),
        }
    }

    /// Continues with the byte after this one.
    #[inline]
    fn go(&mut self, state: State) -> Taken {
        self.state = state;
        (true, None)
    }

    fn open(&mut self, is_object: bool) -> Taken {
        self.containers.open(is_object);
        self.go(if is_object { State::NameOrEnd } else { State::ValueOrEnd })
    }

    /// Closes the innermost container.
    fn close(&mut self) -> Option<Part> {
        self.containers.close();
        if self.containers.depth() == 0 {
            self.state = State::End;
            return None;
        }
        self.end_value()
    }

    fn end_text(&mut self) -> Option<Part> {
        if !self.in_name {
            return self.end_value();
        }
        self.state = State::Colon;
        (self.containers.depth() == 1).then_some(Part::Colon)
    }

    fn end_value(&mut self) -> Option<Part> {
        self.state = State::CommaOrEnd;
        (self.containers.depth() == 1).then_some(Part::Comma)
    }

    fn refuse(&mut self, reason: &'static str, column: Option<usize>) -> Taken {
        self.fault = Some(Fault { reason, column });
        (true, None)
    }

    fn fail(&mut self, reason: &'static str, column: usize) {
        self.fault = Some(Fault { reason, column: Some(column) });
    }
}

const BYTE_ORDER_MARK: &str = "a byte order mark (U+FEFF) before the JSON object: send UTF-8 without one";
const NO_OBJECT: &str = "not a JSON object";
const NUMBER: &str = "invalid number";
const CONTROL: &str = "control character (\\u0000-\\u001F) found while parsing a string";

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns how many bytes of a string come before its next quote, backslash or control character. Checks a block at a
/// time, for which the compiler uses vectors.
fn plain_bytes(bytes: &[u8]) -> usize {
    const BLOCK_BYTES: usize = 64;
    let ends = |byte: u8| byte == b'"' || byte == b'\\' || byte < b' ';
    let is_plain = |block: &[u8]| !block.iter().fold(false, |any, &byte| any | ends(byte));
    let plain = BLOCK_BYTES * bytes.chunks_exact(BLOCK_BYTES).take_while(|block| is_plain(block)).count();
    plain + bytes[plain..].iter().take_while(|&&byte| !ends(byte)).count()
}
