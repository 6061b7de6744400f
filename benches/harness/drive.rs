//! A load thread: some of the submitters and workers, on one poller.
//!
//! Sockets are few a turn or many; either way each is read once and written once a turn, as the server does it, so that
//! the load costs about what the server costs and is not the limit. What is due at a time of its own (an open loop, work
//! that takes time) is waited for by asking the poller again and again in the last moments, as it cannot be asked to wait
//! for less than a millisecond.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};

use super::Failure;
use super::books::{Books, Due, Part};
use super::clients::Worker;
use super::conn::{Address, Chunk, Conn, Input, Socket, chunk};
use super::dialect::{Dialect, Language, Place};
use super::machine::{self, thread_cpu_time};

/// The longest sleep: how late a thread may learn that another one failed.
const SLEEP: Duration = Duration::from_millis(10);

/// What is due sooner is waited for awake.
const AWAKE_NS: u64 = 1_500_000;

/// How long the server may take to answer greetings.
const PATIENCE: Duration = Duration::from_secs(20);

/// After the last answer: long enough for a second one that the server sent with it.
const LINGER: Duration = Duration::from_millis(20);

/// What the load threads of a run know of each other.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Threads whose submitters still wait for answers or submit; their jobs may be with the others' workers.
    pub(crate) unfinished: AtomicUsize,
    /// One of them failed.
    pub(crate) failed: AtomicBool,
    /// Answers so far.
    pub(crate) answered: AtomicU64,
}

/// What a thread measured.
#[derive(Debug)]
pub(crate) struct Measured {
    /// From the intended start to the answer.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late jobs with an intended start were sent.
    pub(crate) lag_ns: Histogram<u64>,
    /// How long the thread was busy within the measured time.
    pub(crate) busy: Duration,
    /// When its submitters had their last answer.
    pub(crate) finished_ns: u64,
}

#[derive(Debug)]
struct Client {
    conn: Conn,
    dialect: Box<dyn Dialect>,
    part: Part,
    /// Whether it is among those with something to send.
    touched: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LoadThread<'a> {
    shared: &'a Shared,
    poll: Poll,
    clients: Vec<Client>,
    chunk: Chunk,
    /// Clients with something to send.
    touched: Vec<usize>,
    pub(crate) books: Books<'a>,
    /// An answer, as it is made.
    scratch: Vec<u8>,
    /// Whether other threads go before it.
    in_background: bool,
    /// Where workers come again that a job has killed, and what they speak.
    rebirth: Option<(Address, Language)>,
}

impl<'a> LoadThread<'a> {
    /// One without clients.
    pub(crate) fn new(books: Books<'a>, shared: &'a Shared) -> Result<Self, Failure> {
        Ok(Self {
            shared,
            poll: Poll::new()?,
            clients: Vec::new(),
            chunk: chunk(),
            touched: Vec::new(),
            books,
            scratch: Vec::new(),
            in_background: false,
            rebirth: None,
        })
    }

    /// The same, with a place where workers come again.
    pub(crate) fn reborn_at(self, address: Address, language: Language) -> Self {
        Self { rebirth: Some((address, language)), ..self }
    }

    /// The same, but other threads go before it.
    pub(crate) fn in_background(self) -> Self {
        Self { in_background: true, ..self }
    }

    /// How many clients it has: the number of the next one.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Adds a client, connected through `socket`, and says what it says first. A submitter says it under this number.
    pub(crate) fn add(
        &mut self,
        socket: Socket,
        mut dialect: Box<dyn Dialect>,
        part: Part,
        number: u16,
    ) -> io::Result<()> {
        let mut conn = Conn::register(socket, self.poll.registry(), Token(self.clients.len()))?;
        let place = match &part {
            Part::Works(worker) => self.place_of(worker),
            Part::Hears(asking) if self.books.askings[*asking].on != self.clients.len() => Place::Hearer(number),
            Part::Hears(_) | Part::Asks => Place::Submitter(number),
        };
        dialect.greet(place, &mut conn.unsent);
        self.touched.push(self.clients.len());
        self.clients.push(Client { conn, dialect, part, touched: true });
        Ok(())
    }

