//! Workers that are processes, so that the system can do to them what it does to processes: this program, started once
//! more. A child says on stdout what it takes and what it answers, so that the books know.

use std::env;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use socket2::SockAddr;

use super::{CHILD_TYPE, Fault};
use crate::ledger::WorkerId;
use crate::random::Random;
use crate::round::{Phase, Round};
use crate::wait::PATIENCE;
use crate::wire::{Received, Wire};
use crate::work::{Hold, Job};

/// Says to the child where the server's socket is.
const SOCK: &str = "DEPUTY_CHAOS_SOCK";

/// How long a child has a job before it answers, so that it is seldom without one.
const WORK: Duration = Duration::from_millis(2);

/// A child takes jobs, and is killed while it holds some.
pub(super) fn killed(round: &Round, random: &mut Random) {
    killed_when(round, || round.wait_about(random, 20));
}

/// As [`killed`]; what is given says when, by returning, and then the next job that the child takes is its last.
pub(crate) fn killed_when(round: &Round, wait_for_turn: impl FnOnce()) {
    with_child(round, |child| {
        if child.wait_until(|| child.holds() > 0) {
            wait_for_turn();
            round.tally.made(Fault::ChildKilled, u64::from(child.wait_until(|| child.holds() > 0)));
        }
    });
}

/// A child is stopped while it holds jobs, which stay its own, and answers them when it goes on.
pub(super) fn stopped(round: &Round, random: &mut Random) {
    with_child(round, |child| {
        if child.wait_until(|| child.holds() > 0) {
            child.signal(Signal::STOP);
            round.wait_about(random, 200);
            let before = child.answered.load(Ordering::Relaxed);
            child.signal(Signal::CONT);
            let goes_on = child.wait_until(|| child.answered.load(Ordering::Relaxed) > before);
            round.tally.made(Fault::ChildStopped, u64::from(goes_on));
        }
    });
}

/// A worker process, which is killed when this is dropped.
struct Worker<'a> {
    round: &'a Round,
    id: WorkerId,
    process: Child,
    /// What it says from now on does not count, as it is being killed.
    gone: &'a Mutex<bool>,
    answered: &'a AtomicU64,
}

/// Lets a child work while `what` goes on.
fn with_child(round: &Round, what: impl FnOnce(&Worker<'_>)) {
    let own = env::current_exe().unwrap();
    let mut command = Command::new(own);
    command.args(["--ignored", "--exact", "a_worker_process"]).env(SOCK, &round.server.sock);
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let output = process.stdout.take().unwrap();
    let (gone, answered) = (Mutex::new(false), AtomicU64::new(0));
    let id = round.number();
    round.ledger.vouch_for(id);
    thread::scope(|scope| {
        let child = Worker { round, id, process, gone: &gone, answered: &answered };
        scope.spawn(|| follow(output, round, id, &gone, &answered));
        what(&child);
    });
}

/// Keeps the books of what a child says.
fn follow(output: impl Read, round: &Round, id: WorkerId, gone: &Mutex<bool>, answered: &AtomicU64) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let gone = gone.lock().unwrap();
        match (*gone, line.split_at_checked(1)) {
            (false, Some(("+", job))) => round.ledger.enter(job.parse().unwrap(), Hold::Revocable, id),
            (false, Some(("!", job))) => round.ledger.enter(job.parse().unwrap(), Hold::Firm, id),
            (false, Some(("-", job))) => {
                round.ledger.strike(job.parse().unwrap(), id);
                answered.fetch_add(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
}

impl Worker<'_> {
    fn holds(&self) -> usize {
        self.round.ledger.held_by(self.id)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    /// Whether it comes to that before long; a child that was not taken in gets no jobs.
    fn wait_until(&self, is_so: impl Fn() -> bool) -> bool {
        let start = Instant::now();
        while !is_so() {
            if start.elapsed() > Duration::from_secs(1) || !self.round.is(Phase::Chaos) {
                return false;
            }
            thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Worker<'_> {
    fn drop(&mut self) {
        if let Ok(mut gone) = self.gone.lock() {
            *gone = true;
        }
        self.round.ledger.leave(self.id, false);
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What the child does: works until it is killed, or the server is gone.
pub(crate) fn work() {
    let Some(sock) = env::var_os(SOCK) else { return };
    let Some(mut wire) = Wire::connect(&SockAddr::unix(sock).unwrap()) else { return };
    wire.send(format!("{{\"cmd\":\"can_do\",\"types\":[\"{CHILD_TYPE}\"],\"max_jobs\":4}}\n"));
    // The test harness has begun a line. If the parent has ended, no process reads the line.
    let _ = io::stdout().write_all(b"\n");
    let mut held = Vec::new();
    let mut silent = Instant::now();
    while silent.elapsed() < PATIENCE {
        match wire.receive() {
            Received::Line(line) => {
                silent = Instant::now();
                let received: Value = serde_json::from_str(&line).unwrap();
                if received["cmd"] == "cancel" {
                    continue; // It answers all the same.
                }
                let job = Job::read(&received["arg"]).unwrap();
                print(if job.hold == Hold::Firm { '!' } else { '+' }, &job);
                held.push((received["job"].to_string(), job));
            }
            Received::Nothing => {}
            Received::End => return,
        }
        if let Some((number, job)) = held.pop() {
            thread::sleep(WORK);
            print('-', &job);
            wire.send(format!("{{\"cmd\":\"did\",\"job\":{number},{}}}\n", job.verdict()));
        }
    }
}

fn print(sign: char, job: &Job) {
    let line = format!("{sign}{}\n", job.key);
    // As above.
    let _ = io::stdout().write_all(line.as_bytes());
}
