//! The pages as tests read them: fenced blocks, tables, headings.
#![allow(dead_code, reason = "each test program uses a part of this")]

use std::fs;
use std::path::{Path, PathBuf};

/// The folder that README.md is in.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the project.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder that have this extension, by their paths from the root, sorted.
pub(crate) fn below(folder: &str, extension: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            paths.extend(below(&path, extension));
        } else if Path::new(&path).extension().is_some_and(|end| end == extension) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    paths
}

/// Every page of the project, by its path from the root.
pub(crate) fn all() -> Vec<PathBuf> {
    let mut pages = vec![PathBuf::from("README.md")];
    for folder in ["docs", "docs/clients", "docs/results", "benches"] {
        let names = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        pages.extend(names.map(|name| Path::new(folder).join(name)));
    }
    pages.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.sort_unstable();
    pages
}

/// What stands between two fences.
pub(crate) struct Block {
    /// The words after the opening fence.
    pub(crate) kind: String,
    pub(crate) lines: Vec<String>,
    /// The line of the page on which `lines` begins.
    pub(crate) number: usize,
}

/// All fenced blocks of a page, in order.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let lines = lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```").map(str::to_owned);
            blocks.push(Block { kind: kind.to_owned(), lines: lines.collect(), number: number + 1 });
        }
    }
    blocks
}

/// The text outside of fenced blocks.
pub(crate) fn prose(text: &str) -> String {
    let parts = text.split("\n```").step_by(2);
    parts.collect::<Vec<_>>().join("\n")
}

/// The rows of the table below the first line that is this head, each a list of its cells.
pub(crate) fn table(text: &str, head: &str) -> Vec<Vec<String>> {
    let below = text.split_once(&format!("\n{head}\n")).unwrap_or_else(|| panic!("there is no table {head:?}")).1;
    let rows = below.lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}
