//! Crowds of connections that do nothing good.

use super::Fault;
use crate::random::Random;
use crate::scene::Scene;
use crate::wire::{Heard, Leave, Wire};

/// More than the server has descriptors.
const CROWD: usize = 300;

/// Half a line, and how many of them are more than any budget here.
const HALF_LINE_BYTES: usize = 900 << 10;
const HALF_LINES: usize = 40;

/// Connections are made and closed, as fast as it goes.
pub(super) fn flood(scene: &Scene, random: &mut Random) {
    for _ in 0..100 {
        if let Some(wire) = scene.connect(random) {
            wire.leave(*random.pick(&Leave::ALL));
            scene.tally.made(Fault::Flood, 1);
        }
    }
}

/// Takes all descriptors of the server for a while.
pub(super) fn crowd(scene: &Scene, random: &mut Random) {
    let mut crowd: Vec<Wire> = (0..CROWD).filter_map(|_| scene.connect(random)).collect();
    scene.dawdle(random, 150);
    // Who is refused sees it, once the server has had the time to do so.
    let refused = crowd.iter_mut().rev().take(8).any(|wire| matches!(wire.hear(), Heard::End));
    scene.tally.made(Fault::Crowd, u64::from(refused));
    let how = *random.pick(&Leave::ALL);
    for wire in crowd {
        wire.leave(how);
    }
    scene.dawdle(random, 300);
}

/// Half lines, more than the budget.
pub(super) fn half_lines(scene: &Scene, random: &mut Random) {
    let half = [br#"{"cmd":"do","id":1,"type":"a","arg":""#, vec![b'x'; HALF_LINE_BYTES].as_slice()].concat();
    let mut wires = Vec::new();
    let mut cut_off = 0;
    for _ in 0..HALF_LINES {
        let Some(mut wire) = scene.connect(random) else { continue };
        wire.send(&half);
        wires.push(wire);
    }
    for mut wire in wires {
        if let Heard::Line(line) = wire.hear()
            && line.contains("queue_full")
        {
            cut_off += 1;
        }
        wire.leave(Leave::Close);
    }
    scene.tally.made(Fault::HalfLines, cut_off);
}
