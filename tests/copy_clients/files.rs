//! What docs/clients says of itself.

use std::fs;

use crate::language::{ALL, folder};

fn read(file: &str) -> String {
    fs::read_to_string(folder().join(file)).unwrap()
}

/// The names of the script's points, as it lists them.
pub(crate) fn points() -> Vec<String> {
    let text = read("submitter_points.py") + &read("worker_points.py");
    let checks = text.split("\n@point(").skip(1).map(|check| check.split_once("\ndef ").unwrap().1);
    checks.map(|check| check.split_once('(').unwrap().0.replace('_', "-")).collect()
}

#[test]
fn each_client_is_short_and_stands_in_the_readme() {
    let readme = read("README.md");
    for language in ALL {
        let text = read(language.file);
        // Empty lines and lone braces do not count: the formatter of each language decides how many there are.
        let lines = text.lines().filter(|line| line.contains(char::is_alphanumeric)).count();
        assert!(lines <= 130, "{} has {lines} lines", language.file);
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{} has long lines", language.file);
        assert!(readme.contains(&format!("]({})", language.file)), "README.md does not link to {}", language.file);
        assert!(language.lacks.is_empty() || readme.contains(&format!("`{}`", language.lacks)), "{}", language.lacks);
    }
}

#[test]
fn the_checklist_has_each_point_of_the_script() {
    let readme = read("README.md");
    let points = points();
    assert!(points.len() > 20, "{points:?}");
    for point in points {
        assert!(readme.contains(&format!("`{point}`")), "README.md does not mention {point}");
    }
}
