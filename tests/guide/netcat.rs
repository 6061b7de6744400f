//! The first session of README.md, with the program that it names.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

use crossbeam_channel::{Receiver, unbounded};

use crate::process::Server;
use crate::wait::PATIENCE;
use crate::{page, programs};

/// What a reader types to be connected.
const CONNECT: &str = "nc 127.0.0.1 11746";

/// A terminal with `nc` in it.
struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Receiver<String>,
}

impl Terminal {
    fn open(port: u16) -> Self {
        let command = CONNECT.replace("11746", &port.to_string());
        let words: Vec<&str> = command.split(' ').collect();
        let mut child =
            Command::new(words[0]).args(&words[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (lines, screen) = unbounded();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { keyboard: child.stdin.take().unwrap(), child, screen }
    }

    fn paste(&mut self, line: &str) {
        writeln!(self.keyboard, "{line}").unwrap();
    }

    fn shows(&self, line: &str) {
        assert_eq!(self.screen.recv_timeout(PATIENCE).unwrap(), line);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill(); // It may have ended already.
        let _ = self.child.wait();
    }
}

#[test]
fn the_first_session_can_be_pasted() {
    if programs::find("nc").is_none() {
        return;
    }
    let server = Server::start(&[]);
    let mut terminals = BTreeMap::new();
    let (mut connects, mut lines) = (0, 0);
    for block in page::blocks(&page::read("README.md")) {
        let words: Vec<&str> = block.kind.split(' ').collect();
        if block.lines == [CONNECT] {
            connects += 1;
        }
        let ["json", who, verb] = words[..] else { continue };
        let terminal = terminals.entry(who.to_owned()).or_insert_with(|| Terminal::open(server.tcp[0].port()));
        for line in &block.lines {
            lines += 1;
            if verb == "sends" { terminal.paste(line) } else { terminal.shows(line) }
        }
        assert_eq!(terminals.len(), connects, "a reader has to be asked to connect before line {}", block.number);
    }
    assert!(lines >= 5, "the session is gone");
}
