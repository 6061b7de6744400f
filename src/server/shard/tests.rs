//! A shard without its thread, on a real poller and real sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::thread;

use ahash::RandomState;

use super::super::conn::Stage;
use super::super::log::Level;
use super::super::log::line::LogFormat;
use super::super::names::conn_of;
use super::super::stream::Stream;
use super::*;
use crate::dispatch::message::ShardId;
use crate::dispatch::{PerTurn, home_of};
use crate::limits::{
    CHUNK_BYTES, LINES_PER_TURN, LONG_BYTES_PER_TURN, MUCH_UNSENT_BYTES, READ_BUFFER_BYTES, READ_BYTES,
    WRITE_BYTES_OF_MUCH, WRITE_BYTES_PER_TURN,
};

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

/// Opens a connection. Returns its peer, its id and its descriptor's number.
fn open(shard: &mut Shard, (own, peer): (UnixStream, UnixStream)) -> (UnixStream, ConnId, i32) {
    own.set_nonblocking(true).unwrap();
    peer.set_nonblocking(true).unwrap();
    let number = own.as_raw_fd();
    let conn = shard.connections.open(Stream::Unix(mio::net::UnixStream::from_std(own))).unwrap();
    shard.step(Input::Opened { conn });
    (peer, conn, number)
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

/// As many turns as the bytes need, without an event, and each with the same share.
#[test]
fn a_connection_with_much_unsent_is_written_to_turn_by_turn() {
    let mut shard = shard();
    let mut events = Events::with_capacity(8);
    let (mut peer, conn) = open_tcp(&mut shard);
    shard.sleep(&mut events).unwrap();
    shard.turn(&mut events);
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
        shard.sleep(&mut events).unwrap();
        shard.turn(&mut events);
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
        shard.sleep(&mut events).unwrap();
        shard.turn(&mut events);
        read.push(shard.core.counts().partial_bytes);
    }
    // It is not long before 32 KiB of it have come.
    assert_eq!(read[0], 3 * READ_BYTES as u64);
    assert!(read.windows(2).all(|two| two[1] - two[0] <= READ_BYTES as u64), "{read:?}");
    peer.write_all(b"\"}\n").unwrap();
    shard.sleep(&mut events).unwrap();
    shard.turn(&mut events);
    let mut answer = [0; 64];
    let bytes = peer.read(&mut answer).unwrap();
    assert_eq!(&answer[..bytes], b"{\"cmd\":\"pong\"}\r\n");
    assert!(shard.connections.is_open(conn) && shard.core.counts().partial_bytes == 0);
}

