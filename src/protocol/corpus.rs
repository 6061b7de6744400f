//! For tests: the lines of the corpus, a seeded generator, and lines made from both by mutation.

#[path = "../../tests/common/corpus.rs"]
mod rows;

/// Every line of the corpus.
pub(super) fn lines() -> Vec<Vec<u8>> {
    rows::rows().into_iter().map(|row| row.line).collect()
}

/// Those that are written as whole lines: every command, and every way to break a rule.
pub(super) fn whole_lines() -> Vec<Vec<u8>> {
    rows::lines().into_iter().map(|row| row.line).collect()
}

/// A generator whose numbers depend on its seed alone (splitmix64).
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `bound`.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((word ^ (word >> 31)) % bound as u64).expect("it is below a usize")
    }

    /// One of `choices`.
    pub(super) fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// One of `lines` after up to three changes.
    pub(super) fn changed(&mut self, lines: &[Vec<u8>]) -> Vec<u8> {
        let mut line = lines[self.below(lines.len())].clone();
        for _ in 0..self.below(4) {
            self.change(&mut line);
        }
        line
    }

    /// Removes, repeats, overwrites or inserts something.
    fn change(&mut self, line: &mut Vec<u8>) {
        const PIECES: [&[u8]; 32] = [
            b"\"",
            b"\\",
            b"{",
            b"}",
            b"[",
            b"]",
            b",",
            b":",
            b" ",
            b"0",
            b"-",
            b".",
            b"e9",
            b"null",
            b"true",
            b"\"id\":1,",
            b"\"cmd\":\"do\",",
            b"\"type\":\"t\",",
            b"\"job\":3,",
            b"\"res\":{},",
            b"\"err\":[],",
            b"\"types\":[],",
            b"\"max_jobs\":2,",
            b"\\u0061",
            b"\\ud800",
            b"\\udc00",
            b"\\n",
            b"\xc3\xa9",
            b"\xc3",
            b"\r",
            b"\x01",
            b"\\u00",
        ];
        let (from, to) = (self.below(line.len() + 1), self.below(line.len() + 1));
        let range = from.min(to)..from.max(to).min(from.min(to) + 8);
        match self.below(4) {
            0 => drop(line.drain(range)),
            1 => {
                let copy = line[range.clone()].to_vec();
                line.splice(range.start..range.start, copy);
            }
            2 => drop(line.splice(range, self.pick(&PIECES).iter().copied())),
            _ => drop(line.splice(from..from, self.pick(&PIECES).iter().copied())),
        }
    }
}
