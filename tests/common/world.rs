//! All shards of a server on one thread: their cores, the messages between them, and the peers.
//!
//! Stands in for sockets, threads and clock. A test opens connections, says lines or commands, and decides which message
//! is delivered when; order holds per pair of shards only. What a peer is told ends up in its inbox. A peer that reads
//! takes everything after each step; one that stopped takes nothing, and its unsent bytes grow.
//!
//! The world checks by itself what no core may ever do: send to or close a connection that is not there, post to the
//! own shard, or send what is not one line. Randomness is deliberately absent: a test that wants some brings it along.

#![allow(dead_code)] // Each test crate that includes this file uses a part of it.

use std::collections::VecDeque;
use std::sync::Arc;

use ahash::RandomState;
use deputy::dispatch::audit::Audit;
use deputy::dispatch::message::{Closing, ConnId, Effects, Held, Input, Message, ShardId};
use deputy::dispatch::{Dispatch, Settings, home_of};
use deputy::metrics::{Counts, Totals};
use deputy::protocol::command::{self, Command, Refusal};
use deputy::protocol::reply::Reply;

/// What a world is built with.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) shards: u16,
    pub(crate) attempts_max: u32,
    pub(crate) memory_bytes_max: u64,
    pub(crate) unsent_bytes_max: u64,
    pub(crate) stall_ms: u64,
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

/// One peer's end, and what the shell keeps for it.
struct Conn {
    shard: u16,
    id: ConnId,
    reads: bool,
    /// Lines that the core sent and the peer did not take yet; of the first, `taken_bytes` are gone.
    unsent: VecDeque<String>,
    unsent_bytes: u64,
    taken_bytes: u64,
    inbox: Vec<String>,
    closed: Option<Closing>,
}

/// The shards, the peers, and what is on the way.
pub(crate) struct World {
    cores: Vec<Dispatch>,
    outside: Outside,
    homes: RandomState,
    now_ms: u64,
}

/// Everything that is not a core: what a step's effects change.
struct Outside {
    conns: Vec<Conn>,
    /// By shard and slot: who has it now, and how often it was given.
    slots: Vec<Vec<(Option<Peer>, u32)>>,
    /// By `from * shards + to`; a message has its place among all that were posted.
    links: Vec<VecDeque<(u64, Message)>>,
    /// Links that are not empty, in no order of meaning.
    busy: Vec<usize>,
    posted: u64,
    delivered: u64,
    published: Vec<Counts>,
    /// Peers that were sent something in this step.
    touched: Vec<Peer>,
    options: Options,
    draining: bool,
    /// A hash of all that ever was sent, posted or closed, in order.
    transcript: u64,
}

/// The effects of one step of one shard.
struct Recorder<'a> {
    shard: u16,
    outside: &'a mut Outside,
}

impl Effects for Recorder<'_> {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) {
        let mut bytes = Vec::new();
        reply.encode(&mut bytes);
        let line = String::from_utf8(bytes).expect("a reply is UTF-8");
        let text = line.strip_suffix("\r\n").expect("a reply ends with CRLF");
        assert!(!text.contains(['\r', '\n']), "more than one line: {text}");
        let peer = self.outside.peer(self.shard, to).expect("a reply for a connection that is gone");
        self.outside.note(1, peer.0 as u64, text.as_bytes());
        let conn = &mut self.outside.conns[peer.0];
        conn.unsent_bytes += line.len() as u64;
        conn.unsent.push_back(line);
        self.outside.touched.push(peer);
    }

    fn post(&mut self, to: ShardId, message: Message) {
        assert_ne!(to.0, self.shard, "messages to the own shard do not leave the core");
        let outside = &mut *self.outside;
        outside.note(2, u64::from(self.shard) << 16 | u64::from(to.0), name_of(&message).as_bytes());
        let link = usize::from(self.shard) * usize::from(outside.options.shards) + usize::from(to.0);
        if outside.links[link].is_empty() {
            outside.busy.push(link);
        }
        outside.posted += 1;
        outside.links[link].push_back((outside.posted, message));
    }

    fn close(&mut self, conn: ConnId, how: Closing) {
        let peer = self.outside.peer(self.shard, conn).expect("a connection is closed once");
        self.outside.note(3, peer.0 as u64, &[how as u8]);
        self.outside.forget(peer, how);
    }

    fn totals(&mut self, own: &Counts) -> Totals {
        self.outside.published[usize::from(self.shard)] = *own;
        self.outside.totals()
    }
}

