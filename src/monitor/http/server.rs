//! The thread `http`: a poller, the listeners, and at most [`HTTP_CONNECTIONS_MAX`] connections.
//!
//! It never waits for a server's figures. A request that needs fresh ones waits in its connection, until a sampler wakes the
//! poller. A flood of requests takes at most a small share of a core ([`CpuBudget`]); the rest of the flood waits.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use mio::event::Source as _;
use mio::{Events, Interest, Poll, Token, Waker};
use slab::Slab;

use super::address::HttpListeners;
use super::conn::{Conn, Next};
use super::cpu_budget::CpuBudget;
use super::date::HttpDate;
use super::hosts::is_local;
use super::request::Request;
use super::response::Response;
use super::service::Service;
use crate::limits::{ACCEPT_RETRY_MS, FLUSH_MS, HTTP_ACCEPTS_PER_TURN, HTTP_CONNECTIONS_MAX, HTTP_REQUESTS_PER_TURN};
use crate::server::{AcceptOutcome, AcceptPolicy, Keepalive, Listener, Log, StartError, Stream};

/// The token of the waker. Listeners have those from [`FIRST_LISTENER`], connections those from 0.
const WAKE: Token = Token(usize::MAX);
/// See [`WAKE`].
const FIRST_LISTENER: usize = 1 << 32;

/// A long pause is made of parts, after each of which a stop is noticed.
const PAUSE_PART: Duration = Duration::from_millis(50);

/// The running HTTP server. Dropping it ends its thread.
pub(in crate::monitor) struct HttpServer {
    stopping: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Makes the poller, so that samplers can have its waker before the thread starts.
    pub(in crate::monitor) fn prepare() -> Result<(Poll, Arc<Waker>), StartError> {
        let poll = Poll::new().map_err(StartError::system("make the poller for http"))?;
        let waker = Waker::new(poll.registry(), WAKE).map_err(StartError::system("make the waker for http"))?;
        Ok((poll, Arc::new(waker)))
    }

    /// Serves what connects to the listeners.
    pub(in crate::monitor) fn start(
        (poll, waker): (Poll, Arc<Waker>),
        listeners: HttpListeners,
        service: Service,
        log: Log,
    ) -> Result<Self, StartError> {
        let (sockets, names) = listeners.into_parts();
        let mut states = Vec::new();
        for (index, mut listener) in sockets.into_iter().enumerate() {
            let token = Token(FIRST_LISTENER + index);
            listener.register(poll.registry(), token).map_err(StartError::system("poll a listener for http"))?;
            states.push(ListenerState { listener, ready: false, paused_until: Instant::now() });
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stopping);
        let run = move || {
            let (sender, accepted) = crossbeam_channel::unbounded();
            // It fails only if the receiver is gone, which the same thread has.
            let hand_over = move |stream| drop(sender.send(stream));
            let policy = AcceptPolicy::new(Keepalive::default(), log, Arc::default(), hand_over);
            let now = Instant::now();
            HttpThread {
                poll,
                listeners: states,
                policy,
                accepted,
                conns: Slab::new(),
                work: Vec::new(),
                service,
                names,
                stopping: flag,
                stop_by: None,
                budget: CpuBudget::new(now),
            }
            .run();
        };
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(run)
            .map_err(StartError::system("start the thread for http"))?;
        Ok(Self { stopping, waker, thread: Some(thread) })
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        let woken = self.waker.wake();
        if let (Ok(()), Some(thread)) = (woken, self.thread.take()) {
            // The panic hook has reported a panic of the thread; there is nothing to add.
            let _ = thread.join();
        }
    }
}

/// A listener, whether connections may be waiting there, and until when it is paused.
struct ListenerState {
    listener: Listener,
    ready: bool,
    paused_until: Instant,
}

/// The state of the thread.
struct HttpThread<F> {
    poll: Poll,
    listeners: Vec<ListenerState>,
    policy: AcceptPolicy<F>,
    /// What the policy has accepted in this turn.
    accepted: crossbeam_channel::Receiver<Stream>,
    conns: Slab<Conn>,
    /// Connections to drive in this turn.
    work: Vec<usize>,
    service: Service,
    /// Names that requests at a loopback address may ask for.
    names: Vec<String>,
    stopping: Arc<AtomicBool>,
    /// Set at the stop: until then answers may still be sent.
    stop_by: Option<Instant>,
    budget: CpuBudget,
}

impl<F: FnMut(Stream)> HttpThread<F> {
    fn run(mut self) {
        let mut events = Events::with_capacity(2 * HTTP_CONNECTIONS_MAX);
        loop {
            let woken = self.wait(&mut events);
            let now = Instant::now();
            if self.is_over(now) {
                return;
            }
            if woken {
                self.work
                    .extend(self.conns.iter().filter(|(_, conn)| conn.waiting().is_some()).map(|(index, _)| index));
            }
            self.accept(now);
            self.expire(now);
            for index in std::mem::take(&mut self.work) {
                self.serve(index, now);
            }
            self.pause();
        }
    }

    /// Pauses if the thread has used too much processor time.
    fn pause(&mut self) {
        let mut left = self.budget.turn_ended(Instant::now());
        while !left.is_zero() && !self.stopping.load(Ordering::Acquire) {
            let part = left.min(PAUSE_PART);
            thread::sleep(part);
            left -= part;
        }
    }

