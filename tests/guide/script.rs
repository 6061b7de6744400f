//! Sessions of a page, parsed and acted out against a real server, byte for byte.

use std::collections::{BTreeMap, VecDeque};

use rustix::process::Signal;

use crate::client::Client;
use crate::page::Block;
use crate::pattern::{Words, fill, matches};
use crate::process::{Server, Via};

/// A session: the server's options, then who does what.
pub(crate) struct Session {
    options: Vec<String>,
    steps: Vec<Step>,
}

struct Step {
    /// Where it stands on the page.
    number: usize,
    who: String,
    act: Act,
}

enum Act {
    Sends(String),
    Receives(String),
    /// The peer closes its connection.
    Leaves,
    /// The peer closes its sending side.
    EndsInput,
    /// The server closes the connection.
    Closed,
    /// The server gets the signal.
    Sigterm,
}

impl Session {
    /// Reads a block. Panics at a line that is in none of the forms that the page explains.
    pub(crate) fn parse(block: &Block) -> Self {
        let mut session = Self { options: Vec::new(), steps: Vec::new() };
        for (line, number) in block.lines.iter().zip(block.number..) {
            if let Some(options) = line.strip_prefix("$ deputy-server ") {
                session.options = options.split(' ').map(str::to_owned).collect();
            } else if !line.starts_with('#') {
                let step = step(line, number).unwrap_or_else(|| panic!("line {number} is in no known form: {line}"));
                session.steps.push(step);
            }
        }
        session
    }

    /// Acts it out, on a server with one shard: so what one connection sends is in force before the next line's.
    pub(crate) fn play(&self, via: Via) {
        let mut options = vec!["--threads", "1"];
        options.extend(self.options.iter().map(String::as_str));
        let mut stage = Stage::new(Server::start(&options), via);
        for (index, step) in self.steps.iter().enumerate() {
            stage.act(step);
            let next = self.steps.get(index + 1);
            if matches!(step.act, Act::Sends(_)) && next.is_none_or(|next| next.who != step.who) {
                stage.settle(&step.who);
            }
        }
        stage.end();
    }
}

fn step(line: &str, number: usize) -> Option<Step> {
    let (who, rest) = line.split_at(line.find(['<', '>'])?);
    let (arrow, what) = rest.split_at(1);
    let act = match (arrow, what.strip_prefix(' ').unwrap_or(what)) {
        (">", "(leaves)") => Act::Leaves,
        (">", "(ends its input)") => Act::EndsInput,
        (">", "(SIGTERM)") if who == "server" => Act::Sigterm,
        ("<", "(closed)") => Act::Closed,
        (">", line) => Act::Sends(line.to_owned()),
        (_, line) => Act::Receives(line.to_owned()),
    };
    let is_name = !who.is_empty() && who.bytes().all(|byte| byte.is_ascii_lowercase());
    is_name.then(|| Step { number, who: who.to_owned(), act })
}

/// A connection, and lines that came while something else was waited for.
struct Peer {
    client: Client,
    heard: VecDeque<String>,
}

struct Stage {
    server: Server,
    via: Via,
    peers: BTreeMap<String, Peer>,
    words: Words,
    stopped: bool,
}

impl Stage {
    fn new(server: Server, via: Via) -> Self {
        Self { server, via, peers: BTreeMap::new(), words: Words::new(), stopped: false }
    }

    fn act(&mut self, step: &Step) {
        let number = step.number;
        match &step.act {
            Act::Sends(line) => {
                let line = fill(line, &self.words);
                self.peer(step).client.send(&line);
            }
            Act::Receives(pattern) => {
                let peer = self.peer(step);
                let line = peer.heard.pop_front().unwrap_or_else(|| peer.client.line());
                let is_so = matches(pattern, &line, &mut self.words);
                assert!(is_so, "line {number} of the page shows\n{pattern}\nbut this came:\n{line}");
            }
            Act::Leaves => drop(self.peers.remove(&step.who)),
            Act::EndsInput => self.peer(step).client.end_input(),
            Act::Closed => {
                let mut peer = self.peers.remove(&step.who).unwrap();
                assert_eq!(peer.heard.pop_front(), None, "line {number} of the page shows an end, but this came");
                peer.client.expect_closed();
            }
            Act::Sigterm => {
                self.server.process.signal(Signal::TERM);
                self.stopped = true;
            }
        }
    }

    /// The connection of a step; made when its name is first met.
    fn peer(&mut self, step: &Step) -> &mut Peer {
        let name = format!("{} (line {} of the page)", step.who, step.number);
        let connect = || Peer { client: self.server.connect(self.via, &name), heard: VecDeque::new() };
        self.peers.entry(step.who.clone()).or_insert_with(connect)
    }

    /// Waits until the server has obeyed all that a connection sent.
    fn settle(&mut self, who: &str) {
        let peer = self.peers.get_mut(who).unwrap();
        peer.client.send(r#"{"cmd":"ping"}"#);
        loop {
            match peer.client.line() {
                pong if pong == r#"{"cmd":"pong"}"# => return,
                line => peer.heard.push_back(line),
            }
        }
    }

    /// Nothing may have come that the page does not show, and a server that was told to stop ends well.
    fn end(mut self) {
        for who in self.peers.keys().cloned().collect::<Vec<_>>() {
            self.settle(&who);
            assert_eq!(self.peers[&who].heard, [""; 0], "{who} was sent more than the page shows");
        }
        if self.stopped {
            assert_eq!(self.server.process.ended().status.code(), Some(0));
        }
    }
}

#[test]
fn lines_of_a_session_are_told_apart() {
    let kind = |line| step(line, 1).map(|step| (step.who, std::mem::discriminant(&step.act)));
    let is = |who: &str, act: &Act| Some((who.to_owned(), std::mem::discriminant(act)));
    assert_eq!(kind("a> {}"), is("a", &Act::Sends(String::new())));
    assert_eq!(kind("a>"), is("a", &Act::Sends(String::new())));
    assert_eq!(kind(r#"a< {"b":<n>}"#), is("a", &Act::Receives(String::new())));
    assert_eq!(kind("a> (leaves)"), is("a", &Act::Leaves));
    assert_eq!(kind("a> (ends its input)"), is("a", &Act::EndsInput));
    assert_eq!(kind("a< (closed)"), is("a", &Act::Closed));
    assert_eq!(kind("server> (SIGTERM)"), is("server", &Act::Sigterm));
    for wrong in ["", "a", "{}", "> {}", "A> {}", "a {}> x"] {
        assert_eq!(kind(wrong), None, "{wrong:?}");
    }
}
