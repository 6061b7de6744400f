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

/// The documentation in a source file, without the lines of its examples that readers do not see.
fn documentation(path: &str) -> Vec<String> {
    let source = page::read(path);
    let lines = source.lines().map(str::trim_start);
    let lines = lines.filter_map(|line| line.strip_prefix("//!").or_else(|| line.strip_prefix("///")));
    lines.map(|line| line.trim().to_owned()).filter(|line| !line.starts_with("# ")).collect()
}

#[test]
fn the_other_examples_are_those_that_the_crate_tests() {
    let paths = page::below("src/client", "rs").into_iter().chain(["src/lib.rs".to_owned()]);
    let documented: Vec<_> = paths.map(|path| documentation(&path)).collect();
    let shown = shown("rust");
    assert!(shown.len() > EXAMPLES.len() + 1);
    for block in &shown[EXAMPLES.len()..] {
        let block: Vec<_> = block.iter().map(|line| line.trim()).collect();
        let is_tested = |lines: &Vec<String>| lines.windows(block.len()).any(|lines| lines == block);
        assert!(documented.iter().any(is_tested), "no documentation has {block:#?}");
    }
}

#[test]
fn worker_and_client_print_what_the_page_says() {
    let server = Server::start(&[]);
    for url in [server.tcp[0].to_string(), format!("unix:{}", server.sock.display())] {
        let start = |name| Process::spawn(Command::new(program(name)).env("DEPUTY_URL", &url), None);
        let worker = start("worker");
        let ended = start("client").ended();
        assert!(ended.status.success(), "{}{}", ended.stderr, worker.stderr());
        let stdout: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(stdout, shown("text rust")[0]);
    }
}

#[test]
fn a_url_that_names_no_server_is_reported() {
    for name in ["worker", "client"] {
        let ended = Process::spawn(Command::new(program(name)).env("DEPUTY_URL", "http://x"), None).ended();
        assert!(!ended.status.success() && ended.stderr.contains("http://x"), "{}", ended.stderr);
    }
}
