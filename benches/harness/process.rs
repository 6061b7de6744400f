//! What the system tells of a process, where it does (/proc, on Linux): processor time, memory, context switches.

use std::time::Duration;

/// Processor time that a process has used, ended children not counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// In its own code.
    pub(crate) user: Duration,
    /// In the system, for it.
    pub(crate) system: Duration,
}

/// See [`Cpu`]. In steps of a clock tick, mostly 10 ms.
pub(crate) fn cpu_time(process: u32) -> Option<Cpu> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything; utime and stime are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let ticks_per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    let mut time = || Some(Duration::from_secs(1) * fields.next()?.parse::<u32>().ok()? / ticks_per_second);
    Some(Cpu { user: time()?, system: time()? })
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    /// What it has now (resident).
    pub(crate) now: u64,
    /// The most that it ever had.
    pub(crate) peak: u64,
}

/// See [`Memory`].
pub(crate) fn memory(process: u32) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kib = |name| field(&status, name);
    Some(Memory { now: kib("VmRSS:")? << 10, peak: kib("VmHWM:")? << 10 })
}

/// How many threads a process has.
pub(crate) fn threads(process: u32) -> Option<u64> {
    field(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, "Threads:")
}

/// How often the threads of a process gave up their core, or were made to.
pub(crate) fn context_switches(process: u32) -> Option<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // A thread may end between two looks.
        let Ok(status) = std::fs::read_to_string(task.ok()?.path().join("status")) else { continue };
        sum += field(&status, "voluntary_ctxt_switches:")? + field(&status, "nonvoluntary_ctxt_switches:")?;
    }
    Some(sum)
}

/// The number behind a name at the beginning of a line.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
