//! One server, and what all who deal with it know of each other: the books, the counts, and how far the round is.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockAddr;

use crate::ledger::Ledger;
use crate::process::{Server, Via};
use crate::random::Random;
use crate::tally::Tally;
use crate::wire::Wire;
use crate::work::{Fate, Job};

/// Longest time without any answer, while work is possible. It only keeps a server that stands still from being waited
/// for without end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Act {
    /// There are jobs, and faults.
    Chaos,
    /// No faults any more, and no new jobs; those that are open are done.
    Finishing,
    /// All leave.
    Over,
}

/// See the module.
pub(crate) struct Scene {
    pub(crate) server: Server,
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    act: AtomicU8,
    /// The server was told to stop.
    stopping: AtomicBool,
    failure: Mutex<Option<String>>,
    /// Told when the act changes.
    bell: (Mutex<()>, Condvar),
    next: AtomicU64,
    since: Instant,
    /// When the last answer came, in ms since `since`.
    answered_ms: AtomicU64,
}

impl Scene {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            ledger: Ledger::default(),
            tally: Tally::default(),
            act: AtomicU8::new(Act::Chaos as u8),
            stopping: AtomicBool::new(false),
            failure: Mutex::default(),
            bell: (Mutex::default(), Condvar::new()),
            next: AtomicU64::new(1),
            since: Instant::now(),
            answered_ms: AtomicU64::new(0),
        }
    }

    /// A number that was never given before.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// One of the ways to the server.
    fn way(&self, random: &mut Random) -> SockAddr {
        self.server.address(*random.pick(&[Via::Tcp, Via::Unix]))
    }

    /// A new connection by one of the ways.
    pub(crate) fn connect(&self, random: &mut Random) -> Option<Wire> {
        self.counted(Wire::connect(&self.way(random)))
    }

    /// As [`Scene::connect`], for those who read late or never.
    pub(crate) fn connect_narrow(&self, random: &mut Random) -> Option<Wire> {
        self.counted(Wire::connect_narrow(&self.way(random)))
    }

    fn counted(&self, wire: Option<Wire>) -> Option<Wire> {
        self.tally.connections.fetch_add(u64::from(wire.is_some()), Ordering::Relaxed);
        wire
    }

    /// A job of its own, small as most are.
    pub(crate) fn job(&self, random: &mut Random) -> Job {
        let fate = if random.one_in(50) { Fate::Fails } else { Fate::Done };
        let pad = |random: &mut Random| if random.one_in(40) { random.below(16 << 10) } else { random.below(64) };
        Job { key: self.number(), fate, there: pad(random), back: pad(random) }
    }

    pub(crate) fn is(&self, act: Act) -> bool {
        self.act.load(Ordering::Acquire) == act as u8
    }

    /// Goes on to a later act.
    pub(crate) fn go_on(&self, act: Act) {
        self.act.fetch_max(act as u8, Ordering::Release);
        let _held = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.bell.1.notify_all();
    }

    /// Waits, but not beyond the act.
    pub(crate) fn rest(&self, time: Duration) {
        let act = self.act.load(Ordering::Acquire);
        let held = self.bell.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(): &mut ()| self.act.load(Ordering::Acquire) == act;
        drop(self.bell.1.wait_timeout_while(held, time, same).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits at most `ms` milliseconds, and at least a half of it.
    pub(crate) fn dawdle(&self, random: &mut Random, ms: usize) {
        let us = 500 * ms + random.below(500 * ms + 1);
        self.rest(Duration::from_micros(us as u64));
    }

    /// The server will be told to stop at once: from now on it may say `shutdown`, and close connections.
    pub(crate) fn announce_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Something is not as it must be. The first such thing ends the round.
    pub(crate) fn fail(&self, what: impl Into<String>) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what.into());
        self.go_on(Act::Over);
    }

    /// What was not as it must be.
    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A job of a submitter that is there was answered.
    pub(crate) fn on_answer(&self) {
        let now_ms = self.now_ms();
        let last_ms = self.answered_ms.fetch_max(now_ms, Ordering::Relaxed);
        self.tally.gap_ms.fetch_max(now_ms.saturating_sub(last_ms), Ordering::Relaxed);
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).expect("a round takes no aeons")
    }

    /// Fails if jobs have not been answered for long, or one was held twice.
    pub(crate) fn look(&self) {
        let still_ms = self.now_ms().saturating_sub(self.answered_ms.load(Ordering::Relaxed));
        if u128::from(still_ms) > PATIENCE.as_millis() && !self.is(Act::Over) {
            self.fail(format!("no answer has come for {still_ms} ms\n{}", self.ledger.held().join("\n")));
        }
        if let Some(twice) = self.ledger.held_twice() {
            self.fail(twice);
        }
    }
}

/// Ends the round when it goes out of scope, so that a test that fails waits for nobody.
pub(crate) struct Curtain<'a>(pub(crate) &'a Scene);

impl Drop for Curtain<'_> {
    fn drop(&mut self) {
        self.0.go_on(Act::Over);
    }
}
