//! What the server asks of the system: descriptors and socket options.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::client::Client;
use crate::process::{Server, Via};
use crate::programs::{self, pass_over};
use crate::wait::until;

/// A row of /proc/PID/limits: soft and hard.
fn descriptor_limits(server: &Server) -> Option<(u64, u64)> {
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.process.id())).ok()?;
    let row = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut words = row.split_whitespace().map(|word| word.parse().unwrap_or(u64::MAX));
    Some((words.next()?, words.next()?))
}

#[test]
fn the_soft_limit_of_descriptors_is_raised_to_the_hard_one() {
    let server = Server::start_under(&["sh", "-c", r#"ulimit -Sn 64 && exec "$@""#, "sh"], &[]);
    let Some((soft, hard)) = descriptor_limits(&server) else {
        return pass_over("there is no /proc/PID/limits here");
    };
    assert_eq!(soft, hard);
    assert!(hard > 64);
    let mut clients: Vec<_> = (0..100).map(|_| server.connect(Via::Tcp, "one of many")).collect();
    clients.iter_mut().for_each(Client::expect_nothing);
}

#[test]
fn out_of_descriptors_the_server_goes_on_and_accepts_again_when_one_is_free() {
    for via in [Via::Tcp, Via::Unix] {
        let server = Server::start_under(&["sh", "-c", r#"ulimit -n 40 && exec "$@""#, "sh"], &["--threads", "2"]);
        let mut first = server.connect(via, "the first client");
        first.expect_nothing();
        let crowd: Vec<_> = (0..60).map(|_| server.connect(via, "one of the crowd")).collect();
        until("a refused connection", || (first.metrics()["connections_refused"] != 0).then_some(()));
        drop(crowd);
        first.until_metric("connections_open", 1);
        let mut clients: Vec<_> = (0..10).map(|_| server.connect(via, "a later client")).collect();
        clients.iter_mut().for_each(Client::expect_nothing);
        first.expect_nothing();
    }
}

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
    for (options, [idle, interval, count]) in [(&[][..], [30, 10, 3]), (&["--keepalive", "7,8,9"][..], [7, 8, 9])] {
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
        set("TCP_NODELAY", 1);
        assert!(trace.contains("TCP_USER_TIMEOUT, ["), "{trace}");
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
fn a_server_that_has_closed_all_connections_keeps_none_of_their_descriptors() {
    let server = Server::start(&["--threads", "2"]);
    let folder = format!("/proc/{}/fd", server.process.id());
    if !Path::new(&folder).exists() {
        return pass_over("there is no /proc here");
    }
    let open = || fs::read_dir(&folder).unwrap().count();
    let mut observer = server.connect(Via::Unix, "the observer");
    observer.expect_nothing();
    let before = open();
    for via in [Via::Tcp, Via::Unix] {
        let mut clients: Vec<_> = (0..200).map(|_| server.connect(via, "one of many")).collect();
        clients.iter_mut().for_each(Client::expect_nothing);
        assert!(open() >= before + 200);
        drop(clients);
        until("the closing of all", || (open() == before).then_some(()));
    }
    observer.until_metric("connections_open", 1);
    observer.until_little_is_held();
}
