//! A run as seen from outside the load threads: processor time, context switches and the server's own counts at both ends
//! of the measured time, and the system calls after it.

use std::process;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::shared::Shared;
use super::timing::{Schedule, Timing};
use crate::harness::Failure;
use crate::harness::figure::approximate;
use crate::harness::servers::Target;
use crate::harness::servers::control::{Control, Counts};
use crate::harness::system::calls::{self, CALLS, Calls};
use crate::harness::system::process::{Cpu, context_switches, cpu_time, threads};

/// What is sampled when the measured time begins and when it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) server: Option<Cpu>,
    /// Of bridges, and of what they use; `None` without bridges.
    pub(super) bridges: Option<Cpu>,
    pub(super) nats: Option<Cpu>,
    pub(super) load: Option<Cpu>,
    pub(super) switches: Option<u64>,
    pub(super) counts: Option<Counts>,
}

impl Sample {
    fn take(target: &Target, control: Option<&mut Control>) -> Result<Self, Failure> {
        Ok(Self {
            counts: control.map(Control::counts).transpose()?,
            switches: target.process.and_then(context_switches),
            server: target.process.and_then(cpu_time).map(|first| others(&target.servers).fold(first, Cpu::and)),
            bridges: others(&target.bridges).reduce(Cpu::and),
            nats: others(&target.nats).reduce(Cpu::and),
            load: cpu_time(process::id()),
            at: Instant::now(),
        })
    }
}

fn others(processes: &[u32]) -> impl Iterator<Item = Cpu> {
    processes.iter().copied().filter_map(cpu_time)
}

/// Everything that was observed of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Observed {
    pub(super) began: Sample,
    pub(super) ended: Sample,
    pub(super) calls: Option<(Calls, f64)>,
    pub(super) threads: Option<u64>,
}

/// Sleeps during the run, samples at both ends of its measured time, and counts system calls after it.
pub(super) fn observe(
    target: &Target,
    schedule: &Schedule,
    failures: &Receiver<Failure>,
    shared: &Shared,
    timing: &Timing,
    mut control: Option<&mut Control>,
) -> Result<Observed, Failure> {
    sleep_until(schedule.measure_ns, schedule, failures)?;
    let began = Sample::take(target, control.as_deref_mut())?;
    sleep_until(schedule.end_ns, schedule, failures)?;
    let ended = Sample::take(target, control)?;
    let threads = target.process.and_then(threads);
    let calls = target.process.filter(|_| timing.count_calls).and_then(|process| count_calls(process, shared));
    Ok(Observed { began, ended, calls, threads })
}

/// Returns the system calls of a while, and the jobs answered in it. Starting the count takes time too, in which jobs are
/// answered; the share of the counted time is taken of all these jobs.
fn count_calls(process: u32, shared: &Shared) -> Option<(Calls, f64)> {
    let answered = || shared.answered.load(Ordering::Relaxed);
    let (before, began) = (answered(), Instant::now());
    let calls = calls::count(process, CALLS)?;
    let share = CALLS.as_secs_f64() / began.elapsed().as_secs_f64();
    Some((calls, approximate(answered() - before) * share.min(1.0)))
}

/// Sleeps; returns early if a load thread fails or all of them have ended.
fn sleep_until(moment_ns: u64, schedule: &Schedule, failures: &Receiver<Failure>) -> Result<(), Failure> {
    let left = Duration::from_nanos(moment_ns.saturating_sub(schedule.now_ns()));
    match failures.recv_timeout(left) {
        Ok(failure) => Err(failure),
        Err(_) => Ok(()),
    }
}

/// Returns the difference of two samples.
pub(super) fn used(before: Option<Cpu>, after: Option<Cpu>) -> Option<Cpu> {
    let (before, after) = before.zip(after)?;
    Some(Cpu { user: after.user.saturating_sub(before.user), system: after.system.saturating_sub(before.system) })
}
