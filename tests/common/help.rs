//! The options in a program's `--help`, as the pages list them.

use std::process::Command;

/// A row of a table of options: the option as pages write it, its default, and what `--help` says of it.
pub(crate) type Row = [String; 3];

/// Returns the options in `--help`. Each has a left part with its names, then, after two spaces or on the next line,
/// the text, and the default in brackets. Lines that are indented further continue the text.
pub(crate) fn options(command: &mut Command) -> Vec<Row> {
    let output = command.arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut lines = help.lines().peekable();
    let mut rows = Vec::new();
    while let Some(line) = lines.next() {
        let left = line.trim_start();
        if !left.starts_with('-') {
            continue;
        }
        let (names, text) = left.split_once("  ").unwrap_or((left, ""));
        let mut text = text.trim().to_owned();
        while let Some(more) = lines.next_if(|line| line.starts_with(&" ".repeat(20))) {
            text = format!("{text} {}", more.trim());
        }
        let text = text.trim();
        let (text, default) = text.strip_suffix(']').map_or((text, ""), |text| text.rsplit_once(" [").unwrap());
        let names = names.split(", ").map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        rows.push([names, default.to_owned(), text.to_owned()]);
    }
    assert!(!rows.is_empty(), "{help}");
    rows
}
