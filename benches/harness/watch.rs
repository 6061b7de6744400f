//! A run seen from outside of the load threads: processor time, context switches and the server's own figures at both
//! ends of the measured time, and system calls behind it.

use std::process;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::Failure;
use super::books::Schedule;
use super::calls::{self, CALLS, Calls};
use super::control::{Control, Counted};
use super::drive::Shared;
use super::figure::approximate;
use super::measure::Timing;
use super::process::{Cpu, context_switches, cpu_time, threads};
use super::server::Target;

/// What is looked at when the measured time begins and when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    pub(crate) server: Option<Cpu>,
    pub(crate) load: Option<Cpu>,
    pub(crate) switches: Option<u64>,
    pub(crate) counted: Option<Counted>,
}

impl Sample {
    fn take(target: &Target, control: Option<&mut Control>) -> Result<Self, Failure> {
        Ok(Self {
            counted: control.map(Control::counted).transpose()?,
            switches: target.process.and_then(context_switches),
            server: target.process.and_then(cpu_time),
            load: cpu_time(process::id()),
            at: Instant::now(),
        })
    }
}

/// All that was seen of a run from outside of the load threads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched {
    pub(crate) began: Sample,
    pub(crate) ended: Sample,
    pub(crate) calls: Option<(Calls, f64)>,
    pub(crate) threads: Option<u64>,
}

/// Sleeps through the run, looks at both ends of its measured part, and counts system calls behind it.
pub(crate) fn watch(
    target: &Target,
    schedule: &Schedule,
    failures: &Receiver<Failure>,
    shared: &Shared,
    timing: &Timing,
    mut control: Option<&mut Control>,
) -> Result<Watched, Failure> {
    sleep_until(schedule.measure_ns, schedule, failures)?;
    let began = Sample::take(target, control.as_deref_mut())?;
    sleep_until(schedule.end_ns, schedule, failures)?;
    let ended = Sample::take(target, control)?;
    let threads = target.process.and_then(threads);
    let calls = target.process.filter(|_| timing.count_calls).and_then(|process| count_calls(process, shared));
    Ok(Watched { began, ended, calls, threads })
}

/// System calls of a while, and the jobs of it. Starting to count takes a while, too, in which jobs go on: of those that
/// were answered in both, the part that falls into the first.
fn count_calls(process: u32, shared: &Shared) -> Option<(Calls, f64)> {
    let answered = || shared.answered.load(Ordering::Relaxed);
    let (before, began) = (answered(), Instant::now());
    let calls = calls::count(process, CALLS)?;
    let part = CALLS.as_secs_f64() / began.elapsed().as_secs_f64();
    Some((calls, approximate(answered() - before) * part.min(1.0)))
}

/// Wakes early if a load thread fails, or when all of them have ended.
fn sleep_until(moment_ns: u64, schedule: &Schedule, failures: &Receiver<Failure>) -> Result<(), Failure> {
    let left = Duration::from_nanos(moment_ns.saturating_sub(schedule.now_ns()));
    match failures.recv_timeout(left) {
        Ok(failure) => Err(failure),
        Err(_) => Ok(()),
    }
}

/// The difference of two readings.
pub(crate) fn used(before: Option<Cpu>, after: Option<Cpu>) -> Option<Cpu> {
    let (before, after) = before.zip(after)?;
    Some(Cpu { user: after.user.saturating_sub(before.user), system: after.system.saturating_sub(before.system) })
}
