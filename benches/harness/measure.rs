//! One run: connects the load, lets it warm up, and measures for a while.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::Failure;
use super::beside;
use super::books::Schedule;
use super::calls::{CALLS, Calls};
use super::connect::connect;
use super::control::{Control, Counted};
use super::dialect::Language;
use super::drive::{LoadThread, Measured, Shared};
use super::figure::approximate;
use super::process::{Cpu, Memory, memory};
use super::server::Target;
use super::watch::{Watched, used, watch};
use super::workload::{Workload, nanoseconds};

/// How long answers may take once no more jobs are submitted.
const DRAIN: Duration = Duration::from_secs(10);

/// How long memory may not change to count as settled.
const QUIET: Duration = Duration::from_millis(250);

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Before anything is measured.
    pub(crate) warm_up: Duration,
    /// While it is.
    pub(crate) measured: Duration,
    /// An answer that takes longer is wrong.
    pub(crate) late: Duration,
    /// Measure so many jobs instead, however long they take.
    pub(crate) jobs: Option<u64>,
    /// Threads of the load.
    pub(crate) load_threads: usize,
    /// Jobs a second that are asked for, whatever becomes of them; `None`: closed loop.
    pub(crate) rate_per_s: Option<f64>,
    /// Whether a wrong answer is expected to one job, to see that it is found.
    pub(crate) expect_wrong: bool,
    /// Whether to count system calls, after all else.
    pub(crate) count_calls: bool,
}

/// What a run measured. What the system or the server does not tell is `None`.
#[derive(Debug)]
pub(crate) struct Figures {
    /// How long was measured.
    pub(crate) wall: Duration,
    /// From the intended start to the answer, of the answers within the measured time.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late jobs with an intended start were sent.
    pub(crate) lag_ns: Histogram<u64>,
    /// Processor time of the server.
    pub(crate) server: Option<Cpu>,
    /// That of the load.
    pub(crate) load: Option<Cpu>,
    /// That of the load's busiest thread.
    pub(crate) busiest: Duration,
    /// The server's context switches.
    pub(crate) switches: Option<u64>,
    /// System calls, and for how many jobs.
    pub(crate) calls: Option<(Calls, f64)>,
    /// What the server counted, at the beginning and at the end.
    pub(crate) counted: Option<(Counted, Counted)>,
    /// Threads of the server.
    pub(crate) threads: Option<u64>,
    /// Its memory.
    pub(crate) memory: Option<Footprint>,
    /// How much the strangers did, in the unit of [`beside::run`].
    pub(crate) beside: Option<f64>,
}

/// The server's memory in the course of a run, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// Before the load came.
    pub(crate) rest: u64,
    /// With the idle connections, before the others came.
    pub(crate) idle: u64,
    /// The most.
    pub(crate) peak: u64,
    /// When the load had left.
    pub(crate) after: u64,
}

/// Loads a server. An error if anything was wrong.
pub(crate) fn measure(
    target: &Target,
    language: Language,
    workload: &Workload,
    timing: Timing,
) -> Result<Figures, Failure> {
    let mut control = target.control()?;
    let at_rest = target.process.and_then(memory);
    let idle = super::connect::idle(target, workload.shape.idle)?;
    let with_idle =
        target.process.and_then(|process| if idle.is_empty() { memory(process) } else { settled(process, QUIET) });
    let shared =
        Shared { unfinished: AtomicUsize::new(0), failed: AtomicBool::new(false), answered: AtomicU64::new(0) };
    let loaders = connect(target, language, workload, &timing, &shared)?;
    shared.unfinished.store(loaders.len(), Ordering::Relaxed);
    let schedule = schedule(&timing);
    let over = AtomicBool::new(false);
    let (figures, strangers) = std::thread::scope(|scope| {
        let strangers = scope.spawn(|| beside::run(target, language, workload, &schedule, &over));
        let figures = run_all(loaders, schedule, target, &shared, &timing, control.as_mut());
        over.store(true, Ordering::Relaxed);
        (figures, strangers.join().unwrap_or_else(|_| Err("the strangers' thread panicked".into())))
    });
    let mut figures = figures?;
    figures.beside = strangers?;
    let peak = target.process.and_then(memory);
    drop(idle);
    let after = target.process.and_then(|process| settled(process, QUIET));
    figures.memory = footprint(at_rest, with_idle, peak, after);
    Ok(figures)
}

