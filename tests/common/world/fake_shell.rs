//! The surroundings of the cores of a [`World`](super::World): the peers' ends, the links between shards, and what a step's
//! effects do to them. Checks what no core may ever do.

use std::collections::VecDeque;
use std::rc::Rc;

use deputy::dispatch::batch::{Batch, may_be_overtaken};
use deputy::dispatch::message::{Closing, ConnId, Effects, JobEvent, Message, PoolId, ShardId, TraceId};
use deputy::metrics::{Counts, Fault, Faults, ShardRow, Totals};
use deputy::protocol::reply::Reply;

use super::{Options, Peer};

/// One peer's end, and what the shell keeps for it.
pub(super) struct Conn {
    pub(super) shard: u16,
    pub(super) id: ConnId,
    pub(super) reads: bool,
    /// Lines that the core sent and the peer has not read, without their ends. Of the first, it has read `taken_bytes`.
    pub(super) unsent: VecDeque<Rc<str>>,
    pub(super) unsent_bytes: u64,
    pub(super) taken_bytes: u64,
    pub(super) inbox: Vec<String>,
    pub(super) closed: Option<Closing>,
}

/// Everything that is not a core: what a step's effects change.
pub(super) struct FakeShell {
    pub(super) conns: Vec<Conn>,
    /// By shard and index: the peer that has it now, and how often it was given.
    pub(super) slots: Vec<Vec<(Option<Peer>, u32)>>,
    /// By shard: free indices, the one that was freed last at the end.
    pub(super) free: Vec<Vec<usize>>,
    /// By `from * shards + to`; a message has its place among all that were posted.
    pub(super) links: Vec<VecDeque<(u64, Message)>>,
    /// Links that are not empty, in an arbitrary order.
    pub(super) busy: Vec<usize>,
    pub(super) posted: u64,
    /// Offers that were added to one on its way.
    pub(super) merged_offers: u64,
    /// Jobs that were added to others on their way.
    pub(super) merged_jobs: u64,
    pub(super) delivered: u64,
    pub(super) published: Vec<Counts>,
    pub(super) faults: Faults,
    /// Peers that were sent something in this step.
    pub(super) dirty: Vec<Peer>,
    pub(super) options: Options,
    /// By shard: whether it was stopped.
    pub(super) stopping: Vec<bool>,
    /// What the cores asked for, in order, if a test records it.
    pub(super) log: Option<Vec<Event>>,
    /// Whether lines that were taken are kept in the inboxes.
    pub(super) keeps_lines: bool,
    /// A hash of all that was sent, posted or closed, in order.
    pub(super) transcript: u64,
    /// A buffer for the line that is sent.
    pub(super) scratch: Vec<u8>,
}

/// Something that a core asked of the world.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// The core sent it this line.
    Sent(Peer, Rc<str>),
    /// It took this number of its unsent bytes.
    Took(Peer, u64),
    /// Its connection has ended.
    Closed(Peer, Closing),
    /// The core reported a fault of it.
    Fault(Peer, Fault),
    /// An event of a job.
    Traced(TraceId, JobEvent),
    /// A message of this name went from the first shard to the second.
    Posted(u16, u16, &'static str),
}

/// The effects of one step of one shard.
pub(super) struct Recorder<'a> {
    pub(super) shard: u16,
    pub(super) shell: &'a mut FakeShell,
}

impl Effects for Recorder<'_> {
    fn send(&mut self, to: ConnId, reply: &Reply<'_>) -> usize {
        let bytes = &mut self.shell.scratch;
        bytes.clear();
        let len = reply.encode(bytes);
        let line = str::from_utf8(bytes).expect("a reply is UTF-8");
        let text: Rc<str> = line.strip_suffix("\r\n").expect("a reply ends with CRLF").into();
        assert!(memchr::memchr2(b'\r', b'\n', text.as_bytes()).is_none(), "more than one line: {text}");
        let peer = self.shell.peer(self.shard, to).expect("a reply for a connection that is gone");
        self.shell.note(1, peer.0 as u64, text.as_bytes());
        if let Some(log) = &mut self.shell.log {
            log.push(Event::Sent(peer, Rc::clone(&text)));
        }
        let conn = &mut self.shell.conns[peer.0];
        conn.unsent_bytes += line_bytes(&text);
        conn.unsent.push_back(text);
        self.shell.dirty.push(peer);
        len
    }

    fn post(&mut self, to: ShardId, message: Message) {
        assert_ne!(to.0, self.shard, "messages to the own shard do not leave the core");
        let shell = &mut *self.shell;
        let name = name_of(&message);
        shell.note(2, u64::from(self.shard) << 16 | u64::from(to.0), name.as_bytes());
        let link = usize::from(self.shard) * usize::from(shell.options.shards) + usize::from(to.0);
        if shell.links[link].is_empty() {
            shell.busy.push(link);
        }
        shell.posted += 1;
        let mut batch = Batch::default();
        let last = if shell.options.merges { shell.links[link].pop_back() } else { None };
        let number = last.map(|(number, message)| {
            batch.push(message);
            number
        });
        batch.push(message);
        let mut messages = batch.take(Vec::new());
        let new = if number.is_none() || messages.len() == 2 { messages.pop() } else { None };
        shell.links[link].extend(number.zip(messages.pop()));
        match new {
            Some(message) => {
                shell.links[link].push_back((shell.posted, message));
                shell.log.iter_mut().for_each(|log| log.push(Event::Posted(self.shard, to.0, name)));
            }
            None => shell.merged_jobs += 1,
        }
    }

    fn add_to_offer(&mut self, to: ShardId, pool: PoolId, n: u32) -> bool {
        if !self.shell.options.merges {
            return false;
        }
        let link = usize::from(self.shard) * usize::from(self.shell.options.shards) + usize::from(to.0);
        let last = self.shell.links[link].iter_mut().rev().map(|(_, message)| message);
        match last.into_iter().find(|message| !may_be_overtaken(message)) {
            Some(Message::Offer { n: before, offers, pool: of, .. }) if *of == pool => {
                *before += n;
                *offers += 1;
                self.shell.merged_offers += 1;
                self.shell.note(5, u64::from(self.shard) << 16 | u64::from(to.0), b"Offer");
                true
            }
            _ => false,
        }
    }

    fn close(&mut self, conn: ConnId, how: Closing) {
        let peer = self.shell.peer(self.shard, conn).expect("a connection is closed once");
        self.shell.note(3, peer.0 as u64, &[how as u8]);
        self.shell.forget(peer, how);
    }

    fn fault(&mut self, conn: ConnId, fault: Fault) {
        let peer = self.shell.peer(self.shard, conn);
        // The jobs of a lost worker may end after it is closed.
        assert!(peer.is_some() || fault == Fault::GaveUp, "{fault:?} is reported after its connection is closed");
        self.shell.faults.count(fault);
        if let (Some(peer), Some(log)) = (peer, &mut self.shell.log) {
            log.push(Event::Fault(peer, fault));
        }
    }

    fn trace(&mut self, job: TraceId, passage: JobEvent) {
        if let Some(log) = &mut self.shell.log {
            log.push(Event::Traced(job, passage));
        }
    }

    fn peer_name(&mut self, conn: ConnId) -> String {
        let peer = self.shell.peer(self.shard, conn).expect("a worker that holds a job is there");
        format!("peer {}", peer.0)
    }

    fn totals(&mut self, own: &Counts) -> Totals {
        self.shell.published[usize::from(self.shard)] = *own;
        self.shell.totals()
    }

    fn shards(&mut self, own: &Counts) -> Vec<ShardRow> {
        self.shell.published[usize::from(self.shard)] = *own;
        self.shell.published.iter().map(|&counts| ShardRow { counts, ..ShardRow::default() }).collect()
    }
}