/// Returns how many lines a peer is sent at once.
fn lines_of(peer: &mut impl Read) -> usize {
    let mut answers = vec![0; 1 << 20];
    let bytes = peer.read(&mut answers).unwrap_or(0);
    memchr::memchr_iter(b'\n', &answers[..bytes]).count()
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
            shard.sleep(&mut events).unwrap();
            shard.turn(&mut events);
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
    shard.sleep(&mut events).unwrap();
    shard.turn(&mut events);
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
    shard.sleep(&mut events).unwrap();
    shard.turn(&mut events);
    let mut before = shard.core.counts().partial_bytes;
    assert_eq!(before, 12 * 3 * READ_BYTES as u64);
    let whole = 12 * line.len() as u64;
    let mut turns = 0;
    while before < whole {
        shard.sleep(&mut events).unwrap();
        shard.turn(&mut events);
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
    shard.sleep(&mut events).unwrap();
    shard.turn(&mut events);
    assert_eq!(lines_of(&mut small), 1);
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
    // The core does not know these bytes, so it is not told that they are written.
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

/// Two shards, the first of which is the home of a type, and has connections that have sent a `ping` each.
struct Busy {
    home: Shard,
    other: Shard,
    peers: Vec<UnixStream>,
    /// A worker of the type at `other`.
    worker: UnixStream,
    job: String,
}

fn busy(connections: usize) -> Busy {
    let homes = RandomState::new();
    let [mut home, mut other] = <[Shard; 2]>::try_from(shards(2, &homes)).ok().expect("two were asked for");
    let mut names = (0..).map(|number| format!("t{number}"));
    let type_name = names.find(|name| home_of(&homes, 2, name) == ShardId(0)).expect("half of all names have it");
    let mut peers = Vec::new();
    for _ in 0..connections {
        let (mut peer, conn, _) = open(&mut home, UnixStream::pair().unwrap());
        peer.write_all(b"{\"cmd\":\"ping\"}\n").unwrap();
        home.ready.push_back(conn);
        peers.push(peer);
    }
    let (worker, conn, _) = open(&mut other, UnixStream::pair().unwrap());
    other.handle_bytes(conn, format!("{{\"cmd\":\"can_do\",\"types\":[\"{type_name}\"]}}\n").as_bytes(), 0);
    Busy { home, other, peers, worker, job: format!("{{\"cmd\":\"do\",\"id\":1,\"type\":\"{type_name}\"}}\n") }
}

impl Busy {
    /// Submits a job at the other shard, which posts it to the home.
    fn submit(&mut self) -> UnixStream {
        let (peer, conn, _) = open(&mut self.other, UnixStream::pair().unwrap());
        self.other.handle_bytes(conn, self.job.as_bytes(), 0);
        self.other.post();
        peer
    }

    /// Returns to how many of its connections the home has written.
    fn answered(&self) -> usize {
        self.peers.iter().filter(|peer| (&**peer).read(&mut [0; 64]).is_ok()).count()
    }

    /// Whether the home has posted what the job needs for its worker to receive it.
    fn other_can_go_on(&mut self) -> bool {
        self.other.drain_mailbox();
        self.other.flush_and_post();
        self.worker.read(&mut [0; 256]).is_ok()
    }
}

#[test]
fn a_home_handles_its_mailbox_between_the_connections_that_it_reads() {
    for (connections, soon) in [(CONNECTIONS_PER_MAIL - 1, false), (CONNECTIONS_PER_MAIL, true)] {
        let mut busy = busy(connections);
        let _submitter = busy.submit();
        busy.home.read_ready();
        assert_eq!(busy.other_can_go_on(), soon, "with {connections} connections");
        assert_eq!(busy.answered(), 0, "it has not begun to write");
    }
}

#[test]
fn a_home_handles_its_mailbox_between_the_connections_that_it_writes_to() {
    for (connections, soon) in [(CONNECTIONS_PER_MAIL - 1, false), (CONNECTIONS_PER_MAIL, true)] {
        let mut busy = busy(connections);
        busy.home.read_ready();
        let _submitter = busy.submit();
        busy.home.flush_and_post();
        assert_eq!(busy.other_can_go_on(), soon, "with {connections} connections");
        assert_eq!(busy.answered(), connections);
    }
}

#[test]
fn a_shard_that_sleeps_is_woken_before_the_writes_and_not_between_the_reads() {
    let mut busy = busy(CONNECTIONS_PER_MAIL);
    let _submitter = busy.submit();
    let mut events = Events::with_capacity(8);
    busy.other.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    assert!(busy.other.is_idle());
    busy.home.read_ready();
    let mut is_woken = || {
        busy.other.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        events.iter().any(|event| event.token() == WAKE)
    };
    assert!(!is_woken());
    busy.home.flush_and_post();
    assert!(is_woken());
}

#[test]
fn what_comes_while_a_shard_writes_is_written_in_its_next_turn() {
    let mut busy = busy(CONNECTIONS_PER_MAIL);
    let (mut own_worker, conn, _) = open(&mut busy.home, UnixStream::pair().unwrap());
    let can_do = busy.job.replace("\"do\",\"id\":1,\"type\":", "\"can_do\",\"types\":[").replace('}', "]}");
    busy.home.handle_bytes(conn, can_do.as_bytes(), 0);
    busy.home.read_ready();
    let _submitter = busy.submit();
    busy.home.flush_and_post();
    assert!(own_worker.read(&mut [0; 64]).is_err(), "a turn writes to the connections that its lines led to");
    assert!(!busy.home.is_idle());
    busy.home.turn(&mut Events::with_capacity(8));
    assert!(own_worker.read(&mut [0; 64]).is_ok());
    assert!(busy.home.is_idle());
}
