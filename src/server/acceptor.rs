//! Accepts connections from the listeners and passes them on.
//!
//! The acceptor is one thread with its own poller. Listeners are edge-triggered, so the thread accepts from each until
//! no connection waits. If it had to stop earlier (no descriptor, no memory), the listener gets no new edge for the
//! connections that already wait. The thread tries this listener again after a pause, which new connections do not
//! shorten.
//!
//! [`AcceptPolicy`] decides what happens to each connection; `hand_over` decides which shard gets it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token, Waker};

use super::accept_policy::{AcceptCounters, AcceptOutcome, AcceptPolicy};
use super::config::Keepalive;
use super::listen::{Listener, Listeners};
use super::log::Log;
use super::start_error::StartError;
use super::stream::Stream;
use crate::limits;

/// The token of the waker that stops the thread. Listeners have the tokens from 0.
const STOP: Token = Token(usize::MAX);

/// The running acceptor. Dropping it stops it.
pub(crate) struct Acceptor {
    stopping: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Starts a thread that accepts connections. Each is counted in `counters` before `hand_over` gets it.
    pub(crate) fn start(
        listeners: Listeners,
        keepalive: Keepalive,
        log: Log,
        counters: Arc<AcceptCounters>,
        hand_over: impl FnMut(Stream) + Send + 'static,
    ) -> Result<Acceptor, StartError> {
        let poll = Poll::new().map_err(StartError::system("make the acceptor's poller"))?;
        let waker = Waker::new(poll.registry(), STOP).map_err(StartError::system("make the acceptor's waker"))?;
        let mut states = Vec::new();
        for (index, mut listener) in listeners.into_inner().into_iter().enumerate() {
            listener.register(poll.registry(), Token(index)).map_err(StartError::system("poll a listener"))?;
            states.push(ListenerState { listener, ready: false, paused_until: Instant::now() });
        }
        let stopping = Arc::new(AtomicBool::new(false));
        let policy = AcceptPolicy::new(keepalive, log, counters, hand_over);
        let accepting = Accepting { poll, listeners: states, stopping: Arc::clone(&stopping), policy };
        let thread = thread::Builder::new()
            .name("acceptor".to_owned())
            .spawn(move || accepting.run())
            .map_err(StartError::system("start the acceptor's thread"))?;
        Ok(Self { stopping, waker, thread: Some(thread) })
    }

    /// Closes the listeners and removes the socket file. Returns when that is done.
    pub(crate) fn stop(self) {
        drop(self);
    }
}

impl Drop for Acceptor {
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

/// The state of the acceptor's thread.
struct Accepting<F> {
    poll: Poll,
    listeners: Vec<ListenerState>,
    stopping: Arc<AtomicBool>,
    policy: AcceptPolicy<F>,
}

impl<F: FnMut(Stream)> Accepting<F> {
    fn run(mut self) {
        let mut events = Events::with_capacity(16);
        let mut pause = None;
        loop {
            self.wait(&mut events, pause);
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            pause = self.round();
        }
    }

