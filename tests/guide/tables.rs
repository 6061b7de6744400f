//! The tables of options and metrics list what the server has.

use std::process::Command;

use serde_json::Value;

use crate::page;
use crate::process::{SERVER, Server, Via};

/// A row of the options' table: the option as pages write it, its default, and what `--help` says of it.
type Row = [String; 3];

/// The options of `--help`. Each has a left part with its names, then, after two spaces or on the next line, the text, and
/// the default in brackets.
fn options() -> Vec<Row> {
    let output = Command::new(SERVER).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut lines = help.lines();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        let left = line.trim_start();
        if !left.starts_with('-') {
            continue;
        }
        let (names, text) = left.split_once("  ").unwrap_or_else(|| (left, lines.next().unwrap()));
        let (text, default) =
            text.trim().strip_suffix(']').map_or((text.trim(), ""), |text| text.rsplit_once(" [").unwrap());
        let names = names.split(", ").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        rows.push([names, default.to_owned(), text.to_owned()]);
    }
    assert!(rows.len() > 10, "{help}");
    rows
}

/// The metrics of a fresh server.
fn metrics() -> Value {
    let server = Server::start(&[]);
    server.connect(Via::Tcp, "asker").metrics()
}

/// The names of an object's members, sorted.
fn members(object: &Value) -> Vec<String> {
    let mut names: Vec<String> = object.as_object().unwrap().keys().cloned().collect();
    names.sort_unstable();
    names
}

/// The first column of tables, without quotes and remarks, sorted.
fn names(tables: &[Vec<Vec<String>>]) -> Vec<String> {
    let cells = tables.iter().flatten().map(|row| row[0].split('`').nth(1).unwrap().to_owned());
    let mut names: Vec<String> = cells.collect();
    names.sort_unstable();
    names
}

#[test]
fn the_readme_lists_the_options_as_help_does() {
    assert_eq!(page::table(&page::read("README.md"), "| option | default | |"), options());
}

#[test]
fn the_operating_page_lists_the_options_with_their_defaults() {
    let shown = page::table(&page::read("docs/operating.md"), "| option | default | what it does |");
    let names_and_defaults = |row: &[String]| [row[0].clone(), row[1].clone()];
    let shown: Vec<_> = shown.iter().map(|row| names_and_defaults(row)).collect();
    let real: Vec<_> = options().iter().map(|row| names_and_defaults(row)).collect();
    assert_eq!(shown, real);
}

#[test]
fn both_pages_list_all_metrics() {
    let metrics = metrics();
    let (faults, metrics) = (members(&metrics["faults"]), members(&metrics));
    let protocol = page::read("docs/protocol.md");
    assert_eq!(names(&[page::table(&protocol, "| fault | counts |")]), faults);
    assert_eq!(
        names(&[page::table(&page::read("docs/operating.md"), "| fault | line on stderr | level | what to do |")]),
        faults
    );
    let shown = ["| name | counts |", "| name | is now (never negative) |"].map(|head| page::table(&protocol, head));
    assert_eq!(names(&shown), metrics);
    assert_eq!(names(&[page::table(&page::read("docs/operating.md"), "| name | meaning | watch |")]), metrics);
}