    fn place_of<'w>(&self, worker: &'w Worker) -> Place<'w> {
        Place::Worker { types: worker.types(), max_jobs: self.books.workload.shape.max_jobs }
    }

    /// Workers that a job has killed leave, with all that they hold, and come again.
    fn bear_again(&mut self) -> Result<(), Failure> {
        let mut killed = std::mem::take(&mut self.books.killed);
        killed.sort_unstable();
        killed.dedup();
        for index in killed {
            let Some((address, language)) = &self.rebirth else { continue };
            let (socket, mut dialect) = (Socket::connect(address)?, language.dialect());
            let mut conn = Conn::register(socket, self.poll.registry(), Token(index))?;
            if let Part::Works(worker) = &self.clients[index].part {
                dialect.greet(self.place_of(worker), &mut conn.unsent);
            }
            let client = &mut self.clients[index];
            if let Part::Works(worker) = &mut client.part {
                worker.forget();
            }
            (client.conn, client.dialect) = (conn, dialect);
            if !std::mem::replace(&mut client.touched, true) {
                self.touched.push(index);
            }
        }
        Ok(())
    }

    /// Returns when what the clients said first has taken effect, so that what others say from now on finds it.
    pub(crate) fn settle(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(1_024);
        let deadline = Instant::now() + PATIENCE;
        while !self.clients.iter().all(|client| client.dialect.is_ready()) {
            if Instant::now() >= deadline {
                return Err("the server does not answer a greeting".into());
            }
            self.turn(&mut events, SLEEP)?;
        }
        Ok(())
    }

    /// Runs to the end of the schedule and of all jobs.
    pub(crate) fn run(mut self) -> Result<Measured, Failure> {
        if self.in_background {
            machine::lower_priority()?;
        }
        let schedule = self.books.schedule;
        let mut events = Events::with_capacity(1_024);
        let mut meter = Meter::default();
        let mut finished_ns = None;
        while self.goes_on() {
            self.turn(&mut events, SLEEP)?;
            let now_ns = schedule.now_ns();
            meter.look(now_ns, schedule.measure_ns, schedule.end_ns);
            if self.books.are_done(now_ns) && finished_ns.is_none() {
                finished_ns = Some(now_ns);
                self.shared.unfinished.fetch_sub(1, Ordering::Relaxed);
            }
            if now_ns >= schedule.give_up_ns {
                // If ours are complete, the thread whose are not says so.
                self.books.close()?;
                break;
            }
        }
        self.turn(&mut events, LINGER)?;
        let Books { latency_ns, lag_ns, .. } = self.books;
        Ok(Measured { latency_ns, lag_ns, busy: meter.busy(), finished_ns: finished_ns.unwrap_or_default() })
    }

    fn goes_on(&self) -> bool {
        self.shared.unfinished.load(Ordering::Relaxed) > 0 && !self.shared.failed.load(Ordering::Relaxed)
    }

    fn turn(&mut self, events: &mut Events, sleep: Duration) -> Result<(), Failure> {
        self.send_due()?;
        let timeout = self.patience(sleep);
        if let Err(error) = self.poll.poll(events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        let answered = self.books.answered;
        for event in &*events {
            self.on_ready(event.token().0)?;
        }
        self.bear_again()?;
        self.shared.answered.fetch_add(self.books.answered - answered, Ordering::Relaxed);
        self.send_due()
    }

    /// How long it may sleep.
    fn patience(&self, sleep: Duration) -> Duration {
        match self.books.next_due_ns() {
            Some(due_ns) => {
                let left_ns = due_ns.saturating_sub(self.books.schedule.now_ns());
                let whole_ms = Duration::from_millis(left_ns.saturating_sub(AWAKE_NS) / 1_000_000);
                whole_ms.min(sleep)
            }
            None => sleep,
        }
    }

    fn on_ready(&mut self, index: usize) -> Result<(), Failure> {
        let Client { conn, dialect, part, touched } = &mut self.clients[index];
        // Shared by two closures, of which never both run.
        let dialect = std::cell::RefCell::new(dialect);
        let books = &mut self.books;
        let input = conn.read(
            &mut self.chunk,
            |fresh| dialect.borrow().may_end_in(fresh),
            |input, out| -> Result<(), Failure> {
                let (now_ns, dialect) = (books.schedule.now_ns(), &mut **dialect.borrow_mut());
                while let Some(heard) = dialect.hear(input, out)? {
                    books.on_heard(index, part, &mut **dialect, heard, now_ns, out)?;
                }
                Ok(())
            },
        )?;
        if input == Input::Ended {
            return Err("the server closed a connection".into());
        }
        if !conn.unsent.is_empty() && !std::mem::replace(touched, true) {
            self.touched.push(index);
        }
        Ok(())
    }

    /// Sends everything that is due, one write a connection.
    fn send_due(&mut self) -> Result<(), Failure> {
        let now_ns = self.books.schedule.now_ns();
        while let Some(due) = self.books.take_due(now_ns)? {
            let workload = self.books.workload;
            let index = match due {
                Due::Ask(asking, job) => {
                    let on = self.books.askings[asking].on;
                    let Client { conn, dialect, .. } = &mut self.clients[on];
                    dialect.submit(workload, job, &mut conn.unsent);
                    on
                }
                Due::Answer { client, ticket, job } => {
                    let Client { conn, dialect, part, .. } = &mut self.clients[client];
                    self.scratch.clear();
                    workload.append_arg(job, &mut self.scratch);
                    dialect.answer(&ticket, job, &self.scratch, &mut conn.unsent);
                    if let Part::Works(worker) = part {
                        worker.on_answered();
                    }
                    client
                }
            };
            if !std::mem::replace(&mut self.clients[index].touched, true) {
                self.touched.push(index);
            }
        }
        Ok(self.flush()?)
    }

    fn flush(&mut self) -> io::Result<()> {
        for index in self.touched.drain(..) {
            let Client { conn, part, touched, .. } = &mut self.clients[index];
            *touched = false;
            let sent = conn.flush()?;
            if let (Part::Works(worker), true) = (part, sent) {
                worker.on_sent();
            }
        }
        Ok(())
    }
}

/// Processor time of the calling thread when the measured time began and when it ended.
#[derive(Debug, Default)]
struct Meter {
    began: Option<Duration>,
    ended: Option<Duration>,
}

impl Meter {
    fn look(&mut self, now_ns: u64, measure_ns: u64, end_ns: u64) {
        if now_ns >= measure_ns && self.began.is_none() {
            self.began = Some(thread_cpu_time());
        }
        if now_ns >= end_ns && self.ended.is_none() {
            self.ended = Some(thread_cpu_time());
        }
    }

    fn busy(&self) -> Duration {
        self.ended.zip(self.began).map_or(Duration::ZERO, |(ended, began)| ended.saturating_sub(began))
    }
}
