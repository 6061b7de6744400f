//! What peers do in a schedule beside sending and answering jobs, which is in `jobs.rs`. The shadow learns it first, because
//! the core may answer within the step.

use std::collections::BTreeSet;

use deputy::dispatch::message::Input;
use deputy::metrics::Fault;
use deputy::protocol::Code;
use deputy::protocol::command::{Class, Command, MetricsAsked, Refusal, Severity, TypesAsked, WorkerOptions};

use super::schedule::Schedule;
use super::world::Peer;
use crate::model::shadow::{Conn, Due};

impl Schedule {
    // Connections.

    pub(crate) fn open(&mut self) {
        if self.shadow.live.len() < self.plan.peers_max {
            let shard = self.any_shard();
            self.open_at(shard);
        }
    }

    pub(crate) fn open_at(&mut self, shard: u16) -> Peer {
        let peer = self.world.open(shard);
        self.shadow.open(peer, shard, self.world.conn_id(peer).1);
        self.after(shard);
        peer
    }

    pub(crate) fn open_worker(&mut self) {
        if self.shadow.live.len() < self.plan.peers_max {
            let shard = self.any_shard();
            let peer = self.open_at(shard);
            self.can_do(peer);
        }
    }

    pub(crate) fn send_line(&mut self, peer: Peer, line: &str) {
        self.shadow.line_read(peer);
        self.world.send_line(peer, line);
        self.after_peer(peer);
    }

    pub(crate) fn command(&mut self, peer: Peer, command: &Command<'_>) {
        self.shadow.line_read(peer);
        self.world.command(peer, command);
        self.after_peer(peer);
    }

    pub(crate) fn leave(&mut self, peer: Peer) {
        self.shadow.leave(peer);
        self.shadow.line_ended(peer);
        self.world.end(peer);
        self.after_peer(peer);
    }

