//! Keeps the last bytes that a command writes to standard error.

use std::collections::VecDeque;

/// The most bytes that are kept.
const BYTES_MAX: usize = 4 << 10;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    is_truncated: bool,
}

impl Tail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        if let Some(more @ 1..) = self.bytes.len().checked_sub(BYTES_MAX) {
            self.is_truncated = true;
            self.bytes.drain(..more);
        }
    }

    /// Returns the bytes as text, with `...` before it if earlier ones were dropped.
    pub(super) fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        format!("{}{}", if self.is_truncated { "..." } else { "" }, text.trim_end())
    }
}
