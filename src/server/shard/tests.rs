//! A shard without its thread, with a real poller and real sockets.

use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;

use ahash::RandomState;
use mio::Registry;

use super::super::log::Level;
use super::super::stream::Stream;
use super::*;
use crate::dispatch::message::ShardId;

/// A shard that is alone in its server.
fn shard() -> Shard {
    let settings = Settings {
        shard: ShardId(0),
        shards: 1,
        attempts_max: 3,
        memory_bytes_max: 1 << 30,
        unsent_bytes_max: 1 << 20,
        stall_ms: 30_000,
        trace: false,
        homes: RandomState::new(),
        maps: RandomState::new(),
    };
    let poll = Poll::new().unwrap();
    let (mailbox, mailbox_sender) = mailbox(poll.registry());
    let (log, _) = Log::start(Level::Off).unwrap();
    Shard::new(Parts {
        poll,
        mailbox,
        mailboxes: Box::new([mailbox_sender]),
        settings,
        line_bytes_max: 1 << 20,
        shared: Arc::new(Shared::new(1, 1 << 30, 1 << 20)),
        log,
        events: crossbeam_channel::unbounded().0,
    })
    .unwrap()
}

fn mailbox(registry: &Registry) -> (Mailbox, MailboxSender) {
    Mailbox::new(registry, WAKE).unwrap()
}

/// A connection comes; its peer, its name and its descriptor's number.
fn open(shard: &mut Shard, (own, peer): (UnixStream, UnixStream)) -> (UnixStream, ConnId, i32) {
    own.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    let number = own.as_raw_fd();
    let conn = shard.connections.open(Stream::Unix(mio::net::UnixStream::from_std(own))).unwrap();
    shard.step(Input::Opened { conn });
    (peer, conn, number)
}

/// A pair whose first socket has this number, which has just come free. Other tests open descriptors as well: they may
/// have it for a while, and so the numbers before it are used up again and again.
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
    let told: Vec<_> = events.iter().map(|event| (conn_of(event.token()), event.is_read_closed())).collect();
    assert_eq!(told, [(first, true)], "its line and its end are in the batch");

    // It ends for another reason before the batch is looked at, and another comes that has its number and its place.
    shard.step(Input::Ended { conn: first });
    shard.flush_and_post();
    let (mut peer, second, same_number) = open(&mut shard, pair_with(number));
    assert_eq!((second.index, same_number), (first.index, number));
    peer.write_all(b"{\"cmd\":\"nope\"}\n").unwrap();
    assert!(!shard.turn(&events));
    let conn = shard.connections.get(second).expect("the end was not its own");
    assert!(!conn.ending && !conn.ready, "nothing of it was for this one");
    assert!(peer.read(&mut [0; 64]).is_err(), "what it said was not told yet");

    shard.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(!shard.turn(&events));
    let mut answer = [0; 256];
    let bytes = peer.read(&mut answer).unwrap();
    assert!(answer[..bytes].starts_with(br#"{"cmd":"error","code":"unknown_cmd""#));
    assert!(shard.connections.is_open(second));
}
