//! A load thread: some of the submitters and workers, on one poller.
//!
//! Closed loop: a submitter starts a job for each answer, so the jobs in flight stay what they are. Sockets are few a
//! turn or many; either way each is read once and written once a turn, as the server does it, so that the load costs
//! about what the server costs and is not the limit.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use mio::{Events, Poll, Token};

use crate::Failure;
use crate::clients::{Submitter, Worker};
use crate::conn::{Conn, Inbox, Input, Socket};
use crate::lines;
use crate::workload::Workload;

/// The longest sleep: how late a thread may learn that another one failed.
const SLEEP: Duration = Duration::from_millis(10);

/// After the last answer: long enough for a second one that the server sent with it.
const LINGER: Duration = Duration::from_millis(20);

/// When a run does what, in nanoseconds from its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    /// Its start.
    pub(crate) start: Instant,
    /// From here on answers are measured.
    pub(crate) measure_ns: u64,
    /// From here on none is, and no job is submitted.
    pub(crate) end_ns: u64,
    /// What is not answered by now is missing.
    pub(crate) give_up_ns: u64,
}

impl Schedule {
    /// The time since the start.
    pub(crate) fn now_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).expect("a run of 584 years does not end")
    }
}

/// What the load threads of a run know of each other.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Threads whose submitters still wait for answers or submit; their jobs may be with the others' workers.
    pub(crate) unfinished: AtomicUsize,
    /// One of them failed.
    pub(crate) failed: AtomicBool,
}

/// A part of the load that is yet without a socket.
#[derive(Debug)]
pub(crate) enum Role {
    /// Asks.
    Submitter(Submitter),
    /// Works.
    Worker(Worker),
}

struct Client {
    conn: Conn,
    role: Role,
}

/// See the module.
pub(crate) struct LoadThread<'a> {
    workload: &'a Workload,
    shared: &'a Shared,
    poll: Poll,
    clients: Vec<Client>,
    inbox: Inbox,
    /// Clients with something to send.
    touched: Vec<usize>,
    /// Jobs of its submitters without an answer.
    owed: usize,
    latency_ns: Histogram<u64>,
}

impl<'a> LoadThread<'a> {
    /// One without clients.
    pub(crate) fn new(workload: &'a Workload, shared: &'a Shared) -> Result<Self, Failure> {
        Ok(Self {
            workload,
            shared,
            poll: Poll::new()?,
            clients: Vec::new(),
            inbox: Inbox::new(),
            touched: Vec::new(),
            owed: 0,
            latency_ns: Histogram::new(3)?,
        })
    }

    /// Adds a client, connected through `socket`.
    pub(crate) fn add(&mut self, role: Role, socket: Socket) -> io::Result<()> {
        let conn = Conn::register(socket, self.poll.registry(), Token(self.clients.len()))?;
        self.clients.push(Client { conn, role });
        Ok(())
    }

    /// Runs to the end of the schedule and of all jobs; gives the latencies measured.
    pub(crate) fn run(mut self, schedule: &Schedule) -> Result<Histogram<u64>, Failure> {
        let mut events = Events::with_capacity(1_024);
        self.begin(schedule)?;
        let mut finished = false;
        while self.goes_on() {
            self.turn(schedule, &mut events, SLEEP)?;
            let now_ns = schedule.now_ns();
            if now_ns >= schedule.end_ns && self.owed == 0 && !finished {
                finished = true;
                self.shared.unfinished.fetch_sub(1, Ordering::Relaxed);
            }
            if now_ns >= schedule.give_up_ns {
                // If ours are complete, the thread whose are not says so.
                self.close_ledgers()?;
                break;
            }
        }
        self.turn(schedule, &mut events, LINGER)?;
        Ok(self.latency_ns)
    }

    fn goes_on(&self) -> bool {
        self.shared.unfinished.load(Ordering::Relaxed) > 0 && !self.shared.failed.load(Ordering::Relaxed)
    }

    fn begin(&mut self, schedule: &Schedule) -> io::Result<()> {
        for (index, Client { conn, role }) in self.clients.iter_mut().enumerate() {
            match role {
                Role::Worker(worker) => worker.greet(self.workload, &mut conn.unsent),
                Role::Submitter(submitter) => {
                    for _ in 0..self.workload.shape.inflight {
                        submitter.submit(self.workload, schedule.now_ns(), &mut conn.unsent);
                        self.owed += 1;
                    }
                }
            }
            self.touched.push(index);
        }
        self.flush()
    }

    fn turn(&mut self, schedule: &Schedule, events: &mut Events, sleep: Duration) -> Result<(), Failure> {
        if let Err(error) = self.poll.poll(events, Some(sleep))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &*events {
            self.on_ready(event.token().0, schedule)?;
        }
        Ok(self.flush()?)
    }

    fn on_ready(&mut self, index: usize, schedule: &Schedule) -> Result<(), Failure> {
        let Client { conn, role } = &mut self.clients[index];
        let input = conn.read_lines(&mut self.inbox)?;
        let now_ns = schedule.now_ns();
        for line in lines::split(&self.inbox.lines) {
            match role {
                Role::Worker(worker) => worker.on_line(self.workload, line, &mut conn.unsent)?,
                Role::Submitter(submitter) => {
                    let start_ns = submitter.on_line(self.workload, line)?;
                    self.owed -= 1;
                    if (schedule.measure_ns..schedule.end_ns).contains(&now_ns) {
                        self.latency_ns.record(now_ns - start_ns)?;
                    }
                    if now_ns < schedule.end_ns {
                        submitter.submit(self.workload, now_ns, &mut conn.unsent);
                        self.owed += 1;
                    }
                }
            }
        }
        if input == Input::Ended {
            return Err("the server closed a connection".into());
        }
        if !conn.unsent.is_empty() {
            self.touched.push(index);
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        for index in self.touched.drain(..) {
            let Client { conn, role } = &mut self.clients[index];
            let sent = conn.flush()?;
            if let (Role::Worker(worker), true) = (role, sent) {
                worker.on_sent();
            }
        }
        Ok(())
    }

    fn close_ledgers(&self) -> Result<(), Failure> {
        for Client { role, .. } in &self.clients {
            if let Role::Submitter(submitter) = role {
                submitter.ledger().close()?;
            }
        }
        Ok(())
    }
}
