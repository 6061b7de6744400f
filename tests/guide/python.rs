//! The worker and the client that README.md shows.

use std::path::PathBuf;
use std::process::Command;

use crate::process::{Process, Server};
use crate::{page, programs};

const EXAMPLES: [&str; 2] = ["docs/examples/worker.py", "docs/examples/client.py"];

/// The blocks of this kind in README.md, each as one text.
fn shown(kind: &str) -> Vec<String> {
    let blocks = page::blocks(&page::read("README.md"));
    blocks.iter().filter(|block| block.kind == kind).map(|block| block.lines.join("\n") + "\n").collect()
}

/// An example, connected to a server.
fn start(python: &PathBuf, example: &str, server: &Server) -> Process {
    let port = server.tcp[0].port().to_string();
    Process::spawn(Command::new(python).arg(page::root().join(example)).args(["127.0.0.1", &port]), None)
}

/// Answers come in the order in which they are ready.
fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_readme_shows_the_examples_as_they_are() {
    assert_eq!(shown("python"), EXAMPLES.map(page::read));
}

#[test]
fn the_examples_are_twenty_lines_each() {
    for example in EXAMPLES {
        let lines = page::read(example).lines().count();
        assert!(lines <= 20, "{example} has {lines}");
    }
}

#[test]
fn worker_and_client_print_what_the_readme_says() {
    let Some(python) = programs::find("python3") else { return };
    let server = Server::start(&[]);
    let worker = start(&python, EXAMPLES[0], &server);
    let ended = start(&python, EXAMPLES[1], &server).ended();
    assert!(ended.status.success(), "{}{}", ended.stderr, worker.stderr());
    let expected = shown("text").concat();
    assert_eq!(sorted(&ended.stdout), sorted(&expected));
}
