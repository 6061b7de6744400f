//! The table of faults in docs/faults.md: every row is there, and the tests that it names are.

use std::collections::BTreeSet;

use crate::{names, page};

/// The rows: the numbers of what can go wrong, by subject.
const ROWS: [std::ops::RangeInclusive<u32>; 8] =
    [1..=17, 20..=34, 40..=47, 50..=53, 60..=63, 65..=66, 70..=74, 80..=82];

/// The names of all tests below a folder that are named after a row.
fn named_tests(folder: &str) -> BTreeSet<String> {
    let text: String = page::below(folder, "rs").iter().map(|path| page::read(path)).collect();
    let functions = text.lines().filter_map(|line| line.trim_start().strip_prefix("fn ")?.split('(').next());
    functions.chain(names::tests_of_rows(&text)).filter(|name| row_of(name).is_some()).map(str::to_owned).collect()
}

/// The row that a test is named after: `f07_...` is after 7.
fn row_of(name: &str) -> Option<u32> {
    let (number, rest) = name.strip_prefix('f')?.split_at_checked(2)?;
    rest.starts_with('_').then(|| number.parse().ok())?
}

#[test]
fn every_row_names_its_tests_and_every_test_is_named() {
    let table = page::table(&page::read("docs/faults.md"), "| row | what must happen | shown by | figure |");
    let rows: Vec<String> = table.iter().map(|row| row[0].clone()).collect();
    let expected: Vec<String> = ROWS.into_iter().flatten().map(|number| format!("F{number:02}")).collect();
    assert_eq!(rows, expected);

    let tests = &named_tests("src") | &named_tests("tests");
    let mut named = BTreeSet::new();
    for row in &table {
        let quoted: Vec<&str> = row[2].split('`').skip(1).step_by(2).collect();
        let of_row = |name: &&str| row_of(name).is_some_and(|number| row[0] == format!("F{number:02}"));
        let command = |text: &&str| text.starts_with("cargo ");
        assert!(quoted.iter().any(|text| of_row(text) || command(text)), "{} names no test of its own", row[0]);
        named.extend(quoted.into_iter().filter(|text| row_of(text).is_some()).map(str::to_owned));
    }
    assert_eq!(named, tests, "left: what the table names, right: what there is");
}

#[test]
fn each_test_is_in_the_file_that_the_table_names() {
    let table = page::table(&page::read("docs/faults.md"), "| row | what must happen | shown by | figure |");
    let parts = table.iter().flat_map(|row| row[2].split("; "));
    let places: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once(": `")).collect();
    assert!(places.len() > 100, "the table names {} files", places.len());
    let mut missing = Vec::new();
    for (path, tests) in places {
        let text = names::file(path).unwrap_or_default();
        let tests = tests.split('`').step_by(2).filter(|test| !test.is_empty());
        missing.extend(tests.filter(|test| !names::defines(&text, test)).map(|test| format!("{path}: {test}")));
    }
    assert!(missing.is_empty(), "these tests are elsewhere or gone:\n{}", missing.join("\n"));
}
