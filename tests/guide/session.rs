//! Sessions of a page, performed on a real server, byte for byte.

use crate::page::Block;
use crate::play_sockets::SocketFixture;
use crate::process::{Server, Via};
use crate::script::{Act, Expected, Line, Step};

/// A session: the server's options, then what each peer does.
pub(crate) struct Session {
    options: Vec<String>,
    lines: Vec<Line>,
}

impl Session {
    /// Reads a block. Panics at a line that has none of the forms that the page explains.
    pub(crate) fn parse(block: &Block) -> Self {
        let mut session = Self { options: Vec::new(), lines: Vec::new() };
        for (line, number) in block.lines.iter().zip(block.number..) {
            if let Some(options) = line.strip_prefix("$ deputy-server ") {
                session.options = options.split(' ').map(str::to_owned).collect();
            } else if !line.starts_with('#') {
                let step = step(line).unwrap_or_else(|| panic!("line {number} has no known form: {line}"));
                session.lines.push(Line { place: number, step });
            }
        }
        session
    }

    /// Performs it on a server with one shard, where a line is in force for all before the next is sent.
    pub(crate) fn play(&self, via: Via) {
        let options = ["--threads", "1"].into_iter().chain(self.options.iter().map(String::as_str));
        let server = Server::start(&options.collect::<Vec<_>>());
        let done = SocketFixture::new(&server, via).play(&self.lines);
        if let Err((number, what)) = done {
            let place = if number == usize::MAX { "the end".to_owned() } else { format!("line {number}") };
            panic!("{place} of the page shows something else: {what}");
        }
        if self.lines.iter().any(|line| line.step == Step::Stop) {
            assert_eq!(server.process.ended().status.code(), Some(0));
        }
    }
}

fn step(line: &str) -> Option<Step> {
    let (peer, rest) = line.split_at(line.find(['<', '>'])?);
    let (arrow, what) = rest.split_at(1);
    let act = match (arrow, what.strip_prefix(' ').unwrap_or(what)) {
        (">", "(leaves)") => Act::Leaves,
        (">", "(ends its input)") => Act::Gone,
        (">", "(SIGTERM)") if peer == "server" => return Some(Step::Stop),
        ("<", "(closed)") => Act::Closed(None),
        (">", line) => Act::SendsLine(wildcards(line)),
        (_, line) => Act::Receives(Expected::Line(wildcards(line))),
    };
    let is_name = !peer.is_empty() && peer.bytes().all(|byte| byte.is_ascii_lowercase());
    is_name.then(|| Step::Peer(peer.to_owned(), act))
}

/// Replaces the placeholders of a page by the [`wildcard`](crate::wildcard)s that they stand for: `<n>` is any number,
/// `<text>` the inside of a string, `<...>` anything, and any other `<word>` a number that is the same in every place.
fn wildcards(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, (word, after))) =
        rest.split_once('<').and_then(|(b, rest)| Some((b, rest.split_once('>')?)))
    {
        out.push_str(before);
        match word {
            "n" => out.push_str("$_"),
            "text" => out.push('…'),
            "..." => out.push_str("$*"),
            word => out.extend(["$", word]),
        }
        rest = after;
    }
    out + rest
}

#[test]
fn lines_of_a_session_are_distinguished() {
    let act = |act| Some(Step::Peer("a".to_owned(), act));
    assert_eq!(step("a> {}"), act(Act::SendsLine("{}".to_owned())));
    assert_eq!(step("a>"), act(Act::SendsLine(String::new())));
    assert_eq!(step(r#"a< {"b":<n>}"#), act(Act::Receives(Expected::Line(r#"{"b":$_}"#.to_owned()))));
    assert_eq!(step("a> (leaves)"), act(Act::Leaves));
    assert_eq!(step("a> (ends its input)"), act(Act::Gone));
    assert_eq!(step("a< (closed)"), act(Act::Closed(None)));
    assert_eq!(step("server> (SIGTERM)"), Some(Step::Stop));
    for wrong in ["", "a", "{}", "> {}", "A> {}", "a {}> x"] {
        assert_eq!(step(wrong), None, "{wrong:?}");
    }
}
