//! What the harness asks of the machine: where threads may run and how long they did, how many descriptors.

use std::io;
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Processor time that the calling thread has used.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("a thread does not run for less than no time");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("it is less than a second"))
}

/// Lets other threads go before the calling one, where the system knows a thread's priority: on Linux.
pub(crate) fn lower_priority() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19)?;
    Ok(())
}

/// The cores that this process may use, parted: the first for the server, the others for the load.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    all: CpuSet,
    server: CpuSet,
    load: CpuSet,
}

#[cfg(target_os = "linux")]
impl Cores {
    /// An error if there is but one.
    pub(crate) fn part() -> io::Result<Self> {
        let all = sched_getaffinity(None)?;
        let first = (0..CpuSet::MAX_CPU).find(|core| all.is_set(*core));
        let Some(first) = first.filter(|_| all.count() > 1) else {
            return Err(io::Error::other("keeping server and load apart needs two cores"));
        };
        let (mut server, mut load) = (CpuSet::new(), all);
        server.set(first);
        load.unset(first);
        Ok(Self { all, server, load })
    }

    /// Runs `start` on the server's core, so that a process started there stays there.
    pub(crate) fn server<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        self.on(&self.server, start)
    }

    /// Runs `job` on the load's cores, and the threads that it starts.
    pub(crate) fn load<T>(&self, job: impl FnOnce() -> T) -> io::Result<T> {
        self.on(&self.load, job)
    }

    fn on<T>(&self, cores: &CpuSet, job: impl FnOnce() -> T) -> io::Result<T> {
        sched_setaffinity(None, cores)?;
        let done = job();
        sched_setaffinity(None, &self.all)?;
        Ok(done)
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
        Err(io::Error::other("keeping server and load apart needs Linux"))
    }

    /// Never called, as there is no value to call it on.
    pub(crate) fn server<T>(&self, _start: impl FnOnce() -> T) -> io::Result<T> {
        match *self {}
    }

    /// Never called either.
    pub(crate) fn load<T>(&self, _job: impl FnOnce() -> T) -> io::Result<T> {
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
