//! A load thread: some of the submitters and workers, on one poller.
//!
//! Per turn each ready socket is read once and written once, as the server does it. So the load costs about as much as the
//! server and is rarely the limit. What is due by the clock (an open loop, work that takes time) is awaited by polling
//! repeatedly in the last moments, because a poller cannot wait for less than a millisecond. If another thread works in the
//! background, a short sleep follows each turn without events: a thread that never sleeps loses its core for a whole time
//! slice, and that would count as latency.

use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::in_flight::{Due, InFlight, Role};
use super::shared::{Measured, Meter, Shared};
use crate::harness::Failure;
use crate::harness::net::conn::{Address, Chunk, Conn, Input, Socket, chunk};
use crate::harness::system::machine;
use crate::harness::traffic::clients::Worker;
use crate::harness::traffic::drivers::{Driver, Endpoint, Protocol};

/// The longest sleep, and so the longest time until a thread notices that another one failed.
const SLEEP_MAX: Duration = Duration::from_millis(10);

/// What is due sooner is awaited without sleeping.
const SPIN_NS: u64 = 1_500_000;

/// How long a thread sleeps after a turn without events, if another thread works in the background.
const NAP: Duration = Duration::from_micros(20);

/// How long the server may take to answer greetings.
const GREETING_TIMEOUT: Duration = Duration::from_secs(20);

/// The time after the last answer in which a wrong second answer would arrive.
const LINGER: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Client {
    conn: Conn,
    driver: Box<dyn Driver>,
    role: Role,
    /// Whether its index is in [`LoadThread::dirty`].
    is_dirty: bool,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LoadThread<'a> {
    shared: &'a Shared,
    poll: Poll,
    clients: Vec<Client>,
    chunk: Chunk,
    /// Clients with something to send.
    dirty: Vec<usize>,
    pub(crate) in_flight: InFlight<'a>,
    /// An answer, while it is written.
    scratch: Vec<u8>,
    /// Whether other threads run before it.
    in_background: bool,
    /// Whether another thread runs in the background.
    leaves_time: bool,
    /// Whether the last turn had no events.
    is_idle: bool,
    /// Where workers that a job has killed connect again, and their protocol.
    reconnect: Option<(Address, Protocol)>,
}

impl<'a> LoadThread<'a> {
    /// Returns a thread without clients.
    pub(crate) fn new(in_flight: InFlight<'a>, shared: &'a Shared) -> Result<Self, Failure> {
        Ok(Self {
            shared,
            poll: Poll::new()?,
            clients: Vec::new(),
            chunk: chunk(),
            dirty: Vec::new(),
            in_flight,
            scratch: Vec::new(),
            in_background: false,
            leaves_time: false,
            is_idle: false,
            reconnect: None,
        })
    }

    /// Sets where workers that a job has killed connect again.
    pub(crate) fn reconnect_to(self, address: Address, protocol: Protocol) -> Self {
        Self { reconnect: Some((address, protocol)), ..self }
    }

    /// Lets other threads run before this one.
    pub(crate) fn in_background(self) -> Self {
        Self { in_background: true, ..self }
    }

    /// Leaves time to a thread in the background.
    pub(crate) fn leave_time(&mut self) {
        self.leaves_time = true;
    }

    /// Returns how many clients it has: the index of the next one.
    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Adds a client that is connected through `socket`, and writes its greeting. `number` is the submitter's.
    pub(crate) fn add(
        &mut self,
        socket: Socket,
        mut driver: Box<dyn Driver>,
        role: Role,
        number: u16,
    ) -> io::Result<()> {
        let mut conn = Conn::register(socket, self.poll.registry(), Token(self.clients.len()))?;
        let endpoint = match &role {
            Role::Works(worker) => self.endpoint_of(worker),
            Role::Answers(source) if self.in_flight.sources[*source].conn != self.clients.len() => {
                Endpoint::Answers { submitter: number, at_once: self.in_flight.workload.shape.max_jobs }
            }
            Role::Answers(_) | Role::SubmitsOnly => Endpoint::Submitter(number),
        };
        driver.greet(endpoint, &mut conn.unsent);
        self.dirty.push(self.clients.len());
        self.clients.push(Client { conn, driver, role, is_dirty: true });
        Ok(())
    }

