//! What other clients do to the server while it is loaded: see [`Interference`]. They share one thread that runs after
//! those of the load, so that their cost for the load does not count as the server's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Poll, Token};

use super::timing::Schedule;
use crate::harness::Failure;
use crate::harness::figure::approximate;
use crate::harness::net::blocking::Blocking;
use crate::harness::net::conn::{Conn, Socket};
use crate::harness::servers::Target;
use crate::harness::system::machine;
use crate::harness::traffic::drivers::{Deputy, Driver, Endpoint, Protocol};
use crate::harness::traffic::workload::{Interference, JobKey, Workload};

/// How long an answer may take. Also how long the thread waits for one that cannot come because the workers have left.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Jobs that each stalled reader submits at once: their answers are a megabyte, more than the system buffers.
const STALLED_JOBS: u64 = 64;

/// How often one of the stalled readers, in rotation, submits another job.
const STALLED_PERIOD: Duration = Duration::from_millis(10);

/// Bytes of one write.
const WRITE_BYTES: usize = 64 << 10;

/// Returns the name of the count that [`run`] returns; `None` without interference.
pub(crate) fn unit(interference: Interference) -> Option<&'static str> {
    match interference {
        Interference::None => None,
        Interference::StalledReaders(_) => Some("stalled readers at the end"),
        Interference::Burst(_) => Some("jobs in one burst"),
        Interference::MetricsQueries(_) => Some("metrics queries per second"),
        Interference::Poison(_) => Some("poison jobs"),
    }
}

/// Interferes until `over`. Returns how much was done.
pub(super) fn run(
    target: &Target,
    protocol: Protocol,
    workload: &Workload,
    schedule: &Schedule,
    over: &AtomicBool,
) -> Result<Option<f64>, Failure> {
    if workload.shape.interference == Interference::None {
        return Ok(None);
    }
    machine::lower_priority()?;
    let goes_on = || !over.load(Ordering::Relaxed);
    let done = match workload.shape.interference {
        Interference::None => 0.0,
        Interference::StalledReaders(count) => stalled_readers(target, protocol, workload, count, goes_on)?,
        Interference::Burst(jobs) => burst(target, workload, jobs, schedule, goes_on)?,
        Interference::MetricsQueries(inflight) => metrics_queries(target, inflight, schedule, goes_on)?,
        Interference::Poison(rate_per_s) => poison(target, workload, rate_per_s, goes_on)?,
    };
    Ok(Some(done))
}

/// A submitter that never reads.
struct StalledReader {
    conn: Conn,
    /// The connection for its answers, in a protocol that separates them. It is only kept open.
    _answers: Option<Conn>,
    driver: Box<dyn Driver>,
    number: u16,
    sequence: u64,
}

impl StalledReader {
    /// Submits a job. Returns false if its connection has failed.
    fn submit(&mut self, workload: &Workload) -> bool {
        let job = JobKey { submitter: self.number, sequence: self.sequence };
        self.sequence += 1;
        self.driver.submit(workload, job, &mut self.conn.unsent);
        self.conn.flush().is_ok()
    }
}

/// Returns how many of the connections the server has kept open.
fn stalled_readers(
    target: &Target,
    protocol: Protocol,
    workload: &Workload,
    count: u16,
    goes_on: impl Fn() -> bool,
) -> Result<f64, Failure> {
    // It is never polled, because these clients never read.
    let poll = Poll::new()?;
    let connect = |endpoint: Endpoint<'_>| -> Result<(Conn, Box<dyn Driver>), Failure> {
        let socket = Socket::connect_narrow(&target.address)?;
        let (mut conn, mut driver) = (Conn::register(socket, poll.registry(), Token(0))?, protocol.driver());
        driver.greet(endpoint, &mut conn.unsent);
        conn.flush()?;
        Ok((conn, driver))
    };
    let mut readers = Vec::new();
    for index in 0..count {
        let number = workload.interfering(index);
        let answers = Endpoint::Answers { submitter: number, at_once: workload.shape.max_jobs };
        let answers = if protocol.separates_answers() { Some(connect(answers)?.0) } else { None };
        let (conn, driver) = connect(Endpoint::Submitter(number))?;
        readers.push(StalledReader { conn, _answers: answers, driver, number, sequence: 0 });
    }
    readers.retain_mut(|reader| (0..STALLED_JOBS).all(|_| reader.submit(workload)));
    let mut turn = 0;
    while goes_on() {
        turn += 1;
        let index = turn % readers.len().max(1);
        if readers.get_mut(index).is_some_and(|reader| !reader.submit(workload)) {
            readers.swap_remove(index);
        }
        thread::sleep(STALLED_PERIOD);
    }
    Ok(approximate(readers.len() as u64))
}

