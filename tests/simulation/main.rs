//! All shards on one thread, under a seed.

#[path = "../common/world.rs"]
mod world;
