//! The floor: a bare relay on one thread, to compare a server with.
//!
//! It makes the system calls that the work needs and nothing else: one read per ready connection, and one write per
//! connection and turn. It checks nothing, keeps whole lines and understands only the load's spelling of them. It knows
//! one type per worker, assumes that a worker answers in the order of its jobs, and forgets what a lost connection held.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use ahash::RandomState;
use mio::net::{TcpListener, UnixListener};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::harness::net::conn::{Address, Chunk, Conn, Input, Socket, chunk};

const LISTENER: Token = Token(usize::MAX - 1);

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// The bytes of one read, and the complete lines of one connection in a turn.
struct Inbox {
    chunk: Chunk,
    lines: Vec<u8>,
}

struct Peer {
    conn: Conn,
    /// As a worker: its type's queue, and the submitters of the jobs that it holds, in the order of the jobs.
    queue: usize,
    held_for: VecDeque<usize>,
}

#[derive(Default)]
struct Queue {
    /// Lines, each with the submitter's index.
    waiting: VecDeque<(usize, Box<[u8]>)>,
    /// Workers, once per free slot; the slot that has been free longest is first.
    free: VecDeque<usize>,
}

struct Floor {
    peers: Slab<Peer>,
    queue_of: HashMap<Box<[u8]>, usize, RandomState>,
    queues: Vec<Queue>,
    /// Peers with something to send; a peer may occur more than once.
    dirty: Vec<usize>,
}

/// Relays until SIGTERM, which ends the process with exit code 0. Writes its address to stderr.
pub(crate) fn serve(address: &Address) -> io::Result<()> {
    signal_hook::flag::register_conditional_shutdown(signal_hook::consts::SIGTERM, 0, Arc::new(AtomicBool::new(true)))?;
    crate::harness::system::machine::raise_descriptor_limit()?;
    let mut poll = Poll::new()?;
    let listener = Listener::bind(address, &poll)?;
    let mut floor = Floor { peers: Slab::new(), queue_of: HashMap::default(), queues: Vec::new(), dirty: Vec::new() };
    let mut inbox = Inbox { chunk: chunk(), lines: Vec::new() };
    let mut events = Events::with_capacity(1_024);
    loop {
        if let Err(error) = poll.poll(&mut events, None)
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error);
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.accept_all(&listener, &poll)?,
                Token(index) if event.is_readable() => floor.read(index, &mut inbox),
                Token(index) => floor.dirty.push(index),
            }
        }
        floor.flush();
    }
}

impl Listener {
    fn bind(address: &Address, poll: &Poll) -> io::Result<Self> {
        use std::io::Write;
        let (listener, name) = match address {
            Address::Tcp(address) => {
                let mut listener = TcpListener::bind(*address)?;
                poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
                let name = listener.local_addr()?.to_string();
                (Self::Tcp(listener), name)
            }
            Address::Unix(path) => {
                let mut listener = UnixListener::bind(path)?;
                poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
                (Self::Unix(listener), path.display().to_string())
            }
        };
        writeln!(io::stderr(), "floor listening on {name}")?;
        Ok(listener)
    }

    fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                Ok(Socket::Tcp(stream))
            }
            Self::Unix(listener) => Ok(Socket::Unix(listener.accept()?.0)),
        }
    }
}

