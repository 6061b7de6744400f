//! Sessions as scripts: who says what, who is told what.
//!
//! ```text
//! W> {"cmd":"can_do","types":["t"]}      W sends a line; who has no connection yet is connected
//! W< {"cmd":"do","id":1,"type":"t"}      the next line that W is sent; `...` stands for any text,
//!                                        `$a` for a number, the same one wherever it stands
//! W quiet                                nothing else has come to W (asked with a `ping`)
//! W leaves                               W closes its connection
//! W closed                               the server has closed it
//! jobs_waiting = 1                       goes on as soon as the metrics say so
//! ```

use std::collections::HashMap;

use super::rest::Rest;
use crate::client::Client;
use crate::process::{Server, Via};

/// The numbers of shards that everything is tried with.
const SHARDS: [&str; 3] = ["1", "2", "4"];

/// A server, and one of the ways to it.
pub(crate) struct Net {
    pub(crate) server: Server,
    pub(crate) via: Via,
}

impl Net {
    /// A new connection; `name` is for the messages of failing tests.
    pub(crate) fn connect(&self, name: &str) -> Client {
        self.server.connect(self.via, name)
    }
}

/// Runs a test over TCP and over a UNIX socket with each number of shards, every time against a server of its own.
pub(crate) fn everywhere(options: &[&str], test: impl Fn(&Net)) {
    for shards in SHARDS {
        over_both(&[&["--threads", shards], options].concat(), &test);
    }
}

/// Runs a test over TCP and over a UNIX socket: for tests that take a second because a time-out does.
pub(crate) fn over_both(options: &[&str], test: impl Fn(&Net)) {
    for via in [Via::Tcp, Via::Unix] {
        over(via, options, &test);
    }
}

/// Runs a test over one of the two: where it takes seconds, and the way makes no difference. Whatever it did, the server
/// must be at rest again when its clients are gone.
pub(crate) fn over(via: Via, options: &[&str], test: impl Fn(&Net)) {
    let net = Net { server: Server::start(options), via };
    let rest = Rest::of(&net.server);
    // Shown by the test harness only if the test fails.
    #[allow(clippy::print_stdout, reason = "the harness keeps it for failures")]
    {
        println!("over {via:?} with {options:?}");
    }
    test(&net);
    rest.expect(&net.server);
}

/// Plays a script everywhere.
pub(crate) fn play(script: &str) {
    play_with(&[], script);
}

/// Plays a script everywhere, with these options of the server.
pub(crate) fn play_with(options: &[&str], script: &str) {
    everywhere(options, |net| Stage::new(net).play(script));
}

/// A script under way: who is connected, and the numbers that have a name.
struct Stage<'a> {
    net: &'a Net,
    observer: Client,
    clients: HashMap<String, Client>,
    numbers: HashMap<String, String>,
}

impl<'a> Stage<'a> {
    fn new(net: &'a Net) -> Self {
        Self { net, observer: net.connect("the observer"), clients: HashMap::new(), numbers: HashMap::new() }
    }

    fn play(mut self, script: &str) {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (head, rest) = line.split_once(' ').unwrap();
            if let Some(name) = head.strip_suffix('>') {
                let text = self.fill_in(rest.trim());
                self.client(name).send(&text);
            } else if let Some(name) = head.strip_suffix('<') {
                let got = self.client(name).line();
                let matched = self.matches(rest.trim(), &got);
                assert!(matched, "at `{line}`:\n     got {got}");
            } else {
                self.play_fact(head, rest.trim());
            }
        }
    }

    fn play_fact(&mut self, head: &str, fact: &str) {
        match fact {
            "quiet" => self.client(head).expect_nothing(),
            "closed" => self.client(head).expect_closed(),
            "leaves" => drop(self.clients.remove(head).unwrap()),
            _ => self.observer.until_metric(head, fact.strip_prefix("= ").unwrap().parse().unwrap()),
        }
    }

    fn client(&mut self, name: &str) -> &mut Client {
        self.clients.entry(name.to_owned()).or_insert_with(|| self.net.connect(name))
    }

    /// Puts in the numbers that have a name.
    fn fill_in(&self, text: &str) -> String {
        self.numbers.iter().fold(text.to_owned(), |text, (name, number)| text.replace(&format!("${name}"), number))
    }

    /// Whether a line is as the pattern says; learns the numbers that had no name yet.
    fn matches(&mut self, pattern: &str, line: &str) -> bool {
        let Some(at) = pattern.find("...").into_iter().chain(pattern.find('$')).min() else {
            return pattern == line;
        };
        let Some(rest) = line.strip_prefix(&pattern[..at]) else {
            return false;
        };
        if let Some(after) = pattern[at..].strip_prefix("...") {
            return (0..=rest.len())
                .filter(|&skipped| rest.is_char_boundary(skipped))
                .any(|skipped| self.matches(after, &rest[skipped..]));
        }
        let (name, after) = pattern[at + 1..].split_at(1);
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, rest) = rest.split_at(digits);
        let known = self.numbers.entry(name.to_owned()).or_insert_with(|| number.to_owned());
        !number.is_empty() && known == number && self.matches(after, rest)
    }
}
