//! A round: a server, the load, the faults, and the account at the end.

use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use crate::client::Client;
use crate::faults::{CHILD_TYPE, Fault, HOARD_TYPE, TYPES};
use crate::plan::{Round, Span};
use crate::process::{Server, Via};
use crate::random::Random;
use crate::scene::{Act, Curtain, Scene};
use crate::submitter::keep_submitting;
use crate::tally::Tally;
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

impl Round {
    /// Plays it.
    ///
    /// # Panics
    /// If anything is not as it must be.
    pub(crate) fn play(&self, random: &mut Random, total: &Tally, account: &mut Account) {
        let scene = Scene::new(self.start_server());
        let mut observer = scene.server.connect(Via::Unix, "the observer");
        observer.expect_nothing();
        let start = Taken::by(scene.server.process.id());
        account.start.raise(start);
        thread::scope(|scope| {
            let _curtain = Curtain(&scene);
            let load = Load::start(scope, &scene, random);
            let faults: Vec<_> = self.spans.iter().map(|span| span.start(scope, &scene, random)).collect();
            let begin = Instant::now();
            while begin.elapsed() < self.time && !scene.is(Act::Over) {
                scene.rest(Duration::from_millis(50));
                scene.look();
                account.peak.raise(Taken::by(scene.server.process.id()));
            }
            if self.is_terminated {
                terminate(&scene);
                watch_until(&scene, || load.is_finished());
            } else {
                watch_until(&scene, || faults.iter().all(thread::ScopedJoinHandle::is_finished));
                scene.go_on(Act::Finishing);
                load.finish(scope, &scene, random, &mut observer);
            }
        });
        total.add(&scene.tally);
        if let Some(failure) = scene.failure() {
            panic!("{failure}\n{}", scene.tally.who_waits());
        }
        scene.tally.check();
        if !self.is_terminated {
            account.end.raise(settle(&scene, &mut observer, start, self.kept_bytes_max()));
        }
    }

    fn kept_bytes_max(&self) -> u64 {
        self.threads.parse::<u64>().unwrap() * KEPT_BYTES_PER_SHARD
    }

    fn start_server(&self) -> Server {
        let options = ["--threads", self.threads, "--max-attempts", self.attempts, "--max-memory", self.memory];
        let bounds = ["--max-line", "1M", "--max-unsent", "8M", "--stall-timeout", "1", "--drain-timeout", "1"];
        Server::start_under(&["prlimit", DESCRIPTORS], &[options.as_slice(), &bounds].concat())
    }
}

impl Span {
    fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        scene: &'scope Scene,
        random: &mut Random,
    ) -> thread::ScopedJoinHandle<'scope, ()> {
        let random = random.branch();
        scope.spawn(move || {
            let begin = Instant::now();
            scene.rest(self.from);
            self.fault.keep_making(scene, random, || begin.elapsed() < self.to && !scene.is_stopping());
        })
    }
}

/// Those who do nothing wrong.
pub(crate) struct Load<'scope> {
    submitters: Vec<thread::ScopedJoinHandle<'scope, ()>>,
}

impl<'scope> Load<'scope> {
    pub(crate) fn start(scope: &'scope Scope<'scope, '_>, scene: &'scope Scene, random: &mut Random) -> Self {
        for _ in 0..WORKERS {
            let random = random.branch();
            scope.spawn(move || keep_working(scene, random, &TYPES));
        }
        let own = random.branch();
        scope.spawn(move || keep_working(scene, own, &[CHILD_TYPE, TYPES[1]]));
        let submitters = (0..SUBMITTERS).map(|_| {
            let random = random.branch();
            scope.spawn(move || keep_submitting(scene, random, &[TYPES[0], TYPES[1], TYPES[2], CHILD_TYPE]))
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
        scene: &'scope Scene,
        random: &mut Random,
        observer: &mut Client,
    ) {
        let own = random.branch();
        scope.spawn(move || keep_working(scene, own, &[HOARD_TYPE]));
        watch_until(scene, || self.is_finished());
        if !scene.is(Act::Over) {
            observer.until_metric("jobs_waiting", 0);
            observer.until_metric("jobs_running", 0);
        }
        scene.go_on(Act::Over);
    }
}

/// Waits until that is so, or something is not as it must be.
pub(crate) fn watch_until(scene: &Scene, is_so: impl Fn() -> bool) {
    while !is_so() && !scene.is(Act::Over) {
        scene.look();
        thread::sleep(Duration::from_millis(5));
    }
}

/// Tells the server to stop while everything goes on. Who submits sees to it that what was accepted is answered.
fn terminate(scene: &Scene) {
    if scene.is(Act::Over) {
        return;
    }
    scene.announce_stop();
    scene.server.process.signal(Signal::TERM);
    let ended = scene.server.process.ended();
    if ended.status.code() != Some(0) {
        scene.fail(format!("told to stop, the server ended with {}: {}", ended.status, ended.stderr));
    }
    scene.tally.made(Fault::Terminated, 1);
    scene.go_on(Act::Finishing);
}

/// Everything must be as it was at the start.
pub(crate) fn settle(scene: &Scene, observer: &mut Client, start: Taken, kept_bytes_max: u64) -> Taken {
    assert_eq!(scene.ledger.held(), Vec::<String>::new());
    for (gauge, value) in
        [("workers", 0), ("workers_idle", 0), ("connections_open", 1), ("jobs_waiting", 0), ("jobs_running", 0)]
    {
        observer.until_metric(gauge, value);
    }
    observer.until_little_is_held();
    let metrics = observer.metrics();
    let count = |name: &str| metrics[name].as_u64().unwrap();
    assert_eq!(count("jobs_added"), count("jobs_done") + count("jobs_failed"), "{metrics}");
    assert_eq!(metrics["draining"], Value::Bool(false));
    let process = scene.server.process.id();
    // What sanitizers keep is their own.
    let kept_bytes_max = if cfg!(deputy_system_allocator) { u64::MAX >> 1 } else { kept_bytes_max };
    let bound_bytes = start.resident_bytes + kept_bytes_max;
    until(&format!("{} descriptors and at most {bound_bytes} bytes of memory", start.descriptors), || {
        let taken = Taken::by(process);
        (taken.descriptors == start.descriptors && taken.resident_bytes <= bound_bytes).then_some(taken)
    })
}
