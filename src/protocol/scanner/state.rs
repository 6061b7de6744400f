//! The states of the scanner: which bytes may come next.

use super::number::Number;

/// What the next byte may be.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum State {
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
    /// Hexadecimal digits: how many are left, and whether all so far are valid.
    Hex(u8, bool),
    /// A literal, and how many of its bytes have come.
    Word(Word, u8),
    Number(Number),
}

impl State {
    /// Returns whether white space may come before the token that is due.
    pub(super) fn skips_white(self) -> bool {
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

/// A literal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Word {
    Null,
    True,
    False,
}

impl Word {
    /// Returns the word that begins with a byte.
    pub(super) fn first(byte: u8) -> Option<Self> {
        match byte {
            b'n' => Some(Self::Null),
            b't' => Some(Self::True),
            b'f' => Some(Self::False),
            _ => None,
        }
    }

    pub(super) fn bytes(self) -> &'static [u8] {
        match self {
            Self::Null => b"null",
            Self::True => b"true",
            Self::False => b"false",
        }
    }
}
