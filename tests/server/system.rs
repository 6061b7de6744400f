//! What the server asks of the system for its connections: socket options, and descriptors, which it gives back.

use std::fs;
use std::process::Command;

use rustix::process::Signal;

use crate::client::Client;
use crate::proc;
use crate::process::{Server, Via};
use crate::programs::{self, pass_over};
use crate::wait::until;

/// The options that a server sets on the socket of a client, as strace writes them.
fn options_set(options: &[&str]) -> Option<String> {
    if !programs::permitted(&["strace", "-f", "-o", "/dev/null", "true"]) {
        return None;
    }
    let trace = tempfile::NamedTempFile::new().unwrap();
    let path = trace.path().to_str().unwrap();
    let strace = ["strace", "-D", "-f", "-qq", "-e", "trace=setsockopt", "-o", path];
    let server = Server::start_under(&strace, options);
    server.connect(Via::Tcp, "the client").expect_nothing();
    server.process.signal(Signal::TERM);
    server.process.ended();
    Some(fs::read_to_string(path).unwrap())
}

#[test]
fn f03_each_tcp_connection_finds_out_when_its_peer_is_silent_and_sends_without_delay() {
    // Sent bytes may stay unacknowledged for as long as an idle peer is probed.
    for (options, [idle, interval, count, unacknowledged_ms]) in
        [(&[][..], [30, 10, 3, 60_000]), (&["--keepalive", "7,8,9"][..], [7, 8, 9, 79_000])]
    {
        let Some(trace) = options_set(options) else {
            return;
        };
        let set = |option: &str, value: u64| {
            let expected = format!("{option}, [{value}]");
            assert!(trace.contains(&expected), "{expected} is not in\n{trace}");
        };
        set("SO_KEEPALIVE", 1);
        set("TCP_KEEPIDLE", idle);
        set("TCP_KEEPINTVL", interval);
        set("TCP_KEEPCNT", count);
        set("TCP_USER_TIMEOUT", unacknowledged_ms);
        set("TCP_NODELAY", 1);
    }
}

#[test]
fn f03_the_system_probes_an_idle_tcp_connection() {
    let Some(ss) = programs::find("ss") else {
        return;
    };
    let server = Server::start(&["--keepalive", "5000,10,3"]);
    server.connect(Via::Tcp, "the client").expect_nothing();
    let mut client = server.connect(Via::Tcp, "the client");
    client.expect_nothing();
    let port = format!("sport = :{}", server.tcp[0].port());
    until("the keepalive timer", || {
        let listed = Command::new(&ss).args(["-tnoH", "state", "established", &port]).output().unwrap();
        String::from_utf8_lossy(&listed.stdout).contains("timer:(keepalive").then_some(())
    });
}

#[test]
fn f46_a_server_that_has_closed_all_connections_keeps_none_of_their_descriptors() {
    let server = Server::start(&["--threads", "2"]);
    let open = || proc::descriptors(server.process.id());
    let Some(before) = open() else { return pass_over("there is no /proc here") };
    for via in [Via::Tcp, Via::Unix] {
        let mut clients: Vec<_> = (0..200).map(|_| server.connect(via, "one of many")).collect();
        clients.iter_mut().for_each(Client::expect_nothing);
        assert!(open() >= Some(before + 200));
        drop(clients);
        until("the closing of all", || (open() == Some(before)).then_some(()));
    }
    let mut observer = server.connect(Via::Unix, "the observer");
    observer.until_metric("connections_open", 1);
    observer.until_little_is_held();
}
