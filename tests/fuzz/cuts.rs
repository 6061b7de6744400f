//! However bytes are cut on their way, the same lines are found in them, and the same is answered.

use deputy::dispatch::message::Closing;
use deputy::metrics::Counts;
use deputy::protocol::frame::Framer;

use crate::feed::feed_checked;
use crate::random::Random;
use crate::world::World;
use crate::{LINE_BYTES_MAX, LINES, each, found};

#[test]
fn bytes_mean_the_same_however_they_are_cut() {
    bolero::check!(name = "cuts").for_each(|bytes: &[u8]| each(bytes, &LINES, check));
}

/// The first byte chooses the cuts.
fn check(bytes: &[u8]) {
    let Some((seed, bytes)) = bytes.split_first() else { return };
    let mut random = Random::new((*seed).into());
    let cut = cut(&mut random, bytes);
    assert_eq!(found(&cut), found(&[bytes]));
    // Cut lines above this length are checked as they come.
    let whole_bytes_max = *random.pick(&[0, 1, 20, 100, usize::MAX]);
    assert_eq!(answered(&cut, whole_bytes_max), answered(&[bytes], usize::MAX));
}

/// `bytes` in pieces, some of them empty.
fn cut<'a>(random: &mut Random, mut bytes: &'a [u8]) -> Vec<&'a [u8]> {
    let longest = *random.pick(&[1, 4, 30, 300]);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_at(random.below(longest + 1).min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// What a server sends a peer that sends this, how it closes the connection, and what it then has on its books.
fn answered(pieces: &[&[u8]], whole_bytes_max: usize) -> (Vec<String>, Option<Closing>, Counts) {
    let mut world = World::of(1);
    let (peer, mut framer) = (world.open(0), Framer::default());
    for piece in pieces {
        feed_checked(&mut world, peer, &mut framer, (LINE_BYTES_MAX, whole_bytes_max), piece);
    }
    (world.take_lines(peer), world.closed(peer), world.counts(0))
}