    /// Waits for a connection, for the waker, or for the end of the pause.
    fn wait(&mut self, events: &mut Events, pause: Option<Duration>) {
        match self.poll.poll(events, pause) {
            Ok(()) => {
                for event in &*events {
                    if let Some(state) = self.listeners.get_mut(event.token().0) {
                        state.ready = true;
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.policy.log_failure("the acceptor's poller failed", &error);
                thread::sleep(Duration::from_millis(limits::ACCEPT_RETRY_MS));
                self.listeners.iter_mut().for_each(|state| state.ready = true); // An edge may be lost.
            }
        }
    }

    /// Accepts from each ready listener that is not paused. Returns how long to wait at most before the next round.
    fn round(&mut self) -> Option<Duration> {
        let now = Instant::now();
        for state in self.listeners.iter_mut().filter(|state| state.ready && state.paused_until <= now) {
            match self.policy.take(|| state.listener.accept()) {
                AcceptOutcome::All => state.ready = false,
                AcceptOutcome::More => {}
                AcceptOutcome::Stuck => state.paused_until = now + Duration::from_millis(limits::ACCEPT_RETRY_MS),
            }
        }
        let ready = self.listeners.iter().filter(|state| state.ready);
        ready.map(|state| state.paused_until.saturating_duration_since(now)).min()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpStream;
    use std::os::unix::net::UnixStream;
    use std::sync::atomic::AtomicU64;
    use tempfile::TempDir;

    use crossbeam_channel::{Receiver, unbounded};

    use super::super::address::Address;
    use super::super::config::Config;
    use super::super::log::Level;
    use super::super::log::line::LogFormat;
    use super::*;

    /// Long enough for a loaded machine. Only a test that fails waits so long.
    const PATIENCE: Duration = Duration::from_secs(20);

    struct Running {
        acceptor: Acceptor,
        counters: Arc<AcceptCounters>,
        address: std::net::SocketAddr,
        taken: Receiver<Stream>,
    }

    /// Starts an acceptor on a free port, and on `sock` if it is given.
    fn start(sock: Option<std::path::PathBuf>) -> Running {
        let config = Config { port: 0, sock, ..Config::default() };
        let listeners = Listeners::bind(&config).unwrap();
        let Address::Tcp(address) = listeners.addresses()[0] else { unreachable!() };
        let (log, _thread) = Log::start("deputy", Level::Off, LogFormat::Text).unwrap();
        let (sender, taken) = unbounded();
        let counters = Arc::new(AcceptCounters::default());
        let hand_over = move |stream| sender.send(stream).unwrap();
        let acceptor = Acceptor::start(listeners, config.keepalive, log, Arc::clone(&counters), hand_over).unwrap();
        Running { acceptor, counters, address, taken }
    }

    fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    #[test]
    fn connections_of_all_listeners_are_counted_and_handed_over() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let running = start(Some(path.clone()));
        for count in 1..=3 {
            let _peer = TcpStream::connect(running.address).unwrap();
            assert!(matches!(running.taken.recv_timeout(PATIENCE).unwrap(), Stream::Tcp(_)));
            assert_eq!(read(&running.counters.accepted), 2 * count - 1, "counted before it is handed over");
            let _peer = UnixStream::connect(&path).unwrap();
            assert!(matches!(running.taken.recv_timeout(PATIENCE).unwrap(), Stream::Unix(_)));
        }
        assert_eq!((read(&running.counters.accepted), read(&running.counters.refused)), (6, 0));
        running.acceptor.stop();
    }

    #[test]
    fn a_burst_is_taken_to_its_end() {
        let running = start(None);
        let peers: Vec<_> = (0..200).map(|_| TcpStream::connect(running.address).unwrap()).collect();
        for _ in &peers {
            running.taken.recv_timeout(PATIENCE).unwrap();
        }
        assert_eq!(read(&running.counters.accepted), 200);
    }

    #[test]
    fn after_a_stop_nobody_gets_in_and_the_socket_file_is_gone() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s");
        let running = start(Some(path.clone()));
        running.acceptor.stop();
        assert!(!path.exists());
        // A process that another test is starting has the listener too, until it executes its program.
        let stopped = Instant::now();
        while TcpStream::connect(running.address).is_ok() {
            assert!(stopped.elapsed() < PATIENCE, "somebody still listens");
        }
        assert!(running.taken.recv().is_err(), "the thread has ended and dropped its sender");
    }

    /// Uses up all descriptors of its process, so the test below runs it in a process of its own.
    #[test]
    #[ignore = "run by f50_without_descriptors_connections_are_refused_until_one_is_free"]
    fn f50_alone_in_its_process() {
        use rustix::process::{Resource, Rlimit, setrlimit};

        let running = start(None);
        // The first connection opens all that std and the poller open late.
        let early = TcpStream::connect(running.address).unwrap();
        let early_taken = running.taken.recv_timeout(PATIENCE).unwrap();
        setrlimit(Resource::Nofile, Rlimit { current: Some(40), maximum: Some(40) }).unwrap();
        let counts = || (read(&running.counters.accepted), read(&running.counters.refused));
        let (mut late, mut accepted) = (Vec::new(), vec![(early, early_taken)]);
        // The acceptor's call that finds no further connection holds a descriptor for a moment. If it is counted among
        // those in use here, one is left, and the next connection is accepted.
        let mut refused = loop {
            late.extend(std::iter::from_fn(|| std::fs::File::open("/dev/null").ok()));
            drop(late.pop());
            let (before, peer, connected) = (counts(), TcpStream::connect(running.address).unwrap(), Instant::now());
            while counts() == before {
                assert!(connected.elapsed() < PATIENCE, "it is neither accepted nor refused");
                thread::yield_now();
            }
            if counts().1 > 0 {
                break peer;
            }
            accepted.push((peer, running.taken.recv_timeout(PATIENCE).unwrap()));
        };
        refused.set_read_timeout(Some(PATIENCE)).unwrap();
        assert!(matches!(refused.read(&mut [0]), Ok(0) | Err(_)));
        assert_eq!(counts(), (accepted.len() as u64, 1));

        drop((refused, late));
        let _peer = TcpStream::connect(running.address).unwrap();
        running.taken.recv_timeout(PATIENCE).unwrap();
        assert_eq!(counts(), (accepted.len() as u64 + 1, 1));
    }

    #[test]
    fn f50_without_descriptors_connections_are_refused_until_one_is_free() {
        let own = std::env::current_exe().unwrap();
        let name = "server::acceptor::tests::f50_alone_in_its_process";
        let output = std::process::Command::new(own).args(["--exact", name, "--ignored"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
}
