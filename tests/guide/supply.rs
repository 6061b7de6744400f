//! What the crate is made of: licences, sources and crates that .deny.toml allows, no known hole, no unsafe code.

use std::path::PathBuf;
use std::process::Command;

use crate::{page, programs};

/// Runs `cargo deny` without a network, and fails with what it says. A build fetches the crates of this system alone;
/// cargo-deny looks at those of all systems.
fn check(what: &[&str]) {
    let all_here = ["metadata", "--offline", "--locked", "--format-version=1"];
    let all_here = Command::new(env!("CARGO")).current_dir(page::root()).args(all_here).output().unwrap();
    if !all_here.status.success() {
        return programs::pass_over("not all crates of all systems are here: `cargo fetch` brings them");
    }
    let deny = ["deny", "--offline", "--locked", "--all-features", "check", "--hide-inclusion-graph"];
    let output = Command::new(env!("CARGO")).current_dir(page::root()).args(deny).args(what).output().unwrap();
    assert!(output.status.success(), "cargo deny check {what:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Where cargo-deny keeps the advisories, if they have been fetched.
fn advisories() -> Option<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))?;
    let mut all = home.join("advisory-dbs").read_dir().ok()?;
    all.find_map(|entry| entry.ok().map(|entry| entry.path()).filter(|path| path.is_dir()))
}

#[test]
fn f74_licences_sources_and_crates_are_those_allowed() {
    if programs::find("cargo-deny").is_some() {
        check(&["bans", "licenses", "sources"]);
    }
}

#[test]
fn f74_no_crate_has_a_known_hole() {
    if programs::find("cargo-deny").is_none() {
        return;
    }
    match advisories() {
        Some(_) => check(&["advisories"]),
        None => programs::pass_over("no advisories are here: `cargo deny fetch db` brings them"),
    }
}

#[test]
fn f74_unsafe_code_is_forbidden() {
    let manifest = page::read("Cargo.toml");
    assert!(manifest.lines().any(|line| line == "unsafe_code = \"forbid\""));
}

#[test]
fn a_release_checks_for_overflow() {
    let manifest = page::read("Cargo.toml");
    let (_, release) = manifest.split_once("[profile.release]").unwrap();
    let release = release.split("\n[").next().unwrap();
    assert!(release.lines().any(|line| line == "overflow-checks = true"));
}

/// The crates that a build with these options is made of.
fn tree(options: &[&str]) -> String {
    let all = ["tree", "--offline", "--locked", "--edges=normal", "--prefix=none", "--format={p}"];
    let output = Command::new(env!("CARGO")).current_dir(page::root()).args(all).args(options).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn is_in(tree: &str, name: &str) -> bool {
    tree.lines().any(|line| line.starts_with(&format!("{name} v")))
}

#[test]
fn only_the_bridge_has_an_async_runtime() {
    assert!(!is_in(&tree(&[]), "tokio"));
    assert!(is_in(&tree(&["--features", "bridge"]), "tokio"));
}

#[test]
fn the_server_alone_needs_nothing_that_only_the_command_needs() {
    let (whole, bare) = (tree(&[]), tree(&["--no-default-features"]));
    for name in of_the_command(&page::read("Cargo.toml")) {
        assert!(is_in(&whole, &name) && !is_in(&bare, &name), "{name}");
    }
    assert!(is_in(&bare, "mio"));
}

/// The crates that the feature `cli` brings.
fn of_the_command(manifest: &str) -> Vec<String> {
    let feature = manifest.split_once("\ncli = [").unwrap().1.split_once(']').unwrap().0;
    let names = feature.split('"').filter_map(|word| word.strip_prefix("dep:"));
    let names: Vec<String> = names.map(str::to_owned).collect();
    assert!(names.contains(&"indicatif".to_owned()));
    names
}
