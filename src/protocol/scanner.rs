//! Checks the JSON of a line as it arrives, and finds where its members begin and end.
//!
//! The parser, [`serde_json`], needs a whole value. This scanner can stop at any byte and go on with the next piece. Its
//! verdict, the reason and the column are the parser's; tests compare the two. It keeps a bit per open container.

use crate::limits::DEPTH_MAX;

/// Reads the bytes of one line, in order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Scanner {
    state: State,
    /// Whether the string that is being read is a name.
    in_name: bool,
    /// Containers that are open.
    depth: usize,
    /// A bit for each: whether it is an object. The outermost is the lowest of the first word.
    objects: Vec<u64>,
    /// Whether the innermost is one.
    in_object: bool,
    /// Bytes that were scanned.
    offset: usize,
    fault: Option<Fault>,
    is_too_deep: bool,
}

/// What begins at a byte of a line's object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The name of a member, with its quotes.
    Name,
    /// What is between a name and its value.
    Colon,
    /// The value of a member.
    Value,
    /// What is between a value and the next name, or behind the last one.
    Comma,
}

/// Why a line is no JSON object.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Fault {
    reason: &'static str,
    /// Of the byte where it shows, from 1, if the reason needs it.
    column: Option<usize>,
}

/// What the next byte may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    /// White space or the brace of the line's object.
    #[default]
    Start,
    /// The rest of a byte order mark, of which this many bytes have come.
    ByteOrderMark(u8),
    /// After a brace.
    NameOrEnd,
    /// After a comma in an object.
    Name,
    /// The quote of a name of the line's object.
    NameQuote,
    Colon,
    Value,
    /// The first byte of a member of the line's object.
    ValueStart,
    /// After a bracket.
    ValueOrEnd,
    /// After a value.
    CommaOrEnd,
    /// After the line's object.
    End,
    Text,
    Escape,
    /// Hexadecimal digits: how many are left, and whether all so far are some.
    Hex(u8, bool),
    /// A word, and how many of its bytes have come.
    Word(Word, u8),
    Minus,
    Zero,
    Digits,
    Point,
    Decimals,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// A literal.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Null,
    True,
    False,
}

