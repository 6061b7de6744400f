//! Decides whether a connection is accepted, refused or tried again later.
//!
//! When descriptors run out, the acceptor closes a spare descriptor for a moment. With it, it accepts and closes the
//! connections that wait, so that their clients see at once that they are refused and do not hang. Any other error
//! concerns one connection, or is temporary: accept is tried again after a pause. No error ends the acceptor.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::io::Errno;

use super::config::Keepalive;
use super::log::event::Event;
use super::log::line::Value;
use super::log::rate_limit::RateLimit;
use super::log::{Level, Log};
use super::stream::Stream;
use crate::limits;

/// Counts connections. Only the acceptor writes it.
#[derive(Debug, Default)]
pub(crate) struct AcceptCounters {
    /// Connections accepted.
    pub(crate) accepted: AtomicU64,
    /// Connections closed at once because descriptors ran out.
    pub(crate) refused: AtomicU64,
}

/// How a round at one listener ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AcceptOutcome {
    /// No connection waits: the next one causes an edge.
    All,
    /// The round reached its limit; more may wait.
    More,
    /// The listener must pause, although connections may wait.
    Stuck,
}

/// What to do after an error of accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorAction {
    /// No connection waits.
    Wait,
    /// Continue: the error concerns only one connection, which is gone.
    GoOn,
    /// Refuse the connection: descriptors ran out.
    Refuse,
    /// Try again after a pause: no memory, or an unknown error.
    Retry,
}

impl ErrorAction {
    fn of(error: &io::Error) -> Self {
        match Errno::from_io_error(error) {
            _ if error.kind() == io::ErrorKind::WouldBlock => Self::Wait,
            Some(Errno::MFILE | Errno::NFILE) => Self::Refuse,
            Some(
                Errno::INTR
                | Errno::CONNABORTED
                | Errno::CONNRESET
                | Errno::PERM
                | Errno::PROTO
                | Errno::NOPROTOOPT
                | Errno::OPNOTSUPP
                | Errno::TIMEDOUT
                | Errno::NETDOWN
                | Errno::NETUNREACH
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH,
            ) => Self::GoOn,
            _ => Self::Retry,
        }
    }
}

/// The text of the warning that connections are refused.
const REFUSING: &str = "refusing connections: out of file descriptors";

/// Accepts or refuses connections. `F` passes an accepted connection to a shard.
pub(crate) struct AcceptPolicy<F> {
    keepalive: Keepalive,
    counters: Arc<AcceptCounters>,
    hand_over: F,
    /// Closed for a moment to refuse connections when no other descriptor is left.
    spare: Option<File>,
    open_spare: fn() -> Option<File>,
    log: Log,
    /// Limits the rate of frequent warnings.
    refusals: RateLimit,
    failures: RateLimit,
}

impl<F: FnMut(Stream)> AcceptPolicy<F> {
    pub(crate) fn new(keepalive: Keepalive, log: Log, counters: Arc<AcceptCounters>, hand_over: F) -> Self {
        let limit = |event: Event, text| RateLimit::new(Level::Warn, event, None, text);
        Self {
            keepalive,
            counters,
            hand_over,
            spare: open_spare(),
            open_spare,
            log,
            refusals: limit(Event::ConnectionsRefused, REFUSING),
            failures: limit(Event::AcceptFailed, "cannot accept connections"),
        }
    }

    /// Runs one round at a listener, from which `accept` takes the next connection.
    pub(crate) fn take(&mut self, mut accept: impl FnMut() -> io::Result<Stream>) -> AcceptOutcome {
        let (mut failures, mut refusals) = (0, 0);
        for _ in 0..limits::ACCEPTS_PER_ROUND {
            let mut accepted = accept().map(|stream| self.admit(stream));
            if accepted.as_ref().is_err_and(|error| ErrorAction::of(error) == ErrorAction::Refuse) {
                accepted = self.accept_with_spare(&mut accept);
                refusals += usize::from(accepted.is_ok());
            }
            let Err(error) = accepted else {
                if refusals == limits::REFUSALS_PER_ROUND {
                    return AcceptOutcome::Stuck;
                }
                continue;
            };
            match ErrorAction::of(&error) {
                // Clients that were refused often connect again at once.
                ErrorAction::Wait => return if refusals > 0 { AcceptOutcome::Stuck } else { AcceptOutcome::All },
                ErrorAction::GoOn if failures + 1 < limits::ACCEPT_FAILURES_PER_ROUND => failures += 1,
                ErrorAction::GoOn | ErrorAction::Refuse | ErrorAction::Retry => {
                    self.log_failure("cannot accept connections, will retry", &error);
                    return AcceptOutcome::Stuck;
                }
            }
        }
        AcceptOutcome::More
    }

