//! The chunks of long values. Each thread keeps its free chunks for the next long values.
//!
//! An allocator returns large blocks to the system some time after they were freed, many at once. For a value of 8 MiB
//! that takes a millisecond in the turn of a shard that allocates the next value, and the pages of the next value must
//! be cleared. So chunks are kept while they are used again, and a shard frees the others gradually
//! ([`release_unused`]).
//!
//! This is only a cache of memory: no line, decision or count depends on it.

use std::cell::RefCell;

use crate::limits::{CHUNK_BYTES, SPARE_CHUNKS_MAX};

/// The free chunks of a thread.
#[derive(Debug, Default)]
struct Spare {
    /// Empty, each with room for [`CHUNK_BYTES`].
    chunks: Vec<Vec<u8>>,
    /// The smallest number of free chunks since the last release. This many were unused in that time.
    unused: usize,
}

thread_local! {
    static SPARE: RefCell<Spare> = RefCell::default();
}

/// Returns an empty chunk.
pub(super) fn take() -> Vec<u8> {
    let spare = SPARE.with_borrow_mut(|spare| {
        let chunk = spare.chunks.pop();
        spare.unused = spare.unused.min(spare.chunks.len());
        chunk
    });
    spare.unwrap_or_else(|| Vec::with_capacity(CHUNK_BYTES))
}

/// Keeps a chunk, unless there are enough. Only whole chunks are kept.
pub(super) fn give_back(mut chunk: Vec<u8>) {
    if chunk.capacity() == CHUNK_BYTES {
        chunk.clear();
        // A thread that ends needs no free chunks.
        let _ = SPARE.try_with(|spare| {
            let chunks = &mut spare.borrow_mut().chunks;
            if chunks.len() < SPARE_CHUNKS_MAX {
                chunks.push(chunk);
            }
        });
    }
}

/// Returns whether this thread has free chunks.
pub fn any_spare() -> bool {
    SPARE.with_borrow(|spare| !spare.chunks.is_empty())
}

/// Frees chunks of this thread that it did not need since the last call, at most `max`.
pub fn release_unused(max: usize) {
    SPARE.with_borrow_mut(|spare| {
        let left = spare.chunks.len() - spare.unused.min(max);
        spare.chunks.truncate(left);
        if spare.chunks.is_empty() {
            spare.chunks = Vec::new();
        }
        spare.unused = left;
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spare() -> usize {
        SPARE.with_borrow(|spare| spare.chunks.len())
    }

    #[test]
    fn chunks_that_are_used_again_stay_and_the_others_go_bit_by_bit() {
        let taken: Vec<_> = (0..10).map(|_| take()).collect();
        assert!(!any_spare() && taken.iter().all(|chunk| chunk.capacity() == CHUNK_BYTES));
        taken.into_iter().for_each(give_back);
        assert_eq!(spare(), 10);
        release_unused(100);
        assert_eq!(spare(), 10, "all were in use just now");
        // Six are used meanwhile.
        let taken: Vec<_> = (0..6).map(|_| take()).collect();
        taken.into_iter().for_each(give_back);
        release_unused(3);
        assert_eq!(spare(), 7);
        release_unused(3);
        assert_eq!(spare(), 4);
        release_unused(100);
        assert!(!any_spare());
        release_unused(100);
    }

    #[test]
    fn a_limited_number_is_kept_and_no_other_vectors() {
        give_back(Vec::new());
        give_back(Vec::with_capacity(10));
        assert!(!any_spare());
        (0..SPARE_CHUNKS_MAX + 5).for_each(|_| give_back(Vec::with_capacity(CHUNK_BYTES)));
        assert_eq!(spare(), SPARE_CHUNKS_MAX);
        assert!(take().is_empty());
    }
}
