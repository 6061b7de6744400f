//! The server's binary over real sockets: what it does for its clients ([`server`]), and in a system that fails it
//! ([`system`]).
#![allow(clippy::needless_raw_string_hashes, reason = "a script that gains a quote should not have to change its ends")]
#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "common/client.rs"]
mod client;
#[path = "common/corpus.rs"]
mod corpus;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/scripts/play_sockets.rs"]
mod play_sockets;
#[path = "common/proc.rs"]
mod proc;
#[path = "common/process.rs"]
mod process;
#[path = "common/programs.rs"]
mod programs;
#[path = "common/scale.rs"]
mod scale;
#[path = "common/scripts/script.rs"]
mod script;
#[path = "common/wait.rs"]
mod wait;
#[path = "common/scripts/wildcard.rs"]
mod wildcard;

/// The core's tables of jobs, over sockets: those that need no clock.
mod dispatch {
    mod options {
        mod attempts;
        mod background;
        mod cancelling;
        mod keys;
        mod need_worker;
        mod no_wait;
        mod priorities;
        mod progress;
    }

    mod gave_up;
    mod given_back;
    mod left;
    mod order;
    mod slots;
}
/// The core's tables of lines, over sockets.
mod protocol {
    mod can_do;
    mod cant_do;
    mod carried;
    mod did;
    mod ends;
    mod first;
    mod holding;
    mod ids;
    mod json;
    mod kinds;
    mod long;
    mod max_jobs;
    mod members;
    mod metrics;
    mod ping;
    mod submit;
    mod surrogates;
    mod types;
}
mod server;
#[cfg(target_os = "linux")]
mod system;

use server::fixture::net as play;
