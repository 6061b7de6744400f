//! Checks UTF-8 while it arrives: a character may be cut into several pieces.

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
