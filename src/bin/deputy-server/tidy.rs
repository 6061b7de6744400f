//! Periodic work: returns memory to the system, and reaps orphans.
//!
//! mimalloc returns free pages to the system after a second, but checks the time only when it frees another page. An
//! idle server frees no pages, and would keep those that its last busy second freed. So a block large enough to have
//! pages of its own is allocated and freed from time to time. Nothing is written to the block, so this costs very
//! little.

use std::hint::black_box;
use std::time::Duration;

use rustix::process::{WaitOptions, wait};

/// The time between two runs of this work.
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
