//! All shards of a server on one thread: their cores, the messages between them, and the peers.
//!
//! Replaces sockets, threads and the clock. A test opens connections, sends lines or commands, and decides when each
//! message is delivered. Order holds per pair of shards only. What a peer is sent ends up in its inbox. A peer that reads
//! takes everything after each step; one that stopped takes nothing, and its unsent bytes grow.
//!
//! The world checks by itself what no core may ever do: send to or close a connection that is not there, post to the
//! own shard, or send what is not one line. Randomness is deliberately absent: a test that needs it passes it in.

#![allow(dead_code, unused_imports)] // Each test crate that includes this file uses a part of it.

mod audits;
mod fake_shell;
mod links;
mod options;
mod peers;
mod watchdog;

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use deputy::dispatch::audit::Audit;
use deputy::dispatch::message::{Closing, ConnId, Input, MemoryUse, Message, Micros, ShardId};
use deputy::dispatch::{Dispatch, PerTurn, Settings, home_of};
use deputy::metrics::{Counts, Faults, Totals};
use deputy::protocol::command::{self, Command, Refusal};
pub(crate) use fake_shell::{Event, name_of};
use fake_shell::{FakeShell, Recorder};
pub(crate) use links::Link;
pub(crate) use options::Options;
use watchdog::watchdog;

/// Writes that may follow from one input. A world that needs more is in an endless loop.
const WRITES_MAX: u32 = 1_000_000;

/// A connection, as tests name it. A value is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Peer(pub(crate) usize);

/// The shards, the peers, and the messages in flight.
pub(crate) struct World {
    cores: Vec<Dispatch>,
    shell: FakeShell,
    homes: RandomState,
    now_ms: u64,
    memory_seen: Vec<MemoryUse>,
    /// Inputs that were no messages.
    inputs: u64,
    /// The lines so far of a read of several lines.
    lines_of_read: Option<usize>,
}

impl World {
    /// Returns a world without connections, at time 0.
    pub(crate) fn new(options: Options) -> Self {
        let shards = options.shards;
        let homes = RandomState::with_seeds(options.seed, 2, 3, 4);
        let settings = |shard| Settings {
            shard: ShardId(shard),
            shards,
            attempts_max: options.attempts_max,
            run_limit_ms: options.run_limit_ms,
            memory_bytes_max: options.memory_bytes_max,
            unsent_bytes_max: options.unsent_bytes_max,
            stall_ms: options.stall_ms,
            figure_types_max: options.figure_types_max,
            per_turn: PerTurn {
                rows: options.rows_per_turn,
                assigns: options.assigns_per_turn,
                types: options.types_per_turn,
                pools: options.pools_per_job,
                give_ups: options.give_ups_per_turn,
                losses: options.losses_per_turn,
                members: options.members_per_turn,
            },
            trace: options.trace,
            homes: homes.clone(),
            maps: RandomState::with_seeds(options.seed, 6, 7, shard.into()),
        };
        let n = usize::from(shards);
        let mut world = Self {
            cores: (0..shards).map(|shard| Dispatch::new(settings(shard))).collect(),
            shell: FakeShell {
                conns: Vec::new(),
                slots: vec![Vec::new(); n],
                free: vec![Vec::new(); n],
                links: (0..n * n).map(|_| VecDeque::new()).collect(),
                busy: Vec::new(),
                posted: 0,
                merged_offers: 0,
                merged_jobs: 0,
                delivered: 0,
                published: vec![Counts::default(); n],
                faults: Faults::default(),
                dirty: Vec::new(),
                options,
                stopping: vec![false; n],
                log: None,
                keeps_lines: true,
                transcript: 0xcbf2_9ce4_8422_2325,
                scratch: Vec::new(),
            },
            homes,
            now_ms: 0,
            memory_seen: vec![MemoryUse::default(); n],
            inputs: 0,
            lines_of_read: None,
        };
        watchdog().begin(world.options().seed);
        world.advance(0);
        world
    }

    /// Returns a world of `shards` shards with default settings otherwise.
    pub(crate) fn of(shards: u16) -> Self {
        Self::new(Options { shards, ..Options::default() })
    }

    /// Passes an input to a core, then lets the peers that were sent something read.
    pub(crate) fn step(&mut self, shard: u16, input: Input<'_>) {
        self.inputs += 1;
        self.step_and_read(shard, input);
    }

    /// Passes a line to a core. The read that brought it ends with it, unless several lines are read at once.
    pub(crate) fn step_of_line(&mut self, shard: u16, from: ConnId, input: Input<'_>) {
        self.inputs += 1;
        self.bare_step(shard, input);
        match &mut self.lines_of_read {
            Some(lines) => *lines += 1,
            None => self.end_read_of(shard, from),
        }
    }

    fn end_read_of(&mut self, shard: u16, conn: ConnId) {
        self.step_and_read(shard, Input::BytesRead { conn, partial_bytes: 0 });
    }

    fn step_and_read(&mut self, shard: u16, input: Input<'_>) {
        self.bare_step(shard, input);
        self.write_dirty();
    }

