//! Cases that simpler rules between shards got wrong, each in the order that broke them and in every other: sixteen of plain
//! jobs, by number, and those of jobs that are cancelled, limited, delayed or keyed.
//!
//! Each case is a script in a world of few shards and workers, delivery by delivery where the order matters. What must
//! hold in any order is then checked in all of them, or in thousands where there are too many. Workers have one slot
//! and do A unless more is said; "at rest" means that nothing is on the way. Of jobs with options, shard 0 is the home,
//! 1 is that of the client and 2 that of the worker, unless more is said.

mod burst;
mod cancelled_in_line;
mod cancelled_suspects;
mod cancelling;
mod delays;
mod durable;
mod fixture;
mod keys;
mod options;
mod orders;
mod poison;
mod presence;
mod progress;
mod recalled;
mod reserved;
mod run_limits;
mod seen;
mod spare;
mod stale;
mod stopping;
mod suspects;
