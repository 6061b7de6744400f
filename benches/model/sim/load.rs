//! The load's threads, where the load is part of the model: turns as `benches/model/load.rs` takes them. Reads and writes
//! cost what they cost the server.

use std::collections::{HashMap, VecDeque};

use super::events::Event;
use super::peers::Line;
use super::world::World;

/// One thread of the load.
#[derive(Debug, Default)]
pub(super) struct LoadThread {
    /// Connections with something to read.
    pub(super) ready: Vec<usize>,
    unsent: HashMap<usize, Vec<Line>>,
    to_write: VecDeque<usize>,
    /// It slept before this turn.
    slept: bool,
}

impl World {
    pub(super) fn load_turn(&mut self, thread: usize) {
        let load = &mut self.load[thread - self.shards.len()];
        if load.ready.is_empty() {
            load.slept = true;
            return self.sleep(thread);
        }
        if !self.goes_on(thread, false) {
            return;
        }
        let load = &mut self.load[thread - self.shards.len()];
        let costs = &self.costs;
        let ready = std::mem::take(&mut load.ready);
        let slept_ns = if std::mem::take(&mut load.slept) { costs.sleep_ns } else { 0 };
        let mut taken_ns = slept_ns + costs.poll_ns + (costs.event_ns + costs.read_ns) * ready.len() as u64;
        for at in ready {
            let said = std::mem::take(&mut self.conns[at].at_peer);
            taken_ns += costs.load_line_ns * said.len() as u64;
            let lines: Vec<Line> = said.into_iter().filter_map(|said| self.book.answer(said)).collect();
            if !lines.is_empty() {
                load.unsent.insert(at, lines);
                load.to_write.push_back(at);
            }
        }
        self.events.enter(self.now_ns + taken_ns, Event::Act(thread));
    }

    pub(super) fn load_act(&mut self, thread: usize) {
        if !self.goes_on(thread, true) {
            return;
        }
        let load = &mut self.load[thread - self.shards.len()];
        let Some(at) = load.to_write.pop_front() else {
            return self.events.enter(self.now_ns, Event::Turn(thread));
        };
        let lines = load.unsent.remove(&at).expect("what is to be written was put there");
        let rouse_ns = if self.threads.is_asleep(self.conns[at].shard) { self.costs.rouse_ns } else { 0 };
        self.events.enter(self.now_ns + self.costs.write_ns + rouse_ns, Event::Act(thread));
        self.arrive_at_server(at, lines);
    }
}
