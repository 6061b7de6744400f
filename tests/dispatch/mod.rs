//! Which worker gets which job, and how the job ends: scripts on the core, without sockets, at one shard and at three.
//! What single lines mean is the subject of `tests/protocol`, any order of messages that of `tests/simulation`.

mod attempts;
mod background;
mod backlog;
mod bytes;
mod cancelling;
mod deadlines;
mod delays;
mod durable;
mod ended;
mod faults;
mod figures;
mod figures_by_type;
mod gave_up;
mod given_back;
mod half_lines;
mod histograms;
mod keys;
mod left;
mod many_types;
mod memory;
mod messages;
mod need_worker;
mod order;
mod priorities;
mod progress;
mod run_limits;
mod slots;
mod spare;
mod stall;
mod stopping;
mod timers;
mod trace;
mod turns;
mod types;
mod unsent;
