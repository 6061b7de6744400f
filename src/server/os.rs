//! Queries the operating system for descriptors, cores and the size of memory.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits;

/// A limit that systems accept although they refuse the hard limit, such as macOS, where it reads as infinite.
const DESCRIPTORS_COMMON: u64 = 10_240;

/// Raises the soft limit of descriptors to the hard limit, because each connection needs one and the usual soft limit is
/// 1,024. After a failure the limit is unchanged, and a server can still run.
pub fn raise_descriptor_limit() -> io::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    if raised.is_err() && current.is_some_and(|soft| soft < DESCRIPTORS_COMMON) {
        return Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS_COMMON), maximum })?);
    }
    Ok(raised?)
}

/// Pins the calling thread to the `index`-th of the cores that it may use. If there are fewer cores, the count wraps around.
#[cfg(target_os = "linux")]
pub(super) fn pin_to_core(index: usize) -> io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None)?;
    let cores: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).collect();
    let mut one = CpuSet::new();
    one.set(cores[index % cores.len()]); // A running thread may use at least one core.
    Ok(sched_setaffinity(None, &one)?)
}

/// Fails, because this system has no such call. [`Config::check`](super::Config::check) refuses the setting earlier.
#[cfg(not(target_os = "linux"))]
pub(super) fn pin_to_core(_index: usize) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// A limit of cgroup v1 from this size means no limit: the file then contains 2^63 less a page.
const UNLIMITED_BYTES: u64 = 1 << 60;

/// Returns half of the memory that the process may use, in bytes, and at least [`limits::MEMORY_BYTES_MIN`]. The other
/// half is for memory that the budget does not count, and for other programs. `root` is `/` except in tests.
///
/// It reads files that only Linux has: the machine's memory, and the limits of the process's cgroup. Without them it returns
/// [`limits::MEMORY_BYTES_UNKNOWN`].
pub(super) fn half_of_memory(root: &Path) -> u64 {
    let known = machine_bytes(root).into_iter().chain(cgroup_bytes(root)).min();
    known.map_or(limits::MEMORY_BYTES_UNKNOWN, |bytes| (bytes / 2).max(limits::MEMORY_BYTES_MIN))
}

fn machine_bytes(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/meminfo")).ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.strip_suffix("kB"))?;
    kilobytes.trim().parse::<u64>().ok()?.checked_mul(1_024)
}

/// Returns the smallest limit on the way from the process's cgroup up to the root of its hierarchy.
fn cgroup_bytes(root: &Path) -> Option<u64> {
    let text = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    text.lines().filter_map(|line| hierarchy_bytes(root, line)).min()
}

/// Returns the limit of the cgroup in one line of `/proc/self/cgroup`. Hybrid systems mount v2 in a folder of its own.
fn hierarchy_bytes(root: &Path, line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':');
    let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let mounts = root.join("sys/fs/cgroup");
    if controllers.split(',').any(|controller| controller == "memory") {
        least_on_the_way_up(&mounts.join("memory"), path, "memory.limit_in_bytes")
    } else if number == "0" && controllers.is_empty() {
        let limits = [mounts.join("unified"), mounts].map(|mount| least_on_the_way_up(&mount, path, "memory.max"));
        limits.into_iter().flatten().min()
    } else {
        None
    }
}

/// Returns the smallest limit of a cgroup and its ancestors, which apply as well. Skips folders that do not exist: a
/// container sees its own cgroup as the root of the mount, while the path names it as the host does.
fn least_on_the_way_up(mount: &Path, path: &str, file: &str) -> Option<u64> {
    let inner: PathBuf = Path::new(path).components().filter(|part| !matches!(part, Component::RootDir)).collect();
    let outside = inner.components().any(|part| matches!(part, Component::ParentDir));
    let inner = if outside { Path::new("") } else { &inner };
    inner.ancestors().filter_map(|folder| limit_bytes(&mount.join(folder).join(file))).min()
}

fn limit_bytes(file: &Path) -> Option<u64> {
    let bytes = fs::read_to_string(file).ok()?.trim().parse().ok()?; // `max` is not a number, and means no limit.
    (bytes < UNLIMITED_BYTES).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

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

    const MACHINE: (&str, &str) = ("proc/meminfo", "MemTotal:       8388608 kB\nMemFree:         100 kB\n");

    /// Checks half of the memory, in MiB, under a root folder with these files.
    #[track_caller]
    fn check(files: &[(&str, &str)], half_mebibytes: u64) {
        let root = TempDir::new().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(half_of_memory(root.path()), half_mebibytes << 20);
    }

    #[test]
    fn where_nothing_is_known_a_gibibyte_is_taken() {
        check(&[], 1_024);
        check(&[("proc/meminfo", "MemTotal: lots kB\n"), ("proc/self/cgroup", "nonsense\n")], 1_024);
    }

    #[test]
    fn without_a_cgroup_the_machine_counts() {
        check(&[MACHINE], 4_096);
    }

    #[test]
    fn a_limit_of_cgroup_v2_counts_on_every_level() {
        let cgroup = ("proc/self/cgroup", "0::/a.slice/b.service\n");
        let own = "sys/fs/cgroup/a.slice/b.service/memory.max";
        let parent = "sys/fs/cgroup/a.slice/memory.max";
        check(&[MACHINE, cgroup, (own, "1073741824\n")], 512);
        check(&[MACHINE, cgroup, (own, "max\n"), (parent, "536870912\n")], 256);
        check(&[MACHINE, cgroup, (own, "268435456\n"), (parent, "536870912\n")], 128);
        check(&[MACHINE, cgroup, (own, "max\n"), (parent, "max\n")], 4_096);
        check(&[cgroup, (own, "1073741824\n")], 512);
    }

    #[test]
    fn a_limit_of_cgroup_v1_counts_on_every_level() {
        let cgroup = ("proc/self/cgroup", "4:cpu,memory:/x/y\n1:cpu:/\n0::/\n");
        let own = "sys/fs/cgroup/memory/x/y/memory.limit_in_bytes";
        let top = "sys/fs/cgroup/memory/memory.limit_in_bytes";
        check(&[MACHINE, cgroup, (own, "67108864\n"), (top, "9223372036854771712\n")], 32);
        check(&[MACHINE, cgroup, (own, "9223372036854771712\n")], 4_096);
        check(&[cgroup, (own, "9223372036854771712\n")], 1_024);
    }

    #[test]
    fn in_a_container_the_root_of_the_mount_is_the_own_cgroup() {
        let v1 = ("proc/self/cgroup", "4:memory:/docker/0123\n");
        check(&[MACHINE, v1, ("sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n")], 32);
        let v2 = ("proc/self/cgroup", "0::/../../outside\n");
        check(&[MACHINE, v2, ("sys/fs/cgroup/memory.max", "67108864\n")], 32);
    }

    #[test]
    fn hybrid_systems_have_v2_in_a_folder_of_its_own() {
        let cgroup = ("proc/self/cgroup", "0::/x\n");
        check(&[MACHINE, cgroup, ("sys/fs/cgroup/unified/x/memory.max", "67108864\n")], 32);
    }

    #[test]
    fn a_limit_above_the_machine_does_not_raise_it() {
        let cgroup = ("proc/self/cgroup", "0::/x\n");
        check(&[MACHINE, cgroup, ("sys/fs/cgroup/x/memory.max", "1099511627776\n")], 4_096);
    }

    #[test]
    fn a_tiny_limit_is_raised_to_the_least_budget() {
        check(&[("proc/self/cgroup", "0::/x\n"), ("sys/fs/cgroup/x/memory.max", "4096\n")], 1);
    }
}
