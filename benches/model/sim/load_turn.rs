//! A turn of a load thread, as `benches/harness/load/thread.rs` takes it. Reads and writes cost what they cost the server.

use super::events::Event;
use super::peers::Request;
use super::world::World;

impl World {
    /// Begins a turn, or goes to sleep if there is nothing to read.
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
            let deliveries = std::mem::take(&mut self.conns[at].at_peer);
            taken_ns += costs.load_line_ns * deliveries.len() as u64;
            let lines: Vec<Request> =
                deliveries.into_iter().filter_map(|deliveries| self.jobs.answer(deliveries)).collect();
            if !lines.is_empty() {
                load.unsent.insert(at, lines);
                load.to_write.push_back(at);
            }
        }
        self.events.schedule(self.now_ns + taken_ns, Event::Action(thread));
    }

    /// Does the next write of a turn; after the last one the next turn begins.
    pub(super) fn load_action(&mut self, thread: usize) {
        if !self.goes_on(thread, true) {
            return;
        }
        let load = &mut self.load[thread - self.shards.len()];
        let Some(at) = load.to_write.pop_front() else {
            return self.events.schedule(self.now_ns, Event::Turn(thread));
        };
        let lines = load.unsent.remove(&at).expect("a connection to write to has lines");
        let wake_ns = if self.threads.is_asleep(self.conns[at].shard) { self.costs.rouse_ns } else { 0 };
        self.events.schedule(self.now_ns + self.costs.write_ns + wake_ns, Event::Action(thread));
        self.arrive_at_server(at, lines);
    }
}
