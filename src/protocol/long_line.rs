//! Checks a long line while it arrives, because decoding it at its end would take too long.
//!
//! Each piece is checked when it arrives. A *sketch* of the object is kept: the known members in order, in which a
//! short value replaces each long one. The decoder reads the sketch like any line, so there is one decoder. The long
//! values that a command carries are kept separately, in chunks, and so are the types of a long list.
//!
//! Invariant: the line is equivalent to its sketch with these values in their places. Members that no command uses are
//! not kept.

use memchr::memchr;

use super::carried::{LongText, LongTextBuilder};
use super::members::{Name, cr_inside, known};
use super::scanner::{Part, Scanner};
use super::string::unescape;
use super::types::{TypeListReader, TypeName};
use super::utf8::Utf8;
use crate::limits::ID_BYTES_MAX;

/// The maximum number of bytes of a value in the sketch, unless it is an id. Every valid type, key, number and command
/// has fewer, even if all characters are escaped.
pub(super) const SHORT_VALUE_BYTES_MAX: usize = 4 << 10;

/// The maximum number of bytes of a name in the sketch. Every known name has fewer, even if all characters are escaped.
const NAME_BYTES_MAX: usize = 128;

/// The members whose values may be long in a valid line.
const CARRIED: [Name; 4] = [Name::Arg, Name::Res, Name::Err, Name::Data];

/// Replaces a long carried value in the sketch.
const CARRIED_SKETCH: &[u8] = b"0";

/// Replaces a long list of types in the sketch.
const TYPES_SKETCH: &[u8] = b"[]";

/// Replaces a value that is refused in the sketch.
const INVALID_SKETCH: &[u8] = b"null";

/// The arrived part of a line, without its end.
#[derive(Debug, Default, PartialEq)]
pub struct LongLine {
    /// The number of its bytes, without a pending CR.
    bytes: usize,
    /// The last byte was a CR, which belongs to the line only if another byte follows.
    cr_pending: bool,
    /// The place of the first CR that is not part of the line's end.
    cr_at: Option<usize>,
    utf8: Utf8,
    scanner: Scanner,
    part: Option<Part>,
    sketch: Vec<u8>,
    /// Names that were given, one bit each; and those given twice.
    given: u32,
    twice: u32,
    /// Where in the sketch the last member, its name and its value begin.
    member_at: usize,
    name_at: usize,
    value_at: usize,
    value: Value,
    carried: [Option<LongText>; CARRIED.len()],
    /// The types of a long list.
    types: Option<Vec<TypeName<'static>>>,
}

/// What to do with the value that is being read.
#[derive(Debug, Default, PartialEq)]
enum Value {
    /// It is not kept.
    #[default]
    Dropped,
    /// It goes into the sketch. If it becomes long, it is handled as `IfLong` says.
    Short(IfLong),
    /// It is carried, as one of [`CARRIED`].
    Long(usize, LongTextBuilder),
    /// It is a list of types, if it is valid.
    Types(Box<TypeListReader>),
}

/// What to do with a long value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum IfLong {
    /// It is carried, as one of [`CARRIED`].
    Carried(usize),
    /// It is a `cmd`: no command has such a name, but the answer depends on whether it is a string.
    Command,
    /// It may be valid only as a list of types.
    Types,
    /// It is an id of more than [`SHORT_VALUE_BYTES_MAX`] bytes. A longer id is not valid, nor is `null`.
    Id,
    /// It is not valid, nor is `null`.
    Invalid,
}

impl IfLong {
    /// Returns how many bytes a value has before it counts as long.
    fn short_bytes_max(self) -> usize {
        match self {
            Self::Id => ID_BYTES_MAX,
            Self::Carried(_) | Self::Command | Self::Types | Self::Invalid => SHORT_VALUE_BYTES_MAX,
        }
    }
}

impl LongLine {
    /// Appends bytes, which contain no LF.
    pub(super) fn push(&mut self, piece: &[u8]) {
        if piece.is_empty() {
            return;
        }
        if std::mem::take(&mut self.cr_pending) {
            self.take(b"\r");
        }
        let without_cr = piece.strip_suffix(b"\r");
        self.cr_pending = without_cr.is_some();
        self.take(without_cr.unwrap_or(piece));
    }

    /// Ends the line. A CR before the end is part of the end.
    pub(super) fn end(&mut self) {
        self.cr_pending = false;
        self.sketch.extend_from_slice(if self.sketch.is_empty() { b"{}" } else { b"}" });
    }

