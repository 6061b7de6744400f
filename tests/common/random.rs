//! Random numbers that a seed repeats on every machine: `SplitMix64`. Or numbers that a fuzzer chose: the bytes of its
//! input, while there are any.

#![allow(dead_code, reason = "each test program uses a part of this")]

/// A stream of random numbers.
pub(crate) struct Random {
    state: u64,
    chosen: std::vec::IntoIter<u8>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self::chosen(Vec::new(), seed)
    }

    /// Makes `below` read its numbers from these bytes, one for a small number. When they are used up, numbers are random.
    pub(crate) fn chosen(bytes: Vec<u8>, seed: u64) -> Self {
        Self { state: seed, chosen: bytes.into_iter() }
    }

    /// Returns whether all chosen bytes are used up.
    pub(crate) fn is_spent(&self) -> bool {
        self.chosen.len() == 0
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a separate stream, for another thread.
    pub(crate) fn branch(&mut self) -> Self {
        Self::new(self.next())
    }

    /// Returns a number below `n`, which is not 0. The bias is less than one in 2^32 for the small numbers used here.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let word = if self.is_spent() { self.next() } else { self.next_chosen(n) };
        usize::try_from(word % n as u64).expect("below a usize")
    }

    /// Reads as many bytes as a number below `n` takes, or the rest of them.
    fn next_chosen(&mut self, n: usize) -> u64 {
        let bytes = 1 + (n - 1).checked_ilog2().map_or(0, |bits| bits as usize / 8);
        self.chosen.by_ref().take(bytes).fold(0, |word, byte| word << 8 | u64::from(byte))
    }

    /// Returns true once in `n` times.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Returns one of `from`, or `None` if it is empty.
    pub(crate) fn pick_any<T: Copy>(&mut self, from: impl IntoIterator<Item = T>) -> Option<T> {
        let all: Vec<T> = from.into_iter().collect();
        if all.is_empty() { None } else { Some(*self.pick(&all)) }
    }
}