    /// Waits for sockets, the waker or a deadline. Returns whether the waker woke the thread.
    fn wait(&mut self, events: &mut Events) -> bool {
        let now = Instant::now();
        let timeout = if self.work.is_empty() { self.next_deadline() } else { Some(now) };
        let polled = self.poll.poll(events, timeout.map(|deadline| deadline.saturating_duration_since(now)));
        match polled {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return false,
            Err(error) => {
                self.policy.log_failure("the poller for http failed", &error);
                thread::sleep(Duration::from_millis(ACCEPT_RETRY_MS));
                return true;
            }
        }
        let mut woken = false;
        for event in &*events {
            let Token(token) = event.token();
            if event.token() == WAKE {
                woken = true;
            } else if let Some(state) =
                token.checked_sub(FIRST_LISTENER).and_then(|index| self.listeners.get_mut(index))
            {
                state.ready = true;
            } else if let Some(conn) = self.conns.get_mut(token) {
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    conn.set_readable();
                }
                self.work.push(token);
            }
        }
        woken
    }

    /// Returns the first time at which something is due without an event.
    fn next_deadline(&self) -> Option<Instant> {
        let conns = self.conns.iter().map(|(_, conn)| conn.deadline());
        let listeners = self.listeners.iter().filter(|state| state.ready).map(|state| state.paused_until);
        conns.chain(listeners).chain(self.stop_by).min()
    }

    /// Returns whether the thread ends now: it was stopped, and no answer is on its way or the time for them is over.
    fn is_over(&mut self, now: Instant) -> bool {
        if !self.stopping.load(Ordering::Acquire) {
            return false;
        }
        self.listeners.clear();
        let stop_by = *self.stop_by.get_or_insert(now + Duration::from_millis(FLUSH_MS));
        now >= stop_by || !self.conns.iter().any(|(_, conn)| conn.is_sending())
    }

    /// Accepts from each ready listener that is not paused.
    fn accept(&mut self, now: Instant) {
        for state in self.listeners.iter_mut().filter(|state| state.ready && state.paused_until <= now) {
            let mut left = HTTP_ACCEPTS_PER_TURN;
            let outcome = self.policy.take(|| {
                left = left.checked_sub(1).ok_or(io::ErrorKind::WouldBlock)?;
                state.listener.accept()
            });
            match outcome {
                AcceptOutcome::All => state.ready = left == 0, // It was told so when its turn was over.
                AcceptOutcome::More => {}
                AcceptOutcome::Stuck => state.paused_until = now + Duration::from_millis(ACCEPT_RETRY_MS),
            }
        }
        while let Ok(stream) = self.accepted.try_recv() {
            self.open(stream, now);
        }
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
            // It fails if the poller does not know the socket, and closing the socket has the same effect.
            let _ = self.poll.registry().deregister(conn.stream());
        }
    }

    /// Ends what has taken too long.
    fn expire(&mut self, now: Instant) {
        let late = |(index, conn): (usize, &Conn)| (conn.deadline() <= now).then_some(index);
        for index in self.conns.iter().filter_map(late).collect::<Vec<_>>() {
            let next = self.conns[index].expire(now);
            match next {
                Next::Answer(request) => {
                    let response = self.service.answer_now(&request, now);
                    self.conns[index].answer(&request, &response, now);
                    self.work.push(index);
                }
                Next::Idle => {}
                Next::End => self.close(index),
            }
        }
    }

    /// Drives a connection, up to a number of requests: others have their turn then.
    fn serve(&mut self, index: usize, now: Instant) {
        for _ in 0..HTTP_REQUESTS_PER_TURN {
            let Some(conn) = self.conns.get_mut(index) else { return };
            let next = match conn.waiting() {
                Some(request) => Next::Answer(request.clone()),
                None => conn.drive(now),
            };
            match next {
                Next::Idle => return,
                Next::End => return self.close(index),
                Next::Answer(request) if conn.is_local() && !may_ask(&request, &self.names) => {
                    conn.answer(&request, &Response::line(403, FOREIGN), now);
                }
                Next::Answer(request) => match self.service.answer(&request, now) {
                    Some(response) => conn.answer(&request, &response, now),
                    None => return conn.wait(request, now),
                },
            }
        }
        self.work.push(index);
    }
}

/// The answer to a request at a loopback address that names another host.
const FOREIGN: &str = "this name is not accepted at a loopback address, because a web site could have chosen it; ask for the \
                       IP address or localhost, or have the server listen on the name (--http NAME:PORT)";

/// Returns whether a request at a loopback address may be answered. Probes may ask by any name: they learn nothing.
fn may_ask(request: &Request, names: &[String]) -> bool {
    is_local(&request.host, names) || ["/healthz", "/readyz"].contains(&request.path.as_str())
}

/// Answers that there are too many connections, as far as the socket takes it at once, and closes the connection.
fn refuse(mut stream: Stream) {
    let response = Response::line(503, "too many connections; try again");
    let mut bytes = response.head(false, HttpDate(SystemTime::now()));
    bytes.extend_from_slice(&response.body);
    // It fails if the peer has gone.
    let _ = stream.write(&bytes);
    stream.end_writing();
}
