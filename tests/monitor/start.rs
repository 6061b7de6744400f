//! How a start with `--http` succeeds and fails.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

use rustix::process::Signal;
use socket2::SockAddr;
use tempfile::TempDir;

use crate::browser::Browser;
use crate::fixture::Watched;
use crate::process::{run, start_process};
use crate::wait::until;

#[test]
fn an_address_in_use_fails_the_start_and_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = TempDir::new().unwrap();
    let sock = folder.path().join("deputy.sock");
    let ended = run(&["-p", "0", "-s", sock.to_str().unwrap(), "--http", &address]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.stderr.contains(&format!("cannot listen on {address}: ")), "{}", ended.stderr);
    assert!(ended.stderr.contains("choose another port") && !ended.stderr.contains("listening on"), "{}", ended.stderr);
    assert!(!sock.exists());
}

#[test]
fn an_address_that_the_server_has_twice_is_refused() {
    // An address that no other test listens on, so a port that was free stays so.
    let [.., high, low] = std::process::id().to_be_bytes();
    let host = format!("127.83.{high}.{low}");
    let port = TcpListener::bind((host.as_str(), 0)).unwrap().local_addr().unwrap().port().to_string();
    let address = format!("{host}:{port}");
    let folder = TempDir::new().unwrap();
    let sock = folder.path().join("s").display().to_string();
    let unix = format!("unix:{sock}");
    for (options, named) in [
        (["-h", &host, "-p", &port, "--http", &address], &address),
        (["-p", "0", "--http", &address, "--http", &address], &address),
        (["-p", "0", "-s", &sock, "--http", &unix], &unix),
    ] {
        let ended = run(&options);
        assert_eq!(ended.status.code(), Some(1));
        let text =
            format!("cannot listen on {named}: it is already the address of HTTP; give each its own port or path");
        assert!(ended.stderr.contains(&text), "{}", ended.stderr);
    }
}

#[test]
fn a_wrong_address_is_wrong_usage() {
    for wrong in ["8080", "127.0.0.1", "::1:80", "unix:", "http://127.0.0.1:80"] {
        let ended = run(&["--http", wrong]);
        assert_eq!(ended.status.code(), Some(2));
        let text = format!("invalid value '{wrong}' for '--http': expected HOST:PORT, [IPv6]:PORT or unix:PATH");
        assert!(ended.stderr.contains(&text), "{}", ended.stderr);
    }
}

#[test]
fn a_unix_socket_is_served_as_that_for_jobs_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("http.sock");
    drop(UnixListener::bind(&path).unwrap()); // A stale socket, which the start replaces.
    let address = format!("unix:{}", path.display());
    let process = start_process(&[], &["-p", "0", "--http", &address]);
    until("its address", || process.stderr().contains(&format!("http on {address}")).then_some(()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    let socket = SockAddr::unix(&path).unwrap();
    let mut browser = Browser::connect(&socket);
    browser.send("GET /status.json HTTP/1.1\r\nHost: any.example\r\n\r\n");
    assert_eq!(browser.answer().status, 200, "no browser connects to a UNIX socket, so any host is right");
    let second = run(&["-p", "0", "--http", &address]);
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stderr.contains("another program uses this socket"), "{}", second.stderr);
    process.signal(Signal::TERM);
    assert_eq!(process.ended().status.code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn several_addresses_are_served_and_each_is_logged() {
    let watched = Watched::start(&["--http", "127.0.0.2:0"]);
    let stderr = || watched.server.process.stderr();
    until("both lines", || (stderr().matches("http on 127.0.0.").count() == 2).then_some(()));
    assert_eq!(watched.get("/healthz").status, 200);
    assert!(!stderr().contains("anyone who reaches"), "both are loopback addresses");
}

#[test]
fn an_address_that_others_reach_is_warned_of() {
    let watched = Watched::start(&["--http", "0.0.0.0:0"]);
    until("the warning", || watched.server.process.stderr().contains("anyone who reaches").then_some(()));
}
