//! A wrong command line is reported in one line that says where to find help, and the exit code is 2.

use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use crate::kit::{DEPUTY, check};
use crate::process::{Ended, Process};

fn run(line: &str) -> Ended {
    Process::spawn(Command::new(DEPUTY).args(line.split(' ').filter(|word| !word.is_empty())), None).ended()
}

#[test]
fn each_usage_error_names_the_argument() {
    let long = "x".repeat(256);
    for (line, words) in [
        ("", "missing argument: SUBCOMMAND; try 'deputy --help'"),
        ("dig", "unrecognized subcommand 'dig'; try 'deputy --help'"),
        ("--server x do", "unrecognized option '--server'; try 'deputy --help'"),
        ("--version=yes", "option '--version' takes no value; try 'deputy --help'"),
        ("do --help=yes", "option '--help' takes no value"),
        ("do", "missing argument: TYPE; try 'deputy do --help'"),
        ("do a 1 2", "unexpected argument '2'"),
        ("do --frob a", "unrecognized option '--frob'"),
        ("do -x a", "unrecognized option '-x'"),
        ("do --raw=yes a", "option '--raw' takes no value"),
        ("do a -t", "option '--timeout' requires a value: seconds"),
        ("do a -t 0", "invalid value '0' for '--timeout': expected seconds, more than 0 and at most 86400"),
        ("do a -t 86401", "--timeout"),
        ("do a -t 1e3", "--timeout"),
        ("do a -t -1", "--timeout"),
        ("do a -t .", "--timeout"),
        ("do a -l -j 0", "invalid value '0' for '--jobs': expected a whole number from 1 to 1024"),
        ("do a -j 2", "option '--jobs' requires --lines"),
        ("do a --ordered", "option '--ordered' requires --lines"),
        ("do a -0", "option '--null' requires --lines"),
        ("do -0 a", "option '--null' requires --lines"),
        ("do -4", "unrecognized option '-4'"),
        ("why -4", "unrecognized option '-4'"),
        ("do a 1 --crlf", "option '--crlf' requires lines of standard input"),
        ("do a -l0 --crlf", "option '--crlf' requires lines of standard input"),
        ("do a --string", "option '--string' requires ARG or --lines"),
        ("do a 1 -b -r", "option '--raw' has no effect with --background"),
        ("do a -l -b -j 3", "option '--jobs' has no effect with --background"),
        ("do a -l -b -o", "option '--ordered' has no effect with --background"),
        ("do a -b --keep", "option '--keep' is not for --background"),
        ("do a -b --progress", "option '--progress' is not for --background"),
        ("do a -l -b --deadline 1", "option '--deadline' is not for --background"),
        ("do a --wait", "option '--wait' requires --durable"),
        ("do a --durable -b", "option '--background' has no effect with --durable"),
        ("do a --durable --wait --need-worker", "option '--need-worker' has no effect with --durable"),
        ("do a --durable --wait --keep", "option '--keep' has no effect with --durable"),
        ("do a --durable --key k", "option '--key' is not for --durable"),
        ("do a --durable --delay 1", "option '--delay' is not for --durable"),
        ("do a --durable --progress", "option '--progress' requires --wait"),
        ("do a 1 --durable -r", "option '--raw' requires --wait"),
        ("do a --durable --deadline 1", "option '--deadline' requires --wait"),
        ("do a -l --durable -j 3", "option '--jobs' requires --wait"),
        ("do a -l --key k", "option '--key' is not for --lines: it would make one job of all"),
        ("do a --priority 128", "invalid value '128' for '--priority': expected a whole number from -128 to 127"),
        ("do a --priority", "option '--priority' requires a value: a whole number"),
        ("do a --delay -1", "'--delay': expected seconds from 0 to 2592000 (0 = none)"),
        ("do a --deadline 0", "'--deadline': expected seconds, more than 0 and at most 2592000"),
        ("do a --run-limit 2592001", "invalid value '2592001' for '--run-limit'"),
        (
            "do a --wait-limit -1",
            "'--wait-limit': expected seconds from 0 to 2592000 (0 = a worker must be free at once)",
        ),
        ("do a --wait-limit 1 --key k", "option '--wait-limit' is not for --key"),
        ("do a --attempts 256", "'--attempts': expected a whole number from 1 to 255"),
        (&format!("do a --key {long}"), "option '--key' must have 1 to 255 bytes, not 256"),
        ("do a --max-line 63", "invalid value '63' for '--max-line': expected a number of bytes"),
        ("do a 1 --lines", "unexpected argument '1'"),
        (&format!("do {long}"), "TYPE must have 1 to 255 bytes, not 256"),
        ("work a", "missing argument: -- COMMAND; try 'deputy work --help'"),
        ("work a --", "missing argument: -- COMMAND"),
        ("work -- cat", "missing argument: TYPE..."),
        ("work a -j 65536 -- cat", "from 1 to 65535"),
        ("work a -c 0 -- cat", "a whole number of at least 1"),
        ("work a --json --base64 -- cat", "exclude each other"),
        ("work a -- no-such-program", "no such program: 'no-such-program'"),
        ("work a -- ./no/such/program", "no such program: './no/such/program'"),
        (&format!("work {long} -- cat"), "TYPE must have 1 to 255 bytes"),
        (&format!("work {} -- cat", "a ".repeat(1025)), "too many TYPEs: 1025, at most 1024"),
        ("why", "missing argument: TYPE"),
        ("why a b", "unexpected argument 'b'"),
        (&format!("why {long}"), "TYPE must have 1 to 255 bytes"),
        (&format!("status a {long}"), "TYPE must have 1 to 255 bytes"),
        (&format!("status {}", "a ".repeat(1025)), "too many TYPEs: 1025, at most 1024"),
        ("top", "top needs a terminal; use 'deputy status' without one"),
        ("top -s size", "invalid value 'size' for '--sort': expected one of type, waiting,"),
        ("top -d 0", "--delay"),
        ("ping me", "unexpected argument 'me'"),
        ("completions", "missing argument: SHELL"),
        ("completions tcsh", "bash, zsh or fish"),
        ("man frob", "unrecognized subcommand 'frob'"),
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
