//! A round: a server, the load, the faults, and the account at the end.

use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::client::Client;
use crate::faults::{CHILD_TYPE, Fault, HANG_TYPE, HOARD_TYPE, TYPES};
use crate::plan::{RoundPlan, Span};
use crate::process::{Server, Via};
use crate::random::Random;
use crate::round::{Phase, Round, StopOnDrop};
use crate::submitter::keep_submitting;
use crate::tally::{Code, Tally};
use crate::wait::until;
use crate::watch::{Account, Taken};
use crate::worker::keep_working;

/// Descriptors that the server may have: the load and some faults need two thirds of them.
const DESCRIPTORS: &str = "--nofile=240:240";

/// What each shard may keep of its memory in the end, beside what there was at the start: 4 MiB of buffers for the next
/// replies, and of each size of block that it has used the last page, of up to 4 MiB, which mimalloc keeps for the
/// thread until that has asked for thousands of further blocks. Seen: 2 to 17 MiB.
const KEPT_BYTES_PER_SHARD: u64 = 24 << 20;

/// Submitters and workers that do nothing wrong.
const SUBMITTERS: usize = 4;
const WORKERS: usize = 5;

impl RoundPlan {
    /// Plays it.
    ///
    /// # Panics
    /// If anything is not as it must be.
    pub(crate) fn play(&self, random: &mut Random, total: &Tally, account: &mut Account) {
        let round = Round::new(self.start_server()).with_options(self.run_limit != "0");
        let mut observer = round.server.connect(Via::Unix, "the observer");
        observer.expect_nothing();
        let start = Taken::by(round.server.process.id());
        account.start.raise(start);
        thread::scope(|scope| {
            let _stop = StopOnDrop(&round);
            let load = Load::start(scope, &round, random);
            let faults: Vec<_> = self.spans.iter().map(|span| span.start(scope, &round, random)).collect();
            let begin = Instant::now();
            while begin.elapsed() < self.time && !round.is(Phase::Over) {
                round.wait(Duration::from_millis(50));
                round.check_progress();
                account.peak.raise(Taken::by(round.server.process.id()));
            }
            if self.is_terminated {
                terminate(&round);
                watch_until(&round, || load.is_finished());
            } else {
                watch_until(&round, || faults.iter().all(thread::ScopedJoinHandle::is_finished));
                round.advance_to(Phase::Finishing);
                load.finish(scope, &round, random, &mut observer);
            }
        });
        total.add(&round.tally);
        if let Some(failure) = round.failure() {
            panic!("{failure}\n{}", round.tally.who_waits());
        }
        round.tally.check();
        if !self.is_terminated {
            account.end.raise(settle(&round, &mut observer, start, self.kept_bytes_max()));
        }
    }

    fn kept_bytes_max(&self) -> u64 {
        self.threads.parse::<u64>().unwrap() * KEPT_BYTES_PER_SHARD
    }

    fn start_server(&self) -> Server {
        let options = ["--threads", self.threads, "--max-attempts", self.attempts, "--max-memory", self.memory];
        let bounds = ["--max-line", "1M", "--max-unsent", "8M", "--run-limit", self.run_limit];
        let times = ["--stall-timeout", "1", "--drain-timeout", "1"];
        Server::start_under(&["prlimit", DESCRIPTORS], &[options.as_slice(), &bounds, &times].concat())
    }
}

impl Span {
    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        round: &'scope Round,
        random: &mut Random,
    ) -> thread::ScopedJoinHandle<'scope, ()> {
        let random = random.branch();
        scope.spawn(move || {
            let begin = Instant::now();
            round.wait(self.from);
            self.fault.keep_making(round, random, || begin.elapsed() < self.to && !round.is_stopping());
        })
    }
}

/// Those who do nothing wrong.
pub(crate) struct Load<'scope> {
    submitters: Vec<thread::ScopedJoinHandle<'scope, ()>>,
}

