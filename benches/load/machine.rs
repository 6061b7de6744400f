//! What the harness asks of the machine: processor time of a process, where threads may run, how many descriptors.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Processor time that a process has used, user and system, ended children not counted; `None` where the system has
/// no /proc that says so.
pub(crate) fn cpu_time(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets and may hold anything; utime and stime are fields 14 and 15.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user_ticks: u64 = fields.next()?.parse().ok()?;
    let system_ticks: u64 = fields.next()?.parse().ok()?;
    let ticks = u32::try_from(user_ticks + system_ticks).ok()?;
    let ticks_per_second = u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    Some(Duration::from_secs(1) * ticks / ticks_per_second)
}

/// The cores that this process may use, parted: the first for the server, the others for the load.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    server: CpuSet,
    load: CpuSet,
}

#[cfg(target_os = "linux")]
impl Cores {
    /// An error if there is but one.
    pub(crate) fn part() -> io::Result<Self> {
        let mut load = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU).find(|core| load.is_set(*core));
        let Some(first) = first.filter(|_| load.count() > 1) else {
            return Err(io::Error::other("--pin needs two cores"));
        };
        let mut server = CpuSet::new();
        server.set(first);
        load.unset(first);
        Ok(Self { server, load })
    }

    /// Runs `start` on the server's core, so that a process started there stays there; the calling thread, and those
    /// it starts from now on, are then bound to the others.
    pub(crate) fn start_server<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        sched_setaffinity(None, &self.server)?;
        let started = start();
        sched_setaffinity(None, &self.load)?;
        Ok(started)
    }
}

/// Elsewhere there is no such thing: none can be had.
#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cores {}

#[cfg(not(target_os = "linux"))]
impl Cores {
    /// Always an error.
    pub(crate) fn part() -> io::Result<Self> {
        Err(io::Error::other("--pin needs Linux"))
    }

    /// Never called, as there is no value to call it on.
    pub(crate) fn start_server<T>(&self, _start: impl FnOnce() -> T) -> io::Result<T> {
        match *self {}
    }
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Raises the soft limit of descriptors to the hard one: a thousand workers are more than the usual default.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
