//! One run: connects the load, lets it warm up, and measures for a while.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use hdrhistogram::Histogram;

use super::audit::Auditor;
use super::connect::{connect, idle};
use super::interference;
use super::observe::{Observed, observe, used};
use super::settle::settle;
use super::shared::{Measured, Shared};
use super::thread::LoadThread;
use super::timing::{Schedule, Timing};
use crate::harness::Failure;
use crate::harness::figure::approximate;
use crate::harness::limit;
use crate::harness::servers::Target;
use crate::harness::servers::control::{Control, Counts};
use crate::harness::system::calls::Calls;
use crate::harness::system::process::{Cpu, Memory, memory};
use crate::harness::traffic::asks::Ask;
use crate::harness::traffic::drivers::Protocol;
use crate::harness::traffic::tally::{ServerCounts, Tally};
use crate::harness::traffic::workload::Workload;

/// Memory that does not change for this long is steady, or for as long as was measured, if that was shorter.
const QUIET: Duration = Duration::from_millis(250);

/// What a run measured. A figure that is not known is `None`.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The measured time.
    pub(crate) wall: Duration,
    /// From the intended start to the answer, of the answers within the measured time.
    pub(crate) latency_ns: Histogram<u64>,
    /// How late jobs with an intended start were sent.
    pub(crate) lag_ns: Histogram<u64>,
    /// The processor time of the server.
    pub(crate) server: Option<Cpu>,
    /// The processor time of bridges, and of what they use; `None` without bridges.
    pub(crate) bridges: Option<Cpu>,
    pub(crate) nats: Option<Cpu>,
    /// The processor time of the load.
    pub(crate) load: Option<Cpu>,
    /// The processor time of the load's busiest thread.
    pub(crate) busiest: Duration,
    /// The server's context switches.
    pub(crate) switches: Option<f64>,
    /// System calls, and the number of jobs that they served.
    pub(crate) calls: Option<(Calls, f64)>,
    /// The server's own counts at the beginning and at the end.
    pub(crate) counts: Option<(Counts, Counts)>,
    /// The threads of the server's process.
    pub(crate) threads: Option<u64>,
    /// The time until the last background job was accepted, if a number of jobs was measured.
    pub(crate) accepting: Option<Duration>,
    /// The server's memory.
    pub(crate) memory: Option<Footprint>,
    /// How much the interfering clients did, in the unit of [`interference::unit`].
    pub(crate) interference: Option<f64>,
    /// How the jobs ended,
    pub(crate) tally: Tally,
    /// and what the server counted of them, if they ask for something besides being done.
    pub(crate) server_counts: Option<ServerCounts>,
}

/// The server's memory in the course of a run, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Footprint {
    /// Before the load connected.
    pub(crate) rest: u64,
    /// With the idle connections, before the others.
    pub(crate) idle: u64,
    /// At most.
    pub(crate) peak: u64,
    /// After the load had left.
    pub(crate) after: u64,
}

