//! A failure of the server itself, provoked from outside, ends the process with a message, because a server without one of
//! its shards would lose jobs silently.

use std::os::unix::process::ExitStatusExt;

use crate::client::Client;
use crate::process::{Ended, Server, Via};
use crate::programs;

/// Starts a server some of whose system calls fail, uses it until it ends, and returns how it ended.
fn end_by(inject: &str, use_it: impl Fn(&Server)) -> Option<Ended> {
    if !programs::permitted(&["strace", "-f", "-o", "/dev/null", "true"]) {
        return None;
    }
    let strace = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=epoll_wait", "-e", inject];
    let server = Server::start_under(&strace, &["--threads", "2"]);
    use_it(&server);
    Some(server.process.ended())
}

/// Sends requests until the server has ended.
fn ask_in_vain(server: &Server) {
    let address = server.address(Via::Unix);
    while Client::can_connect(&address) {
        let mut client = server.connect(Via::Unix, "the client");
        if !client.try_send_bytes(b"{\"cmd\":\"ping\"}\n") || client.next_line().is_none() {
            return;
        }
    }
}

#[test]
fn f63_a_poller_that_fails_ends_the_server_with_a_message() {
    let Some(ended) = end_by("inject=epoll_wait:error=EBADF:when=12+", ask_in_vain) else {
        return;
    };
    assert_eq!(ended.status.signal(), Some(6), "SIGABRT: {ended:?}");
    let panics = ended.stderr.lines().filter(|line| line.contains(" deputy: panic in thread \"shard "));
    assert!(panics.count() >= 1, "{ended:?}");
    assert!(ended.stderr.contains("Bad file descriptor"), "{ended:?}");
}
