//! The thread `http`: a poller, the listeners, and at most [`HTTP_CONNECTIONS_MAX`] connections.
//!
//! It never waits for a server's figures. A request that needs fresh ones waits in its connection, until a sampler wakes the
//! poller. A flood of requests takes at most a small share of a core ([`CpuBudget`]); the rest of the flood waits.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::event::Source as _;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::conn::{Conn, Next};
use super::cpu_budget::{CpuBudget, thread_time};
use super::hosts::is_local;
use super::listening::{Listening, refuse};
use super::request::Request;
use super::response::Response;
use super::service::Service;
use crate::limits::{
    ACCEPT_RETRY_MS, FLUSH_MS, HTTP_BURST_MS, HTTP_CONNECTIONS_MAX, HTTP_CPU_PERMILLE, HTTP_FIGURES_BURST_MS,
    HTTP_FIGURES_CPU_PERMILLE, HTTP_REQUESTS_PER_TURN,
};
use crate::server::Stream;

/// The token of the waker.
pub(super) const WAKE: Token = Token(usize::MAX);

/// A long pause consists of parts of this length, after each of which the thread notices a stop.
const PAUSE_PART: Duration = Duration::from_millis(50);

/// The state of the thread.
pub(super) struct HttpThread<F, S> {
    poll: Poll,
    listening: Listening<F>,
    conns: Slab<Conn>,
    /// Connections to drive in this turn.
    work: Vec<usize>,
    service: S,
    /// The `Host` names that a loopback address accepts.
    names: Vec<String>,
    /// Processor time for answers with figures.
    figures: CpuBudget,
    /// Processor time for all other work.
    rest: CpuBudget,
    /// An answer with figures waits until the budget has time for it.
    figures_wait: bool,
    stopping: Arc<AtomicBool>,
    /// Set at the stop: until then answers may still be sent.
    stop_by: Option<Instant>,
}

/// The outcome of a step of a connection.
struct Step {
    /// The step was work for an answer with figures.
    of_figures: bool,
    /// Another step may follow at once.
    goes_on: bool,
}

impl<F: FnMut(Stream), S: Service> HttpThread<F, S> {
    /// `names` are the `Host` names that a loopback address accepts. To end the thread, set `stopping` and wake the
    /// poller.
    pub(super) fn new(
        poll: Poll,
        listening: Listening<F>,
        service: S,
        names: Vec<String>,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        let now = Instant::now();
        Self {
            poll,
            listening,
            conns: Slab::new(),
            work: Vec::new(),
            service,
            names,
            figures: CpuBudget::new(HTTP_FIGURES_CPU_PERMILLE, HTTP_FIGURES_BURST_MS, now),
            rest: CpuBudget::new(HTTP_CPU_PERMILLE, HTTP_BURST_MS, now),
            figures_wait: false,
            stopping,
            stop_by: None,
        }
    }

