//! One server, and what all who deal with it know of each other: the books, the counts, and how far the round is.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use socket2::SockAddr;

use crate::ledger::Ledger;
use crate::options::{Options, ServerState};
use crate::process::{Server, Via};
use crate::random::Random;
use crate::tally::Tally;
use crate::wire::Wire;
use crate::work::{Fate, Hold, Job};

/// Longest time without any answer, while work is possible. It only keeps a server that stands still from being waited
/// for without end.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a round is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// There are jobs, and faults.
    Chaos,
    /// No faults any more, and no new jobs; those that are open are done.
    Finishing,
    /// All leave.
    Over,
}

/// See the module.
pub(crate) struct Round {
    pub(crate) server: Server,
    pub(crate) ledger: Ledger,
    pub(crate) tally: Tally,
    /// Whether jobs ask for anything beside what they are. Then they may end without a result.
    pub(crate) has_options: bool,
    /// Whether the server was started with `--run-limit`.
    has_run_limit: bool,
    phase: AtomicU8,
    /// Whether the server has received a signal to stop.
    stopping: AtomicBool,
    failure: Mutex<Option<String>>,
    /// Notified when the phase changes.
    phase_changed: (Mutex<()>, Condvar),
    next: AtomicU64,
    since: Instant,
    /// When the last answer came, in ms since `since`.
    answered_ms: AtomicU64,
}

impl Round {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            ledger: Ledger::default(),
            tally: Tally::default(),
            has_options: false,
            has_run_limit: false,
            phase: AtomicU8::new(Phase::Chaos as u8),
            stopping: AtomicBool::new(false),
            failure: Mutex::default(),
            phase_changed: (Mutex::default(), Condvar::new()),
            next: AtomicU64::new(1),
            since: Instant::now(),
            answered_ms: AtomicU64::new(0),
        }
    }

    /// The same, in which jobs have options.
    pub(crate) fn with_options(self, has_run_limit: bool) -> Self {
        Self { has_options: true, has_run_limit, ..self }
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

    /// As [`Round::connect`], for those who read late or never.
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
        let (there, back) = (pad(random), pad(random));
        // Half of them as most are.
        let has_options = self.has_options && random.one_in(2);
        let options = if has_options { Options::draw(random) } else { Options::default() };
        self.job_with(
            options,
            &Job { key: self.number(), fate, there, back, hold: Hold::Firm, options: Options::default() },
        )
    }

    /// The same job with other options.
    pub(crate) fn job_with(&self, options: Options, job: &Job) -> Job {
        let hold = if self.has_run_limit || options.may_be_revoked() { Hold::Revocable } else { Hold::Firm };
        Job { hold, options, ..*job }
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) == phase as u8
    }

    /// Goes on to a later phase.
    pub(crate) fn advance_to(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::Release);
        let _held = self.phase_changed.0.lock().unwrap_or_else(PoisonError::into_inner);
        self.phase_changed.1.notify_all();
    }

    /// Waits, but not beyond the phase.
    pub(crate) fn wait(&self, time: Duration) {
        let phase = self.phase.load(Ordering::Acquire);
        let held = self.phase_changed.0.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(): &mut ()| self.phase.load(Ordering::Acquire) == phase;
        drop(self.phase_changed.1.wait_timeout_while(held, time, same).unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits at most `ms` milliseconds, and at least a half of it.
    pub(crate) fn wait_about(&self, random: &mut Random, ms: usize) {
        let us = 500 * ms + random.below(500 * ms + 1);
        self.wait(Duration::from_micros(us as u64));
    }

    /// Called before the signal to stop: from now on the server may answer `shutdown` and close connections.
    pub(crate) fn announce_stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// What of the server decides how jobs may end.
    pub(crate) fn server_state(&self) -> ServerState {
        ServerState { is_stopping: self.is_stopping(), has_run_limit: self.has_run_limit }
    }

    /// Something is not as it must be. The first such thing ends the round.
    pub(crate) fn fail(&self, what: impl Into<String>) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(what.into());
        self.advance_to(Phase::Over);
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
    pub(crate) fn check_progress(&self) {
        let still_ms = self.now_ms().saturating_sub(self.answered_ms.load(Ordering::Relaxed));
        if u128::from(still_ms) > PATIENCE.as_millis() && !self.is(Phase::Over) {
            self.fail(format!("no answer has come for {still_ms} ms\n{}", self.ledger.held().join("\n")));
        }
        if let Some(twice) = self.ledger.held_twice() {
            self.fail(twice);
        }
    }
}

/// Ends the round when it goes out of scope, so that a failing test does not wait for its threads.
pub(crate) struct StopOnDrop<'a>(pub(crate) &'a Round);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.advance_to(Phase::Over);
    }
}
