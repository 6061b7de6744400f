//! The server in odd surroundings: its addresses, descriptors, signals, users, limits and file systems.

use std::fs;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::proc::child_of;
use crate::process::{Ended, Server, Via, run_under, sentence, start_process};
use crate::programs::permitted;
use crate::wait::{PATIENCE, until};

/// Runs a script before the server, in a network of its own.
fn with_network(script: &str) -> Vec<String> {
    let script = format!("ip link set lo up && {script}exec \"$@\"");
    ["unshare", "-rn", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
}

/// Returns the addresses on which a server with these options listens, as it prints them. The server then ends.
fn printed_addresses(wrapper: &[&str], options: &[&str]) -> Vec<String> {
    let process = start_process(wrapper, options);
    let line = process.listens().unwrap_or_else(|| panic!("{options:?}: {:?}", process.ended()));
    let words =
        line.split([' ', ',']).filter(|word| word.contains(':') && word.ends_with(|c: char| c.is_ascii_digit()));
    words.map(str::to_owned).collect()
}

#[track_caller]
fn expect_refused(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!((ended.status.code(), ended.stderr.lines().count()), (Some(code), 1), "{ended:?}");
    assert!(words.iter().all(|word| ended.stderr.contains(word)), "{words:?} in {ended:?}");
}

#[test]
fn a_repeated_host_adds_an_address_at_the_same_port() {
    let addresses = printed_addresses(&[], &["-p", "0", "-h", "127.0.0.1", "-h", "127.0.0.2", "-h", "127.0.0.1"]);
    let [first, second] = &addresses[..] else { panic!("{addresses:?}") };
    let port = first.strip_prefix("127.0.0.1:").unwrap();
    assert_eq!(second.strip_prefix("127.0.0.2:"), Some(port));
    let absent = run_under(&[], &["-p", "0", "-h", "127.0.0.1", "-h", "192.0.2.1"]);
    expect_refused(&absent, 1, &["192.0.2.1", "give an address of this machine"]);
}

#[test]
fn all_addresses_of_both_families_can_be_named_together() {
    let wrapper = with_network("");
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    if !permitted(&[&wrapper[..], &["true"]].concat()) || std::net::TcpListener::bind("[::1]:0").is_err() {
        return;
    }
    for hosts in [["0.0.0.0", "::"], ["::", "0.0.0.0"]] {
        let addresses = printed_addresses(&wrapper, &["-p", "0", "-h", hosts[0], "-h", hosts[1]]);
        assert_eq!(addresses.len(), 2, "{addresses:?}");
    }
}

#[test]
fn an_ipv6_address_is_accepted_as_the_server_prints_it() {
    let wrapper = with_network("ip -6 addr add fe80::1/64 dev lo nodad && ");
    let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    if !permitted(&[&wrapper[..], &["true"]].concat()) {
        return;
    }
    for host in ["fe80::1%lo", "fe80::1%1", "[fe80::1%lo]", "[fe80::1%1]", "[::1]"] {
        let [printed] = &printed_addresses(&wrapper, &["-p", "0", "-h", host])[..] else { panic!("{host}") };
        let (printed_host, _port) = printed.rsplit_once(':').unwrap();
        let [again] = &printed_addresses(&wrapper, &["-p", "0", "-h", printed_host])[..] else { panic!("{printed}") };
        assert_eq!(again.rsplit_once(':').unwrap().0, printed_host);
    }
    let without_interface = run_under(&wrapper, &["-p", "0", "-h", "fe80::1"]);
    expect_refused(&without_interface, 1, &["fe80::1", "as in fe80::1%eth0"]);
    expect_refused(&run_under(&wrapper, &["-p", "0", "-h", "[::1]:80"]), 1, &["\"[::1]:80\"", "without a port"]);
}

#[test]
fn a_stderr_that_does_not_block_loses_no_line() {
    let (mut reader, mut writer) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let filler: usize = std::iter::from_fn(|| writer.write(&[b'.'; 4_096]).ok()).sum();
    let server = Server::start_ignoring_stderr(&[], &["--log", "debug"], Some(Stdio::from(OwnedFd::from(writer))));
    server.connect(Via::Unix, "the client").expect_nothing();
    reader.set_read_timeout(Some(PATIENCE)).unwrap();
    reader.read_exact(&mut vec![0; filler]).unwrap();
    let mut lines = String::new();
    let mut buffer = [0; 4_096];
    // A connection may be opened before the line is logged that the server listens.
    while !["listening on ", " opened"].iter().all(|part| lines.contains(part)) || !lines.ends_with('\n') {
        let count = reader.read(&mut buffer).unwrap();
        lines.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    assert!(lines.lines().all(|line| sentence(line).starts_with("deputy: ")), "{lines}");
}

#[test]
fn signals_that_the_parent_blocked_stop_the_server() {
    let wrapper = ["env", "--block-signal=TERM,INT"];
    if !permitted(&[&wrapper[..], &["true"]].concat()) {
        return;
    }
    for signal in [Signal::TERM, Signal::INT] {
        let server = Server::start_under(&wrapper, &[]);
        server.process.signal(signal);
        assert_eq!(server.process.ended().status.code(), Some(0));
    }
}

#[test]
fn as_process_one_the_server_reaps_orphans() {
    let unshare = ["unshare", "-r", "--fork", "--pid", "--kill-child"];
    if !Path::new("/proc/self/task").exists() || !permitted(&[&unshare[..], &["true"]].concat()) {
        return;
    }
    // The shell becomes the server. `cat` is an orphan until its input ends.
    let folder = TempDir::new().unwrap();
    let gate = folder.path().join("gate");
    let script = format!("mkfifo {0} && (cat {0} &) && exec \"$@\"", gate.display());
    let server = Server::start_under(&[&unshare[..], &["sh", "-c", &script, "sh"]].concat(), &[]);
    let first = until("the server's own process", || child_of(server.process.id()));
    let first = u32::try_from(first.as_raw_nonzero().get()).unwrap();
    until("the orphan", || child_of(first));
    fs::write(&gate, "").unwrap();
    until("the end of the orphan", || child_of(first).is_none().then_some(()));
    server.connect(Via::Unix, "the client").expect_nothing();
}

#[test]
fn a_start_that_cannot_succeed_says_why_in_one_line() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().to_str().unwrap();
    let in_mount = |options: &str| {
        let script = format!("mount -t tmpfs {options} none {place} && exec \"$@\"");
        ["unshare", "-rm", "sh", "-c", &script, "sh"].map(str::to_owned).to_vec()
    };
    let in_folder = |name: &str| format!("{place}/{name}");
    let script = |text: &str| ["sh", "-c", text, "sh"].map(str::to_owned).to_vec();
    let rows: [(Vec<String>, String, &[&str]); 8] = [
        (in_mount("-o ro"), in_folder("s"), &["Read-only", "choose another path"]),
        (in_mount("-o nr_inodes=1"), in_folder("s"), &["No space", "choose another path"]),
        (vec![], in_folder("none/s"), &["the folder does not exist"]),
        (vec![], "/proc/deputy.sock".to_owned(), &["unix:/proc/deputy.sock"]),
        (vec![], in_folder(&"x".repeat(200)), &["too long"]),
        (vec![], "/dev/null".to_owned(), &["not a socket"]),
        (vec![], place.to_owned(), &["not a socket"]),
        (
            script(&format!("cd {place} && mkdir gone && cd gone && rmdir ../gone && exec \"$@\"")),
            "s".to_owned(),
            &["folder does not exist"],
        ),
    ];
    for (wrapper, sock, words) in rows {
        let wrapper: Vec<&str> = wrapper.iter().map(String::as_str).collect();
        if wrapper.is_empty() || permitted(&[&wrapper[..], &["true"]].concat()) {
            expect_refused(&run_under(&wrapper, &["--no-tcp", "-s", &sock]), 1, words);
        }
    }
}

#[test]
fn what_does_not_concern_the_server_does_not_keep_it_from_serving() {
    let gone = "folder=$(mktemp -d) && cd \"$folder\" && rmdir \"$folder\" && exec \"$@\"";
    let wrappers: [&[&str]; 11] = [
        &["env", "-i"],
        &["env", "LC_ALL=xx_XX", "LANG=", "TMPDIR=/nonexistent", "HOME=", "RUST_LOG=trace", "RUST_BACKTRACE=full"],
        &["sh", "-c", "ulimit -f 0 && ulimit -c 0 && exec \"$@\"", "sh"],
        &["sh", "-c", "ulimit -s 256 && exec \"$@\"", "sh"],
        &["sh", "-c", "trap '' TERM INT HUP && exec \"$@\"", "sh"],
        &["sh", "-c", "umask 777 && exec \"$@\"", "sh"],
        &["sh", "-c", gone, "sh"],
        &["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /dev && exec \"$@\"", "sh"],
        &["unshare", "-rm", "sh", "-c", "mount -t tmpfs none /proc && exec \"$@\"", "sh"],
        &["nice", "-n", "19"],
        &["setpriv", "--no-new-privs", "--bounding-set=-all"],
    ];
    for wrapper in wrappers {
        if !permitted(&[wrapper, &["true"]].concat()) {
            continue;
        }
        let server = Server::start_under(wrapper, &[]);
        for via in [Via::Tcp, Via::Unix] {
            server.connect(via, "the client").expect_nothing();
        }
        server.process.signal(Signal::TERM);
        assert_eq!(server.process.ended().status.code(), Some(0), "{wrapper:?}");
    }
}