impl Floor {
    fn accept_all(&mut self, listener: &Listener, poll: &Poll) -> io::Result<()> {
        loop {
            let socket = match listener.accept() {
                Ok(socket) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let entry = self.peers.vacant_entry();
            let conn = Conn::register(socket, poll.registry(), Token(entry.key()))?;
            entry.insert(Peer { conn, queue: 0, held_for: VecDeque::new() });
        }
    }

    fn read(&mut self, index: usize, inbox: &mut Inbox) {
        let Some(peer) = self.peers.get_mut(index) else { return };
        let Inbox { chunk, lines } = inbox;
        lines.clear();
        let has_end = |bytes: &[u8]| memchr::memchr(b'\n', bytes).is_some();
        let input = peer.conn.read(chunk, has_end, |input, _unsent| -> io::Result<()> {
            let whole = memchr::memrchr(b'\n', input).map_or(0, |line_end| line_end + 1);
            lines.extend_from_slice(&input[..whole]);
            *input = &input[whole..];
            Ok(())
        });
        for line in split(lines) {
            self.relay(index, line);
        }
        if !matches!(input, Ok(Input::Open)) {
            self.peers.remove(index);
        } else if !self.peers[index].conn.unsent.is_empty() {
            // The event may say that the connection is writable too.
            self.dirty.push(index);
        }
    }

    /// The commands differ in these bytes: `{"cmd":"do"`, `{"cmd":"did"`, `{"cmd":"can_do"`, `{"cmd":"ping"`.
    fn relay(&mut self, from: usize, line: &[u8]) {
        match line.get(8..10) {
            Some(b"do") => self.submit(from, line),
            Some(b"di") => self.complete(from, line),
            Some(b"ca") => self.greet(from, line),
            Some(b"pi") => self.send(from, b"{\"cmd\":\"pong\"}"),
            _ => {}
        }
    }

    fn submit(&mut self, from: usize, line: &[u8]) {
        let Some(queue) = between(line, b"\"type\":\"", b'"').map(|name| self.queue(name)) else { return };
        match self.queues[queue].free.pop_front() {
            Some(worker) => self.assign(worker, from, line),
            None => self.queues[queue].waiting.push_back((from, line.into())),
        }
    }

    fn assign(&mut self, worker: usize, submitter: usize, line: &[u8]) {
        if let Some(peer) = self.peers.get_mut(worker) {
            peer.held_for.push_back(submitter);
            self.send(worker, line);
        }
    }

    fn complete(&mut self, worker: usize, line: &[u8]) {
        if let Some(submitter) = self.peers[worker].held_for.pop_front() {
            self.send(submitter, line);
            self.offer(worker);
        }
    }

    fn greet(&mut self, worker: usize, line: &[u8]) {
        let Some(queue) = between(line, b"[\"", b'"').map(|name| self.queue(name)) else { return };
        self.peers[worker].queue = queue;
        let max_jobs = between(line, b"\"max_jobs\":", b'}').and_then(|text| str::from_utf8(text).ok()?.parse().ok());
        for _ in 0..max_jobs.unwrap_or(1) {
            self.offer(worker);
        }
    }

    fn offer(&mut self, worker: usize) {
        let queue = &mut self.queues[self.peers[worker].queue];
        match queue.waiting.pop_front() {
            Some((submitter, line)) => self.assign(worker, submitter, &line),
            None => queue.free.push_back(worker),
        }
    }

    fn queue(&mut self, name: &[u8]) -> usize {
        if let Some(queue) = self.queue_of.get(name) {
            return *queue;
        }
        self.queues.push(Queue::default());
        self.queue_of.insert(name.into(), self.queues.len() - 1);
        self.queues.len() - 1
    }

    fn send(&mut self, to: usize, line: &[u8]) {
        let Some(peer) = self.peers.get_mut(to) else { return };
        if peer.conn.unsent.is_empty() {
            self.dirty.push(to);
        }
        peer.conn.unsent.extend_from_slice(line);
        peer.conn.unsent.extend_from_slice(b"\r\n");
    }

    fn flush(&mut self) {
        for index in self.dirty.drain(..) {
            let failed = self.peers.get_mut(index).is_some_and(|peer| peer.conn.flush().is_err());
            if failed {
                self.peers.remove(index);
            }
        }
    }
}

/// Returns what is between `before` and the next `until`.
fn between<'a>(line: &'a [u8], before: &[u8], until: u8) -> Option<&'a [u8]> {
    let start = memchr::memmem::find(line, before)? + before.len();
    let length = memchr::memchr(until, &line[start..])?;
    Some(&line[start..start + length])
}

/// Splits `bytes`, which end with a line end, into lines without their ends.
fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let line_end = memchr::memchr(b'\n', rest)?;
        let (line, after) = (&rest[..line_end], &rest[line_end + 1..]);
        rest = after;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    })
}
