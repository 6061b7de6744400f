//! How much a shard reads in a turn: of many lines, and of long ones.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use mio::Events;

use super::{lines_of, open, shard, sleep_and_turn};
use crate::dispatch::message::{Input, Micros};
use crate::limits::{
    CHUNK_BYTES, CHUNKS_RELEASE_MS, LINES_PER_TURN, LONG_BYTES_PER_TURN, READ_BUFFER_BYTES, READ_BYTES,
};
use crate::protocol::chunks;

/// The bytes of several connections are in one buffer, and each is answered for its own.
#[test]
fn connections_that_are_read_together_are_told_apart() {
    let mut shard = shard();
    let mut events = Events::with_capacity(64);
    // Few and many lines, more than a read brings, more than a turn handles, a fault, and an end.
    let lines_of_peer = [1, 2, 300, 1, 900, 3, 0, 400, 1_100, 1, 350, 350, 2, 1, 1, 1, 1, 5, 1, 1];
    let pair = || {
        let pair = UnixStream::pair().unwrap();
        // So that all answers of a turn fit.
        socket2::SockRef::from(&pair.0).set_send_buffer_size(8 * READ_BUFFER_BYTES).unwrap();
        pair
    };
    let mut peers: Vec<_> = lines_of_peer.map(|_| open(&mut shard, pair())).into();
    for (n, ((peer, ..), lines)) in peers.iter_mut().zip(lines_of_peer).enumerate() {
        socket2::SockRef::from(&*peer).set_send_buffer_size(8 * READ_BUFFER_BYTES).unwrap();
        let lines: Vec<String> = (0..lines).map(|line| format!("{{\"cmd\":\"x\",\"id\":\"{n}-{line}\"}}\n")).collect();
        peer.write_all(lines.concat().as_bytes()).unwrap();
    }
    peers[3].0.write_all(b"[]\n").unwrap();
    peers[6].0.write_all(b"no JSON\n").unwrap();
    peers[9].0.shutdown(std::net::Shutdown::Write).unwrap();
    let mut read = vec![String::new(); peers.len()];
    shard.sleep(&mut events).unwrap();
    loop {
        shard.turn(&mut events);
        events.clear();
        for ((peer, ..), read) in peers.iter_mut().zip(&mut read) {
            let mut bytes = Vec::new();
            // It ends with an error where nothing more has come yet.
            let _ = peer.read_to_end(&mut bytes);
            read.push_str(str::from_utf8(&bytes).unwrap());
        }
        if shard.is_idle() {
            break;
        }
    }
    for (n, (read, lines)) in read.iter().zip(lines_of_peer).enumerate() {
        let ids: Vec<&str> = read.split("\"id\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let expected: Vec<String> = (0..lines).map(|line| format!("{n}-{line}")).collect();
        assert_eq!(ids, expected, "connection {n}");
    }
}

/// A small line takes up what the others leave; every byte of a long one is looked at.
#[test]
fn of_a_long_line_a_turn_reads_no_more_than_one_read_brings() {
    let mut shard = shard();
    let mut events = Events::with_capacity(8);
    let (mut peer, conn, _) = open(&mut shard, UnixStream::pair().unwrap());
    socket2::SockRef::from(&peer).set_send_buffer_size(8 * READ_BUFFER_BYTES).unwrap();
    let line = format!("{{\"cmd\":\"ping\",\"x\":\"{}", "x".repeat(3 * READ_BUFFER_BYTES));
    peer.write_all(line.as_bytes()).unwrap();
    let mut read = Vec::new();
    while read.last() != Some(&(line.len() as u64)) {
        sleep_and_turn(&mut shard, &mut events);
        read.push(shard.core.counts().partial_bytes);
    }
    // It is not long before 32 KiB of it have come.
    assert_eq!(read[0], 3 * READ_BYTES as u64);
    assert!(read.windows(2).all(|two| two[1] - two[0] <= READ_BYTES as u64), "{read:?}");
    peer.write_all(b"\"}\n").unwrap();
    sleep_and_turn(&mut shard, &mut events);
    let mut answer = [0; 64];
    let bytes = peer.read(&mut answer).unwrap();
    assert_eq!(&answer[..bytes], b"{\"cmd\":\"pong\"}\r\n");
    assert!(shard.connections.is_open(conn) && shard.core.counts().partial_bytes == 0);
}

#[test]
fn a_turn_handles_a_limited_number_of_lines_of_a_connection_however_short_they_are() {
    for line in ["{\"cmd\":\"ping\"}\n", "{}\n", "{}\n\n\n", "[]\r\n"] {
        let mut shard = shard();
        let mut events = Events::with_capacity(8);
        let (mut peer, conn, _) = open(&mut shard, UnixStream::pair().unwrap());
        socket2::SockRef::from(&peer).set_send_buffer_size(8 * READ_BUFFER_BYTES).unwrap();
        let all = READ_BUFFER_BYTES / line.len();
        // The first line must be an object, and the last one ends the connection.
        peer.write_all(b"{}\n").unwrap();
        peer.write_all(line.repeat(all).as_bytes()).unwrap();
        peer.write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
        peer.shutdown(std::net::Shutdown::Write).unwrap();
        let (mut answered, mut turns) = (0, 0);
        while answered < all + 2 {
            sleep_and_turn(&mut shard, &mut events);
            let mut now = lines_of(&mut peer);
            while shard.connections.get(conn).is_some_and(|conn| conn.unsent.len() > 0) {
                shard.flush_and_post();
                now += lines_of(&mut peer);
            }
            assert!(now <= LINES_PER_TURN, "{now} lines in a turn");
            (answered, turns) = (answered + now, turns + 1);
            assert!(turns < 1_000, "the shard forgets the lines that are left");
        }
        assert!(answered == all + 2 && turns >= all / LINES_PER_TURN, "{answered} of {all} lines in {turns} turns");
        shard.turn(&mut events);
        assert!(shard.unhandled.is_empty() && !shard.connections.is_open(conn));
    }
}

#[test]
fn lines_that_wait_for_the_next_turn_go_with_their_connection() {
    let mut shard = shard();
    let mut events = Events::with_capacity(8);
    let (mut peer, conn, _) = open(&mut shard, UnixStream::pair().unwrap());
    peer.write_all("{}\n".repeat(READ_BYTES / 3).as_bytes()).unwrap();
    sleep_and_turn(&mut shard, &mut events);
    assert!(!shard.unhandled.is_empty() && !shard.is_idle());
    shard.connections.drop_now(conn);
    shard.turn(&mut events);
    assert!(shard.unhandled.is_empty() && shard.ready.is_empty());
}

#[test]
fn connections_in_long_lines_take_turns() {
    let mut shard = shard();
    let mut events = Events::with_capacity(64);
    let mut peers: Vec<_> = (0..12).map(|_| open(&mut shard, UnixStream::pair().unwrap())).collect();
    let line = format!("{{\"cmd\":\"ping\",\"x\":\"{}", "x".repeat(3 * READ_BUFFER_BYTES));
    for (peer, ..) in &mut peers {
        socket2::SockRef::from(&*peer).set_send_buffer_size(8 * READ_BUFFER_BYTES).unwrap();
        peer.write_all(line.as_bytes()).unwrap();
    }
    // In the first turn none is in a long line yet.
    sleep_and_turn(&mut shard, &mut events);
    let mut before = shard.core.counts().partial_bytes;
    assert_eq!(before, 12 * 3 * READ_BYTES as u64);
    let whole = 12 * line.len() as u64;
    let mut turns = 0;
    while before < whole {
        sleep_and_turn(&mut shard, &mut events);
        let now = shard.core.counts().partial_bytes;
        assert!(now - before <= LONG_BYTES_PER_TURN as u64, "a turn reads {} bytes", now - before);
        // All get on: none is a second read before another that has bytes left.
        let partial: Vec<usize> =
            peers.iter().map(|&(_, conn, _)| shard.connections.get(conn).unwrap().framer.partial_bytes()).collect();
        let (least, most) = (partial.iter().min().unwrap(), partial.iter().max().unwrap());
        assert!(most - least <= READ_BUFFER_BYTES, "{partial:?}");
        (before, turns) = (now, turns + 1);
        assert!(turns < 100, "{before} of {whole} bytes");
    }
    // Small lines are read whatever else there is.
    for (peer, ..) in &mut peers[1..] {
        peer.write_all(&vec![b'x'; READ_BUFFER_BYTES]).unwrap();
    }
    peers[0].0.write_all(b"\"}\n").unwrap();
    let (mut small, ..) = open(&mut shard, UnixStream::pair().unwrap());
    small.write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
    sleep_and_turn(&mut shard, &mut events);
    assert_eq!(lines_of(&mut small), 1);
}

#[test]
fn a_shard_lets_go_of_the_chunks_of_long_values_that_it_no_longer_needs() {
    let mut shard = shard();
    let mut events = Events::with_capacity(8);
    let (_peer, conn, _) = open(&mut shard, UnixStream::pair().unwrap());
    let line = format!(
        "{{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"cancellable\":true,\"arg\":\"{}\"}}\n",
        "x".repeat(8 * CHUNK_BYTES)
    );
    // A line that comes in one piece has no chunks.
    for piece in line.as_bytes().chunks(READ_BUFFER_BYTES) {
        shard.handle_bytes(conn, piece, 0);
    }
    assert!(shard.core.counts().job_bytes > 8 * CHUNK_BYTES as u64 && shard.chunks_due.is_none());
    shard.step(Input::Ended { conn });
    shard.turn(&mut events);
    assert_eq!(shard.core.counts().job_bytes, 0, "the job has gone with its submitter");
    let first = shard.chunks_due.expect("a look is due");
    assert!(shard.poll_timeout().is_some_and(|timeout| timeout <= Duration::from_millis(CHUNKS_RELEASE_MS)));
    for due in [first, first + Micros::from_ms(CHUNKS_RELEASE_MS)] {
        assert!(chunks::any_spare() && shard.chunks_due == Some(due));
        shard.connections.now = due;
        shard.release_chunks();
    }
    assert!(!chunks::any_spare() && shard.chunks_due.is_none());
}
