//! Bytes from a peer, on the way that they take in a shard: framer, decoder, core.

#![allow(dead_code)] // Each test crate that includes this file uses a part of it.

use deputy::dispatch::message::Closing;
use deputy::protocol::Code;
use deputy::protocol::command::{self, Refusal};
use deputy::protocol::frame::{Frame, Framer};

use crate::world::{Peer, World};

/// Tells the core what these bytes say. What follows a line that ends the connection is not read.
pub(crate) fn hear(world: &mut World, peer: Peer, framer: &mut Framer, line_bytes_max: usize, bytes: &[u8]) {
    let mut rest = bytes;
    while world.is_open(peer) {
        // A name of its own for each frame, as the framer is borrowed for as long as the frame is.
        let mut left = rest;
        let Some(frame) = framer.next(&mut left, line_bytes_max) else { break };
        rest = &rest[rest.len() - left.len()..];
        tell(world, peer, frame);
    }
    world.heard(peer, framer.partial_bytes() as u64);
}

fn tell(world: &mut World, peer: Peer, frame: Frame<'_>) {
    match frame {
        Frame::Line { bytes, first } => match command::decode(bytes) {
            Ok(command) => world.command(peer, command),
            Err(refusal) => {
                let fatal = first && refusal.code == Code::BadJson;
                world.refused(peer, refusal, fatal);
            }
        },
        Frame::TooLong => world.refused(peer, unread(Code::TooLong, "the line is too long"), true),
        Frame::NotJson => world.refused(peer, unread(Code::BadJson, "not a JSON object"), true),
    }
}

/// The refusal of a line of which nothing could be read.
fn unread(code: Code, text: &'static str) -> Refusal<'static> {
    Refusal { code, text: text.into(), id: None, is_do: false }
}

/// The name that scripts have for how a connection was closed.
pub(crate) fn closing_name(how: Closing) -> &'static str {
    match how {
        Closing::Flushed => "flushed",
        Closing::Explained => "explained",
        Closing::Dropped => "dropped",
    }
}
