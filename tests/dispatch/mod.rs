//! Which worker gets which job, and how the job ends: scripts on the core, without sockets, at one shard and at three.
//! What single lines mean is the subject of `tests/protocol`, any order of messages that of `tests/simulation`.

mod backlog;
mod bytes;
mod ended;
mod faults;
mod figures;
mod gave_up;
mod given_back;
mod half_lines;
mod left;
mod memory;
mod messages;
mod options;
mod order;
mod reads;
mod slices;
mod slots;
mod stall;
mod stopping;
mod timers;
mod trace;
mod turns;
mod types;
mod unsent;
