//! The tables of options and metrics list what the server has.

use std::process::Command;

use serde_json::Value;

use crate::help::{self, Row};
use crate::page;
use crate::process::{SERVER, Server, Via};

fn options() -> Vec<Row> {
    help::options(&mut Command::new(SERVER))
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
