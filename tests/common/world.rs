//! All shards of a server on one thread: their cores, the messages between them, and the peers.
//!
//! Stands in for sockets, threads and clock. A test opens connections, says lines or commands, and decides which message
//! is delivered when; order holds per pair of shards only. What a peer is told ends up in its inbox. A peer that reads
//! takes everything after each step; one that stopped takes nothing, and its unsent bytes grow.
//!
//! The world checks by itself what no core may ever do: send to or close a connection that is not there, post to the
//! own shard, or send what is not one line. Randomness is deliberately absent: a test that wants some brings it along.

#![allow(dead_code, unused_imports)] // Each test crate that includes this file uses a part of it.

mod books;
mod outside;
mod peers;

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use deputy::dispatch::audit::Audit;
use deputy::dispatch::message::{Closing, ConnId, Held, Input, Message, ShardId};
use deputy::dispatch::{Dispatch, Settings, home_of};
use deputy::metrics::{Counts, Faults, Totals};
use deputy::protocol::command::{self, Command, Refusal};
pub(crate) use outside::{Event, name_of};
use outside::{Outside, Recorder};

/// Messages after which a world that does not come to rest is taken to go in a circle.
const DELIVERIES_MAX: u64 = 200_000;

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

/// A pair of shards: messages between them keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) from: u16,
    pub(crate) to: u16,
}

/// The shards, the peers, and what is on the way.
pub(crate) struct World {
    cores: Vec<Dispatch>,
    outside: Outside,
    homes: RandomState,
    now_ms: u64,
    told_others: Vec<Held>,
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
                transcript: 0xcbf2_9ce4_8422_2325,
            },
            homes,
            now_ms: 0,
            told_others: vec![Held::default(); n],
        };
        world.advance(0);
        world
    }

    /// A world of `shards` shards, otherwise as by default.
    pub(crate) fn of(shards: u16) -> Self {
        Self::new(Options { shards, ..Options::default() })
    }

    /// Tells a core one thing, then lets the peers that were sent something read.
    pub(crate) fn step(&mut self, shard: u16, input: Input<'_>) {
        self.bare_step(shard, input);
        while let Some(peer) = self.outside.touched.pop() {
            self.write(peer, u64::MAX);
        }
    }

    fn bare_step(&mut self, shard: u16, input: Input<'_>) {
        let core = &mut self.cores[usize::from(shard)];
        core.step(input, &mut Recorder { shard, outside: &mut self.outside });
        self.outside.published[usize::from(shard)] = *core.counts();
    }

    /// Tries to write to a peer, as a shell does at the end of a turn.
    fn write(&mut self, peer: Peer, bytes_max: u64) {
        let conn = &mut self.outside.conns[peer.0];
        if conn.closed.is_some() {
            return;
        }
        let bytes = if conn.reads { conn.take(bytes_max) } else { 0 };
        let (shard, id) = (conn.shard, conn.id);
        if let Some(log) = &mut self.outside.log {
            log.push(Event::Took(peer, bytes));
        }
        self.bare_step(shard, Input::Written { conn: id, bytes });
    }

    // Messages.

    /// Links with messages on the way, in no order of meaning, but the same in every run.
    pub(crate) fn busy_links(&self) -> impl ExactSizeIterator<Item = Link> {
        let shards = usize::from(self.outside.options.shards);
        let half = |half: usize| u16::try_from(half).expect("shards are few");
        self.outside.busy.iter().map(move |&link| Link { from: half(link / shards), to: half(link % shards) })
    }

    /// What is on the way from one shard to another, first to last.
    pub(crate) fn on_the_way(&self, link: Link) -> impl ExactSizeIterator<Item = &Message> {
        self.outside.links[self.link(link)].iter().map(|(_, message)| message)
    }

    /// Delivers the first message of a link; whether there was one.
    pub(crate) fn deliver(&mut self, link: Link) -> bool {
        let at = self.link(link);
        let Some((_, message)) = self.outside.links[at].pop_front() else { return false };
        if self.outside.links[at].is_empty() {
            let place = self.outside.busy.iter().position(|&busy| busy == at).expect("a link with messages is busy");
            self.outside.busy.swap_remove(place);
        }
        self.outside.delivered += 1;
        self.step(link.to, Input::Message { from: ShardId(link.from), message });
        true
    }

    /// Delivers in the order in which they were posted, until nothing is on the way; how many they were.
    pub(crate) fn settle(&mut self) -> u64 {
        let before = self.outside.delivered;
        while let Some(link) = self.oldest_link() {
            self.deliver(link);
            assert!(self.outside.delivered - before < DELIVERIES_MAX, "messages go round and round");
        }
        self.outside.delivered - before
    }

    /// The link with the message that was posted first of all that are on the way.
    pub(crate) fn oldest_link(&self) -> Option<Link> {
        self.busy_links().min_by_key(|&link| self.outside.links[self.link(link)][0].0)
    }

    /// Whether nothing is on the way.
    pub(crate) fn at_rest(&self) -> bool {
        self.outside.busy.is_empty()
    }

    /// Messages that were ever posted from shard to shard.
    pub(crate) fn posted(&self) -> u64 {
        self.outside.posted
    }

    fn link(&self, link: Link) -> usize {
        usize::from(link.from) * usize::from(self.outside.options.shards) + usize::from(link.to)
    }

    // Shards.

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
        self.now_ms += ms;
        for shard in 0..self.shards() {
            self.turn(shard);
        }
    }

    /// A shard begins a turn: it reads the clock and what the others hold.
    pub(crate) fn turn(&mut self, shard: u16) {
        let others = self.others(shard);
        self.told_others[usize::from(shard)] = others;
        self.step(shard, Input::Turn { now_ms: self.now_ms, others });
    }

    /// What the shards but this one hold.
    fn others(&self, shard: u16) -> Held {
        let mut others = Held::default();
        for (_, counts) in self.outside.published.iter().enumerate().filter(|(i, _)| *i != usize::from(shard)) {
            others.firm += counts.job_bytes + counts.unsent_bytes;
            others.partial += counts.partial_bytes;
        }
        others
    }

    /// What a shard was told of the others when its turn began.
    pub(crate) fn told_others(&self, shard: u16) -> Held {
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
        self.cores[usize::from(shard)].audit()
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
        self.cores[usize::from(shard)].next_call_ms()
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
