//! System calls of the server that fail now and then, with each error that they can return.

use std::fs;

use rustix::process::Signal;
use tempfile::NamedTempFile;

use super::leak_check::LeakCheck;
use super::load::{self, Load};
use super::peer::Peer;
use crate::figures::show;
use crate::process::{Server, Via};
use crate::programs;

/// Calls that fail together in one run: the call, how it fails, and which of a thread's calls fail, as strace has it.
type Failures = &'static [(&'static str, &'static str, &'static str)];

/// A server some of whose calls fail, with its trace.
struct Failing {
    server: Server,
    failures: Failures,
    trace: NamedTempFile,
}

impl Failing {
    fn start(failures: Failures, options: &[&str]) -> Self {
        show(format_args!("{failures:?}"));
        let trace = NamedTempFile::new().unwrap();
        let calls: Vec<&str> = failures.iter().map(|(call, ..)| *call).collect();
        let traced = format!("trace={}", calls.join(","));
        let injected: Vec<String> =
            failures.iter().map(|(call, error, when)| format!("inject={call}:error={error}:when={when}")).collect();
        let mut strace = vec!["strace", "-D", "-f", "-qq", "-o", trace.path().to_str().unwrap(), "-e", &traced];
        strace.extend(injected.iter().flat_map(|inject| ["-e", inject]));
        let server = Server::start_under(&strace, options);
        Self { server, failures, trace }
    }

    /// Stops it by a signal: it must end in good order, and each of the calls must have failed.
    fn stop(self, signal: Signal) {
        self.server.process.signal(signal);
        let ended = self.server.process.ended();
        assert_eq!(ended.status.code(), Some(0), "{:?}: {ended:?}", self.failures);
        let trace = fs::read_to_string(self.trace.path()).unwrap();
        for (call, error, _) in self.failures {
            let failed = |line: &str| line.contains(call) && line.contains(error) && line.contains("(INJECTED)");
            assert!(trace.lines().any(failed), "{call} never failed with {error}");
        }
    }
}

fn may_inject() -> bool {
    programs::permitted(&["strace", "-f", "-o", "/dev/null", "true"])
}

/// Runs a small load on a server some of whose calls fail, one server per row.
fn check(rows: &[Failures]) {
    if !may_inject() {
        return;
    }
    for failures in rows {
        let failing = Failing::start(failures, &["--threads", "2", "--max-attempts", "0"]);
        let server = &failing.server;
        let rest = LeakCheck::of(server);
        send_away_a_stranger(server);
        load::run(server, &Load { clients: 4, jobs_each: 25, workers: 4 });
        rest.comes_back(server);
        failing.stop(Signal::TERM);
    }
}

/// Connects with another protocol, which the server answers with an error and a close.
fn send_away_a_stranger(server: &Server) {
    let mut stranger = Peer::connect(&server.address(Via::Tcp));
    stranger.send("nonsense");
    while stranger.line(|| false).is_some() {}
}

#[test]
fn f51_whatever_accepting_fails_with_the_server_goes_on() {
    check(&[
        &[("accept4", "EMFILE", "2+3"), ("setsockopt", "EINVAL", "9+10")],
        &[("accept4", "ENFILE", "2+3"), ("getpeername", "ENOTCONN", "1+2")],
        &[("accept4", "ENOBUFS", "2+3"), ("getsockopt", "ENOBUFS", "1+2")],
        &[("accept4", "ENOMEM", "2+3"), ("epoll_ctl", "ENOMEM", "9+4")],
        &[("accept4", "ECONNABORTED", "2+2"), ("epoll_ctl", "ENOSPC", "9+4")],
        &[("accept4", "EINTR", "2+2"), ("setsockopt", "ENOMEM", "9+10")],
        &[("accept4", "EAGAIN", "2+2")],
        &[("accept4", "EPERM", "2+2"), ("unlink", "EACCES", "1")],
        &[("accept4", "EPROTO", "2+2")],
    ]);
}

#[test]
fn f51_whatever_reading_fails_with_the_server_goes_on() {
    check(&[
        &[("recvfrom", "EINTR", "2+2"), ("epoll_wait", "EINTR", "2+2")],
        // Once, while all peers of the load are there: one that has left cannot make the server look again.
        &[("recvfrom", "EAGAIN", "4")],
        &[("recvfrom", "ECONNRESET", "4+5"), ("shutdown", "ENOTCONN", "1+2")],
        &[("recvfrom", "ETIMEDOUT", "4+5")],
        &[("recvfrom", "EHOSTUNREACH", "4+5")],
        &[("recvfrom", "ENETUNREACH", "4+5")],
        &[("recvfrom", "ENETDOWN", "4+5")],
        &[("recvfrom", "ENOMEM", "4+5")],
        &[("recvfrom", "ENOTCONN", "4+5")],
        &[("recvfrom", "ECONNREFUSED", "4+5")],
    ]);
}

#[test]
fn f51_whatever_writing_fails_with_the_server_goes_on() {
    check(&[
        &[("sendto", "EINTR", "2+2"), ("write", "EAGAIN", "3+2")],
        &[("sendto", "EAGAIN", "4+3")],
        &[("sendto", "EPIPE", "4+5")],
        &[("sendto", "ECONNRESET", "4+5")],
        &[("sendto", "ETIMEDOUT", "4+5")],
        &[("sendto", "EHOSTUNREACH", "4+5")],
        &[("sendto", "ENETUNREACH", "4+5")],
        &[("sendto", "ENETDOWN", "4+5")],
        &[("sendto", "ENOBUFS", "4+5")],
        &[("sendto", "ENOMEM", "4+5")],
        &[("sendto", "EPERM", "4+5")],
        &[("sendto", "ENOTCONN", "4+5")],
    ]);
}

#[test]
fn f51_a_signal_is_seen_though_nobody_can_be_woken_by_it() {
    if !may_inject() {
        return;
    }
    let rows: [(Signal, Failures); 3] = [
        (Signal::TERM, &[("sendto", "ENOBUFS", "1+1")]),
        (Signal::INT, &[("sendto", "ENOMEM", "1+1")]),
        (Signal::TERM, &[("recvfrom", "ENOMEM", "1+1")]),
    ];
    for (signal, failures) in rows {
        Failing::start(failures, &[]).stop(signal);
    }
}
