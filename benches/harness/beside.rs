//! What strangers do to the server while it is loaded: see [`Beside`]. They have one thread, behind those of the load, so
//! that what they cost the load does not count as what they cost the server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Poll, Token};

use super::Failure;
use super::blocking::Blocking;
use super::books::Schedule;
use super::conn::{Conn, Socket};
use super::dialect::{Deputy, Dialect, Language, Place};
use super::figure::approximate;
use super::machine;
use super::server::Target;
use super::workload::{Beside, JobName, Workload};

/// How long an answer may take, and how long one is waited for that will not come, as the workers have left.
const PATIENCE: Duration = Duration::from_secs(3);

/// Jobs that each stalled submitter asks for at once: their answers are a megabyte, much more than the system takes.
const STALLED_JOBS: u64 = 64;

/// How often one of the stalled submitters, in turn, asks for a further job.
const STALLED_EVERY: Duration = Duration::from_millis(10);

/// Bytes of one write.
const WRITE_BYTES: usize = 64 << 10;

/// What is counted of it, for people; `None` if nothing goes on.
pub(crate) fn name(beside: Beside) -> Option<&'static str> {
    match beside {
        Beside::Nobody => None,
        Beside::Stalled(_) => Some("stalled submitters at the end"),
        Beside::Burst(_) => Some("jobs in one go"),
        Beside::Questions(_) => Some("metrics questions a second"),
        Beside::Poison(_) => Some("poison jobs"),
    }
}

/// What the strangers do until `over`. Returns how much of it they did.
pub(crate) fn run(
    target: &Target,
    language: Language,
    workload: &Workload,
    schedule: &Schedule,
    over: &AtomicBool,
) -> Result<Option<f64>, Failure> {
    if workload.shape.beside == Beside::Nobody {
        return Ok(None);
    }
    machine::lower_priority()?;
    let goes_on = || !over.load(Ordering::Relaxed);
    let done = match workload.shape.beside {
        Beside::Nobody => 0.0,
        Beside::Stalled(count) => stalled(target, language, workload, count, goes_on)?,
        Beside::Burst(jobs) => burst(target, workload, jobs, schedule, goes_on)?,
        Beside::Questions(inflight) => questions(target, inflight, schedule, goes_on)?,
        Beside::Poison(rate_per_s) => poison(target, workload, rate_per_s, goes_on)?,
    };
    Ok(Some(done))
}

/// A submitter that never reads: the connections on which it asks and, apart or not, is answered.
struct Stalled {
    asks: Conn,
    /// It is only kept.
    _hears: Option<Conn>,
    dialect: Box<dyn Dialect>,
    number: u16,
    sequence: u64,
}

impl Stalled {
    /// Asks for a job. False if its connection is over.
    fn ask(&mut self, workload: &Workload) -> bool {
        let job = JobName { submitter: self.number, sequence: self.sequence };
        self.sequence += 1;
        self.dialect.submit(workload, job, &mut self.asks.unsent);
        self.asks.flush().is_ok()
    }
}

/// Returns how many of the connections the server has kept.
fn stalled(
    target: &Target,
    language: Language,
    workload: &Workload,
    count: u16,
    goes_on: impl Fn() -> bool,
) -> Result<f64, Failure> {
    // Nobody asks it: who does not read need not know when there is something to read.
    let poll = Poll::new()?;
    let connect = |place: Place<'_>| -> Result<(Conn, Box<dyn Dialect>), Failure> {
        let socket = Socket::connect_narrow(&target.address)?;
        let (mut conn, mut dialect) = (Conn::register(socket, poll.registry(), Token(0))?, language.dialect());
        dialect.greet(place, &mut conn.unsent);
        conn.flush()?;
        Ok((conn, dialect))
    };
    let mut submitters = Vec::new();
    for place in 0..count {
        let number = workload.stranger(place);
        let hears = if language.hears_apart() { Some(connect(Place::Hearer(number))?.0) } else { None };
        let (asks, dialect) = connect(Place::Submitter(number))?;
        submitters.push(Stalled { asks, _hears: hears, dialect, number, sequence: 0 });
    }
    submitters.retain_mut(|submitter| (0..STALLED_JOBS).all(|_| submitter.ask(workload)));
    let mut turn = 0;
    while goes_on() {
        turn += 1;
        let at = turn % submitters.len().max(1);
        if submitters.get_mut(at).is_some_and(|submitter| !submitter.ask(workload)) {
            submitters.swap_remove(at);
        }
        thread::sleep(STALLED_EVERY);
    }
    Ok(approximate(submitters.len() as u64))
}

/// Sends from the moment when measuring begins. Returns how many jobs were sent: all.
fn burst(
    target: &Target,
    workload: &Workload,
    jobs: u64,
    schedule: &Schedule,
    goes_on: impl Fn() -> bool,
) -> Result<f64, Failure> {
    let mut stream = Blocking::connect(&target.address, PATIENCE)?;
    let submitter = workload.stranger(0);
    let mut lines = Vec::new();
    for sequence in 0..jobs {
        Deputy.submit(workload, JobName { submitter, sequence }, &mut lines);
    }
    thread::sleep(Duration::from_nanos(schedule.measure_ns.saturating_sub(schedule.now_ns())));
    stream.write_all(&lines)?;
    while goes_on() {
        thread::sleep(STALLED_EVERY);
    }
    Ok(approximate(jobs))
}

/// Returns how many were answered a second, within the measured time.
fn questions(
    target: &Target,
    inflight: usize,
    schedule: &Schedule,
    goes_on: impl Fn() -> bool,
) -> Result<f64, Failure> {
    let mut stream = Blocking::connect(&target.address, PATIENCE)?;
    let lines = "{\"cmd\":\"metrics\"}\n".repeat(inflight);
    let mut buffer = vec![0; WRITE_BYTES];
    let (mut began, mut answered) = (Instant::now(), 0);
    let mut measures = false;
    while goes_on() {
        if !measures && schedule.now_ns() >= schedule.measure_ns {
            (measures, began, answered) = (true, Instant::now(), 0);
        }
        stream.write_all(lines.as_bytes())?;
        stream.skip_lines(inflight, &mut buffer)?;
        answered += inflight as u64;
    }
    Ok(approximate(answered) / began.elapsed().as_secs_f64())
}

/// Returns how many were given up, which each must be.
fn poison(target: &Target, workload: &Workload, rate_per_s: f64, goes_on: impl Fn() -> bool) -> Result<f64, Failure> {
    let mut stream = Blocking::connect(&target.address, PATIENCE)?;
    let submitter = workload.stranger(0);
    let mut sequence = 0;
    while goes_on() {
        let due = Instant::now() + Duration::from_secs_f64(1.0 / rate_per_s);
        let mut line = Vec::new();
        Deputy.submit(workload, JobName { submitter, sequence }, &mut line);
        stream.write_all(&line)?;
        let answer = match stream.read_line() {
            Err(_) if !goes_on() => break,
            answer => answer?,
        };
        if !answer.contains("\"code\":\"gave_up\"") {
            return Err(format!("a job that kills its workers was answered with {answer}").into());
        }
        sequence += 1;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(approximate(sequence))
}
