//! What is wrong with a command line is told in one line that says where to find help, and the exit code is 2.

use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::kit::{DEPUTY, check};
use crate::process::{Ended, Process};

fn run(line: &str) -> Ended {
    Process::spawn(Command::new(DEPUTY).args(line.split(' ').filter(|word| !word.is_empty())), None).ended()
}

#[test]
fn what_is_wrong_is_told() {
    let long = "x".repeat(256);
    for (line, words) in [
        ("", "a subcommand is missing; try 'deputy --help'"),
        ("dig", "there is no subcommand \"dig\"; try 'deputy --help'"),
        ("--server x do", "there is no option \"--server\" here; try 'deputy --help'"),
        ("--version=yes", "takes no value"),
        ("do --help=yes", "--help takes no value"),
        ("do", "TYPE is missing; try 'deputy do --help'"),
        ("do a 1 2", "\"2\" is one word too many"),
        ("do --frob a", "there is no option \"--frob\" here"),
        ("do -x a", "there is no option \"-x\" here"),
        ("do --raw=yes a", "--raw takes no value"),
        ("do a -t", "--timeout takes seconds"),
        ("do a -t 0", "--timeout \"0\": it takes seconds, more than 0 and at most 86400"),
        ("do a -t 86401", "--timeout"),
        ("do a -t 1e3", "--timeout"),
        ("do a -t -1", "--timeout"),
        ("do a -t .", "--timeout"),
        ("do a -l -j 0", "--jobs \"0\": it takes a whole number from 1 to 1024"),
        ("do a -j 2", "--jobs goes with --lines"),
        ("do a --ordered", "--ordered goes with --lines"),
        ("do a 1 --lines", "\"1\" is one word too many"),
        (&format!("do {long}"), "TYPE has 1 to 255 bytes, and not 256"),
        ("work a", "-- COMMAND is missing; try 'deputy work --help'"),
        ("work a --", "-- COMMAND is missing"),
        ("work -- cat", "TYPE... is missing"),
        ("work a -j 65536 -- cat", "from 1 to 65535"),
        ("work a -c 0 -- cat", "a whole number from 1 on"),
        ("work a --json --base64 -- cat", "exclude each other"),
        ("work a -- no-such-program", "there is no program \"no-such-program\""),
        ("work a -- ./no/such/program", "there is no program \"./no/such/program\""),
        (&format!("work {long} -- cat"), "TYPE has 1 to 255 bytes"),
        (&format!("work {} -- cat", "a ".repeat(1025)), "1024 TYPEs at most"),
        ("why", "TYPE is missing"),
        ("why a b", "\"b\" is one word too many"),
        (&format!("why {long}"), "TYPE has 1 to 255 bytes"),
        (&format!("status a {long}"), "TYPE has 1 to 255 bytes"),
        (&format!("status {}", "a ".repeat(1025)), "1024 TYPEs at most"),
        ("top", "top needs a terminal; without one there is 'deputy status'"),
        ("top -s size", "--sort \"size\": it takes one of type, waiting,"),
        ("top -d 0", "--delay"),
        ("ping me", "\"me\" is one word too many"),
        ("completions", "SHELL is missing"),
        ("completions tcsh", "bash, zsh or fish"),
        ("man frob", "there is no subcommand \"frob\""),
    ] {
        let ended = run(line);
        check(&ended, 2, "", words);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("; try 'deputy"), "{}", ended.stderr);
    }
}

#[test]
fn a_word_that_is_not_utf_8_is_wrong_and_not_a_panic() {
    let bytes = std::ffi::OsStr::from_bytes(b"\xff");
    for words in [&["do"][..], &["do", "a"], &["do", "a", "--server"], &[], &["man"], &["work", "a", "--"]] {
        check(&Process::spawn(Command::new(DEPUTY).args(words).arg(bytes), None).ended(), 2, "", "\u{fffd}");
    }
}