impl FakeShell {
    pub(super) fn peer(&self, shard: u16, id: ConnId) -> Option<Peer> {
        let (peer, generation) = self.slots[usize::from(shard)].get(id.index as usize)?;
        peer.filter(|_| *generation == id.generation)
    }

    /// Ends a connection. A peer that reads still receives what was unsent, unless the connection is dropped.
    pub(super) fn forget(&mut self, peer: Peer, how: Closing) {
        if let Some(log) = &mut self.log {
            log.push(Event::Closed(peer, how));
        }
        let conn = &mut self.conns[peer.0];
        conn.closed = Some(how);
        if conn.reads && how != Closing::Dropped {
            conn.take(u64::MAX, self.keeps_lines);
        }
        conn.unsent.clear();
        let (shard, slot) = (usize::from(conn.shard), conn.id.index as usize);
        self.slots[shard][slot].0 = None;
        self.free[shard].push(slot);
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals {
            connections: self.conns.len() as u64,
            bytes_max: self.options.memory_bytes_max,
            draining: self.stopping.contains(&true),
            threads: self.options.shards.into(),
            faults: self.faults,
            ..Totals::default()
        };
        self.published.iter().for_each(|counts| totals.counts.add(counts));
        totals
    }

    fn note(&mut self, kind: u64, who: u64, what: &[u8]) {
        // FNV-1a: by words, then by the bytes of the text. Only the start of a long text counts.
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
    /// Moves at most `bytes_max` of what is unsent to the peer, which keeps whole lines or not. Returns how many bytes
    /// it took.
    pub(super) fn take(&mut self, bytes_max: u64, keeps_lines: bool) -> u64 {
        let bytes = bytes_max.min(self.unsent_bytes);
        self.unsent_bytes -= bytes;
        self.taken_bytes += bytes;
        while let Some(line) = self.unsent.front()
            && self.taken_bytes >= line_bytes(line)
        {
            self.taken_bytes -= line_bytes(line);
            let line = self.unsent.pop_front().expect("there is a front");
            if keeps_lines {
                self.inbox.push((*line).to_owned());
            }
        }
        bytes
    }
}

/// The bytes of a line on the wire.
fn line_bytes(text: &str) -> u64 {
    text.len() as u64 + 2
}

/// Returns the name of a message, for conditions on messages in flight.
pub(crate) fn name_of(message: &Message) -> &'static str {
    match message {
        Message::Submit { .. } => "Submit",
        Message::SubmitRun { .. } => "SubmitRun",
        Message::Offer { .. } => "Offer",
        Message::Pull(..) => "Pull",
        Message::Assign { .. } => "Assign",
        Message::Decline(_) => "Decline",
        Message::Requeue { .. } => "Requeue",
        Message::AcceptSuspects(..) => "AcceptSuspects",
        Message::Withdraw(..) => "Withdraw",
        Message::Withdrawn(..) => "Withdrawn",
        Message::Present(..) => "Present",
        Message::Absent(..) => "Absent",
        Message::Revoke { .. } => "Revoke",
        Message::Recall { .. } => "Recall",
        Message::Drop(..) => "Drop",
        Message::Dropped(_) => "Dropped",
        Message::Revoked(_) => "Revoked",
        Message::Over(_) => "Over",
        Message::Progress { .. } => "Progress",
        Message::Stored(_) => "Stored",
        Message::Answer { .. } => "Answer",
        Message::EndedDelayed { .. } => "EndedDelayed",
        Message::StatsQuery { .. } => "StatsQuery",
        Message::StatsReply { .. } => "StatsReply",
    }
}
