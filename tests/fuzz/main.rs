//! Whatever bytes come: what the server makes of them is what docs/protocol.md says, and nothing else happens.
//!
//! Each file is a target for a fuzzer, which follows coverage, and an ordinary test. Bytes of a fuzzer, and those kept in
//! `__fuzz__`, are taken as they are; in the ordinary test random bytes also choose changes to lines of the corpus, as
//! noise alone gets no further than the first brace. The target for many inputs in a row to several shards is in
//! `tests/simulation/chosen.rs`.
//!
//! `BOLERO_RANDOM_TEST_TIME_MS` is how long each runs as an ordinary test. docs/testing.md says how to run the fuzzer.

#![allow(clippy::unwrap_used, reason = "in a test, a panic is the report")]

#[path = "../common/client.rs"]
mod client;
#[path = "../common/corpus.rs"]
mod corpus;
mod cuts;
#[path = "../common/feed.rs"]
mod feed;
#[path = "../common/found.rs"]
mod found;
mod ids;
mod lines;
#[path = "../common/mutate.rs"]
mod mutate;
#[path = "../common/random.rs"]
mod random;
mod replies;
mod sockets;
#[path = "../common/tree.rs"]
mod tree;
#[path = "../common/wait.rs"]
mod wait;
#[path = "../common/world/mod.rs"]
mod world;

use std::sync::LazyLock;

use deputy::protocol::Code;
use deputy::protocol::carried::Carried;
use deputy::protocol::command::{
    Command, JobOptions, JobRef, MetricsAsked, Outcome, Refusal, TypeName, TypesAsked, WorkerOptions, decode,
};
use deputy::protocol::frame::{Frame, Framer};

use found::Found;
use random::Random;

/// The longest line of these tests, in bytes: room for each limit but its own.
const LINE_BYTES_MAX: usize = 400;

/// Whole lines of the corpus.
static LINES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| corpus::lines().into_iter().map(|row| row.line).collect());

/// Has `check` look at a fuzzer's bytes, and in an ordinary test also at changed `seeds`, as the bytes choose.
fn each(bytes: &[u8], seeds: &[Vec<u8>], mut check: impl FnMut(&[u8])) {
    check(bytes);
    if !cfg!(fuzzing) {
        let seed = bytes.iter().fold(1_u64, |seed, &byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        check(&mutate::changed_text(&mut Random::chosen(bytes.to_vec(), seed), seeds));
    }
}

/// What a framer finds in the pieces, and how much it keeps.
fn found(pieces: &[&[u8]]) -> (Vec<Found>, usize) {
    let (mut framer, mut found) = (Framer::default(), Vec::new());
    for mut input in pieces.iter().copied() {
        while let Some(frame) = framer.next(&mut input, LINE_BYTES_MAX) {
            found.push(frame.into());
        }
    }
    (found, framer.partial_bytes())
}
