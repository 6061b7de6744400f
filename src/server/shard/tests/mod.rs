//! A shard without its thread, on a real poller and real sockets.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;

use ahash::RandomState;

use super::super::log::Level;
use super::super::log::line::LogFormat;
use super::super::names::conn_of;
use super::super::stream::Stream;
use super::*;
use crate::dispatch::PerTurn;
use crate::dispatch::message::ShardId;

mod mail;
mod reading;
mod writing;

/// Returns the only shard of a server.
fn shard() -> Shard {
    shards(1, &RandomState::new()).remove(0)
}

/// Returns the shards of a server; `homes` picks the homes of types.
fn shards(count: u16, homes: &RandomState) -> Vec<Shard> {
    let (log, _) = Log::start("deputy", Level::Off, LogFormat::Text).unwrap();
    let shared = Arc::new(Shared::new(count.into(), 1 << 30, 1 << 20));
    let polls: Vec<_> = (0..count).map(|_| Poll::new().unwrap()).collect();
    let (mailboxes, senders): (Vec<_>, Vec<_>) =
        polls.iter().map(|poll| Mailbox::new(poll.registry(), WAKE).unwrap()).unzip();
    let make = |(shard, (poll, mailbox))| {
        let settings = Settings {
            shard: ShardId(shard),
            shards: count,
            attempts_max: 3,
            run_limit_ms: 0,
            memory_bytes_max: 1 << 30,
            unsent_bytes_max: 1 << 20,
            stall_ms: 30_000,
            figure_types_max: 4_096,
            per_turn: PerTurn::default(),
            trace: false,
            homes: homes.clone(),
            maps: RandomState::new(),
        };
        let outbox = Outbox::new(settings.shard, senders.clone().into());
        let events = crossbeam_channel::unbounded().0;
        Shard::new(poll, mailbox, outbox, settings, Arc::clone(&shared), log.clone(), events).unwrap()
    };
    (0..count).zip(polls.into_iter().zip(mailboxes)).map(make).collect()
}

/// Opens a connection. Returns its peer, its id and its descriptor's number.
fn open(shard: &mut Shard, (own, peer): (UnixStream, UnixStream)) -> (UnixStream, ConnId, i32) {
    own.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    let number = own.as_raw_fd();
    let conn = shard.connections.open(Stream::Unix(mio::net::UnixStream::from_std(own))).unwrap();
    shard.step(Input::Opened { conn });
    (peer, conn, number)
}

/// Waits for events, and handles them.
fn sleep_and_turn(shard: &mut Shard, events: &mut Events) {
    shard.sleep(events).unwrap();
    shard.turn(events);
}

/// Returns a pair whose first socket has this descriptor number, which has just become free. Other tests open descriptors
/// as well and may have it for a while, so the lower numbers are used up again and again.
fn pair_with(number: i32) -> (UnixStream, UnixStream) {
    let mut before = Vec::new();
    loop {
        let pair = UnixStream::pair().unwrap();
        if pair.0.as_raw_fd() == number {
            return pair;
        }
        if pair.1.as_raw_fd() == number {
            return (pair.1, pair.0);
        }
        if pair.0.as_raw_fd() > number {
            before.clear();
            thread::yield_now();
        } else {
            before.push(pair);
        }
    }
}

#[test]
fn f11_events_for_a_connection_that_is_gone_are_not_taken_for_its_successors() {
    let mut shard = shard();
    let mut events = Events::with_capacity(8);
    let (mut peer, first, number) = open(&mut shard, UnixStream::pair().unwrap());
    peer.write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
    drop(peer);
    shard.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    let batch: Vec<_> = events.iter().map(|event| (conn_of(event.token()), event.is_read_closed())).collect();
    assert_eq!(batch, [(first, true)], "its line and its end are in the batch");

    // It ends for another reason before the batch is handled, and the next connection gets its number and its index.
    shard.step(Input::Ended { conn: first });
    shard.flush_and_post();
    let (mut peer, second, same_number) = open(&mut shard, pair_with(number));
    assert_eq!((second.index, same_number), (first.index, number));
    peer.write_all(b"{\"cmd\":\"nope\"}\n").unwrap();
    assert!(!shard.turn(&mut events));
    let conn = shard.connections.get(second).expect("the end was its predecessor's");
    assert!(!conn.ending && !conn.ready, "no event of the batch was its own");
    assert!(peer.read(&mut [0; 64]).is_err(), "its line has not been read yet");

    shard.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(!shard.turn(&mut events));
    let mut answer = [0; 256];
    let bytes = peer.read(&mut answer).unwrap();
    assert!(answer[..bytes].starts_with(br#"{"cmd":"error","code":"unknown_cmd""#));
    assert!(shard.connections.is_open(second));
}

#[test]
fn f62_what_came_before_a_turn_with_a_timer_is_read_in_it_though_its_events_are_older() {
    let mut shard = shard();
    // As of a wait that ended before the line came.
    let mut no_events = Events::with_capacity(8);
    let (mut peer, conn, _) = open(&mut shard, UnixStream::pair().unwrap());
    let mut answer = [0; 256];
    peer.write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
    assert!(!shard.turn(&mut no_events));
    assert!(peer.read(&mut answer).is_err(), "without a timer it waits for its event");
    shard.handle_bytes(conn, b"{\"cmd\":\"do\",\"id\":1,\"type\":\"t\",\"deadline_ms\":1}\n", 0);
    let due = shard.core.next_call().expect("the job has a deadline");
    while shard.connections.shared.now() < due {
        thread::yield_now();
    }
    assert!(!shard.turn(&mut no_events));
    let bytes = peer.read(&mut answer).unwrap();
    assert_eq!(&answer[..bytes], b"{\"cmd\":\"pong\"}\r\n");
}

/// Returns how many lines a peer is sent at once.
fn lines_of(peer: &mut impl Read) -> usize {
    let mut answers = vec![0; 1 << 20];
    let bytes = peer.read(&mut answers).unwrap_or(0);
    memchr::memchr_iter(b'\n', &answers[..bytes]).count()
}
