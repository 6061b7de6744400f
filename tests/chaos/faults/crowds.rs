//! Crowds of connections that do nothing good.

use super::Fault;
use crate::random::Random;
use crate::round::Round;
use crate::wire::{Leave, Received, Wire};

/// More than the server has descriptors.
const CROWD: usize = 300;

/// Half a line, and how many of them are more than any budget here.
const HALF_LINE_BYTES: usize = 900 << 10;
const HALF_LINES: usize = 40;

/// Connections are made and closed, as fast as it goes.
pub(super) fn flood(round: &Round, random: &mut Random) {
    for _ in 0..100 {
        if let Some(wire) = round.connect(random) {
            wire.leave(*random.pick(&Leave::ALL));
            round.tally.made(Fault::Flood, 1);
        }
    }
}

/// Takes all descriptors of the server for a while.
pub(super) fn crowd(round: &Round, random: &mut Random) {
    let mut crowd: Vec<Wire> = (0..CROWD).filter_map(|_| round.connect(random)).collect();
    round.wait_about(random, 150);
    // Who is refused sees it, once the server has had the time to do so.
    let refused = crowd.iter_mut().rev().take(8).any(|wire| matches!(wire.receive(), Received::End));
    round.tally.made(Fault::Crowd, u64::from(refused));
    let how = *random.pick(&Leave::ALL);
    for wire in crowd {
        wire.leave(how);
    }
    round.wait_about(random, 300);
}

/// Half lines, more than the budget.
pub(super) fn half_lines(round: &Round, random: &mut Random) {
    let half = [br#"{"cmd":"do","id":1,"type":"a","arg":""#, vec![b'x'; HALF_LINE_BYTES].as_slice()].concat();
    let mut wires = Vec::new();
    let mut cut_off = 0;
    for _ in 0..HALF_LINES {
        let Some(mut wire) = round.connect(random) else { continue };
        wire.send(&half);
        wires.push(wire);
    }
    for mut wire in wires {
        if let Received::Line(line) = wire.receive()
            && line.contains("queue_full")
        {
            cut_off += 1;
        }
        wire.leave(Leave::Close);
    }
    round.tally.made(Fault::HalfLines, cut_off);
}