impl Word {
    fn bytes(self) -> &'static [u8] {
        match self {
            Self::Null => b"null",
            Self::True => b"true",
            Self::False => b"false",
        }
    }
}

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
                State::Digits | State::Decimals | State::ExponentDigits if byte.is_ascii_digit() => {
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

    /// Returns whether the line is known to be no object that the protocol accepts.
    pub(super) fn has_failed(&self) -> bool {
        self.fault.is_some()
    }

    /// Says for people why the bytes that were scanned are no object that the protocol accepts; `Ok` if they are one.
    pub(super) fn verdict(&self) -> Result<(), String> {
        let fault = self.fault.or_else(|| {
            let reason = match self.state {
                State::End => return None,
                State::Start | State::ByteOrderMark(_) => {
                    return Some(Fault { reason: NO_OBJECT, column: None });
                }
                State::NameOrEnd | State::Colon | State::NameQuote => "EOF while parsing an object",
                State::Name if self.depth > 1 => "EOF while parsing an object",
                State::Name | State::Value | State::ValueStart | State::Word(..) => "EOF while parsing a value",
                State::ValueOrEnd => "EOF while parsing a list",
                State::CommaOrEnd | State::Zero | State::Digits | State::Decimals | State::ExponentDigits => {
                    if self.in_object { "EOF while parsing an object" } else { "EOF while parsing a list" }
                }
                State::Text | State::Escape | State::Hex(..) => "EOF while parsing a string",
                State::Minus | State::Point | State::Exponent | State::ExponentSign => NUMBER,
            };
            Some(Fault { reason, column: Some(self.offset) })
        });
        match fault {
            Some(Fault { reason, column: Some(column) }) => Err(format!("{reason} at column {column}")),
            Some(Fault { reason, column: None }) => Err(reason.to_owned()),
            None if self.is_too_deep => Err(format!("more than {DEPTH_MAX} objects and arrays open at once")),
            None => Ok(()),
        }
    }

    /// Takes a byte that is no white space between tokens. Returns whether the byte was taken or has to be looked at again in
    /// the new state, and the part that begins behind it, or with it if it was not taken.
    #[inline]
    fn take(&mut self, byte: u8, column: usize) -> (bool, Option<Part>) {
        let mut part = None;
        let mut taken = true;
        self.state = match (self.state, byte) {
            (State::Start, b'{') => self.open(true),
            (State::Start, 0xef) if column == 1 => State::ByteOrderMark(1),
            (State::ByteOrderMark(1), 0xbb) => State::ByteOrderMark(2),
            (State::ByteOrderMark(2), 0xbf) => return self.refuse(BYTE_ORDER_MARK, None),
            (State::Start | State::ByteOrderMark(_), _) => return self.refuse(NO_OBJECT, None),
            (State::NameOrEnd | State::Name, b'"') if self.depth == 1 => {
                (taken, part) = (false, Some(Part::Name));
                State::NameQuote
            }
            (State::NameOrEnd | State::Name | State::NameQuote, b'"') => {
                self.in_name = true;
                State::Text
            }
            (State::NameOrEnd, b'}') | (State::ValueOrEnd, b']') => return (true, self.close()),
            (State::Name, b'}') if self.depth == 1 => return self.refuse("trailing comma", Some(column)),
            (State::NameOrEnd | State::Name | State::NameQuote, _) => {
                return self.refuse("key must be a string", Some(column));
            }
            (State::Colon, b':') => State::Value,
            (State::Colon, _) => return self.refuse("expected `:`", Some(column)),
            (State::Value, _) if self.depth == 1 => {
                (taken, part) = (false, Some(Part::Value));
                State::ValueStart
            }
            (State::Value | State::ValueStart | State::ValueOrEnd, _) => match self.first(byte) {
                Some(state) => state,
                None => return self.refuse("expected value", Some(column)),
            },
            (State::CommaOrEnd, b',') => {
                if self.in_object {
                    State::Name
                } else {
                    State::Value
                }
            }
            (State::CommaOrEnd, b'}') if self.in_object => return (true, self.close()),
            (State::CommaOrEnd, b']') if !self.in_object => return (true, self.close()),
            (State::CommaOrEnd, _) if self.in_object => return self.refuse("expected `,` or `}`", Some(column)),
            (State::CommaOrEnd, _) => return self.refuse("expected `,` or `]`", Some(column)),
            (State::End, _) => return self.refuse("trailing characters", Some(column)),
            // The caller has read what is in a string.
            (State::Text, _) | (State::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => State::Text,
            (State::Escape, b'u') => State::Hex(4, true),
            (State::Escape, _) => return self.refuse("invalid escape", Some(column)),
            // The parser looks at all four at once.
            (State::Hex(1, valid), _) if !(valid && byte.is_ascii_hexdigit()) => {
                return self.refuse("invalid escape", Some(column));
            }
            (State::Hex(1, _), _) => State::Text,
            (State::Hex(left, valid), _) => State::Hex(left - 1, valid && byte.is_ascii_hexdigit()),
            (State::Word(word, at), _) => match &word.bytes()[usize::from(at)..] {
                [expected, ..] if *expected != byte => return self.refuse("expected ident", Some(column)),
                [_, _, ..] => State::Word(word, at + 1),
                _ => return (true, self.end_value()),
            },
            (State::Minus, b'0') => State::Zero,
            (State::Minus, b'1'..=b'9') => State::Digits,
            (State::Zero | State::Digits, b'.') => State::Point,
            (State::Zero | State::Digits | State::Decimals, b'e' | b'E') => State::Exponent,
            (State::Point, b'0'..=b'9') => State::Decimals,
            (State::Exponent, b'+' | b'-') => State::ExponentSign,
            (State::Exponent | State::ExponentSign, b'0'..=b'9') => State::ExponentDigits,
            (State::Minus | State::Point | State::Exponent | State::ExponentSign, _) | (State::Zero, b'0'..=b'9') => {
                return self.refuse(NUMBER, Some(column));
            }
            (State::Zero | State::Digits | State::Decimals | State::ExponentDigits, _) => {
                return (false, self.end_value());
            }
        };
        (taken, part)
    }

    /// Returns the state behind the first byte of a value; `None` if no value begins with it.
    fn first(&mut self, byte: u8) -> Option<State> {
        Some(match byte {
            b'"' => {
                self.in_name = false;
                State::Text
            }
            b'{' => self.open(true),
            b'[' => self.open(false),
            b'n' => State::Word(Word::Null, 1),
            b't' => State::Word(Word::True, 1),
            b'f' => State::Word(Word::False, 1),
            b'-' => State::Minus,
            b'0' => State::Zero,
            b'1'..=b'9' => State::Digits,
            _ => return None,
        })
    }

    fn open(&mut self, is_object: bool) -> State {
        self.is_too_deep |= self.depth == DEPTH_MAX;
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.objects.len() {
            self.objects.push(0);
        }
        self.objects[word] = self.objects[word] & !(1 << bit) | u64::from(is_object) << bit;
        self.depth += 1;
        self.in_object = is_object;
        if is_object { State::NameOrEnd } else { State::ValueOrEnd }
    }

    /// Closes the innermost container.
    fn close(&mut self) -> Option<Part> {
        self.depth -= 1;
        let Some(innermost) = self.depth.checked_sub(1) else {
            self.state = State::End;
            return None;
        };
        self.in_object = self.objects[innermost / 64] >> (innermost % 64) & 1 == 1;
        self.end_value()
    }

    fn end_text(&mut self) -> Option<Part> {
        if !self.in_name {
            return self.end_value();
        }
        self.state = State::Colon;
        (self.depth == 1).then_some(Part::Colon)
    }

    fn end_value(&mut self) -> Option<Part> {
        self.state = State::CommaOrEnd;
        (self.depth == 1).then_some(Part::Comma)
    }

    fn refuse(&mut self, reason: &'static str, column: Option<usize>) -> (bool, Option<Part>) {
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

impl State {
    /// Returns whether white space may come before the token that is due.
    fn skips_white(self) -> bool {
        matches!(
            self,
            Self::Start
                | Self::NameOrEnd
                | Self::Name
                | Self::Colon
                | Self::Value
                | Self::ValueOrEnd
                | Self::CommaOrEnd
                | Self::End
        )
    }
}

fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Returns how many bytes of a string come before its next quote, backslash or control character. Looks at a block at a
/// time, which the compiler does with vectors.
fn plain_bytes(bytes: &[u8]) -> usize {
    const BLOCK_BYTES: usize = 64;
    let ends = |byte: u8| byte == b'"' || byte == b'\\' || byte < b' ';
    let is_plain = |block: &[u8]| !block.iter().fold(false, |any, &byte| any | ends(byte));
    let plain = BLOCK_BYTES * bytes.chunks_exact(BLOCK_BYTES).take_while(|block| is_plain(block)).count();
    plain + bytes[plain..].iter().take_while(|&&byte| !ends(byte)).count()
}