/// Sends all jobs when the measured time begins. Returns how many.
fn burst(
    target: &Target,
    workload: &Workload,
    jobs: u64,
    schedule: &Schedule,
    goes_on: impl Fn() -> bool,
) -> Result<f64, Failure> {
    let mut stream = Blocking::connect(&target.address, ANSWER_TIMEOUT)?;
    let submitter = workload.interfering(0);
    let mut lines = Vec::new();
    for sequence in 0..jobs {
        Deputy.submit(workload, JobKey { submitter, sequence }, &mut lines);
    }
    thread::sleep(Duration::from_nanos(schedule.measure_ns.saturating_sub(schedule.now_ns())));
    stream.write_all(&lines)?;
    while goes_on() {
        thread::sleep(STALLED_PERIOD);
    }
    Ok(approximate(jobs))
}

/// Connections that ask for the metrics: a query comes seldom from just one dashboard.
const METRICS_CONNECTIONS: usize = 4;

/// Metrics queries per second, unless the server is slower. Late queries follow without pause, so that this is the average.
/// Without a rate, a fast server would be asked more often than a slow one.
const METRICS_PER_S: f64 = 150_000.0;

/// Returns how many queries were answered per second, within the measured time.
fn metrics_queries(
    target: &Target,
    inflight: usize,
    schedule: &Schedule,
    goes_on: impl Fn() -> bool,
) -> Result<f64, Failure> {
    let connect = |_| Blocking::connect(&target.address, ANSWER_TIMEOUT);
    let mut streams = (0..METRICS_CONNECTIONS).map(connect).collect::<Result<Vec<_>, _>>()?;
    let inflight_each = inflight.div_ceil(METRICS_CONNECTIONS);
    let period = Duration::from_secs_f64(approximate((inflight_each * METRICS_CONNECTIONS) as u64) / METRICS_PER_S);
    let lines = "{\"cmd\":\"metrics\"}\n".repeat(inflight_each);
    let mut buffer = vec![0; WRITE_BYTES];
    let (mut began, mut due, mut answered) = (Instant::now(), Instant::now(), 0);
    let mut measures = false;
    while goes_on() {
        due += period;
        if !measures && schedule.now_ns() >= schedule.measure_ns {
            (measures, began, answered) = (true, Instant::now(), 0);
        }
        for stream in &mut streams {
            stream.write_all(lines.as_bytes())?;
        }
        for stream in &mut streams {
            stream.skip_lines(inflight_each, &mut buffer)?;
            answered += inflight_each as u64;
        }
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(approximate(answered) / began.elapsed().as_secs_f64())
}

/// Returns how many jobs were given up, as each of them must be.
fn poison(target: &Target, workload: &Workload, rate_per_s: f64, goes_on: impl Fn() -> bool) -> Result<f64, Failure> {
    let mut stream = Blocking::connect(&target.address, ANSWER_TIMEOUT)?;
    let submitter = workload.interfering(0);
    let mut sequence = 0;
    while goes_on() {
        let due = Instant::now() + Duration::from_secs_f64(1.0 / rate_per_s);
        let mut line = Vec::new();
        Deputy.submit(workload, JobKey { submitter, sequence }, &mut line);
        stream.write_all(&line)?;
        let answer = match stream.read_line() {
            Err(_) if !goes_on() => break,
            answer => answer?,
        };
        if !answer.contains("\"code\":\"gave_up\"") {
            return Err(format!("the server answered a job that kills its workers with {answer}").into());
        }
        sequence += 1;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(approximate(sequence))
}