impl<'scope> Load<'scope> {
    pub(crate) fn start(scope: &'scope Scope<'scope, '_>, round: &'scope Round, random: &mut Random) -> Self {
        for _ in 0..WORKERS {
            let random = random.branch();
            scope.spawn(move || keep_working(round, random, &TYPES));
        }
        let own = random.branch();
        scope.spawn(move || keep_working(round, own, &[CHILD_TYPE, TYPES[1]]));
        let submitters = (0..SUBMITTERS).map(|_| {
            let random = random.branch();
            scope.spawn(move || keep_submitting(round, random, &[TYPES[0], TYPES[1], TYPES[2], CHILD_TYPE]))
        });
        Self { submitters: submitters.collect() }
    }

    /// Whether no submitter waits for anything.
    pub(crate) fn is_finished(&self) -> bool {
        self.submitters.iter().all(thread::ScopedJoinHandle::is_finished)
    }

    /// All jobs must come to an end, those of submitters that left, too.
    fn finish(
        self,
        scope: &'scope Scope<'scope, '_>,
        round: &'scope Round,
        random: &mut Random,
        observer: &mut Client,
    ) {
        let own = random.branch();
        scope.spawn(move || keep_working(round, own, &[HOARD_TYPE, HANG_TYPE]));
        watch_until(round, || self.is_finished());
        if !round.is(Phase::Over) {
            until("the end of all jobs", || {
                let metrics = observer.metrics();
                ["jobs_delayed", "jobs_waiting", "jobs_running"].iter().all(|name| metrics[name] == 0).then_some(())
            });
        }
        round.advance_to(Phase::Over);
    }
}

/// Waits until that is so, or something is not as it must be.
pub(crate) fn watch_until(round: &Round, is_so: impl Fn() -> bool) {
    while !is_so() && !round.is(Phase::Over) {
        round.check_progress();
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asks the server to stop while everything goes on. Who submits sees to it that what was accepted is answered.
fn terminate(round: &Round) {
    if round.is(Phase::Over) {
        return;
    }
    round.announce_stop();
    round.server.process.signal(Signal::TERM);
    let ended = round.server.process.ended();
    if ended.status.code() != Some(0) {
        round.fail(format!("asked to stop, the server ended with {}: {}", ended.status, ended.stderr));
    }
    round.tally.made(Fault::Terminated, 1);
    round.advance_to(Phase::Finishing);
}

/// Everything must be as it was at the start.
pub(crate) fn settle(round: &Round, observer: &mut Client, start: Taken, kept_bytes_max: u64) -> Taken {
    assert_eq!(round.ledger.held(), Vec::<String>::new());
    for gauge in ["workers", "workers_idle", "jobs_delayed", "jobs_waiting", "jobs_running", "slots_spent"] {
        observer.until_metric(gauge, 0);
    }
    observer.until_metric("connections_open", 1);
    observer.until_little_is_held();
    let metrics = observer.metrics();
    let count = |name: &str| metrics[name].as_u64().unwrap();
    assert_eq!(count("jobs_added"), count("jobs_done") + count("jobs_failed"), "{metrics}");
    // Beside those that are counted here, jobs of submitters that left and in the background had these ends.
    for (name, code) in [
        ("jobs_cancelled", Code::Cancelled),
        ("jobs_expired", Code::Expired),
        ("jobs_timed_out", Code::TimedOut),
        ("jobs_no_worker", Code::NoWorker),
    ] {
        assert!(count(name) >= round.tally.answers(code), "{name}: {metrics}");
    }
    assert_eq!(metrics["draining"], Value::Bool(false));
    let process = round.server.process.id();
    // What sanitizers keep is their own.
    let kept_bytes_max = if cfg!(deputy_system_allocator) { u64::MAX >> 1 } else { kept_bytes_max };
    let bound_bytes = start.resident_bytes + kept_bytes_max;
    until(&format!("{} descriptors and at most {bound_bytes} bytes of memory", start.descriptors), || {
        let taken = Taken::by(process);
        (taken.descriptors == start.descriptors && taken.resident_bytes <= bound_bytes).then_some(taken)
    })
}