impl Outside {
    fn peer(&self, shard: u16, id: ConnId) -> Option<Peer> {
        let (peer, generation) = self.slots[usize::from(shard)].get(id.slot as usize)?;
        peer.filter(|_| *generation == id.generation)
    }

    /// The connection is over. A peer that reads still takes what was unsent, unless it is dropped.
    fn forget(&mut self, peer: Peer, how: Closing) {
        let conn = &mut self.conns[peer.0];
        conn.closed = Some(how);
        if conn.reads && how != Closing::Dropped {
            conn.take(u64::MAX);
        }
        conn.unsent.clear();
        self.slots[usize::from(conn.shard)][conn.id.slot as usize].0 = None;
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals {
            connections: self.conns.len() as u64,
            bytes_max: self.options.memory_bytes_max,
            draining: self.draining,
            threads: self.options.shards.into(),
            ..Totals::default()
        };
        self.published.iter().for_each(|counts| totals.counts.add(counts));
        totals
    }

    fn note(&mut self, kind: u64, who: u64, what: &[u8]) {
        // FNV-1a: by words, then by the bytes of the text. Of long texts the start must do.
        const PRIME: u64 = 0x0100_0000_01b3;
        let mut hash = self.transcript;
        for word in [kind, who, what.len() as u64] {
            hash = (hash ^ word).wrapping_mul(PRIME);
        }
        for byte in what.iter().take(256) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
        self.transcript = hash;
    }
}

