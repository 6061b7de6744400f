//! The units of systemd in the pages: systemd accepts them, and the programs know the options in them.

use std::fs;
use std::process::Command;

use tempfile::TempDir;

use crate::{page, programs};

/// The pages with a unit, and the name of its file.
const UNITS: [(&str, &str); 2] =
    [("docs/operating.md", "deputy.service"), ("docs/scale-out.md", "deputy-bridge.service")];

/// The lines of the unit of a page.
fn unit(page: &str) -> Vec<String> {
    let mut blocks = page::blocks(&page::read(page)).into_iter();
    let found = blocks.find(|block| block.lines.first().is_some_and(|line| line == "[Unit]"));
    found.unwrap_or_else(|| panic!("{page} has no unit")).lines
}

/// The words after the program in the line that starts it.
fn options(lines: &[String]) -> Vec<&str> {
    let start = lines.iter().find_map(|line| line.strip_prefix("ExecStart=")).expect("a unit starts a program");
    start.split(' ').skip(1).filter(|word| word.starts_with("--")).collect()
}

#[test]
fn systemd_accepts_the_units() {
    let Some(program) = programs::find("systemd-analyze") else { return };
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(program);
    command.arg("verify").env("SYSTEMD_LOG_COLOR", "0");
    for (page, name) in UNITS {
        let path = folder.path().join(name);
        // The programs need not be installed here.
        let lines = unit(page).into_iter().map(|line| match line.strip_prefix("ExecStart=") {
            Some(start) => format!("ExecStart=/bin/true {}\n", start.split_once(' ').unwrap().1),
            None => line + "\n",
        });
        fs::write(&path, lines.collect::<String>()).unwrap();
        command.arg(path);
    }
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    // It also speaks of units of the machine itself.
    let about_ours: Vec<&str> = stderr.lines().filter(|line| line.contains("deputy")).collect();
    assert!(about_ours.is_empty(), "{stderr}");
}

#[test]
fn the_programs_know_the_options_in_the_units() {
    for (name, _) in UNITS {
        let (page, lines) = (page::read(name), unit(name));
        let options = options(&lines);
        assert!(!options.is_empty(), "{name}");
        for option in options {
            let is_listed = |line: &str| line.starts_with('|') && line.contains(option);
            assert!(page.lines().any(is_listed), "{name} does not list {option}");
        }
    }
}

#[test]
fn both_units_are_hardened_alike() {
    let [server, bridge] = UNITS.map(|(page, _)| unit(page));
    let hardening = ["DynamicUser", "NoNewPrivileges", "Protect", "Private", "Restrict", "Capability"];
    let of = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| hardening.iter().any(|start| line.starts_with(start))).cloned().collect()
    };
    assert!(of(&server).len() > 6);
    assert_eq!(of(&server), of(&bridge));
}
