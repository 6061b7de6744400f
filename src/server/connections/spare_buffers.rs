//! The empty buffers that a shard keeps for unsent bytes.

use crate::limits::{SMALL_BUFFER_BYTES_MAX, SPARE_BUFFER_BYTES_MAX, SPARE_BYTES_MAX};

/// The sizes of buffers for unsent bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) enum BufferSize {
    /// At most [`SMALL_BUFFER_BYTES_MAX`] bytes.
    #[default]
    Small,
    /// Anything above.
    Large,
}

/// Empty buffers for unsent bytes: a reply seldom allocates, and an idle connection has no buffer.
///
/// Small buffers are separate from large ones. Otherwise each buffer would in time serve the connection that sends most, and
/// grow to what that one needs. Workers would then write one line each to memory that is pages apart.
#[derive(Debug, Default)]
pub(super) struct SpareBuffers {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    /// The capacity of all of them.
    bytes: usize,
}

impl SpareBuffers {
    /// Takes a buffer of this size out. Returns a new one, which has no memory yet, if there is none.
    #[inline]
    pub(super) fn take(&mut self, size: BufferSize) -> Vec<u8> {
        let buffer = self.of_size(size).pop().unwrap_or_default();
        self.bytes -= buffer.capacity();
        buffer
    }

    /// Empties a buffer, and keeps it if there is room. Returns its size; `None` if it has no memory.
    #[inline]
    pub(super) fn keep(&mut self, mut buffer: Vec<u8>) -> Option<BufferSize> {
        let bytes = buffer.capacity();
        let size = match bytes {
            0 => return None,
            1..=SMALL_BUFFER_BYTES_MAX => BufferSize::Small,
            _ => BufferSize::Large,
        };
        if bytes <= SPARE_BUFFER_BYTES_MAX && self.bytes + bytes <= SPARE_BYTES_MAX {
            buffer.clear();
            self.bytes += bytes;
            self.of_size(size).push(buffer);
        }
        Some(size)
    }

    #[inline]
    fn of_size(&mut self, size: BufferSize) -> &mut Vec<Vec<u8>> {
        match size {
            BufferSize::Small => &mut self.small,
            BufferSize::Large => &mut self.large,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_given_to_those_who_need_its_size() {
        let mut spare = SpareBuffers::default();
        for (bytes, size) in [
            (1, BufferSize::Small),
            (SMALL_BUFFER_BYTES_MAX, BufferSize::Small),
            (SMALL_BUFFER_BYTES_MAX + 1, BufferSize::Large),
            (SPARE_BUFFER_BYTES_MAX, BufferSize::Large),
        ] {
            let mut buffer = Vec::with_capacity(bytes);
            buffer.push(b'x');
            assert_eq!(spare.keep(buffer), Some(size), "{bytes}");
            let other = if size == BufferSize::Small { BufferSize::Large } else { BufferSize::Small };
            assert_eq!(spare.take(other).capacity(), 0, "{bytes}");
            let taken = spare.take(size);
            assert_eq!((taken.len(), taken.capacity(), spare.bytes), (0, bytes, 0));
        }
    }

    #[test]
    fn what_is_kept_is_limited() {
        let mut spare = SpareBuffers::default();
        assert_eq!(spare.keep(Vec::new()), None);
        let too_large = Vec::with_capacity(SPARE_BUFFER_BYTES_MAX + 1);
        assert_eq!((spare.keep(too_large), spare.bytes), (Some(BufferSize::Large), 0));
        for _ in 0..=SPARE_BYTES_MAX / SPARE_BUFFER_BYTES_MAX {
            spare.keep(Vec::with_capacity(SPARE_BUFFER_BYTES_MAX));
        }
        assert_eq!((spare.bytes, spare.large.len()), (SPARE_BYTES_MAX, SPARE_BYTES_MAX / SPARE_BUFFER_BYTES_MAX));
        assert_eq!((spare.keep(Vec::with_capacity(1)), spare.small.len()), (Some(BufferSize::Small), 0));
    }
}
