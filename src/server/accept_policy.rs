//! Stands at the counters: takes connections, or refuses them.
//!
//! When descriptors run out, a spare one is given up for a moment to take and close the connections that wait: their
//! clients learn at once that they are refused, where they would hang. What else goes wrong concerns one connection, or
//! passes, and is tried again after a pause. Nothing here ends the acceptor.

use std::fmt;
use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rustix::io::Errno;

use super::config::Keepalive;
use super::log::Log;
use super::log::rate_limit::RateLimit;
use super::stream::Stream;
use crate::limits;

/// Counts at the counters, written by the acceptor alone.
#[derive(Debug, Default)]
pub(crate) struct AcceptCounters {
    /// Connections accepted.
    pub(crate) accepted: AtomicU64,
    /// Connections closed at once for want of descriptors.
    pub(crate) refused: AtomicU64,
}

/// How a listener's turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AcceptOutcome {
    /// Nobody waits: the next one makes an edge.
    All,
    /// Its turn was up; more may wait.
    More,
    /// Nobody more is to be taken or refused for a while, though some may wait.
    Stuck,
}

/// What an error of accept calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorAction {
    /// Nobody waits.
    Wait,
    /// It concerns that one connection, which is gone.
    GoOn,
    /// There is no descriptor for it.
    Refuse,
    /// There is no memory for it, or nobody knows.
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

/// Who stands at the counters.
pub(super) struct AcceptPolicy {
    keepalive: Keepalive,
    counters: Arc<AcceptCounters>,
    hand_over: Box<dyn FnMut(Stream) + Send>,
    /// Given up for a moment to refuse connections when there is no other descriptor.
    spare: Option<File>,
    open_spare: Box<dyn FnMut() -> Option<File> + Send>,
    log: Log,
    /// For warnings of things that may happen thousands of times a second.
    warnings: RateLimit,
}

impl AcceptPolicy {
    pub(super) fn new(
        keepalive: Keepalive,
        log: Log,
        counters: Arc<AcceptCounters>,
        hand_over: Box<dyn FnMut(Stream) + Send>,
    ) -> Self {
        let (spare, complaints) = (open_spare(), RateLimit::default());
        Self { keepalive, counters, hand_over, spare, open_spare: Box::new(open_spare), log, warnings: complaints }
    }

    /// One turn of a listener, from which `accept` takes the next connection.
    pub(super) fn take(&mut self, mut accept: impl FnMut() -> io::Result<Stream>) -> AcceptOutcome {
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
                // Who was refused is back at once, as likely as not.
                ErrorAction::Wait => return if refusals > 0 { AcceptOutcome::Stuck } else { AcceptOutcome::All },
                ErrorAction::GoOn if failures + 1 < limits::ACCEPT_FAILURES_PER_ROUND => failures += 1,
                ErrorAction::GoOn | ErrorAction::Refuse | ErrorAction::Retry => {
                    self.warn_limited(format_args!("accepting failed, trying again: {error}"));
                    return AcceptOutcome::Stuck;
                }
            }
        }
        AcceptOutcome::More
    }

    /// Takes a connection in place of the spare descriptor. If there is one for the spare at once, it came free
    /// meanwhile, and the connection is welcome; else it is closed.
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
            self.warn_limited(format_args!("connections are refused, for all descriptors are in use"));
        }
        Ok(())
    }

    /// Logs a warning, but at most one a second.
    pub(super) fn warn_limited(&mut self, text: fmt::Arguments<'_>) {
        if let Some(others) = self.warnings.pass(Instant::now()) {
            self.log.warn(format_args!("{text}{others}"));
        }
    }

    fn admit(&mut self, stream: Stream) {
        count(&self.counters.accepted);
        if self.spare.is_none() {
            self.spare = (self.open_spare)(); // Lost when there was not even one; there are some again.
        }
        match stream.tune(&self.keepalive) {
            Ok(()) => (self.hand_over)(stream),
            Err(error) => self.log.debug(format_args!("a connection was gone at once: {error}")),
        }
    }
}

/// Any descriptor will do. `None` if there is not even one: connections wait then until there is.
fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// Adds one to a counter that one thread writes.
fn count(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::super::log::Level;
    use super::*;

    /// What a scripted listener does next: gives a connection, or fails.
    type Step = Result<(), Errno>;

    fn accept(step: Option<Step>) -> io::Result<Stream> {
        step.unwrap_or(Err(Errno::AGAIN))?;
        let (own, _peer) = UnixStream::pair()?;
        Ok(Stream::Unix(mio::net::UnixStream::from_std(own)))
    }

    /// A spare that can be had only every other time: not while a connection has its descriptor.
    fn scarce_spare() -> Box<dyn FnMut() -> Option<File> + Send> {
        let mut free = true;
        Box::new(move || {
            free = !free;
            if free { open_spare() } else { None }
        })
    }

    /// Who hands connections to the receiver, and may have spares as `open_spare` says.
    fn policy(
        open_spare: Box<dyn FnMut() -> Option<File> + Send>,
    ) -> (AcceptPolicy, crossbeam_channel::Receiver<Stream>) {
        let (log, _thread) = Log::start(Level::Off).unwrap();
        let (hand, handed) = crossbeam_channel::unbounded();
        let hand_over = Box::new(move |stream| hand.send(stream).unwrap());
        let mut policy = AcceptPolicy::new(Keepalive::default(), log, Arc::default(), hand_over);
        policy.open_spare = open_spare;
        (policy, handed)
    }

    /// Checks how a turn with these steps ends, how many were taken and refused, and how many steps are left.
    #[track_caller]
    fn check(steps: impl IntoIterator<Item = Step>, taken: AcceptOutcome, counts: (u64, u64), left: usize) {
        let (mut policy, handed) = policy(scarce_spare());
        let mut steps: std::collections::VecDeque<Step> = steps.into_iter().collect();
        assert_eq!(policy.take(|| accept(steps.pop_front())), taken);
        let counters = &policy.counters;
        assert_eq!((counters.accepted.load(Ordering::Relaxed), counters.refused.load(Ordering::Relaxed)), counts);
        assert_eq!(handed.len() as u64, counts.0);
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
        // The second turn at the spare finds one free: the script leaves it so after a failed accept.
        let steps = [Err(Errno::MFILE), Err(Errno::CONNABORTED), Err(Errno::MFILE), Ok(())];
        check(steps, AcceptOutcome::Stuck, (1, 0), 0);
    }

    #[test]
    fn f50_the_spare_descriptor_is_had_again_as_soon_as_there_is_one() {
        let (mut policy, _handed) = policy(Box::new(|| None));
        assert_eq!(policy.take(|| accept(Some(Err(Errno::MFILE)))), AcceptOutcome::Stuck);
        assert!(policy.spare.is_none());
        policy.open_spare = Box::new(open_spare);
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
