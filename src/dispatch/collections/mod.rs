//! Collections that free their memory, and timers. They do not depend on jobs.

pub(super) mod block_slab;
pub(super) mod fifo;
pub(super) mod parted_table;
pub(super) mod places;
#[cfg(test)]
pub(super) mod shrink_check;
pub(super) mod shrinking_slab;
pub mod timers;
