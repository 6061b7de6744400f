//! The real server under the harness's load: its own counts and its processor time.

use std::time::{Duration, Instant};

use rustix::param::clock_ticks_per_second;

use crate::harness::Failure;
use crate::harness::figure::approximate;
use crate::harness::servers::ServerKind;
use crate::harness::system::machine::cores;
use crate::harness::system::process::cpu_time;
use crate::harness::tables::case::Case;
use crate::harness::tables::run::{Options, steady};
use crate::workload::Workload;

/// The time before the measured time.
const WARM_UP: Duration = Duration::from_millis(500);

/// The figures per job, measured or predicted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PerJob {
    /// Answers per second.
    pub(crate) jobs_per_s: f64,
    /// Microseconds of the server's processor time.
    pub(crate) us: f64,
    /// Messages between shards.
    pub(crate) messages: f64,
    /// Shards woken for them.
    pub(crate) wakes: f64,
    /// Turns of the shards.
    pub(crate) turns: f64,
    /// The share of the machine's cores that other programs used meanwhile.
    pub(crate) others: f64,
}

/// Loads a server with this many shards; server and load share all cores.
pub(crate) fn run(workload: Workload, shards: u16, time: Duration) -> Result<PerJob, Failure> {
    let case = Case::new(ServerKind::Deputy, workload.harness_shape()).threads(shards.into()).shared();
    let (began, all_before, own_before) = (Instant::now(), all_cpu_time(), own_cpu_time());
    let figures = steady(&case, 0, &Options { warm_up: WARM_UP, ..Options::for_time(time) })?;
    let all = all_cpu_time().zip(all_before).map(|(after, before)| after.saturating_sub(before));
    let own = own_cpu_time().saturating_sub(own_before);
    let unknown = || Failure::from("the processor time is not known: no /proc/stat");
    let server = figures.server.ok_or_else(unknown)?;
    let server = (server.user + server.system).as_secs_f64();
    let jobs = approximate(figures.jobs());
    let (before, after) = figures.counts.ok_or("the server's counts are not known")?;
    let of = |before: u64, after: u64| approximate(after - before) / jobs;
    // The server's share within the measured time is assumed for the whole run.
    let whole = began.elapsed().as_secs_f64();
    let others =
        all.ok_or_else(unknown)?.saturating_sub(own).as_secs_f64() - server * whole / figures.wall.as_secs_f64();
    Ok(PerJob {
        jobs_per_s: figures.jobs_per_s(),
        us: server * 1e6 / jobs,
        messages: of(before.messages, after.messages),
        wakes: of(before.wakes, after.wakes),
        turns: of(before.turns, after.turns),
        others: others.max(0.0) / whole / approximate(cores() as u64),
    })
}

fn own_cpu_time() -> Duration {
    cpu_time(std::process::id()).map_or(Duration::ZERO, |cpu| cpu.user + cpu.system)
}

/// Returns the processor time of all programs together; `None` without /proc/stat.
fn all_cpu_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/stat").ok()?;
    let ticks: Vec<u64> = stat.lines().next()?.split_whitespace().skip(1).map_while(|n| n.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq: see proc_stat(5).
    let busy = [0, 1, 2, 5, 6].into_iter().map(|at| ticks.get(at)).sum::<Option<u64>>()?;
    Some(Duration::from_secs(1) * u32::try_from(busy).ok()? / u32::try_from(clock_ticks_per_second()).ok()?)
}
