//! The example with real files: three worker processes, one of them killed half-way.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use crate::example::program;
use crate::process::Server;

/// Files in the tree.
const FILES: usize = 1_200;

/// A tree of small files, all different, with some names that need care.
fn plant(root: &Path) {
    for number in 0..FILES {
        let folder = root.join(format!("folder {}", number % 17)).join("é\"\\ü".repeat(number % 3));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{number}.txt")), format!("file {number}\n").repeat(number)).unwrap();
    }
}

/// Runs the example.
fn hash_tree(words: &[&str]) -> Output {
    let output = Command::new(program("hash_tree")).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

#[test]
fn every_file_of_a_tree_has_exactly_one_right_hash_though_a_worker_is_killed() {
    let server = Server::start(&["--threads", "2"]);
    let tree = server.folder.path().join("tree");
    plant(&tree);
    let output = hash_tree(&["demo", &server.tcp[0].to_string(), tree.to_str().unwrap()]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "1200 files, 3 workers, one killed after 600 answers: every file has exactly one right answer\n"
    );
}

#[test]
fn client_and_worker_print_what_is_known_of_these_files() {
    let server = Server::start(&[]);
    let address = server.tcp[0].to_string();
    let tree = server.folder.path().join("tree");
    fs::create_dir(&tree).unwrap();
    fs::write(tree.join("abc"), "abc").unwrap();
    fs::write(tree.join("empty"), "").unwrap();
    let _worker = crate::process::Process::spawn(Command::new(program("hash_tree")).args(["worker", &address]), None);
    let output = hash_tree(&["client", &address, tree.to_str().unwrap()]);
    let tree = fs::canonicalize(&tree).unwrap();
    let tree = tree.display();
    // From FIPS 180-2 and the hash of nothing.
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!(
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  {tree}/abc\n\
             e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  {tree}/empty\n"
        )
    );
}