fn footprint(
    rest: Option<Memory>,
    idle: Option<Memory>,
    peak: Option<Memory>,
    after: Option<Memory>,
) -> Option<Footprint> {
    Some(Footprint { rest: rest?.now, idle: idle?.now, peak: peak?.peak, after: after?.now })
}

/// Memory when it does not change any more within `quiet`, or after four times that: an allocator gives back in its own
/// time.
pub(crate) fn settled(process: u32, quiet: Duration) -> Option<Memory> {
    const LOOKS: u32 = 8;
    let mut last = memory(process)?;
    let mut same = 0;
    for _ in 0..4 * LOOKS {
        std::thread::sleep(quiet / LOOKS);
        let now = memory(process)?;
        same = if now.now == last.now { same + 1 } else { 0 };
        last = now;
        if same == LOOKS {
            break;
        }
    }
    Some(last)
}

fn schedule(timing: &Timing) -> Schedule {
    if timing.jobs.is_some() {
        let unlimited = Schedule { end_ns: u64::MAX, stop_ns: u64::MAX, give_up_ns: u64::MAX, ..Schedule::unset() };
        return Schedule { late_ns: nanoseconds(timing.late), ..unlimited };
    }
    let measured_until = timing.warm_up + timing.measured;
    let stop = measured_until + if timing.count_calls { CALLS * 2 } else { Duration::ZERO };
    Schedule {
        start: Instant::now(),
        measure_ns: nanoseconds(timing.warm_up),
        end_ns: nanoseconds(measured_until),
        stop_ns: nanoseconds(stop),
        give_up_ns: nanoseconds(stop + DRAIN),
        late_ns: nanoseconds(timing.late),
    }
}

fn run_all(
    loaders: Vec<LoadThread<'_>>,
    schedule: Schedule,
    target: &Target,
    shared: &Shared,
    timing: &Timing,
    control: Option<&mut Control>,
) -> Result<Figures, Failure> {
    std::thread::scope(|scope| {
        let (sender, failures) = channel();
        let running: Vec<_> = loaders
            .into_iter()
            .map(|mut loader| {
                let sender = sender.clone();
                loader.books.schedule = schedule;
                scope.spawn(move || run(loader, shared, &sender))
            })
            .collect();
        drop(sender);
        let watched = watch(target, &schedule, &failures, shared, timing, control);
        let measured: Vec<Option<Measured>> = running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Failure::from("a load thread panicked")))
            .collect::<Result<_, _>>()?;
        let watched = watched?;
        match failures.try_recv() {
            Ok(failure) => Err(failure),
            Err(_) => summarise(&watched, measured.into_iter().flatten(), timing.jobs.is_some()),
        }
    })
}

/// What a load thread does: a failure goes to `failures` at once, and stops the others.
fn run(loader: LoadThread<'_>, shared: &Shared, failures: &Sender<Failure>) -> Option<Measured> {
    loader
        .run()
        .map_err(|failure| {
            shared.failed.store(true, Ordering::Relaxed);
            // The receiver is gone only if another thread failed first.
            let _ = failures.send(failure);
        })
        .ok()
}

/// `by_number`: a number of jobs was measured, not a time.
fn summarise(watched: &Watched, measured: impl Iterator<Item = Measured>, by_number: bool) -> Result<Figures, Failure> {
    let (mut latency_ns, mut lag_ns) = (Histogram::new(3)?, Histogram::new(3)?);
    let (mut busiest, mut finished_ns) = (Duration::ZERO, 0);
    for part in measured {
        latency_ns.add(part.latency_ns)?;
        lag_ns.add(part.lag_ns)?;
        busiest = busiest.max(part.busy);
        finished_ns = finished_ns.max(part.finished_ns);
    }
    if latency_ns.is_empty() {
        return Err("no job was answered within the measured time".into());
    }
    let Watched { began, ended, calls, threads } = *watched;
    Ok(Figures {
        wall: if by_number { Duration::from_nanos(finished_ns) } else { ended.at - began.at },
        latency_ns,
        lag_ns,
        server: used(began.server, ended.server),
        load: used(began.load, ended.load),
        busiest,
        switches: began.switches.zip(ended.switches).map(|(before, after)| after.saturating_sub(before)),
        calls,
        counted: began.counted.zip(ended.counted),
        threads,
        memory: None,
        beside: None,
    })
}

impl Figures {
    /// Jobs answered within the measured time.
    pub(crate) fn jobs(&self) -> u64 {
        self.latency_ns.len()
    }

    /// Answers a second.
    pub(crate) fn jobs_per_s(&self) -> f64 {
        approximate(self.jobs()) / self.wall.as_secs_f64()
    }
}
