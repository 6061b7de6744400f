//! Collections that give their memory back, and timers. They know nothing of jobs.

pub(super) mod fifo;
pub(super) mod places;
#[cfg(test)]
pub(super) mod shrink_check;
pub(super) mod shrinking_slab;
pub mod timers;