/// Loads a server. Returns an error if anything was wrong.
pub(crate) fn measure(
    target: &Target,
    protocol: Protocol,
    workload: &Workload,
    timing: Timing,
) -> Result<Figures, Failure> {
    let mut control = target.control()?;
    let ask = workload.shape.ask;
    let auditor = Auditor::of(target, protocol, workload)?;
    let at_rest = target.process.and_then(memory);
    let idle = idle(target, workload.shape.idle)?;
    let with_idle = target
        .process
        .and_then(|process| if idle.is_empty() { memory(process) } else { steady_memory(process, QUIET) });
    let shared = Shared::default();
    shared.unsettled.store(auditor.is_some(), Ordering::Relaxed);
    let threads = connect(target, protocol, workload, &timing, &shared)?;
    shared.unfinished.store(threads.len(), Ordering::Relaxed);
    let schedule = Schedule::of(&timing);
    let over = AtomicBool::new(false);
    let panicked = || Failure::from("a thread beside the load panicked");
    let (figures, interference, settled) = std::thread::scope(|scope| {
        let interfering = scope.spawn(|| interference::run(target, protocol, workload, &schedule, &over));
        let settling = auditor.map(|auditor| scope.spawn(|| settle(auditor, ask, &shared)));
        let figures = run_all(threads, schedule, target, &shared, &timing, control.as_mut());
        over.store(true, Ordering::Relaxed);
        let settled = settling.map(|thread| thread.join().unwrap_or_else(|_| Err(panicked())));
        (figures, interfering.join().unwrap_or_else(|_| Err(panicked())), settled.transpose())
    });
    let mut figures = figures?;
    figures.server_counts = settled?;
    if let Some(counts) = figures.server_counts {
        figures.tally.judge(ask, counts)?;
    }
    figures.interference = interference?;
    let peak = target.process.and_then(memory);
    drop(idle);
    let after = target.process.and_then(|process| steady_memory(process, QUIET.min(figures.wall)));
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

/// Returns the memory of a process when it has not changed for `quiet`, or after four times that, because an allocator
/// returns memory in its own time.
pub(super) fn steady_memory(process: u32, quiet: Duration) -> Option<Memory> {
    const SAMPLES: u32 = 8;
    let mut last = memory(process)?;
    let mut unchanged = 0;
    for _ in 0..4 * SAMPLES {
        std::thread::sleep(quiet / SAMPLES);
        let now = memory(process)?;
        unchanged = if now.now == last.now { unchanged + 1 } else { 0 };
        last = now;
        if unchanged == SAMPLES {
            break;
        }
    }
    Some(last)
}

fn run_all(
    threads: Vec<LoadThread<'_>>,
    schedule: Schedule,
    target: &Target,
    shared: &Shared,
    timing: &Timing,
    control: Option<&mut Control>,
) -> Result<Figures, Failure> {
    let ask = threads.first().map_or(Ask::Nothing, |thread| thread.in_flight.workload.shape.ask);
    std::thread::scope(|scope| {
        let (sender, failures) = channel();
        let running: Vec<_> = threads
            .into_iter()
            .map(|mut thread| {
                let sender = sender.clone();
                thread.in_flight.schedule = schedule;
                scope.spawn(move || run(thread, shared, &sender))
            })
            .collect();
        drop(sender);
        let observed = observe(target, &schedule, &failures, shared, timing, control);
        let measured: Vec<Option<Measured>> = running
            .into_iter()
            .map(|thread| thread.join().map_err(|_| Failure::from("a load thread panicked")))
            .collect::<Result<_, _>>()?;
        let observed = observed?;
        match failures.try_recv() {
            Ok(failure) => Err(failure),
            Err(_) => summarise(&observed, measured.into_iter().flatten(), Tally::new(ask), timing),
        }
    })
}

/// Runs a load thread. A failure goes to `failures` at once and stops the other threads.
fn run(thread: LoadThread<'_>, shared: &Shared, failures: &Sender<Failure>) -> Option<Measured> {
    thread
        .run()
        .map_err(|failure| {
            shared.failed.store(true, Ordering::Relaxed);
            // The receiver is gone only if another thread failed first.
            let _ = failures.send(failure);
        })
        .ok()
}

/// Adds up what the threads measured. The answers are counted within exactly the measured time; the samples are taken by
/// another thread, which may be late, so what they measured is scaled to that time.
fn summarise(
    observed: &Observed,
    measured: impl Iterator<Item = Measured>,
    mut tally: Tally,
    timing: &Timing,
) -> Result<Figures, Failure> {
    let (mut latency_ns, mut lag_ns) = (Histogram::new(3)?, Histogram::new(3)?);
    let (mut busiest, mut finished_ns, mut executed_ns) = (Duration::ZERO, 0, 0);
    for part in measured {
        latency_ns.add(part.latency_ns)?;
        lag_ns.add(part.lag_ns)?;
        tally.add(&part.tally);
        busiest = busiest.max(part.busy);
        finished_ns = finished_ns.max(part.finished_ns);
        executed_ns = executed_ns.max(part.executed_ns);
    }
    if latency_ns.is_empty() {
        return Err("no job was answered within the measured time; measure longer (--seconds)".into());
    }
    let Observed { began, ended, calls, threads } = *observed;
    // Workers receive the last background job after it was accepted, and any other job before it is answered.
    let (wall, scale) = match timing.jobs {
        Some(_) => (Duration::from_nanos(finished_ns.max(executed_ns)), 1.0),
        None => (timing.measured, limit::scale(timing.measured, ended.at - began.at)),
    };
    let accepting = timing.jobs.filter(|_| tally.accepted > 0).map(|_| Duration::from_nanos(finished_ns));
    let cpu = |before: Option<Cpu>, after: Option<Cpu>| used(before, after).map(|cpu| cpu.times(scale));
    let switches = began.switches.zip(ended.switches).map(|(before, after)| after.saturating_sub(before));
    Ok(Figures {
        wall,
        latency_ns,
        lag_ns,
        server: cpu(began.server, ended.server),
        bridges: cpu(began.bridges, ended.bridges),
        nats: cpu(began.nats, ended.nats),
        load: cpu(began.load, ended.load),
        busiest,
        switches: switches.map(|switches| approximate(switches) * scale),
        calls,
        counts: began.counts.zip(ended.counts),
        threads,
        accepting,
        memory: None,
        interference: None,
        tally,
        server_counts: None,
    })
}

impl Figures {
    /// Returns the number of jobs that were answered within the measured time.
    pub(crate) fn jobs(&self) -> u64 {
        self.latency_ns.len()
    }

    /// Returns the answers per second.
    pub(crate) fn jobs_per_s(&self) -> f64 {
        approximate(self.jobs()) / self.wall.as_secs_f64()
    }

    /// Returns a quantile of the latencies, in microseconds.
    pub(crate) fn quantile_us(&self, quantile: f64) -> f64 {
        approximate(self.latency_ns.value_at_quantile(quantile)) / 1e3
    }
}
