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

    /// Empties the buffer of a connection, and keeps it if there is room. If the buffer has become large, `next` is too: the
    /// connection takes a large one from now on, and does not grow a small one each time.
    #[inline]
    pub(super) fn keep(&mut self, mut buffer: Vec<u8>, next: &mut BufferSize) {
        let bytes = buffer.capacity();
        let size = if bytes <= SMALL_BUFFER_BYTES_MAX { BufferSize::Small } else { BufferSize::Large };
        if size == BufferSize::Large {
            *next = size;
        }
        if (1..=SPARE_BUFFER_BYTES_MAX).contains(&bytes) && self.bytes + bytes <= SPARE_BYTES_MAX {
            buffer.clear();
            self.bytes += bytes;
            self.of_size(size).push(buffer);
        }
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
            spare.keep(buffer, &mut BufferSize::default());
            let other = if size == BufferSize::Small { BufferSize::Large } else { BufferSize::Small };
            assert_eq!(spare.take(other).capacity(), 0, "{bytes}");
            let taken = spare.take(size);
            assert_eq!((taken.len(), taken.capacity(), spare.bytes), (0, bytes, 0));
        }
    }

    #[test]
    fn a_connection_that_needed_a_large_buffer_takes_large_ones() {
        let (mut spare, mut next) = (SpareBuffers::default(), BufferSize::default());
        for (bytes, size) in [
            (0, BufferSize::Small),
            (SMALL_BUFFER_BYTES_MAX, BufferSize::Small),
            (SPARE_BUFFER_BYTES_MAX + 1, BufferSize::Large),
            (1, BufferSize::Large),
        ] {
            spare.keep(Vec::with_capacity(bytes), &mut next);
            assert_eq!(next, size, "{bytes}");
        }
    }

    #[test]
    fn what_is_kept_is_limited() {
        let (mut spare, mut next) = (SpareBuffers::default(), BufferSize::default());
        for bytes in [0, SPARE_BUFFER_BYTES_MAX + 1] {
            spare.keep(Vec::with_capacity(bytes), &mut next);
            assert_eq!((spare.small.len(), spare.large.len(), spare.bytes), (0, 0, 0), "{bytes}");
        }
        for _ in 0..=SPARE_BYTES_MAX / SPARE_BUFFER_BYTES_MAX {
            spare.keep(Vec::with_capacity(SPARE_BUFFER_BYTES_MAX), &mut next);
        }
        assert_eq!((spare.bytes, spare.large.len()), (SPARE_BYTES_MAX, SPARE_BYTES_MAX / SPARE_BUFFER_BYTES_MAX));
        spare.keep(Vec::with_capacity(1), &mut next);
        assert_eq!(spare.small.len(), 0);
    }
}