    /// Returns how many bytes have come.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + usize::from(self.cr_pending)
    }

    /// Returns whether the last byte was a CR.
    pub(super) fn ends_with_cr(&self) -> bool {
        self.cr_pending
    }

    /// Returns whether the line counts as empty.
    pub(super) fn is_blank(&self) -> bool {
        self.scanner.is_blank() && self.utf8.verdict().is_ok() && self.cr_at.is_none()
    }

    /// Returns the sketch of a line that has ended. `Err` is a message why the line is not a JSON object that the
    /// protocol accepts.
    pub(super) fn sketch(&self) -> Result<&[u8], String> {
        self.utf8.verdict()?;
        if let Some(at) = self.cr_at {
            return Err(cr_inside(at));
        }
        self.scanner.verdict()?;
        Ok(&self.sketch)
    }

    /// Returns the value of a member, if it is carried and long.
    pub(super) fn carried(&self, name: Name) -> Option<&LongText> {
        let at = CARRIED.iter().position(|&carried| carried == name)?;
        self.carried[at].as_ref()
    }

    /// Returns the types, if a long list of them was given.
    pub(super) fn types(&self) -> Option<&[TypeName<'static>]> {
        self.types.as_deref()
    }

    fn take(&mut self, piece: &[u8]) {
        self.utf8.check(piece);
        if !self.utf8.is_wrong() && self.cr_at.is_none() {
            self.cr_at = memchr(b'\r', piece).map(|at| self.bytes + at);
        }
        self.bytes += piece.len();
        let mut rest = piece;
        while !rest.is_empty() && !self.has_failed() {
            let (bytes, part) = self.scanner.scan(rest);
            self.keep(&rest[..bytes]);
            if part.is_some() {
                self.begin(part);
            }
            rest = &rest[bytes..];
        }
        if self.has_failed() {
            self.forget();
        }
    }

    fn has_failed(&self) -> bool {
        self.utf8.is_wrong() || self.cr_at.is_some() || self.scanner.has_failed()
    }

    /// Frees the memory that a refused line does not need.
    fn forget(&mut self) {
        self.sketch = Vec::new();
        self.value = Value::Dropped;
        self.carried = Default::default();
        self.types = None;
    }

    /// Keeps bytes of the part that is being read.
    fn keep(&mut self, bytes: &[u8]) {
        match self.part {
            // A name that is too long stays cut, and is therefore unknown.
            Some(Part::Name) => {
                let room = NAME_BYTES_MAX.saturating_sub(self.sketch.len() - self.name_at);
                self.sketch.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Some(Part::Value) => {
                if let Value::Short(if_long) = self.value
                    && self.sketch.len() - self.value_at + bytes.len() > if_long.short_bytes_max()
                {
                    self.turn_long(if_long, bytes[0]);
                }
                match &mut self.value {
                    Value::Dropped => {}
                    Value::Short(_) => self.sketch.extend_from_slice(bytes),
                    Value::Long(_, text) => text.push(bytes),
                    Value::Types(types) => types.push(bytes),
                }
            }
            Some(Part::Colon | Part::Comma) | None => {}
        }
    }

    fn begin(&mut self, part: Option<Part>) {
        self.part = part;
        match part {
            Some(Part::Name) => {
                self.member_at = self.sketch.len();
                self.sketch.push(if self.sketch.is_empty() { b'{' } else { b',' });
                self.name_at = self.sketch.len();
            }
            Some(Part::Colon) => self.end_name(),
            Some(Part::Value) => self.value_at = self.sketch.len(),
            Some(Part::Comma) => self.end_value(),
            None => {}
        }
    }

    /// Handles the end of a name. A member that no command uses is not in the sketch. A member that was given twice is
    /// in it twice, so the decoder refuses the line.
    fn end_name(&mut self) {
        let raw = &self.sketch[self.name_at..];
        // A name of that length has been cut. Shorter names have been checked, so they can be unescaped.
        let raw = Some(raw).filter(|raw| raw.len() < NAME_BYTES_MAX).and_then(|raw| str::from_utf8(raw).ok());
        let name = raw.and_then(unescape).and_then(|name| known(&name));
        match name.filter(|name| self.twice & 1 << name == 0) {
            None => {
                self.sketch.truncate(self.member_at);
                self.value = Value::Dropped;
            }
            Some(name) => {
                self.twice |= self.given & 1 << name;
                self.given |= 1 << name;
                self.sketch.push(b':');
                self.value = Value::Short(if_long(name));
            }
        }
    }

    /// Called when a short value becomes long. `first` is its first byte if none of it is in the sketch.
    fn turn_long(&mut self, if_long: IfLong, first: u8) {
        let come = &self.sketch[self.value_at..];
        let first = come.first().copied().unwrap_or(first);
        let (value, stand_in): (_, &[u8]) = match if_long {
            IfLong::Carried(at) => {
                let mut text = LongTextBuilder::default();
                text.push(come);
                (Value::Long(at, text), CARRIED_SKETCH)
            }
            IfLong::Types => {
                let mut types = Box::<TypeListReader>::default();
                types.push(come);
                (Value::Types(types), b"") // Its replacement is known at the end.
            }
            IfLong::Command if first == b'"' => (Value::Dropped, b"\"\""),
            IfLong::Command | IfLong::Id | IfLong::Invalid => (Value::Dropped, INVALID_SKETCH),
        };
        self.value = value;
        self.sketch.truncate(self.value_at);
        self.sketch.extend_from_slice(stand_in);
    }

    fn end_value(&mut self) {
        match std::mem::take(&mut self.value) {
            Value::Long(at, text) => self.carried[at] = Some(text.finish()),
            Value::Types(types) => {
                self.types = types.finish();
                self.sketch.extend_from_slice(if self.types.is_some() { TYPES_SKETCH } else { INVALID_SKETCH });
            }
            Value::Dropped | Value::Short(_) => {}
        }
    }
}

/// Returns what to do with a long value of a member, given its place among the known names.
fn if_long(name: usize) -> IfLong {
    if let Some(at) = CARRIED.iter().position(|&carried| carried as usize == name) {
        return IfLong::Carried(at);
    }
    match name {
        _ if name == Name::Cmd as usize => IfLong::Command,
        _ if name == Name::Id as usize => IfLong::Id,
        _ if name == Name::Types as usize => IfLong::Types,
        _ => IfLong::Invalid,
    }
}

#[cfg(test)]
mod tests;
