//! A number of JSON, a byte at a time.

/// The state within a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Minus,
    Zero,
    Digits,
    Point,
    Decimals,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// The role of a byte for a number.
pub(super) enum Next {
    /// A part of the number.
    Part(Number),
    /// The first byte after the number.
    Behind,
    /// The number ends too early, or begins with a zero that more digits follow.
    Wrong,
}

impl Number {
    /// Returns the number that begins with a byte.
    #[inline]
    pub(super) fn first(byte: u8) -> Option<Self> {
        match byte {
            b'-' => Some(Self::Minus),
            b'0' => Some(Self::Zero),
            b'1'..=b'9' => Some(Self::Digits),
            _ => None,
        }
    }

    /// Whether any digits may follow without a change.
    #[inline]
    pub(super) fn is_in_digits(self) -> bool {
        matches!(self, Self::Digits | Self::Decimals | Self::ExponentDigits)
    }

    /// Whether the number may end here.
    pub(super) fn is_whole(self) -> bool {
        self.is_in_digits() || self == Self::Zero
    }

    /// Returns the role of the next byte.
    #[inline]
    pub(super) fn next(self, byte: u8) -> Next {
        Next::Part(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus | Self::Digits, b'0'..=b'9') => Self::Digits,
            (Self::Zero | Self::Digits, b'.') => Self::Point,
            (Self::Zero | Self::Digits | Self::Decimals, b'e' | b'E') => Self::Exponent,
            (Self::Point | Self::Decimals, b'0'..=b'9') => Self::Decimals,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            (Self::Minus | Self::Point | Self::Exponent | Self::ExponentSign, _) | (Self::Zero, b'0'..=b'9') => {
                return Next::Wrong;
            }
            (Self::Zero | Self::Digits | Self::Decimals | Self::ExponentDigits, _) => return Next::Behind,
        })
    }
}