    /// Serves until it is stopped.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(2 * HTTP_CONNECTIONS_MAX);
        let mut used = thread_time();
        loop {
            let woken = self.wait(&mut events);
            let now = Instant::now();
            if self.is_over(now) {
                return;
            }
            if woken || self.figures_wait && self.figures.wait(now).is_zero() {
                self.figures_wait = false;
                let waiting = self.conns.iter().filter(|(_, conn)| conn.waiting().is_some());
                self.work.extend(waiting.map(|(index, _)| index));
            }
            let mut of_figures = self.expire(now);
            for index in std::mem::take(&mut self.work) {
                of_figures += self.serve(index, now);
            }
            // Connections whose request has come by now do not make room for new ones.
            for stream in self.listening.accept(now) {
                self.open(stream, now);
            }
            let begin = std::mem::replace(&mut used, thread_time());
            self.rest.spend(used - begin - of_figures, now);
            self.pause();
        }
    }

    /// Pauses if the thread has used too much processor time.
    fn pause(&mut self) {
        let mut left = self.rest.wait(Instant::now());
        while !left.is_zero() && !self.stopping.load(Ordering::Acquire) {
            let part = left.min(PAUSE_PART);
            thread::sleep(part);
            left -= part;
        }
    }

    /// Waits for sockets, the waker or a deadline. Returns whether the waker woke the thread.
    fn wait(&mut self, events: &mut Events) -> bool {
        let now = Instant::now();
        let timeout = if self.work.is_empty() { self.next_deadline(now) } else { Some(now) };
        let polled = self.poll.poll(events, timeout.map(|deadline| deadline.saturating_duration_since(now)));
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return false,
            Err(error) => {
                self.listening.log_failure("the poller for http failed", &error);
                thread::sleep(Duration::from_millis(ACCEPT_RETRY_MS));
                return true;
            }
        }
        let mut woken = false;
        for event in &*events {
            if event.token() == WAKE {
                woken = true;
            } else if !self.listening.on_event(event.token())
                && let Some(conn) = self.conns.get_mut(event.token().0)
            {
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    conn.set_readable();
                }
                self.work.push(event.token().0);
            }
        }
        woken
    }

    /// Returns the first time at which something is due without an event.
    fn next_deadline(&mut self, now: Instant) -> Option<Instant> {
        let conns = self.conns.iter().map(|(_, conn)| conn.deadline());
        let figures = self.figures_wait.then(|| now + self.figures.wait(now));
        conns.chain(self.listening.next_retry()).chain(figures).chain(self.stop_by).min()
    }

    /// Returns whether the thread ends now: it was stopped, and no answer is on its way or the time for them is over.
    fn is_over(&mut self, now: Instant) -> bool {
        if !self.stopping.load(Ordering::Acquire) {
            return false;
        }
        self.listening.close();
        let stop_by = *self.stop_by.get_or_insert(now + Duration::from_millis(FLUSH_MS));
        now >= stop_by || !self.conns.iter().any(|(_, conn)| conn.is_sending())
    }

    /// Adds a connection. If there are too many, the one that has been idle longest makes room, or the new one is refused.
    fn open(&mut self, mut stream: Stream, now: Instant) {
        if self.conns.len() >= HTTP_CONNECTIONS_MAX {
            let idle = self.conns.iter().filter_map(|(index, conn)| Some((conn.idle_since()?, index)));
            match idle.min() {
                Some((_, index)) => self.close(index),
                None => return refuse(stream),
            }
        }
        let entry = self.conns.vacant_entry();
        let index = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        if stream.register(self.poll.registry(), Token(index), interest).is_ok() {
            entry.insert(Conn::new(stream, now));
            self.work.push(index);
        }
    }

    fn close(&mut self, index: usize) {
        if let Some(mut conn) = self.conns.try_remove(index) {
            // A failure has no effect: closing the socket deregisters it too.
            let _ = self.poll.registry().deregister(conn.stream());
        }
    }

    /// Ends the stages of connections whose deadline has passed. Returns the processor time that answers with figures
    /// took.
    fn expire(&mut self, now: Instant) -> i64 {
        let begin = thread_time();
        let late = |(index, conn): (usize, &Conn)| (conn.deadline() <= now).then_some(index);
        for index in self.conns.iter().filter_map(late).collect::<Vec<_>>() {
            match self.conns[index].expire(now) {
                Next::Answer(request) if self.figures.wait(now).is_zero() => {
                    let response = self.service.answer_now(&request, now);
                    self.conns[index].answer(&request, &response, now);
                    self.work.push(index);
                }
                Next::Answer(request) => {
                    self.conns[index].answer(&request, &Response::line(503, BUSY), now);
                    self.work.push(index);
                }
                Next::Idle => {}
                Next::End => self.close(index),
            }
        }
        let used = thread_time() - begin;
        self.figures.spend(used, now);
        used
    }

    /// Drives a connection, up to a number of requests; then it is the turn of other connections. Returns the processor
    /// time that answers with figures took.
    fn serve(&mut self, index: usize, now: Instant) -> i64 {
        let mut of_figures = 0;
        for _ in 0..HTTP_REQUESTS_PER_TURN {
            let begin = thread_time();
            let step = self.step(index, now);
            if step.of_figures {
                let used = thread_time() - begin;
                self.figures.spend(used, now);
                of_figures += used;
            }
            if !step.goes_on {
                return of_figures;
            }
        }
        self.work.push(index);
        of_figures
    }

    /// Drives a connection to its next request, and answers the request.
    fn step(&mut self, index: usize, now: Instant) -> Step {
        let may_spend = self.figures.wait(now).is_zero();
        let Some(conn) = self.conns.get_mut(index) else { return Step { of_figures: false, goes_on: false } };
        let of_figures = conn.is_about_figures();
        // An answer that is being sent goes on: a pause could last until its time is over. Further answers wait longer.
        if conn.waiting().is_some() && !may_spend {
            self.figures_wait = true;
            return Step { of_figures: false, goes_on: false };
        }
        let next = match conn.waiting() {
            Some(request) => Next::Answer(request.clone()),
            None => conn.drive(now),
        };
        match next {
            Next::Idle => Step { of_figures, goes_on: false },
            Next::End => {
                self.close(index);
                Step { of_figures, goes_on: false }
            }
            Next::Answer(request) if conn.is_local() && !may_ask(&request, &self.names) => {
                conn.answer(&request, &Response::line(403, FOREIGN), now);
                Step { of_figures, goes_on: true }
            }
            Next::Answer(request) => {
                let needs_figures = self.service.needs_figures(&request);
                self.figures_wait |= needs_figures && !may_spend;
                let answer = if needs_figures && !may_spend { None } else { self.service.answer(&request, now) };
                let goes_on = answer.is_some();
                match answer {
                    Some(response) => conn.answer(&request, &response, now),
                    None => conn.wait(request, now),
                }
                Step { of_figures: of_figures || needs_figures, goes_on }
            }
        }
    }
}

/// The answer to a request that has waited for its share of processor time for too long.
const BUSY: &str = "too many requests for figures; try again later";

/// The answer to a request at a loopback address that names another host.
const FOREIGN: &str = "this name is not accepted at a loopback address, because a web site could have chosen it; ask for the \
                       IP address or localhost, or have the server listen on the name (--http NAME:PORT)";

/// Returns whether a request that came to a loopback address may be answered. Probes may use any name: their answers
/// contain nothing secret.
fn may_ask(request: &Request, names: &[String]) -> bool {
    is_local(&request.host, names) || ["/healthz", "/readyz"].contains(&request.path.as_str())
}

#[cfg(test)]
mod tests;
