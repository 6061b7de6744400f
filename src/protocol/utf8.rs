//! Checks UTF-8: the lines of a read at once, or a long line while it arrives, when a character may be cut into several
//! pieces.

use memchr::memrchr;

/// The last line end of a read is looked for in this many bytes. If it is not among them, the lines are so long that a
/// check for each takes no longer.
const LAST_LINE_BYTES: usize = 16 << 10;

/// The whole lines of a read, if they are UTF-8. Checking short lines one by one takes longer than checking all of them at
/// once.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckedLines<'a>(Option<&'a str>);

impl<'a> CheckedLines<'a> {
    /// Checks what was read, up to and with the last line end.
    pub fn of_read(read: &'a [u8]) -> Self {
        let last = read.len().saturating_sub(LAST_LINE_BYTES);
        let lines = memrchr(b'\n', &read[last..]).map(|end| &read[..=last + end]);
        Self(lines.and_then(|lines| simdutf8::basic::from_utf8(lines).ok()))
    }

    /// Returns the text of a line that is among them; `None` for another line.
    #[inline]
    pub(super) fn text(self, line: &[u8]) -> Option<&'a str> {
        self.text_from(line)?.get(..line.len())
    }

    /// Returns the text from the place where `bytes` begin to the last line end. `None` if they begin elsewhere.
    #[inline]
    pub(super) fn text_from(self, bytes: &[u8]) -> Option<&'a str> {
        let text = self.0?;
        // Bytes at the same addresses are the same bytes.
        let begin = bytes.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
        text.get(begin..)
    }
}

/// The bytes of one line, in order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Utf8 {
    /// The beginning of a character whose rest has not come.
    cut: [u8; 4],
    cut_bytes: usize,
    /// The number of bytes before the first wrong or cut character.
    valid_bytes: usize,
    is_wrong: bool,
}

impl Utf8 {
    /// Checks a piece.
    pub(super) fn check(&mut self, mut piece: &[u8]) {
        while self.cut_bytes > 0
            && !self.is_wrong
            && let Some((&next, rest)) = piece.split_first()
        {
            self.cut[self.cut_bytes] = next;
            self.cut_bytes += 1;
            piece = rest;
            match str::from_utf8(&self.cut[..self.cut_bytes]) {
                Ok(_) => self.valid_bytes += std::mem::take(&mut self.cut_bytes),
                Err(error) => self.is_wrong = error.error_len().is_some(),
            }
        }
        if self.is_wrong {
            return;
        }
        match str::from_utf8(piece) {
            Ok(_) => self.valid_bytes += piece.len(),
            Err(error) => {
                let (valid, rest) = piece.split_at(error.valid_up_to());
                self.valid_bytes += valid.len();
                self.is_wrong = error.error_len().is_some();
                if !self.is_wrong {
                    self.cut[..rest.len()].copy_from_slice(rest);
                    self.cut_bytes = rest.len();
                }
            }
        }
    }

    /// Returns whether a byte was wrong.
    pub(super) fn is_wrong(&self) -> bool {
        self.is_wrong
    }

    /// Returns a message why the checked bytes are not UTF-8; `Ok` if they are.
    pub(super) fn verdict(&self) -> Result<(), String> {
        if self.is_wrong || self.cut_bytes > 0 {
            return Err(not_utf8(self.valid_bytes));
        }
        Ok(())
    }
}

/// Returns the message that the bytes after `valid_bytes` are not UTF-8.
pub(super) fn not_utf8(valid_bytes: usize) -> String {
    format!("not UTF-8 at column {}", valid_bytes + 1)
}

#[cfg(test)]
mod tests {
    use super::super::corpus::Random;
    use super::*;

    #[test]
    fn lines_before_the_last_line_end_of_a_read_are_checked() {
        let read = "{\"a\":\"\u{e9}\"}\r\n{}\n{\"rest\"".as_bytes();
        let checked = CheckedLines::of_read(read);
        let text = |from: usize, bytes: usize| checked.text(&read[from..from + bytes]);
        assert_eq!([text(0, 10), text(12, 2)], [Some("{\"a\":\"\u{e9}\"}"), Some("{}")]);
        assert_eq!(text(15, 7), None, "its end has not come");
        let other = String::from("{}");
        assert_eq!(checked.text(other.as_bytes()), None, "it is not of this read");
        assert_eq!(CheckedLines::default().text(&read[12..14]), None);
        for unchecked in [&b"{\"\xff\"}\n{}\n"[..], b"{}", b""] {
            assert!(CheckedLines::of_read(unchecked).0.is_none(), "{unchecked:?}");
        }
    }

    /// Long lines are checked by themselves.
    #[test]
    fn the_last_line_end_is_looked_for_near_the_end_of_a_read() {
        for (behind, found) in [(LAST_LINE_BYTES - 1, true), (LAST_LINE_BYTES, false)] {
            let read = [&b"{}\n"[..], &vec![b'x'; behind]].concat();
            assert_eq!(CheckedLines::of_read(&read).text(&read[..2]).is_some(), found, "{behind} bytes behind it");
        }
    }

    #[test]
    fn pieces_are_judged_as_the_whole() {
        let mut random = Random::new(5);
        let parts: [&[u8]; 12] = [
            b"a",
            b"text",
            "\u{e9}".as_bytes(),
            "\u{20ac}".as_bytes(),
            "\u{1f600}".as_bytes(),
            b"\xc3",
            b"\xf0\x9f",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xc0\x80",
            b"\x80",
        ];
        let (mut right, mut wrong) = (0, 0);
        for _ in 0..20_000 {
            let whole: Vec<u8> = (0..random.below(6)).flat_map(|_| *random.pick(&parts)).copied().collect();
            let expected = str::from_utf8(&whole).map(|_| ()).map_err(|error| not_utf8(error.valid_up_to()));
            let (mut utf8, mut rest) = (Utf8::default(), &whole[..]);
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(random.below(4).min(rest.len()));
                utf8.check(piece);
                rest = after;
            }
            assert_eq!(utf8.verdict(), expected, "{whole:x?}");
            assert!(!utf8.is_wrong() || expected.is_err());
            *(if expected.is_ok() { &mut right } else { &mut wrong }) += 1;
        }
        assert!(right > 1_000 && wrong > 1_000, "{right} right, {wrong} wrong");
    }
}
