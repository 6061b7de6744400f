//! Performs a [`script`](crate::script) on a real server, over one transport.
//!
//! After a line the performer waits until the server has handled it: it asks for metrics of no type on the same connection,
//! and keeps the lines that come before the answer until the script names them. On a server of several shards it then
//! waits until no message is under way between them, so the line is in force for all connections.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::collections::{BTreeMap, VecDeque};

use rustix::process::Signal;

use crate::client::Client;
use crate::process::{Server, Via};
use crate::script::{Act, Line, Step};
use crate::wildcard::Numbers;

/// Asks for nothing that a script asks for.
const QUESTION: &str = r#"{"cmd":"metrics","types":[]}"#;
/// How the answer to [`QUESTION`] begins and ends.
const ANSWER: (&str, &str) = (r#"{"cmd":"metrics","#, r#""types":{}}}"#);

/// A named peer.
struct Peer {
    client: Client,
    /// Lines that it received and the script has not named yet.
    received: VecDeque<String>,
    /// Whether it has sent a part of a line.
    partial: bool,
    /// Whether its connection has ended.
    over: bool,
    /// Whether the script has named that end.
    end_named: bool,
}

/// A server's shards, and the messages between them ever.
struct Shards {
    shards: u64,
    messages: u64,
}

/// A server, and what a script calls things in it.
pub(crate) struct SocketFixture<'a> {
    server: &'a Server,
    via: Via,
    line_end: &'static str,
    peers: BTreeMap<String, Peer>,
    /// Whether messages may be under way between shards, because no connection was left that could ask.
    unsettled: bool,
    numbers: Numbers,
}

impl<'a> SocketFixture<'a> {
    pub(crate) fn new(server: &'a Server, via: Via) -> Self {
        let line_end = if via == Via::Tcp { "\r\n" } else { "\n" };
        Self { server, via, line_end, peers: BTreeMap::new(), unsettled: false, numbers: Numbers::default() }
    }

    /// Performs a whole script. `Err` has the place in the script, if there is one, and what went wrong.
    pub(crate) fn play(mut self, lines: &[Line]) -> Result<(), (usize, String)> {
        for line in lines {
            self.perform(&line.step).map_err(|what| (line.place, what))?;
        }
        self.finish().map_err(|what| (usize::MAX, what))
    }

    fn perform(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Options(_) => {} // The server was started with them.
            Step::Stop => self.server.process.signal(Signal::TERM),
            Step::Peer(name, act) => {
                self.act(name, act).map_err(|what| format!("{name}: {what}"))?;
                self.settle_shards();
            }
            Step::At(_) | Step::DrainOver => return Err("only the core has a clock that a script sets".to_owned()),
        }
        Ok(())
    }

    fn act(&mut self, name: &str, act: &Act) -> Result<(), String> {
        if *act == Act::Opens || !self.peers.contains_key(name) {
            let client = self.server.connect(self.via, name);
            let peer = Peer { client, received: VecDeque::new(), partial: false, over: false, end_named: false };
            self.peers.insert(name.to_owned(), peer);
        }
        if self.unsettled && matches!(act, Act::SendsLine(text) if text.contains(r#""cmd":"metrics""#)) {
            self.settle_shards();
        }
        let peer = self.peers.get_mut(name).expect("it has been opened");
        match act {
            Act::Opens => peer.settle(),
            Act::SendsLine(text) => {
                let line = self.numbers.fill(text) + self.line_end;
                peer.send(line.as_bytes());
            }
            Act::SendsBytes(bytes) => peer.send(bytes),
            Act::Receives(expected) => {
                let line = peer.next_line().ok_or("the connection was closed")?;
                return self.numbers.check(expected, &line);
            }
            Act::Quiet => {
                peer.settle();
                return peer.nothing_left();
            }
            Act::Gone => {
                peer.client.end_input();
                peer.read_to_end();
            }
            Act::Leaves => {
                // The server closes in return: then it has handled the end.
                peer.client.end_input();
                peer.read_to_end();
                self.peers.remove(name);
            }
            Act::Closed(_) => {
                peer.read_to_end();
                return peer.nothing_left();
            }
            Act::StopsReading | Act::Reads(_) | Act::ReadsOn => return Err("only the core has such peers".to_owned()),
        }
        Ok(())
    }

    /// Waits until no message is under way between shards, as far as a connection is there that can ask. All shards answer
    /// a query. A message that a shard posted with its answer is handled before the next answer but one, so two answers in
    /// a row must bring no other messages than their query's own.
    fn settle_shards(&mut self) {
        let peer = self.peers.values_mut().find(|peer| !peer.partial && !peer.over);
        self.unsettled = peer.is_none();
        let Some(peer) = peer else { return };
        let Some(mut before) = peer.ask() else { return };
        let own = 2 * (before.shards - 1);
        let mut quiet = 0;
        while own > 0 && quiet < 2 {
            let Some(now) = peer.ask() else { return };
            quiet = if now.messages - before.messages == own { quiet + 1 } else { 0 };
            before = now;
        }
    }

    fn finish(mut self) -> Result<(), String> {
        for (name, peer) in &mut self.peers {
            peer.settle();
            peer.nothing_left().map_err(|what| format!("{name}: {what}"))?;
            if peer.over && !peer.end_named {
                return Err(format!("the connection of {name} was closed"));
            }
        }
        Ok(())
    }
}

impl Peer {
    /// Sends bytes, and waits until the server has handled their lines. A server that closes need not take them all.
    fn send(&mut self, bytes: &[u8]) {
        self.client.try_send_bytes(bytes);
        self.partial = !bytes.ends_with(b"\n");
        self.settle();
    }

    /// Waits until the server has handled all lines of this peer. Half a line cannot be waited for.
    fn settle(&mut self) {
        if !self.partial && !self.over {
            self.ask();
        }
    }

    /// Asks for metrics of no type, and keeps the lines that come before the answer. `None` if the connection ends.
    fn ask(&mut self) -> Option<Shards> {
        self.client.try_send_bytes(format!("{QUESTION}\n").as_bytes());
        while let Some(line) = self.client.next_line() {
            if line.starts_with(ANSWER.0) && line.ends_with(ANSWER.1) {
                return Some(Shards { shards: member(&line, "threads"), messages: member(&line, "shard_messages") });
            }
            self.received.push_back(line);
        }
        self.over = true;
        None
    }

    fn next_line(&mut self) -> Option<String> {
        self.received.pop_front().or_else(|| if self.over { None } else { self.client.next_line() })
    }

    /// Reads to the end of the connection, which the script names here.
    fn read_to_end(&mut self) {
        self.end_named = true;
        while let Some(line) = self.client.next_line() {
            self.received.push_back(line);
        }
        self.over = true;
    }

    fn nothing_left(&self) -> Result<(), String> {
        self.received.front().map_or(Ok(()), |line| Err(format!("it received {line}")))
    }
}

/// Returns a whole number of the metrics.
fn member(metrics: &str, name: &str) -> u64 {
    let (_, value) = metrics.split_once(&format!("\"{name}\":")).expect("the metrics have it");
    let digits = value.bytes().take_while(u8::is_ascii_digit).count();
    value[..digits].parse().expect("it is a number")
}
