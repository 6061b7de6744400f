//! Very many connections: the memory of each, and that closed connections leave nothing.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use socket2::{SockAddr, Socket, Type};

use super::leak_check::LeakCheck;
use crate::figures::show;
use crate::proc;
use crate::process::{Server, Via};
use crate::scale::scaled;
use crate::wait::{PATIENCE, until};

const PING: &[u8] = b"{\"cmd\":\"ping\"}\n";
/// The answer to it.
const PONG_BYTES: usize = b"{\"cmd\":\"pong\"}\r\n".len();
/// What an idle connection may take of the server's own memory.
const IDLE_BYTES_MAX: u64 = 512;
/// How much the server's memory may differ although nothing is left, because its allocator and its shards keep some.
const FLAT_BYTES: u64 = 4 << 20;

fn resident_bytes(server: &Server) -> u64 {
    proc::status_bytes(server.process.id(), "RssAnon")
}

/// Connects and waits for a `pong`, so that the server has the connection.
fn idle_connection(address: &SockAddr) -> Socket {
    let mut socket = Socket::new(address.domain(), Type::STREAM, None).unwrap();
    socket.connect(address).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.write_all(PING).unwrap();
    socket.read_exact(&mut [0; PONG_BYTES]).unwrap();
    socket
}

#[test]
fn f45_an_idle_connection_takes_half_a_kilobyte_at_most() {
    deputy::server::raise_descriptor_limit().unwrap();
    let server = Server::start(&["--threads", "2"]);
    let (rest, before) = (LeakCheck::of(&server), resident_bytes(&server));
    let connections = scaled(19_500);
    let addresses = [Via::Tcp, Via::Unix].map(|via| server.address(via));
    let idle: Vec<Socket> = (0..connections).map(|i| idle_connection(&addresses[i % 2])).collect();
    let each = (resident_bytes(&server) - before) / connections as u64;
    show(format_args!("F45: {connections} idle connections take {each} bytes each"));
    assert!(each <= IDLE_BYTES_MAX, "{each}");
    drop(idle);
    rest.comes_back(&server);
    until("the memory of all", || (resident_bytes(&server) <= before + FLAT_BYTES).then_some(()));
}

/// Makes one short connection, of a kind that depends on `i`.
fn visit(address: &SockAddr, i: usize) {
    let mut socket = Socket::new(address.domain(), Type::STREAM, None).unwrap();
    socket.connect(address).unwrap();
    let bytes: &[u8] = match i % 6 {
        0 => b"",
        1 => PING,
        2 => b"{\"cmd\":\"can_do\",\"types\":[\"t\"]}\n",
        3 => b"{\"cmd\":\"pi",
        4 => b"nonsense\n",
        _ => return drop(idle_connection(address)),
    };
    // The server may have closed by now.
    let _ = socket.write_all(bytes);
    if i.is_multiple_of(4) {
        socket.set_linger(Some(Duration::ZERO)).unwrap(); // Closing resets the connection.
    }
}

#[test]
fn f46_connections_that_come_and_go_leave_nothing() {
    // A connection with unsent bytes would be dropped only after a day.
    let server = Server::start(&["--threads", "2", "--stall-timeout", "86400"]);
    let rest = LeakCheck::of(&server);
    let addresses = [Via::Tcp, Via::Unix].map(|via| server.address(via));
    let cycles = scaled(scaled(1_000_000)); // A hundredth by default: it takes a minute.
    let come_and_go = |from: usize, to: usize| (from..to).for_each(|i| visit(&addresses[i / 12 % 2], i));
    come_and_go(0, cycles / 10);
    rest.comes_back(&server);
    let before = resident_bytes(&server);
    let start = Instant::now();
    come_and_go(cycles / 10, cycles);
    rest.comes_back(&server);
    let (after, took) = (resident_bytes(&server), start.elapsed());
    show(format_args!("F46: {} KiB, {} KiB after {cycles} connections, in {took:?}", before >> 10, after >> 10));
    until("the memory of all", || (resident_bytes(&server) <= before + FLAT_BYTES).then_some(()));
}
