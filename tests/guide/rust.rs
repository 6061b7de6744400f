//! The Rust that docs/rust.md shows.

use std::process::Command;

use crate::example::program;
use crate::page;
use crate::process::{Process, Server};

const EXAMPLES: [&str; 2] = ["docs/examples/worker.rs", "docs/examples/client.rs"];

/// The lines of each block of this kind.
fn shown(kind: &str) -> Vec<Vec<String>> {
    let blocks = page::blocks(&page::read("docs/rust.md")).into_iter();
    blocks.filter(|block| block.kind == kind).map(|block| block.lines).collect()
}

#[test]
fn the_page_shows_the_examples_without_what_only_compilers_need() {
    let examples = EXAMPLES.map(|path| {
        let text = page::read(path);
        let lines = text.lines().filter(|line| !line.starts_with("//!") && !line.starts_with("#!["));
        lines.skip_while(|line| line.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    });
    assert_eq!(shown("rust")[..2], examples);
}

#[test]
fn the_library_example_is_the_one_that_the_crate_tests() {
    let shown = shown("rust").pop().unwrap();
    let lib = page::read("src/lib.rs");
    let tested: Vec<String> =
        lib.lines().filter_map(|line| line.strip_prefix("//!")).map(|line| line.trim().to_owned()).collect();
    assert!(tested.windows(shown.len()).any(|lines| lines == shown));
}

#[test]
fn worker_and_client_print_what_the_page_says() {
    let server = Server::start(&[]);
    for url in [server.tcp[0].to_string(), format!("unix:{}", server.sock.display())] {
        let start = |name| Process::spawn(Command::new(program(name)).env("DEPUTY_URL", &url), None);
        let worker = start("worker");
        let ended = start("client").ended();
        assert!(ended.status.success(), "{}{}", ended.stderr, worker.stderr());
        let said: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(said, shown("text rust")[0]);
    }
}

#[test]
fn a_url_that_names_no_server_is_told() {
    for name in ["worker", "client"] {
        let ended = Process::spawn(Command::new(program(name)).env("DEPUTY_URL", "http://x"), None).ended();
        assert!(!ended.status.success() && ended.stderr.contains("http://x"), "{}", ended.stderr);
    }
}