    /// Accepts a connection with the spare's descriptor. If a spare can be opened again at once, another descriptor has
    /// become free, and the connection is served. Otherwise it is closed.
    fn accept_with_spare(&mut self, accept: impl FnOnce() -> io::Result<Stream>) -> io::Result<()> {
        drop(self.spare.take());
        let accepted = accept();
        self.spare = (self.open_spare)();
        let stream = accepted?;
        if self.spare.is_some() {
            self.admit(stream);
        } else {
            count(&self.counters.refused);
            drop(stream);
            self.spare = (self.open_spare)();
            self.log_refusal();
        }
        Ok(())
    }

    /// Warns that connections are refused. At most one of these warnings is logged per second.
    fn log_refusal(&mut self) {
        if let Some(suppressed) = self.refusals.pass(Instant::now()) {
            let members = [("suppressed", Value::Number(suppressed.0))];
            self.log.limited(&self.refusals, format_args!("{REFUSING}{suppressed}"), &members);
        }
    }

    /// Warns that the server accepts no connection until the next try. At most one of these warnings is logged per
    /// second.
    pub(crate) fn log_failure(&mut self, what: &str, error: &io::Error) {
        if let Some(suppressed) = self.failures.pass(Instant::now()) {
            let members = [("error", Value::Text(error)), ("suppressed", Value::Number(suppressed.0))];
            self.log.limited(&self.failures, format_args!("{what}: {error}{suppressed}"), &members);
        }
    }

    fn admit(&mut self, stream: Stream) {
        count(&self.counters.accepted);
        if self.spare.is_none() {
            self.spare = (self.open_spare)(); // No descriptor was left for the spare; perhaps one is free now.
        }
        match stream.tune(&self.keepalive) {
            Ok(()) => (self.hand_over)(stream),
            Err(error) => {
                let text = format_args!("a connection ended before it was served: {error}");
                self.log.event(Event::ConnectionEnded, text, &[("error", Value::Text(&error))]);
            }
        }
    }
}

/// Opens the spare descriptor. Any file serves; a container may lack `/dev`. Returns `None` if no descriptor is left:
/// connections then wait until one is free.
fn open_spare() -> Option<File> {
    File::open("/dev/null").or_else(|_| File::open("/")).ok()
}

