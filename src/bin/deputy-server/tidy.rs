//! Work that is done every few seconds: it gives memory back to the system, and reaps orphans.
//!
//! mimalloc returns pages to the system a second after everything in them was freed, but it checks this only when it frees
//! another page. An idle server frees none, and would keep what its last busy second freed. So a block large enough to
//! have pages of its own is allocated and freed from time to time. Nothing is written to it, so it costs very little.

use std::hint::black_box;
use std::time::Duration;

use rustix::process::{WaitOptions, wait};

/// The time between two rounds.
pub(crate) const EVERY: Duration = Duration::from_secs(2);
/// More bytes than mimalloc takes from shared pages.
const BLOCK_BYTES: usize = 1 << 20;

/// Allocates and frees a block, so that mimalloc returns freed pages.
pub(crate) fn return_memory() {
    drop(black_box(Vec::<u8>::with_capacity(BLOCK_BYTES)));
}

/// Reaps the processes that have ended and whose parent is this process. The server starts none, but as process 1 of a
/// container it inherits the orphans of others, such as those of a health check.
pub(crate) fn reap_orphans() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}
