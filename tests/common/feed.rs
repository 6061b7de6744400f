//! Bytes from a peer, on their way through a shard: framer, decoder, core.

#![allow(dead_code, reason = "each test program uses a part of this")]

use deputy::dispatch::message::Closing;
use deputy::protocol::command::{check_read, next_line};
use deputy::protocol::frame::Framer;

use crate::world::{Peer, World};

/// Passes the lines in these bytes to the core. What follows a line that ends the connection is not read.
pub(crate) fn feed(world: &mut World, peer: Peer, framer: &mut Framer, line_bytes_max: usize, bytes: &[u8]) {
    feed_checked(world, peer, framer, (line_bytes_max, usize::MAX), bytes);
}

/// Does the same, with lines of more than the second limit checked as they come.
pub(crate) fn feed_checked(
    world: &mut World,
    peer: Peer,
    framer: &mut Framer,
    (line_bytes_max, whole_bytes_max): (usize, usize),
    bytes: &[u8],
) {
    let checked = check_read(framer, bytes);
    let mut rest = bytes;
    while world.is_open(peer) {
        // A name of its own for each line, as the framer is borrowed for as long as the line is.
        let mut left = rest;
        let Some(line) = next_line(framer, &mut left, checked, line_bytes_max, whole_bytes_max) else { break };
        rest = &rest[rest.len() - left.len()..];
        world.decoded(peer, &line);
    }
    world.bytes_read(peer, framer.partial_bytes() as u64);
}

/// Returns the name that scripts have for this way to close a connection.
pub(crate) fn closing_name(how: Closing) -> &'static str {
    match how {
        Closing::Flushed => "flushed",
        Closing::Explained => "explained",
        Closing::Dropped => "dropped",
    }
}
