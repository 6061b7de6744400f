//! One run: connects the load, lets it warm up, and measures for a while.

use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::Failure;
use crate::clients::{Submitter, Worker};
use crate::conn::{Address, Socket};
use crate::drive::{LoadThread, Role, Schedule, Shared};
use crate::machine::cpu_time;
use crate::workload::Workload;

/// How long answers may take once no more jobs are submitted.
const DRAIN: Duration = Duration::from_secs(10);

/// How long a run takes, and by how many threads it is loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Before anything is measured.
    pub(crate) warm_up: Duration,
    /// While it is.
    pub(crate) measured: Duration,
    /// Threads of the load.
    pub(crate) load_threads: usize,
}

/// What a run measured.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Answers a second.
    pub(crate) jobs_per_s: f64,
    /// From submission to answer, of the answers within the measured time.
    pub(crate) latency_ns: Histogram<u64>,
    /// Processor time of the server, in microseconds a job.
    pub(crate) server_us: Option<f64>,
    /// That of the load.
    pub(crate) load_us: Option<f64>,
}

/// Loads the server at `address`, process `server`. An error if anything was wrong.
pub(crate) fn measure(server: u32, address: &Address, workload: &Workload, timing: Timing) -> Result<Figures, Failure> {
    let shared = Shared { unfinished: AtomicUsize::new(timing.load_threads), failed: AtomicBool::new(false) };
    let threads = connect(address, workload, &shared, timing.load_threads)?;
    let schedule = schedule(timing);
    std::thread::scope(|scope| {
        let (sender, failures) = channel();
        let running: Vec<_> = threads
            .into_iter()
            .map(|thread| {
                let (sender, shared) = (sender.clone(), &shared);
                scope.spawn(move || run(thread, &schedule, shared, &sender))
            })
            .collect();
        drop(sender);
        let used = watch(server, &schedule, &failures)?;
        let latencies: Vec<Option<Histogram<u64>>> = running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Failure::from("a load thread panicked")))
            .collect::<Result<_, _>>()?;
        match failures.try_recv() {
            Ok(failure) => Err(failure),
            Err(_) => summarise(timing, used, latencies.iter().flatten()),
        }
    })
}

/// What a load thread does: a failure goes to `failures` at once, and stops the others.
fn run(
    thread: LoadThread<'_>,
    schedule: &Schedule,
    shared: &Shared,
    failures: &Sender<Failure>,
) -> Option<Histogram<u64>> {
    thread
        .run(schedule)
        .map_err(|failure| {
            shared.failed.store(true, Ordering::Relaxed);
            // The receiver is gone only if another thread failed first.
            let _ = failures.send(failure);
        })
        .ok()
}

/// Workers first, so that none of them is missed by the first jobs; all dealt out in turn.
fn connect<'a>(
    address: &Address,
    workload: &'a Workload,
    shared: &'a Shared,
    count: usize,
) -> Result<Vec<LoadThread<'a>>, Failure> {
    let mut threads = (0..count).map(|_| LoadThread::new(workload, shared)).collect::<Result<Vec<_>, _>>()?;
    let workers = (0..workload.shape.workers).map(|number| Role::Worker(Worker::new(number, workload)));
    let submitters = (0..workload.shape.submitters).map(|number| Role::Submitter(Submitter::new(number)));
    for (index, role) in workers.enumerate().chain(submitters.enumerate()) {
        let socket = Socket::connect(address).map_err(|error| format!("cannot connect: {error}"))?;
        threads[index % count].add(role, socket)?;
    }
    Ok(threads)
}

fn schedule(timing: Timing) -> Schedule {
    let after = |time: Duration| u64::try_from(time.as_nanos()).expect("options are at most a day");
    let measured_until = timing.warm_up + timing.measured;
    Schedule {
        start: Instant::now(),
        measure_ns: after(timing.warm_up),
        end_ns: after(measured_until),
        give_up_ns: after(measured_until + DRAIN),
    }
}

/// Processor time used between two moments, and how far these were apart.
#[derive(Clone, Copy)]
struct Used {
    server: Option<Duration>,
    load: Option<Duration>,
    wall: Duration,
}

struct Sample {
    server: Option<Duration>,
    load: Option<Duration>,
    at: Instant,
}

impl Sample {
    fn take(server: u32) -> Self {
        Self { server: cpu_time(server), load: cpu_time(process::id()), at: Instant::now() }
    }
}

/// Sleeps through the run and reads the clocks at both ends of its measured part.
fn watch(server: u32, schedule: &Schedule, failures: &Receiver<Failure>) -> Result<Used, Failure> {
    sleep_until(schedule.measure_ns, schedule, failures)?;
    let before = Sample::take(server);
    sleep_until(schedule.end_ns, schedule, failures)?;
    let after = Sample::take(server);
    let between = |a: Option<Duration>, b: Option<Duration>| Some(b?.saturating_sub(a?));
    Ok(Used {
        server: between(before.server, after.server),
        load: between(before.load, after.load),
        wall: after.at - before.at,
    })
}

/// Wakes early if a load thread fails.
fn sleep_until(moment_ns: u64, schedule: &Schedule, failures: &Receiver<Failure>) -> Result<(), Failure> {
    let left = Duration::from_nanos(moment_ns.saturating_sub(schedule.now_ns()));
    match failures.recv_timeout(left) {
        Ok(failure) => Err(failure),
        Err(_) => Ok(()),
    }
}

fn summarise<'a>(
    timing: Timing,
    used: Used,
    latencies: impl Iterator<Item = &'a Histogram<u64>>,
) -> Result<Figures, Failure> {
    let mut latency_ns = Histogram::new(3)?;
    for part in latencies {
        latency_ns.add(part)?;
    }
    if latency_ns.is_empty() {
        return Err("no job was answered within the measured time".into());
    }
    let jobs_per_s = approximate(latency_ns.len()) / timing.measured.as_secs_f64();
    let us_per_job = |cpu: Duration| cpu.as_secs_f64() / used.wall.as_secs_f64() / jobs_per_s * 1e6;
    Ok(Figures { jobs_per_s, latency_ns, server_us: used.server.map(us_per_job), load_us: used.load.map(us_per_job) })
}

/// A count as a figure for people.
#[expect(clippy::cast_precision_loss, reason = "figures are shown with three digits or so")]
pub(crate) fn approximate(count: u64) -> f64 {
    count as f64
}
