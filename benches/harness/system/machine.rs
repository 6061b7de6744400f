//! What the harness asks of the machine: cores to run on, processor time, and descriptors.

use std::io;
#[cfg(target_os = "linux")]
use std::num::NonZeroU64;
#[cfg(target_os = "linux")]
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Resource, getrlimit, setrlimit};
#[cfg(target_os = "linux")]
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// Returns the processor time of the calling thread.
pub(crate) fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).expect("processor time is not negative");
    Duration::new(seconds, u32::try_from(time.tv_nsec).expect("it is less than a second"))
}

/// Gives the calling thread the lowest priority, on systems with priorities per thread (Linux).
pub(crate) fn lower_priority() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::setpriority_process(Some(rustix::thread::gettid()), 19)?;
    Ok(())
}

/// Lets the calling thread run only while no other thread wants its core, on systems that can (Linux). Another thread that
/// wakes gets the core at once; a low priority does not ensure that. The program `chrt` of util-linux is used, because
/// there is no safe function. If it is missing, the thread gets a low priority.
pub(crate) fn run_when_idle() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let thread = rustix::thread::gettid().as_raw_nonzero().to_string();
        let mut chrt = Command::new("chrt");
        let changed = chrt.args(["--idle", "--pid", "0", &thread]).stderr(Stdio::null()).status();
        if !changed.is_ok_and(|status| status.success()) {
            lower_priority()?;
        }
    }
    Ok(())
}

/// Lets the sleeps of the calling thread end on time, on systems that would let it sleep longer (Linux).
pub(crate) fn sleep_exactly() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    Ok(())
}

/// The cores that this process may use, divided between the server and the load.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    all: CpuSet,
    server: CpuSet,
    load: CpuSet,
}

#[cfg(target_os = "linux")]
impl Cores {
    /// Gives the first `for_server` cores to the server and the others to the load. Returns an error if none is left.
    pub(crate) fn divide(for_server: usize) -> io::Result<Self> {
        let all = sched_getaffinity(None)?;
        let (mut server, mut load) = (CpuSet::new(), all);
        let own = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core)).take(for_server);
        own.for_each(|core| {
            server.set(core);
            load.unset(core);
        });
        if load.count() == 0 {
            let cores = all.count();
            let message = format!("{for_server} cores for the server leave none of {cores} to the load");
            return Err(io::Error::other(message));
        }
        Ok(Self { all, server, load })
    }

    /// Runs `start` on the server's cores, so that a process started there stays there.
    pub(crate) fn server<T>(&self, start: impl FnOnce() -> T) -> io::Result<T> {
        self.on(&self.server, start)
    }

    /// Runs `job` and the threads that it starts on the load's cores.
    pub(crate) fn load<T>(&self, job: impl FnOnce() -> T) -> io::Result<T> {
        self.on(&self.load, job)
    }

    fn on<T>(&self, cores: &CpuSet, job: impl FnOnce() -> T) -> io::Result<T> {
        sched_setaffinity(None, cores)?;
        let result = job();
        sched_setaffinity(None, &self.all)?;
        Ok(result)
    }
}

/// Other systems do not offer this: there is no value of this type.
#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cores {}

#[cfg(not(target_os = "linux"))]
impl Cores {
    /// Always returns an error.
    pub(crate) fn divide(_for_server: usize) -> io::Result<Self> {
        Err(io::Error::other("pinning the server and the load to cores needs Linux"))
    }

    /// Never called, because there is no value to call it on.
    pub(crate) fn server<T>(&self, _start: impl FnOnce() -> T) -> io::Result<T> {
        match *self {}
    }

    /// Never called, because there is no value to call it on.
    pub(crate) fn load<T>(&self, _job: impl FnOnce() -> T) -> io::Result<T> {
        match *self {}
    }
}

/// Returns how many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Raises the soft limit of descriptors to the hard one, because a thousand workers exceed the usual default.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}