impl Conn {
    /// Moves at most `bytes_max` of what is unsent to the peer; how many it were.
    fn take(&mut self, bytes_max: u64) -> u64 {
        let bytes = bytes_max.min(self.unsent_bytes);
        self.unsent_bytes -= bytes;
        self.taken_bytes += bytes;
        while let Some(line) = self.unsent.front()
            && self.taken_bytes >= line.len() as u64
        {
            self.taken_bytes -= line.len() as u64;
            let mut line = self.unsent.pop_front().expect("there is a front");
            line.truncate(line.len() - 2);
            self.inbox.push(line);
        }
        bytes
    }
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
                touched: Vec::new(),
                options,
                draining: false,
                transcript: 0xcbf2_9ce4_8422_2325,
            },
            homes,
            now_ms: 0,
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
        self.bare_step(shard, Input::Written { conn: id, bytes });
    }

    // Peers.

    /// A connection comes to `shard`, in the slot that was left last if there is one.
    pub(crate) fn open(&mut self, shard: u16) -> Peer {
        let peer = Peer(self.outside.conns.len());
        let slots = &mut self.outside.slots[usize::from(shard)];
        let slot = slots.iter().rposition(|(peer, _)| peer.is_none()).unwrap_or_else(|| {
            slots.push((None, 0));
            slots.len() - 1
        });
        let generation = slots[slot].1 + 1;
        slots[slot] = (Some(peer), generation);
        let id = ConnId { slot: u32::try_from(slot).expect("few slots"), generation };
        self.outside.conns.push(Conn {
            shard,
            id,
            reads: true,
            unsent: VecDeque::new(),
            unsent_bytes: 0,
            taken_bytes: 0,
            inbox: Vec::new(),
            closed: None,
        });
        self.step(shard, Input::Opened { conn: id });
        peer
    }

    /// A worker comes to `shard` and says `can_do`.
    pub(crate) fn worker(&mut self, shard: u16, types: &[&str], max_jobs: Option<u32>) -> Peer {
        let peer = self.open(shard);
        self.can_do(peer, types, max_jobs);
        peer
    }

    /// Says one line, as the wire would decode it. Nothing happens if the connection is closed.
    pub(crate) fn say(&mut self, peer: Peer, line: &str) {
        match command::decode(line.as_bytes()) {
            Ok(command) => self.command(peer, command),
            Err(refusal) => self.refused(peer, refusal, false),
        }
    }

    pub(crate) fn command(&mut self, peer: Peer, command: Command<'_>) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step(shard, Input::Command { from, command });
        }
    }

    pub(crate) fn refused(&mut self, peer: Peer, refusal: Refusal<'_>, fatal: bool) {
        if let Some((shard, from)) = self.open_id(peer) {
            self.step(shard, Input::Refused { from, refusal, fatal });
        }
    }

    pub(crate) fn can_do(&mut self, peer: Peer, types: &[&str], max_jobs: Option<u32>) {
        self.command(peer, Command::CanDo { types: names(types), max_jobs });
    }

    pub(crate) fn cant_do(&mut self, peer: Peer, types: &[&str]) {
        self.command(peer, Command::CantDo { types: names(types) });
    }

    /// Bytes came; `partial_bytes` of an unfinished line are kept.
    pub(crate) fn heard(&mut self, peer: Peer, partial_bytes: u64) {
        if let Some((shard, conn)) = self.open_id(peer) {
            self.step(shard, Input::Heard { conn, partial_bytes });
        }
    }

    /// The peer's input ends, and with it the connection.
    pub(crate) fn end(&mut self, peer: Peer) {
        if let Some((shard, conn)) = self.open_id(peer) {
            self.step(shard, Input::Ended { conn });
            if self.is_open(peer) {
                self.outside.forget(peer, Closing::Flushed);
            }
        }
    }

    /// From now on the peer takes nothing.
    pub(crate) fn stop_reading(&mut self, peer: Peer) {
        self.outside.conns[peer.0].reads = false;
    }

    /// The peer takes all that is unsent, and what comes.
    pub(crate) fn read_on(&mut self, peer: Peer) {
        self.outside.conns[peer.0].reads = true;
        self.outside.touched.push(peer);
        while let Some(peer) = self.outside.touched.pop() {
            self.write(peer, u64::MAX);
        }
    }

    /// A peer that stopped takes `bytes` of what is unsent, and no more.
    pub(crate) fn read_some(&mut self, peer: Peer, bytes: u64) {
        self.outside.conns[peer.0].reads = true;
        self.write(peer, bytes);
        self.outside.conns[peer.0].reads = false;
        while let Some(peer) = self.outside.touched.pop() {
            self.write(peer, u64::MAX);
        }
    }

    /// Takes the lines that the peer has received since the last call, without their ends.
    pub(crate) fn take_lines(&mut self, peer: Peer) -> Vec<String> {
        std::mem::take(&mut self.outside.conns[peer.0].inbox)
    }

    /// The lines that wait for [`World::take_lines`].
    pub(crate) fn lines(&self, peer: Peer) -> &[String] {
        &self.outside.conns[peer.0].inbox
    }

    pub(crate) fn unsent_bytes(&self, peer: Peer) -> u64 {
        self.outside.conns[peer.0].unsent_bytes
    }

    pub(crate) fn is_open(&self, peer: Peer) -> bool {
        self.outside.conns[peer.0].closed.is_none()
    }

    /// How the connection was closed, if it was.
    pub(crate) fn closed(&self, peer: Peer) -> Option<Closing> {
        self.outside.conns[peer.0].closed
    }

    /// The peer's shard, and its name there, also when it is gone.
    pub(crate) fn conn_id(&self, peer: Peer) -> (u16, ConnId) {
        let conn = &self.outside.conns[peer.0];
        (conn.shard, conn.id)
    }

    /// The peer that has this name now.
    pub(crate) fn peer(&self, shard: u16, id: ConnId) -> Option<Peer> {
        self.outside.peer(shard, id)
    }

    fn open_id(&self, peer: Peer) -> Option<(u16, ConnId)> {
        self.is_open(peer).then(|| self.conn_id(peer))
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
        while let Some(link) = self.busy_links().min_by_key(|&link| self.outside.links[self.link(link)][0].0) {
            self.deliver(link);
        }
        self.outside.delivered - before
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
        let mut others = Held::default();
        for (_, counts) in self.outside.published.iter().enumerate().filter(|(i, _)| *i != usize::from(shard)) {
            others.firm += counts.job_bytes + counts.unsent_bytes;
            others.partial += counts.partial_bytes;
        }
        self.step(shard, Input::Turn { now_ms: self.now_ms, others });
    }

    pub(crate) fn stop(&mut self, shard: u16) {
        self.outside.draining = true;
        self.step(shard, Input::Stop);
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

/// What a message is, for conditions on what is on the way.
pub(crate) fn name_of(message: &Message) -> &'static str {
    match message {
        Message::Submit(_) => "Submit",
        Message::Offer(..) => "Offer",
        Message::Ask(_) => "Ask",
        Message::Assign { .. } => "Assign",
        Message::Decline(_) => "Decline",
        Message::Return { .. } => "Return",
        Message::Welcome(_) => "Welcome",
        Message::Withdraw(_) => "Withdraw",
        Message::Withdrawn(..) => "Withdrawn",
        Message::Result { .. } => "Result",
        Message::Census { .. } => "Census",
        Message::Counted { .. } => "Counted",
    }
}

fn names<'a>(types: &[&'a str]) -> Vec<command::TypeName<'a>> {
    types.iter().map(|&name| name.into()).collect()
}
