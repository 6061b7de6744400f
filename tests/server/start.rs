//! Where the server listens, what it says about it, and how it ends when it cannot.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use rustix::process::Signal;

use crate::client::Client;
use crate::process::{Ended, Server, Via, run, start_process};
use crate::programs::pass_over;

/// It must have ended with 1 and one line that names all of `words`.
pub(crate) fn expect_refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    assert!(words.iter().all(|word| ended.stderr.contains(word)), "{words:?} in {ended:?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn f53_one_line_says_where_the_server_listens_and_with_how_many_shards() {
    let server = Server::start(&["--threads", "3"]);
    let stderr = server.process.stderr();
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(server.tcp.len(), 1);
    assert_eq!(server.tcp[0].ip(), Ipv4Addr::LOCALHOST);
    assert_ne!(server.tcp[0].port(), 0);
    assert!(
        stderr.contains(server.sock.to_str().unwrap()) && stderr.contains('3') && stderr.contains("shards"),
        "{stderr}"
    );
    for via in [Via::Tcp, Via::Unix] {
        server.connect(via, "the client").expect_nothing();
    }
}

/// Whether a server gets this port, which another program may have taken meanwhile.
fn listens_on(port: u16) -> bool {
    let process = start_process(&[], &["--port", &port.to_string()]);
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    process.listens().is_some_and(|line| line.contains(&format!("listening on {address}")))
}

#[test]
fn f53_a_port_that_was_asked_for_is_used() {
    let listens = |_| {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        listens_on(free.port())
    };
    assert!((0..10).any(listens));
}

#[test]
fn f53_a_port_is_free_again_as_soon_as_its_server_has_ended() {
    let listens = |_| {
        let first = Server::start(&[]);
        let mut client = first.connect(Via::Tcp, "the client");
        client.expect_nothing();
        first.process.signal(Signal::TERM);
        client.expect_closed(); // The server closed first, so its side of the connection lingers in the system.
        first.process.ended();
        listens_on(first.tcp[0].port())
    };
    assert!((0..10).any(listens));
}

#[test]
fn f53_a_port_in_use_is_named_and_ends_the_server() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = other.local_addr().unwrap();
    let ended = run(&["-p", &taken.port().to_string()]);
    expect_refused(&ended, &[&taken.to_string(), "in use"]);
}

#[test]
fn f53_a_port_of_another_server_is_in_use() {
    let first = Server::start(&[]);
    let ended = run(&["-p", &first.tcp[0].port().to_string()]);
    expect_refused(&ended, &[&first.tcp[0].to_string()]);
    first.connect(Via::Tcp, "the client").expect_nothing();
}

#[test]
fn f53_the_server_listens_on_ipv6() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return pass_over("there is no IPv6 here");
    }
    let server = Server::start(&["--host", "::1"]);
    assert_eq!(server.tcp[0].ip(), Ipv6Addr::LOCALHOST);
    server.connect(Via::Tcp, "the client").expect_nothing();
    let ended = run(&["-h", "::1", "-p", &server.tcp[0].port().to_string()]);
    expect_refused(&ended, &[&server.tcp[0].to_string()]);
}

#[test]
fn f53_the_server_listens_on_every_address_of_a_host_name() {
    let server = Server::start(&["-h", "localhost"]);
    assert!(server.tcp.iter().all(|address| address.ip().is_loopback()), "{:?}", server.tcp);
    let mut resolved: Vec<_> = std::net::ToSocketAddrs::to_socket_addrs("localhost:0").unwrap().collect();
    resolved.sort();
    resolved.dedup();
    assert_eq!(server.tcp.len(), resolved.len());
    for &address in &server.tcp {
        Client::connect("the client", &SocketAddr::into(address)).expect_nothing();
    }
}

#[test]
fn f53_a_host_that_is_not_ours_or_has_no_address_is_named_and_ends_the_server() {
    // An address set aside for documentation, which no machine has; and a name that nothing can resolve.
    expect_refused(&run(&["-h", "192.0.2.1", "-p", "0"]), &["192.0.2.1"]);
    expect_refused(&run(&["-h", "no such host", "-p", "0"]), &["no such host"]);
}

#[test]
fn without_tcp_only_the_socket_is_served() {
    let server = Server::start(&["--no-tcp"]);
    assert_eq!(server.tcp, []);
    server.connect(Via::Unix, "the client").expect_nothing();
}

#[test]
fn without_tcp_and_without_a_socket_there_is_nothing_to_listen_on() {
    let ended = run(&["--no-tcp"]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.stderr.contains("--no-tcp") && ended.stderr.lines().count() == 1, "{ended:?}");
}
