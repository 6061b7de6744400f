//! Gives the memory of a backlog back to the system, also when nothing follows on it.
//!
//! mimalloc returns pages a second after all in them was freed, but it looks only when it frees a further one. A server
//! that has fallen silent frees none, and would keep what its last second freed. So from time to time a block is taken
//! and given back that is so large that it has pages of its own. Nothing is written to it, so it costs next to nothing.

use std::hint::black_box;
use std::time::Duration;

/// How often.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// More than mimalloc cuts from pages that are shared, in bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// Takes such a block and gives it back.
pub(crate) fn look() {
    drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
}
