//! Sixteen cases that simpler rules between shards got wrong, each in the order that broke them and in every other.
//!
//! Each case is a script in a world of few shards and workers, delivery by delivery where the order matters. What must hold in
//! any order is then checked in all of them, or in thousands where there are too many. Workers have one slot and do A
//! unless more is said; "at rest" means that nothing is on the way.

mod burst;
mod fixture;
mod orders;
mod poison;
mod reserved;
mod stale;
mod stopping;
mod suspects;