    fn endpoint_of<'w>(&self, worker: &'w Worker) -> Endpoint<'w> {
        Endpoint::Worker {
            number: worker.number(),
            types: worker.types(),
            max_jobs: self.in_flight.workload.shape.max_jobs,
        }
    }

    /// Closes the connections of workers that a job has killed, with all that they hold, and connects them again.
    fn reconnect_killed(&mut self) -> Result<(), Failure> {
        let mut killed = std::mem::take(&mut self.in_flight.killed);
        killed.sort_unstable();
        killed.dedup();
        for index in killed {
            let Some((address, protocol)) = &self.reconnect else { continue };
            let (socket, mut driver) = (Socket::connect(address)?, protocol.driver());
            let mut conn = Conn::register(socket, self.poll.registry(), Token(index))?;
            if let Role::Works(worker) = &self.clients[index].role {
                driver.greet(self.endpoint_of(worker), &mut conn.unsent);
            }
            let client = &mut self.clients[index];
            if let Role::Works(worker) = &mut client.role {
                worker.on_disconnected();
            }
            (client.conn, client.driver) = (conn, driver);
            self.mark_dirty(index);
        }
        Ok(())
    }

    /// Remembers that a client has something to send.
    fn mark_dirty(&mut self, index: usize) {
        if !std::mem::replace(&mut self.clients[index].is_dirty, true) {
            self.dirty.push(index);
        }
    }

    /// Returns when the greetings have taken effect, so that what other clients send from now on reaches these clients.
    pub(crate) fn wait_ready(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(1_024);
        let deadline = Instant::now() + GREETING_TIMEOUT;
        while !self.clients.iter().all(|client| client.driver.is_ready()) {
            if Instant::now() >= deadline {
                return Err("the server did not answer a greeting".into());
            }
            self.turn(&mut events, SLEEP_MAX)?;
        }
        Ok(())
    }

    /// Runs until the schedule has ended and all jobs are answered.
    pub(crate) fn run(mut self) -> Result<Measured, Failure> {
        if self.in_background {
            machine::run_when_idle()?;
        } else if self.leaves_time {
            machine::sleep_exactly()?;
        }
        let schedule = self.in_flight.schedule;
        let mut events = Events::with_capacity(1_024);
        let mut meter = Meter::default();
        let mut finished_ns = None;
        while self.goes_on() {
            self.turn(&mut events, SLEEP_MAX)?;
            let now_ns = schedule.now_ns();
            meter.sample(now_ns, schedule.measure_ns, schedule.end_ns);
            if self.in_flight.is_done(now_ns) && finished_ns.is_none() {
                finished_ns = Some(now_ns);
                self.shared.unfinished.fetch_sub(1, Ordering::Relaxed);
            }
            if now_ns >= self.in_flight.give_up_ns() && self.shared.unfinished.load(Ordering::Relaxed) > 0 {
                // If all jobs of this thread are answered, the thread that lacks answers reports it.
                self.in_flight.check_complete()?;
                break;
            }
        }
        meter.end();
        self.turn(&mut events, LINGER)?;
        let InFlight { latency_ns, lag_ns, asked, executed_ns, .. } = self.in_flight;
        let finished_ns = finished_ns.unwrap_or_default();
        Ok(Measured { latency_ns, lag_ns, tally: asked.tally, busy: meter.busy(), finished_ns, executed_ns })
    }

    fn goes_on(&self) -> bool {
        let Shared { unfinished, unsettled, failed, .. } = self.shared;
        let needed = unfinished.load(Ordering::Relaxed) > 0 || unsettled.load(Ordering::Relaxed);
        needed && !failed.load(Ordering::Relaxed)
    }

    fn turn(&mut self, events: &mut Events, sleep_max: Duration) -> Result<(), Failure> {
        self.send_due()?;
        let timeout = self.poll_timeout(sleep_max);
        if timeout.is_zero() && self.leaves_time && self.is_idle {
            thread::sleep(NAP);
        }
        if let Err(error) = self.poll.poll(events, Some(timeout))
            && error.kind() != io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        self.is_idle = events.is_empty();
        let (answered, executed) = (self.in_flight.answered, self.in_flight.executions());
        for event in &*events {
            self.on_ready(event.token().0)?;
        }
        self.reconnect_killed()?;
        self.shared.answered.fetch_add(self.in_flight.answered - answered, Ordering::Relaxed);
        self.shared.executed.fetch_add(self.in_flight.executions() - executed, Ordering::Relaxed);
        self.send_due()
    }

    /// Returns how long the poller may sleep.
    fn poll_timeout(&self, sleep_max: Duration) -> Duration {
        let Some(due_ns) = self.in_flight.next_due_ns() else { return sleep_max };
        let left_ns = due_ns.saturating_sub(self.in_flight.schedule.now_ns());
        Duration::from_millis(left_ns.saturating_sub(SPIN_NS) / 1_000_000).min(sleep_max)
    }

    fn on_ready(&mut self, index: usize) -> Result<(), Failure> {
        let Client { conn, driver, role, .. } = &mut self.clients[index];
        // Two closures share it, of which only one runs at a time.
        let driver = std::cell::RefCell::new(driver);
        let in_flight = &mut self.in_flight;
        let input = conn.read(
            &mut self.chunk,
            |fresh| driver.borrow().may_end_in(fresh),
            |input, out| -> Result<(), Failure> {
                let (now_ns, driver) = (in_flight.schedule.now_ns(), &mut **driver.borrow_mut());
                while let Some(message) = driver.next_message(input, out)? {
                    in_flight.on_message(index, role, &mut **driver, message, now_ns, out)?;
                }
                Ok(())
            },
        )?;
        if input == Input::Ended {
            return Err("the server closed a connection".into());
        }
        if !conn.unsent.is_empty() {
            self.mark_dirty(index);
        }
        Ok(())
    }

    /// Sends everything that is due, with one write per connection.
    fn send_due(&mut self) -> Result<(), Failure> {
        let now_ns = self.in_flight.schedule.now_ns();
        while let Some(due) = self.in_flight.take_due(now_ns)? {
            let workload = self.in_flight.workload;
            let index = match due {
                Due::Submit(source, job) => {
                    let index = self.in_flight.sources[source].conn;
                    let Client { conn, driver, .. } = &mut self.clients[index];
                    driver.submit(workload, job, &mut conn.unsent);
                    index
                }
                Due::Cancel(source, job) => {
                    let index = self.in_flight.sources[source].conn;
                    let Client { conn, driver, .. } = &mut self.clients[index];
                    driver.cancel(workload, job, &mut conn.unsent);
                    index
                }
                Due::Answer { conn: index, handle, job } => {
                    let Client { conn, driver, role, .. } = &mut self.clients[index];
                    self.scratch.clear();
                    workload.append_res(job, &mut self.scratch);
                    driver.answer(&handle, job, &self.scratch, &mut conn.unsent);
                    if let Role::Works(worker) = role {
                        worker.on_answered();
                    }
                    index
                }
            };
            self.mark_dirty(index);
        }
        Ok(self.flush()?)
    }

    fn flush(&mut self) -> io::Result<()> {
        for index in self.dirty.drain(..) {
            let Client { conn, role, is_dirty, .. } = &mut self.clients[index];
            *is_dirty = false;
            let sent = conn.flush()?;
            if let (Role::Works(worker), true) = (role, sent) {
                worker.on_sent();
            }
        }
        Ok(())
    }
}