    /// Makes the writes of a turn. Each may lead to more.
    fn write_dirty(&mut self) {
        let mut writes = 0;
        while let Some(peer) = self.shell.dirty.pop() {
            self.write(peer, u64::MAX);
            writes += 1;
            assert!(writes <= WRITES_MAX, "a write leads to a write for ever");
        }
    }

    fn bare_step(&mut self, shard: u16, input: Input<'_>) {
        let core = &mut self.cores[usize::from(shard)];
        watchdog().during(|| core.step(input, &mut Recorder { shard, shell: &mut self.shell }));
        self.shell.published[usize::from(shard)] = *core.counts();
    }

    /// Tries to write to a peer, as a shell does at the end of a turn.
    fn write(&mut self, peer: Peer, bytes_max: u64) {
        let conn = &mut self.shell.conns[peer.0];
        if conn.closed.is_some() {
            return;
        }
        let bytes = if conn.reads { conn.take(bytes_max, self.shell.keeps_lines) } else { 0 };
        let (shard, id) = (conn.shard, conn.id);
        if let Some(log) = &mut self.shell.log {
            log.push(Event::Took(peer, bytes));
        }
        self.bare_step(shard, Input::Written { conn: id, bytes });
    }

    pub(crate) fn shards(&self) -> u16 {
        self.shell.options.shards
    }

    pub(crate) fn options(&self) -> &Options {
        &self.shell.options
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Advances the clock, then begins a turn of each shard.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.wait(ms);
        for shard in 0..self.shards() {
            self.turn(shard);
        }
    }

    /// Advances the clock without a turn of any shard.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// Begins a turn of a shard: it reads the clock and the memory use of the others.
    pub(crate) fn turn(&mut self, shard: u16) {
        let others = self.others(shard);
        self.memory_seen[usize::from(shard)] = others;
        self.step(shard, Input::Turn { now: Micros::from_ms(self.now_ms), others });
    }

    /// Returns the memory use of the other shards.
    fn others(&self, shard: u16) -> MemoryUse {
        let mut others = MemoryUse::default();
        for (_, counts) in self.shell.published.iter().enumerate().filter(|(i, _)| *i != usize::from(shard)) {
            others.committed += counts.job_bytes + counts.unsent_bytes;
            others.partial += counts.partial_bytes;
        }
        others
    }

    /// Returns what a shard knew of the others when its turn began.
    pub(crate) fn memory_seen(&self, shard: u16) -> MemoryUse {
        self.memory_seen[usize::from(shard)]
    }

    pub(crate) fn stop(&mut self, shard: u16) {
        self.shell.stopping[usize::from(shard)] = true;
        self.step(shard, Input::Stop);
    }

    pub(crate) fn is_stopping(&self, shard: u16) -> bool {
        self.shell.stopping[usize::from(shard)]
    }

    pub(crate) fn drain_over(&mut self, shard: u16) {
        self.step(shard, Input::DrainOver);
    }

    pub(crate) fn audit(&self, shard: u16) -> Audit {
        watchdog().during(|| self.cores[usize::from(shard)].audit())
    }

    pub(crate) fn counts(&self, shard: u16) -> Counts {
        *self.cores[usize::from(shard)].counts()
    }

    /// Returns the sum of all shards' figures.
    pub(crate) fn totals(&self) -> Totals {
        self.shell.totals()
    }

    pub(crate) fn pending(&self, shard: u16) -> u64 {
        self.cores[usize::from(shard)].pending()
    }

    /// Returns whether a shard needs further turns for metrics queries.
    pub(crate) fn has_metrics_work(&self, shard: u16) -> bool {
        self.cores[usize::from(shard)].has_metrics_work()
    }

    /// Returns whether a shard needs further turns to go on with what it did in part.
    pub(crate) fn has_work(&self, shard: u16) -> bool {
        self.cores[usize::from(shard)].has_work()
    }

    /// Returns the bytes that a shard counts as unsent for metrics queries.
    pub(crate) fn metrics_bytes(&self, shard: u16) -> u64 {
        self.cores[usize::from(shard)].metrics_bytes()
    }

    /// Returns whether a shard has not answered metrics queries that came before its stop.
    pub(crate) fn owes_metrics(&self, shard: u16) -> bool {
        self.cores[usize::from(shard)].owes_metrics()
    }

    pub(crate) fn next_call_ms(&self, shard: u16) -> Option<u64> {
        self.cores[usize::from(shard)].next_call().map(Micros::as_ms)
    }

    /// Returns a hash of all that was sent, posted or closed: equal for two runs of one seed.
    pub(crate) fn transcript(&self) -> u64 {
        self.shell.transcript
    }

    /// Returns the home of a type, by its canonical name.
    pub(crate) fn home(&self, type_name: &str) -> u16 {
        home_of(&self.homes, self.shards(), type_name).0
    }

    /// Returns the `n`th name that has this home, from 0 on.
    pub(crate) fn type_at(&self, home: u16, n: usize) -> Arc<str> {
        let names = (0_u32..).map(|i| format!("t{i}"));
        names.filter(|name| self.home(name) == home).nth(n).expect("names do not end").into()
    }
}
