//! Who is given which job, and what becomes of it: scripts on the core, without sockets, at one shard and at three.
//! What single lines mean is the subject of `tests/protocol`, any order of messages that of `tests/simulation`.

#![allow(clippy::needless_raw_string_hashes)] // A script that gains a quote should not have to change its ends.

#[path = "../common/hear.rs"]
mod hear;
#[path = "../common/holes.rs"]
mod holes;
#[path = "../common/play.rs"]
mod play;
#[path = "../common/scale.rs"]
mod scale;
#[path = "../common/script.rs"]
mod script;
#[path = "../common/world.rs"]
mod world;

mod backlog;
mod faults;
mod figures;
mod gave_up;
mod given_back;
mod half_lines;
mod left;
mod memory;
mod order;
mod slots;
mod stall;
mod stopping;
mod trace;
mod turns;
mod types;
mod unsent;
