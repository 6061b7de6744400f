//! When a shard with many connections handles its mailbox, and when it wakes others.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use ahash::RandomState;
use mio::Events;

use super::{open, shards};
use crate::dispatch::home_of;
use crate::dispatch::message::{Message, ShardId};
use crate::limits::{CONNECTIONS_PER_DELIVERY, CONNECTIONS_PER_MAIL, MESSAGES_PER_DELIVERY};
use crate::server::mailbox::ShardCommand;
use crate::server::shard::{Shard, WAKE};

/// Two shards, the first of which is the home of a type, and has connections that have sent a `ping` each.
struct Busy {
    home: Shard,
    other: Shard,
    peers: Vec<UnixStream>,
    /// A worker of the type at `other`, with many slots.
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
    let can_do = format!("{{\"cmd\":\"can_do\",\"types\":[\"{type_name}\"],\"max_jobs\":100}}\n");
    other.handle_bytes(conn, can_do.as_bytes(), 0);
    Busy { home, other, peers, worker, job: format!("{{\"cmd\":\"do\",\"id\":1,\"type\":\"{type_name}\"}}\n") }
}

impl Busy {
    /// Submits jobs at the other shard, which posts them to the home.
    fn submit(&mut self, jobs: usize) -> UnixStream {
        let (peer, conn, _) = open(&mut self.other, UnixStream::pair().unwrap());
        self.other.handle_bytes(conn, self.job.repeat(jobs).as_bytes(), 0);
        self.other.post();
        peer
    }

    /// Returns to how many of its connections the home has written.
    fn answered(&self) -> usize {
        self.peers.iter().filter(|peer| (&**peer).read(&mut [0; 64]).is_ok()).count()
    }

    /// Whether the home has delivered what a job needs for its worker to receive it.
    fn other_can_go_on(&mut self) -> bool {
        self.other.drain_mailbox();
        self.other.flush_and_post();
        self.worker.read(&mut [0; 256]).is_ok()
    }
}

#[test]
fn a_home_handles_its_mailbox_between_the_connections_that_it_reads() {
    for (connections, jobs, soon) in [
        (CONNECTIONS_PER_MAIL - 1, MESSAGES_PER_DELIVERY, false),
        (CONNECTIONS_PER_MAIL, MESSAGES_PER_DELIVERY, true),
        (CONNECTIONS_PER_DELIVERY - 1, MESSAGES_PER_DELIVERY - 1, false),
        (CONNECTIONS_PER_DELIVERY, 1, true),
    ] {
        let mut busy = busy(connections);
        let _submitter = busy.submit(jobs);
        busy.home.read_ready();
        assert_eq!(busy.other_can_go_on(), soon, "{jobs} jobs, {connections} connections");
        assert_eq!(busy.answered(), 0, "it has not begun to write");
    }
}

#[test]
fn a_home_handles_its_mailbox_between_the_connections_that_it_writes_to() {
    for (connections, soon) in [(CONNECTIONS_PER_MAIL - 1, false), (CONNECTIONS_PER_MAIL, true)] {
        let mut busy = busy(connections);
        busy.home.read_ready();
        let _submitter = busy.submit(1);
        busy.home.flush_and_post();
        assert_eq!(busy.other_can_go_on(), soon, "with {connections} connections");
        assert_eq!(busy.answered(), connections);
    }
}

#[test]
fn a_shard_that_sleeps_is_woken_before_the_writes_and_not_between_the_reads() {
    let mut busy = busy(CONNECTIONS_PER_MAIL);
    let _submitter = busy.submit(MESSAGES_PER_DELIVERY);
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
    let _submitter = busy.submit(1);
    busy.home.flush_and_post();
    assert!(own_worker.read(&mut [0; 64]).is_err(), "a turn writes to the connections that its lines led to");
    assert!(!busy.home.is_idle());
    busy.home.turn(&mut Events::with_capacity(8));
    assert!(own_worker.read(&mut [0; 64]).is_ok());
    assert!(busy.home.is_idle());
}

#[test]
fn offers_that_leave_together_are_one_message() {
    let mut busy = busy(0);
    let can_do = busy.job.replace("\"do\",\"id\":1,\"type\":", "\"can_do\",\"types\":[").replace('}', "]}");
    let mut workers = Vec::new();
    for _ in 0..3 {
        let (worker, conn, _) = open(&mut busy.other, UnixStream::pair().unwrap());
        busy.other.handle_bytes(conn, can_do.as_bytes(), 0);
        workers.push(worker);
    }
    busy.other.post();
    let Some(ShardCommand::Messages(_, messages)) = busy.home.mailbox.take() else { panic!("they were posted") };
    assert!(
        matches!(messages[..], [Message::Present(..), Message::Offer { n: 103, offers: 4, .. }]),
        "the 100 slots of the first worker, and three of one slot: {messages:?}"
    );
}
