//! All shards of a server on one thread: their cores, the messages between them, and the peers.
//!
//! Stands in for sockets, threads and clock. A test opens connections, says lines or commands, and decides which message
//! is delivered when; order holds per pair of shards only. What a peer is sent ends up in its inbox. A peer that reads
//! takes everything after each step; one that stopped takes nothing, and its unsent bytes grow.
//!
//! The world checks by itself what no core may ever do: send to or close a connection that is not there, post to the
//! own shard, or send what is not one line. Randomness is deliberately absent: a test that wants some brings it along.

#![allow(dead_code, unused_imports)] // Each test crate that includes this file uses a part of it.

mod books;
mod links;
mod outside;
mod peers;
mod watch;

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use deputy::dispatch::audit::Audit;
use deputy::dispatch::message::{Closing, ConnId, Input, MemoryUse, Message, Micros, ShardId};
use deputy::dispatch::{Dispatch, Settings, home_of};
use deputy::metrics::{Counts, Faults, Totals};
use deputy::protocol::command::{self, Command, Refusal};
pub(crate) use links::Link;
pub(crate) use outside::{Event, name_of};
use outside::{Outside, Recorder};
use watch::beat;

/// Writes that may follow from one input. A world that needs more goes in a circle.
const WRITES_MAX: u32 = 1_000_000;

/// What a world is built with.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) shards: u16,
    pub(crate) attempts_max: u32,
    pub(crate) memory_bytes_max: u64,
    pub(crate) unsent_bytes_max: u64,
    pub(crate) stall_ms: u64,
    /// Whether the cores tell each job's way.
    pub(crate) trace: bool,
    /// Seeds the hashes: the homes of types, and the cores' maps.
    pub(crate) seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shards: 1,
            attempts_max: 3,
            memory_bytes_max: 1 << 40,
            unsent_bytes_max: 64 << 20,
            stall_ms: 30_000,
            trace: false,
            seed: 1,
        }
    }
}

/// A connection, as tests name it. Never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Peer(pub(crate) usize);

/// The shards, the peers, and what is on the way.
pub(crate) struct World {
    cores: Vec<Dispatch>,
    outside: Outside,
    homes: RandomState,
    now_ms: u64,
    told_others: Vec<MemoryUse>,
    /// Inputs that were no messages.
    told: u64,
}

impl World {
    /// Shards without connections, at time 0.
    pub(crate) fn new(options: Options) -> Self {
        let shards = options.shards;
        let homes = RandomState::with_seeds(options.seed, 2, 3, 4);
        let settings = |shard| Settings {
            shard: ShardId(shard),
            shards,
            attempts_max: options.attempts_max,
            memory_bytes_max: options.memory_bytes_max,
            unsent_bytes_max: options.unsent_bytes_max,
            stall_ms: options.stall_ms,
            trace: options.trace,
            homes: homes.clone(),
            maps: RandomState::with_seeds(options.seed, 6, 7, shard.into()),
        };
        let n = usize::from(shards);
        let mut world = Self {
            cores: (0..shards).map(|shard| Dispatch::new(settings(shard))).collect(),
            outside: Outside {
                conns: Vec::new(),
                slots: vec![Vec::new(); n],
                free: vec![Vec::new(); n],
                links: (0..n * n).map(|_| VecDeque::new()).collect(),
                busy: Vec::new(),
                posted: 0,
                delivered: 0,
                published: vec![Counts::default(); n],
                faults: Faults::default(),
                touched: Vec::new(),
                options,
                stopping: vec![false; n],
                log: None,
                keeps_lines: true,
                transcript: 0xcbf2_9ce4_8422_2325,
                scratch: Vec::new(),
            },
            homes,
            now_ms: 0,
            told_others: vec![MemoryUse::default(); n],
            told: 0,
        };
        beat().begin(world.options().seed);
        world.advance(0);
        world
    }

    /// A world of `shards` shards, otherwise as by default.
    pub(crate) fn of(shards: u16) -> Self {
        Self::new(Options { shards, ..Options::default() })
    }

    /// Passes an input to a core, then lets the peers that were sent something read.
    pub(crate) fn step(&mut self, shard: u16, input: Input<'_>) {
        self.told += 1;
        self.step_and_read(shard, input);
    }

    fn step_and_read(&mut self, shard: u16, input: Input<'_>) {
        self.bare_step(shard, input);
        self.write_touched();
    }