    /// A worker that has a poisonous job dies of it.
    pub(crate) fn poison(&mut self) {
        let poison = std::mem::take(&mut self.poison);
        let dies = |conn: &Conn| {
            conn.held.iter().any(|held| held.spent.is_none() && held.seen && poison.contains(&held.serial))
        };
        self.for_any(dies, Self::leave);
        self.poison = poison;
    }

    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        self.world.stop_reading(peer);
        self.shadow.conn_mut(peer).reads = false;
    }

    pub(crate) fn read_on(&mut self, peer: Peer) {
        let conn = self.shadow.conn_mut(peer);
        conn.reads = true;
        conn.held.iter_mut().for_each(|held| held.seen = true);
        self.world.read_on(peer);
        self.after_peer(peer);
    }

    pub(crate) fn read_some(&mut self, peer: Peer) {
        let bytes = self.random.below(1 << 20) as u64;
        self.world.read_some(peer, bytes);
        self.after_peer(peer);
    }

    // Workers.

    pub(crate) fn can_do(&mut self, peer: Peer) {
        let mut names: Vec<String> =
            (0..=self.random.below(self.plan.types_a_worker)).map(|_| self.any_type()).collect();
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(name.clone())); // As lines are decoded: each type once.
        let max_jobs = (self.plan.slots_max > 1 && self.random.one_in(2)).then(|| self.any_slots());
        let known = &self.shadow.conn(peer).types;
        let too_many =
            names.iter().filter(|name| !known.contains_key(*name)).count() + known.len() > self.plan.types_a_worker;
        let names = if too_many { Vec::new() } else { names };
        let class = self.any_class();
        if self.plan.durable_one_in > 0 && self.random.one_in(2) {
            return self.take_durable(peer, &names, class, max_jobs);
        }
        self.send_can_do(peer, &names, class, max_jobs);
    }

    /// A worker gives types for durable jobs. Without `max_jobs` that is refused.
    fn take_durable(&mut self, peer: Peer, names: &[String], class: Class, max_jobs: Option<u32>) {
        let max_jobs = if self.random.one_in(6) { max_jobs } else { Some(self.any_slots()) };
        if max_jobs.is_some() || self.shadow.conn(peer).has_leases {
            let both = class == Class::Spare && self.random.one_in(2);
            return self.send_can_do_as(peer, names, both.then_some(class), true, max_jobs);
        }
        self.shadow.expect(peer, Due::Error("bad_request"));
        self.shadow.tally.faults.count(Fault::BadRequest);
        let types = names.iter().map(|name| name.as_str().into()).collect();
        let options = WorkerOptions { durable: true, wants_ref: true, ..WorkerOptions::default() };
        self.command(peer, &Command::CanDo { types, max_jobs, options, id: None });
    }

    pub(crate) fn max_jobs(&mut self, peer: Peer) {
        if self.plan.slots_max > 1 {
            let slots = self.any_slots();
            self.send_can_do(peer, &[], Class::Ordinary, Some(slots));
        }
    }

    pub(crate) fn send_can_do(&mut self, peer: Peer, names: &[String], class: Class, max_jobs: Option<u32>) {
        let durable = class == Class::Durable;
        self.send_can_do_as(peer, names, (!durable).then_some(class), durable, max_jobs);
    }

    /// A worker gives types in a class, for durable jobs, or both.
    fn send_can_do_as(
        &mut self,
        peer: Peer,
        names: &[String],
        class: Option<Class>,
        durable: bool,
        max_jobs: Option<u32>,
    ) {
        if class.is_some() && names.iter().any(|name| !self.shadow.conn(peer).types.contains_key(name)) {
            self.shadow.mark_ready(peer);
        }
        let wants_ref = self.plan.refs && self.random.one_in(2);
        let conn = self.shadow.conn_mut(peer);
        for name in names {
            if let Some(class) = class {
                conn.types.entry(name.clone()).or_insert(class);
            }
            if durable {
                conn.durable_types.insert(name.clone());
            }
        }
        conn.wants_ref |= wants_ref;
        conn.has_leases |= max_jobs.is_some();
        conn.slots = max_jobs.unwrap_or(conn.slots);
        let first = !conn.ever_worker && conn.is_worker();
        conn.ever_worker |= first;
        self.shadow.tally.workers_added += u64::from(first);
        let types = names.iter().map(|name| name.as_str().into()).collect();
        let options = WorkerOptions { spare: class == Some(Class::Spare), durable, wants_ref };
        self.command(peer, &Command::CanDo { types, max_jobs, options, id: None });
    }

    pub(crate) fn cant_do(&mut self, peer: Peer) {
        let name = self.any_type();
        let conn = self.shadow.conn_mut(peer);
        conn.types.remove(&name);
        conn.durable_types.remove(&name);
        self.command(peer, &Command::CantDo { types: vec![name.into()] });
    }

    // Lines that change nothing.

    pub(crate) fn half_line(&mut self, peer: Peer) {
        let bytes = *self.random.pick(&[0, 10, 500, 3_000]);
        self.half_line_of(peer, bytes);
    }

    pub(crate) fn half_line_of(&mut self, peer: Peer, bytes: u64) {
        let shard = self.shadow.conn(peer).shard;
        let more = bytes.saturating_sub(self.shadow.conn(peer).partial.0);
        let before = self.before_cuts(shard);
        let must = more > 0 && self.passed(shard, &before.counts, more);
        self.shadow.bytes_read(peer, bytes);
        self.world.bytes_read(peer, bytes);
        self.after_peer(peer);
        if more > 0 {
            self.check_cuts(shard, &before, must);
        } else {
            assert_eq!(self.shadow.bounds.cuts(), before.cuts, "cut off though nothing came");
        }
    }

    pub(crate) fn garbage(&mut self, peer: Peer) {
        self.shadow.expect(peer, Due::Error("bad_json"));
        let fatal = self.random.one_in(4);
        self.shadow.tally.faults.count(if fatal { Fault::FirstLine } else { Fault::BadJson });
        self.shadow.line_read(peer);
        // What a worker that holds jobs sent may have been meant as an answer.
        let closes = fatal || !self.shadow.conn(peer).held.is_empty();
        if closes {
            self.shadow.leave(peer);
        }
        let severity = if fatal { Severity::Connection } else { Severity::Line };
        let refusal = Refusal { code: Code::BadJson, text: "not JSON".into(), id: None, is_do: false, severity };
        self.world.refused(peer, &refusal);
        assert_eq!(self.world.is_open(peer), !closes, "closed exactly if it is the first line, or the peer holds jobs");
        self.after_peer(peer);
    }

    /// The shell still passes on what a connection sent that is gone: it must change nothing.
    pub(crate) fn haunt(&mut self) {
        let peer = Peer(self.random.below(self.shadow.conns.len().max(1)));
        if self.shadow.conns.get(peer.0).is_none_or(|conn| !conn.gone) {
            return;
        }
        let (shard, conn) = self.world.conn_id(peer);
        let name = self.any_type();
        let which = self.random.below(6);
        if !self.shadow.conn(peer).closed {
            // It is still owed an answer: the core learns of half a line, or that one is whole, and obeys nothing.
            match which {
                0 => self.shadow.line_ended(peer),
                1 => {}
                2 => self.shadow.bytes_read(peer, 70),
                _ => self.shadow.line_read(peer),
            }
        }
        let input = match which {
            0 => Input::Ended { conn },
            1 => Input::Written { conn, bytes: 0 },
            2 => Input::BytesRead { conn, partial_bytes: 70 },
            3 => Input::Command { from: conn, command: &Command::Cancel { id: "1" } },
            4 => Input::Command {
                from: conn,
                command: &Command::Do { id: "7", type_name: name.into(), arg: None, options: None },
            },
            _ => Input::Command {
                from: conn,
                command: &Command::CanDo {
                    types: vec![name.into()],
                    max_jobs: None,
                    options: WorkerOptions::default(),
                    id: None,
                },
            },
        };
        let before = self.world.audit(shard).connections;
        match input {
            Input::Command { .. } => self.world.step_of_line(shard, conn, input),
            _ => self.world.step(shard, input),
        }
        let now = self.world.audit(shard).connections;
        assert!(now.iter().all(|conn| before.contains(conn)), "a connection came back");
        self.after(shard);
    }

    pub(crate) fn metrics(&mut self, peer: Peer) {
        let types = match self.random.below(3) {
            0 => TypesAsked::None,
            1 => TypesAsked::All,
            _ => TypesAsked::Named(vec![self.any_type().into(), "unknown".into()]),
        };
        self.shadow.conn_mut(peer).asked += 1;
        let (histograms, shards) = (self.random.below(2) == 0, self.random.below(2) == 0);
        self.command(peer, &Command::Metrics(MetricsAsked { types, histograms, shards }));
    }

    pub(crate) fn ping(&mut self, peer: Peer) {
        self.shadow.expect(peer, Due::Pong);
        self.command(peer, &Command::Ping);
    }
}
