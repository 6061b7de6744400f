//! What Linux reports of a process in /proc: processor time, memory, context switches.

use std::time::Duration;

/// The processor time of a process, without its ended children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cpu {
    /// In its own code.
    pub(crate) user: Duration,
    /// In the kernel.
    pub(crate) system: Duration,
}

impl Cpu {
    /// Returns the sum of two.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { user: self.user + other.user, system: self.system + other.system }
    }

    /// Returns it multiplied by a factor.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { user: self.user.mul_f64(factor), system: self.system.mul_f64(factor) }
    }
}

/// Returns the processor time of a process, in steps of a clock tick (10 ms on most systems).
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
    /// Resident now.
    pub(crate) now: u64,
    /// Resident at most, so far.
    pub(crate) peak: u64,
}

/// Returns the memory of a process.
pub(crate) fn memory(process: u32) -> Option<Memory> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let kib = |name| field(&status, name);
    Some(Memory { now: kib("VmRSS:")? << 10, peak: kib("VmHWM:")? << 10 })
}

/// Returns how many threads a process has.
pub(crate) fn threads(process: u32) -> Option<u64> {
    field(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, "Threads:")
}

/// Returns how often the threads of a process left their core, by their own choice or not.
pub(crate) fn context_switches(process: u32) -> Option<u64> {
    let mut sum = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        // The thread may have ended since the folder was listed.
        let Ok(status) = std::fs::read_to_string(task.ok()?.path().join("status")) else { continue };
        sum += field(&status, "voluntary_ctxt_switches:")? + field(&status, "nonvoluntary_ctxt_switches:")?;
    }
    Some(sum)
}

/// Returns the number after a name at the beginning of a line.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}