    /// The turn's writes. Each may lead to more.
    fn write_touched(&mut self) {
        let mut writes = 0;
        while let Some(peer) = self.outside.touched.pop() {
            self.write(peer, u64::MAX);
            writes += 1;
            assert!(writes <= WRITES_MAX, "a write leads to a write for ever");
        }
    }

    fn bare_step(&mut self, shard: u16, input: Input<'_>) {
        let core = &mut self.cores[usize::from(shard)];
        beat().during(|| core.step(input, &mut Recorder { shard, outside: &mut self.outside }));
        self.outside.published[usize::from(shard)] = *core.counts();
    }

    /// Tries to write to a peer, as a shell does at the end of a turn.
    fn write(&mut self, peer: Peer, bytes_max: u64) {
        let conn = &mut self.outside.conns[peer.0];
        if conn.closed.is_some() {
            return;
        }
        let bytes = if conn.reads { conn.take(bytes_max, self.outside.keeps_lines) } else { 0 };
        let (shard, id) = (conn.shard, conn.id);
        if let Some(log) = &mut self.outside.log {
            log.push(Event::Took(peer, bytes));
        }
        self.bare_step(shard, Input::Written { conn: id, bytes });
    }

    pub(crate) fn shards(&self) -> u16 {
        self.outside.options.shards
    }

    pub(crate) fn options(&self) -> &Options {
        &self.outside.options
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// Time passes, and each shard begins a turn.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.wait(ms);
        for shard in 0..self.shards() {
            self.turn(shard);
        }
    }

    /// Time passes, and no shard looks at the clock yet.
    pub(crate) fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    /// A shard begins a turn: it reads the clock and what the others hold.
    pub(crate) fn turn(&mut self, shard: u16) {
        let others = self.others(shard);
        self.told_others[usize::from(shard)] = others;
        self.step(shard, Input::Turn { now: Micros::from_ms(self.now_ms), others });
    }

    /// What the shards but this one hold.
    fn others(&self, shard: u16) -> MemoryUse {
        let mut others = MemoryUse::default();
        for (_, counts) in self.outside.published.iter().enumerate().filter(|(i, _)| *i != usize::from(shard)) {
            others.committed += counts.job_bytes + counts.unsent_bytes;
            others.partial += counts.partial_bytes;
        }
        others
    }

    /// Returns what a shard knew of the others when its turn began.
    pub(crate) fn told_others(&self, shard: u16) -> MemoryUse {
        self.told_others[usize::from(shard)]
    }

    pub(crate) fn stop(&mut self, shard: u16) {
        self.outside.stopping[usize::from(shard)] = true;
        self.step(shard, Input::Stop);
    }

    pub(crate) fn is_stopping(&self, shard: u16) -> bool {
        self.outside.stopping[usize::from(shard)]
    }

    pub(crate) fn drain_over(&mut self, shard: u16) {
        self.step(shard, Input::DrainOver);
    }

    pub(crate) fn audit(&self, shard: u16) -> Audit {
        beat().during(|| self.cores[usize::from(shard)].audit())
    }

    pub(crate) fn counts(&self, shard: u16) -> Counts {
        *self.cores[usize::from(shard)].counts()
    }

    /// The sum of all shards' figures.
    pub(crate) fn totals(&self) -> Totals {
        self.outside.totals()
    }

    pub(crate) fn pending(&self, shard: u16) -> u64 {
        self.cores[usize::from(shard)].pending()
    }

    pub(crate) fn next_call_ms(&self, shard: u16) -> Option<u64> {
        self.cores[usize::from(shard)].next_call().map(Micros::as_ms)
    }

    /// A hash of all that ever was sent, posted or closed: equal for two runs of one seed.
    pub(crate) fn transcript(&self) -> u64 {
        self.outside.transcript
    }

    /// The home of a type, by its canonical name.
    pub(crate) fn home(&self, type_name: &str) -> u16 {
        home_of(&self.homes, self.shards(), type_name).0
    }

    /// The `n`th of the names that have this home, from 0 on.
    pub(crate) fn type_at(&self, home: u16, n: usize) -> Arc<str> {
        let names = (0_u32..).map(|i| format!("t{i}"));
        names.filter(|name| self.home(name) == home).nth(n).expect("names do not end").into()
    }
}
