//! Delays actions until the server has read all lines so far: after a batch of lines the bridge sends a `ping`, and
//! acts when the `pong` comes.

use std::collections::{HashMap, VecDeque};
use std::mem;

use super::{After, Effect};
use crate::wire::{self, CONNS, Conn};

/// The delayed actions of one connection.
#[derive(Debug, Default)]
struct Barrier {
    /// Since the last ping.
    current: Vec<After>,
    /// Before each ping that has no answer.
    sent: VecDeque<Vec<After>>,
}

/// The delayed actions of both connections.
#[derive(Debug, Default)]
pub(super) struct Barriers(HashMap<Conn, Barrier>);

impl Barriers {
    /// Returns the effects with a ping in place of each [`Effect::AfterRead`], and remembers those.
    pub(super) fn replace(&mut self, effects: &mut Vec<Effect>) -> Vec<Effect> {
        let mut replaced = Vec::with_capacity(effects.len());
        for effect in effects.drain(..) {
            match effect {
                Effect::AfterRead(conn, after) => self.0.entry(conn).or_default().current.push(after),
                other => replaced.push(other),
            }
        }
        for conn in CONNS {
            if let Some(barrier) = self.0.get_mut(&conn).filter(|barrier| !barrier.current.is_empty()) {
                barrier.sent.push_back(mem::take(&mut barrier.current));
                replaced.push(Effect::Line(conn, wire::ping()));
            }
        }
        replaced
    }

    /// Called when the server has answered the oldest ping of a connection. Returns the actions that are due.
    pub(super) fn on_pong(&mut self, conn: Conn) -> Vec<After> {
        self.0.get_mut(&conn).and_then(|barrier| barrier.sent.pop_front()).unwrap_or_default()
    }

    /// Called when the connections are lost: the server may not have read the lines.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
