//! What system calls on sockets cost: one thread writes, polls and reads as a shard does; another one answers as the
//! load does, on another core and without sleeping.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::clock::{Turns, cpu_clock_ns, cpu_ns, median, on_two_cores, parts};
use crate::costs::Costs;

const ROUNDS: u64 = 1_500;
/// Connections: few and many.
const FEW: u64 = 1;
const MANY: u64 = 16;

/// The line of a job with an argument of 32 bytes.
const LINE: &[u8] = br#"{"cmd":"do","id":123456,"type":"t0","arg":"0123456789abcdefghijklmnopqrst"}"#;

/// See the module.
pub(super) fn measure(costs: &mut Costs) -> io::Result<()> {
    let few = rounds(FEW)?;
    let many = rounds(MANY)?;
    (costs.poll_ns, costs.event_ns) = parts((FEW, few.poll), (MANY, many.poll));
    costs.read_ns = many.reads / MANY;
    costs.write_ns = many.writes / MANY;
    Ok(())
}

/// The processor time of a round, in nanoseconds.
struct Times {
    writes: u64,
    poll: u64,
    reads: u64,
}

/// One end of all connections, and its poller.
struct End {
    poll: Poll,
    events: Events,
    streams: Vec<TcpStream>,
    buffer: Vec<u8>,
}

fn rounds(count: u64) -> io::Result<Times> {
    let (mut shard, mut load) = (End::new()?, End::new()?);
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    for _ in 0..count {
        load.add(std::net::TcpStream::connect(listener.local_addr()?)?)?;
        shard.add(listener.accept()?.0)?;
    }
    let turns = Turns::default();
    let clock_ns = cpu_clock_ns();
    let (times, ()) = on_two_cores(|| serve(&mut shard, &turns, clock_ns), || answer(&mut load, &turns));
    Ok(times)
}

fn serve(end: &mut End, turns: &Turns, clock_ns: u64) -> Times {
    let (mut writes, mut polls, mut reads) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let start_ns = cpu_ns();
        end.write_all();
        writes.push((cpu_ns() - start_ns).saturating_sub(clock_ns));
        turns.wait(round + 1); // All answers are there.
        let start_ns = cpu_ns();
        let found = end.poll();
        polls.push((cpu_ns() - start_ns).saturating_sub(clock_ns));
        assert_eq!(found, end.streams.len(), "every connection has an answer");
        let start_ns = cpu_ns();
        end.read_ready();
        reads.push((cpu_ns() - start_ns).saturating_sub(clock_ns));
    }
    Times { writes: median(writes), poll: median(polls), reads: median(reads) }
}

fn answer(end: &mut End, turns: &Turns) {
    for round in 0..ROUNDS {
        let mut read = 0;
        while read < end.streams.len() {
            read += end.poll();
            end.read_ready();
        }
        end.write_all();
        turns.begin(round + 1);
    }
}

impl End {
    fn new() -> io::Result<Self> {
        let events = Events::with_capacity(1_024);
        Ok(Self { poll: Poll::new()?, events, streams: Vec::new(), buffer: vec![0; 64 << 10] })
    }

    fn add(&mut self, stream: std::net::TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let mut stream = TcpStream::from_std(stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(self.streams.len()), interest)?;
        self.streams.push(stream);
        // The first event says that the socket is writable.
        self.poll.poll(&mut self.events, Some(Duration::ZERO))
    }

    /// Returns how many connections have something to read.
    fn poll(&mut self) -> usize {
        self.poll.poll(&mut self.events, Some(Duration::ZERO)).expect("the poller works");
        self.events.iter().filter(|event| event.is_readable()).count()
    }

    fn read_ready(&mut self) {
        for event in self.events.iter().filter(|event| event.is_readable()) {
            let bytes = self.streams[event.token().0].read(&mut self.buffer).expect("there is something to read");
            assert_eq!(bytes, LINE.len(), "a line was sent as a whole");
        }
    }

    fn write_all(&mut self) {
        for stream in &mut self.streams {
            assert_eq!(stream.write(LINE).expect("there is room"), LINE.len(), "there is room for a line");
        }
    }
}
