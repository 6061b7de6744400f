//! Lines in, lines out: what each line of a client means, and what the server answers, by the byte. Scripts run on the
//! core with framer and decoder before it, without sockets. Who gets which job is the subject of `tests/dispatch`.

#![allow(clippy::needless_raw_string_hashes)] // A script that gains a quote should not have to change its ends.

#[path = "../common/corpus.rs"]
mod corpus;
#[path = "../common/hear.rs"]
mod hear;
#[path = "../common/holes.rs"]
mod holes;
#[path = "../common/play.rs"]
mod play;
#[path = "../common/script.rs"]
mod script;
#[path = "../common/world.rs"]
mod world;

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
mod lines;
mod long;
mod max_jobs;
mod members;
mod metrics;
mod ping;
mod scripts;
mod submit;
mod surrogates;
mod types;
