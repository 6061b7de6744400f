//! How a shard writes to connections with much unsent.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use mio::Events;

use super::{lines_of, open, shard, sleep_and_turn};
use crate::dispatch::message::{ConnId, Input};
use crate::limits::{LONG_BYTES_PER_TURN, MUCH_UNSENT_BYTES, WRITE_BYTES_OF_MUCH, WRITE_BYTES_PER_TURN};
use crate::server::conn::Stage;
use crate::server::shard::Shard;
use crate::server::stream::Stream;

/// Opens a TCP connection, whose socket accepts more at once than a turn's share. Returns its peer and its id.
fn open_tcp(shard: &mut Shard) -> (TcpStream, ConnId) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let own = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket2::SockRef::from(&own).set_send_buffer_size(2 * WRITE_BYTES_PER_TURN).unwrap();
    own.set_nonblocking(true).unwrap();
    let conn = shard.connections.open(Stream::Tcp(mio::net::TcpStream::from_std(own))).unwrap();
    shard.step(Input::Opened { conn });
    (listener.accept().unwrap().0, conn)
}

/// As many turns as the bytes need, without an event, and each with the same share.
#[test]
fn a_connection_with_much_unsent_is_written_to_turn_by_turn() {
    let mut shard = shard();
    let mut events = Events::with_capacity(8);
    let (mut peer, conn) = open_tcp(&mut shard);
    sleep_and_turn(&mut shard, &mut events);
    shard.handle_bytes(conn, b"{}\n", 0);
    let unsent = |shard: &mut Shard| shard.connections.get(conn).unwrap().unsent.len();
    while unsent(&mut shard) < 3 * WRITE_BYTES_PER_TURN {
        shard.handle_bytes(conn, b"[0]\n", 0);
    }
    let before = unsent(&mut shard);
    shard.flush_and_post();
    let mut sent = vec![before - unsent(&mut shard)];
    let mut buffer = vec![0; WRITE_BYTES_PER_TURN];
    while unsent(&mut shard) > 0 {
        peer.read_exact(&mut buffer[..*sent.last().unwrap()]).unwrap();
        let before = unsent(&mut shard);
        sleep_and_turn(&mut shard, &mut events);
        sent.push(before - unsent(&mut shard));
    }
    let (last, first) = sent.split_last().unwrap();
    assert!(first.iter().all(|&bytes| bytes == WRITE_BYTES_OF_MUCH) && *last <= MUCH_UNSENT_BYTES, "{sent:?}");
    assert_eq!(sent.iter().sum::<usize>(), before);
    assert!(shard.connections.unfinished.is_empty());
}

#[test]
fn a_connection_is_closed_for_its_unsent_bytes_only_if_its_socket_takes_no_more() {
    let mut shard = shard();
    let (mut peer, conn) = open_tcp(&mut shard);
    // Its socket accepts what is above the limit, which is more than a share.
    let above = WRITE_BYTES_PER_TURN + (64 << 10);
    let unsent = |shard: &mut Shard| shard.connections.get(conn).unwrap().unsent.len();
    shard.handle_bytes(conn, b"{}\n", 0);
    while unsent(&mut shard) < (1 << 20) + above {
        shard.handle_bytes(conn, b"[0]\n", 0);
    }
    let bytes = unsent(&mut shard);
    shard.flush_and_post();
    assert!(shard.connections.is_open(conn));
    assert_eq!(unsent(&mut shard), 1 << 20);
    peer.read_exact(&mut vec![0; bytes - (1 << 20)]).unwrap();

    // Now it accepts less than what is above.
    while unsent(&mut shard) < 16 << 20 {
        shard.handle_bytes(conn, b"[0]\n", 0);
    }
    shard.flush_and_post();
    assert!(!shard.connections.is_open(conn));
}

#[test]
fn connections_with_much_unsent_take_turns_and_small_ones_come_before_them() {
    const IN_A_TURN: usize = LONG_BYTES_PER_TURN / WRITE_BYTES_OF_MUCH;
    let mut shard = shard();
    let mut large: Vec<_> = (0..2 * IN_A_TURN).map(|_| open_tcp(&mut shard)).collect();
    let (mut small, conn, _) = open(&mut shard, UnixStream::pair().unwrap());
    let line = vec![b'x'; 5 * WRITE_BYTES_OF_MUCH];
    for &(_, id) in &large {
        shard.connections.get(id).unwrap().unsent.use_buffer(line.clone());
        shard.connections.mark_dirty(id);
    }
    shard.handle_bytes(conn, b"{\"cmd\":\"ping\"}\n", 0);
    let unsent = |shard: &mut Shard, large: &[(TcpStream, ConnId)]| -> Vec<usize> {
        large.iter().map(|&(_, id)| shard.connections.get(id).unwrap().unsent.len()).collect()
    };
    // The core does not know these bytes, so it gets no input when they are written.
    let close = |shard: &mut Shard, id: ConnId| shard.connections.get(id).unwrap().stage = Stage::Lingering;
    for &(_, id) in &large {
        close(&mut shard, id);
    }
    shard.flush_and_post();
    assert_eq!(lines_of(&mut small), 1);
    let left = unsent(&mut shard, &large);
    assert!(left[..IN_A_TURN].iter().all(|&bytes| bytes == 4 * WRITE_BYTES_OF_MUCH), "{left:?}");
    assert!(left[IN_A_TURN..].iter().all(|&bytes| bytes == 5 * WRITE_BYTES_OF_MUCH), "{left:?}");
    assert!(!shard.is_idle());
    for (peer, _) in &mut large {
        peer.set_nonblocking(true).unwrap();
    }
    shard.flush_and_post();
    assert_eq!(
        unsent(&mut shard, &large),
        [4 * WRITE_BYTES_OF_MUCH; 2 * IN_A_TURN],
        "those that waited were the first"
    );
}
