//! Listeners with more waiting connections than they have room for.

use std::fs;
use std::io::{Read, Write};

use rustix::process::Signal;
use socket2::{SockAddr, Socket, Type};

use super::leak_check::LeakCheck;
use crate::process::{Server, Via};
use crate::wait::{PATIENCE, until};

/// Returns how many connections may wait at a listener: what the server asks for, or what the system allows.
fn room() -> usize {
    let allowed: usize = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    allowed.min(4_096)
}

/// Begins to connect without waiting. Returns `None` if there is no room.
fn knock(address: &SockAddr) -> Option<Socket> {
    let socket = Socket::new(address.domain(), Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    match socket.connect(address) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => None,
        Err(error) if error.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => panic!("{error}"),
        _ => Some(socket),
    }
}

/// Waits until the connection is established and the server answers.
fn expect_pong(mut socket: Socket) {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
    let mut answer = [0; 16];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"{\"cmd\":\"pong\"}\r\n");
}

#[test]
fn f53_a_full_backlog_holds_thousands_and_who_found_no_room_comes_later() {
    deputy::server::raise_descriptor_limit().unwrap();
    let server = Server::start(&["--threads", "2"]);
    let rest = LeakCheck::of(&server);
    server.process.signal(Signal::STOP);
    // A UNIX socket refuses a connection for which it has no room.
    let unix = server.address(Via::Unix);
    let waiting: Vec<Socket> = std::iter::from_fn(|| knock(&unix)).collect();
    assert!(waiting.len() >= room(), "{} wait at the UNIX socket, not {}", waiting.len(), room());
    // Over TCP the system tries again after a second, then after longer times.
    let tcp = server.address(Via::Tcp);
    let over_tcp: Vec<Socket> = (0..room() + 100).map(|_| knock(&tcp).unwrap()).collect();
    server.process.signal(Signal::CONT);
    waiting.into_iter().chain(over_tcp).for_each(expect_pong);
    expect_pong(until("room again", || knock(&unix)));
    rest.comes_back(&server);
}
