//! The core by tables, without sockets: what each line means ([`protocol`]), which worker is given which job
//! ([`dispatch`]), and the orders of messages between shards that simpler rules got wrong ([`cases`]).
#![allow(clippy::needless_raw_string_hashes, reason = "a script that gains a quote should not have to change its ends")]

#[path = "common/corpus.rs"]
mod corpus;
#[path = "common/feed.rs"]
mod feed;
#[path = "common/figures.rs"]
mod figures;
#[path = "common/scripts/play.rs"]
mod play;
#[path = "common/random.rs"]
mod random;
#[path = "common/scale.rs"]
mod scale;
#[path = "common/scripts/script.rs"]
mod script;
#[path = "common/scripts/wildcard.rs"]
mod wildcard;
#[path = "common/world/mod.rs"]
mod world;

mod cases;
mod dispatch;
mod protocol;
