//! What is asked of the operating system for the process and its threads: descriptors and cores.

use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What systems that refuse the hard limit (macOS, where it reads as infinite) do take.
const DESCRIPTORS_COMMON: u64 = 10_240;

/// Raises the soft limit of descriptors to the hard one: each connection takes one, and the usual soft limit is 1,024.
/// A failure leaves things as they were, and a server can work so.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_err() && current.is_some_and(|soft| soft < DESCRIPTORS_COMMON) {
        return Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS_COMMON), maximum })?);
    }
    Ok(raised?)
}

/// Keeps the calling thread on the `index`-th of the cores that it may use, counted round if there are fewer.
#[cfg(target_os = "linux")]
pub(super) fn pin_to_core(index: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    let mut one = CpuSet::new();
    one.set(cores[index % cores.len()]); // A thread that runs may use at least one core.
    Ok(sched_setaffinity(None, &one)?)
}

/// Elsewhere there is no such call; [`Config::check`](super::Config::check) refuses `--pin` before it comes to this.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin_to_core(_index: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise_descriptor_limit().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pinned_thread_has_one_core_and_the_count_goes_round() {
        use rustix::thread::{CpuSet, sched_getaffinity};
        use std::thread;

        let core_after_pinning = |index| {
            let pinned = thread::spawn(move || {
                pin_to_core(index).unwrap();
                let allowed = sched_getaffinity(None).unwrap();
                (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect::<Vec<_>>()
            });
            pinned.join().unwrap()
        };
        let cores = sched_getaffinity(None).unwrap().count() as usize;
        assert_eq!(core_after_pinning(0).len(), 1);
        assert_eq!(core_after_pinning(0), core_after_pinning(cores));
    }
}