/// Adds one to a counter that only this thread writes.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::net::UnixStream;

    use crossbeam_channel::{Receiver, unbounded};

    use super::super::log::line::LogFormat;
    use super::*;

    /// What a scripted listener does next: it returns a connection, or fails.
    type Step = Result<(), Errno>;

    fn accept(step: Option<Step>) -> io::Result<Stream> {
        step.unwrap_or(Err(Errno::AGAIN))?;
        let (own, _peer) = UnixStream::pair()?;
        Ok(Stream::Unix(mio::net::UnixStream::from_std(own)))
    }

    thread_local! {
        static FREE: Cell<bool> = const { Cell::new(true) };
    }

    /// Opens a spare only every second time: not while a connection has its descriptor.
    fn scarce_spare() -> Option<File> {
        FREE.set(!FREE.get());
        if FREE.get() { open_spare() } else { None }
    }

    /// Returns a policy that passes connections to the receiver, and opens spares with `open_spare`.
    fn policy(open_spare: fn() -> Option<File>) -> (AcceptPolicy<impl FnMut(Stream)>, Receiver<Stream>) {
        FREE.set(true);
        let (log, _thread) = Log::start("deputy", Level::Off, LogFormat::Text).unwrap();
        let (sender, handed_over) = unbounded();
        let hand_over = move |stream| sender.send(stream).unwrap();
        let mut policy = AcceptPolicy::new(Keepalive::default(), log, Arc::default(), hand_over);
        policy.open_spare = open_spare;
        (policy, handed_over)
    }

    /// Checks how a round with these steps ends, how many connections were accepted and refused, and how many steps are
    /// left.
    #[track_caller]
    fn check(steps: impl IntoIterator<Item = Step>, outcome: AcceptOutcome, counts: (u64, u64), left: usize) {
        let (mut policy, handed_over) = policy(scarce_spare);
        let mut steps: std::collections::VecDeque<Step> = steps.into_iter().collect();
        assert_eq!(policy.take(|| accept(steps.pop_front())), outcome);
        let counters = &policy.counters;
        assert_eq!((counters.accepted.load(Ordering::Relaxed), counters.refused.load(Ordering::Relaxed)), counts);
        assert_eq!(handed_over.len() as u64, counts.0);
        assert_eq!(steps.len(), left);
    }

    #[test]
    fn f51_a_connection_that_is_gone_does_not_end_the_turn() {
        for errno in [Errno::INTR, Errno::CONNABORTED, Errno::PROTO, Errno::PERM, Errno::NETDOWN, Errno::HOSTUNREACH] {
            check([Err(errno), Ok(()), Err(errno), Ok(())], AcceptOutcome::All, (2, 0), 0);
        }
    }

    #[test]
    fn f51_an_error_that_may_last_is_rested_from() {
        for errno in [Errno::NOBUFS, Errno::NOMEM, Errno::INVAL, Errno::IO] {
            check([Ok(()), Err(errno), Ok(())], AcceptOutcome::Stuck, (1, 0), 1);
        }
    }

    #[test]
    fn f51_failures_without_end_do_not_spin() {
        let failures = limits::ACCEPT_FAILURES_PER_ROUND;
        check(vec![Err(Errno::PERM); failures + 5], AcceptOutcome::Stuck, (0, 0), 5);
    }

    #[test]
    fn f50_without_descriptors_those_who_wait_are_refused() {
        for errno in [Errno::MFILE, Errno::NFILE] {
            check([Ok(()), Err(errno), Ok(()), Err(errno), Ok(())], AcceptOutcome::Stuck, (1, 2), 0);
            check([Err(errno), Ok(()), Err(errno), Err(errno), Ok(())], AcceptOutcome::Stuck, (0, 1), 1);
        }
    }

    #[test]
    fn f50_a_descriptor_that_comes_free_meanwhile_is_used() {
        // The spare can be opened at the second attempt, because the script made the first accept fail.
        let steps = [Err(Errno::MFILE), Err(Errno::CONNABORTED), Err(Errno::MFILE), Ok(())];
        check(steps, AcceptOutcome::Stuck, (1, 0), 0);
    }

    #[test]
    fn f50_the_spare_descriptor_is_had_again_as_soon_as_there_is_one() {
        let (mut policy, _handed_over) = policy(|| None);
        assert_eq!(policy.take(|| accept(Some(Err(Errno::MFILE)))), AcceptOutcome::Stuck);
        assert!(policy.spare.is_none());
        policy.open_spare = open_spare;
        let mut steps = vec![Ok(())];
        assert_eq!(policy.take(|| accept(steps.pop())), AcceptOutcome::All);
        assert!(policy.spare.is_some());
    }

    #[test]
    fn f50_refusing_is_bounded() {
        let most = limits::REFUSALS_PER_ROUND;
        let steps = [Err(Errno::MFILE), Ok(())].into_iter().cycle().take(2 * most + 2);
        check(steps, AcceptOutcome::Stuck, (0, most as u64), 2);
    }

    #[test]
    fn a_turn_is_bounded() {
        check(
            vec![Ok(()); limits::ACCEPTS_PER_ROUND + 1],
            AcceptOutcome::More,
            (limits::ACCEPTS_PER_ROUND as u64, 0),
            1,
        );
    }
}
